# SPDX-License-Identifier: Apache-2.0
"""What is said of bad scenario files: golden, readable, all at once, never a traceback."""

import json
import re
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from edge.errors import ConfigError
from hil.options import Options
from hil.scenario.model import Case
from tests.hil.scenario_rig import CHECKS, HEAD, Kind, cases_of, write

GOLDEN = Path(__file__).with_name("scenario_errors.golden").read_text(encoding="utf-8")
BLOCK = re.compile(r"(.+)\n((?:.*\n)*?)----\n((?:.+\n?)+)")
BAD = {
    found[1]: (found[2], found[3].rstrip("\n"))
    for found in map(BLOCK.fullmatch, GOLDEN.split("\n==== ")[1:])
    if found
}
LINE = re.compile(r"[^:]+(:\d+)?: .+; .+")
LINES = re.compile(r"([^\n]+: [^\n]+)(\n[^\n]+)*")


def said_of(directory, text):
    with pytest.raises(ConfigError) as caught:
        cases_of(write(directory, text))
    return str(caught.value).replace(f"{directory}/", "")


def test_the_golden_file_is_read_whole():
    assert len(BAD) == GOLDEN.count("\n==== ") >= 100


@pytest.mark.parametrize("name", BAD)
def test_bad_file(name, tmp_path):
    text, said = BAD[name]
    assert said_of(tmp_path, text) == said


@pytest.mark.parametrize("name", BAD)
def test_each_line_has_a_place_a_problem_and_an_advice(name):
    for line in BAD[name][1].splitlines():
        assert LINE.fullmatch(line)


BYTES = {
    b"schema: 1\ntitle: caf\xe9\n": "s.yaml:2: not UTF-8; save the file as UTF-8",
    b"# " + b"x" * 300_000: "s.yaml: larger than 256 KiB; split it with include",
    b"schema: 1\0\n": (
        "s.yaml: not YAML: unacceptable character #x0000: special characters are not allowed; "
        "remove it"
    ),
    (HEAD + CHECKS + 'needs: ["\\ud800"]\n').encode(): (
        "s.yaml:7: needs[0]: half a surrogate pair; write the character itself"
    ),
}


@pytest.mark.parametrize("raw", BYTES, ids=lambda raw: BYTES[raw][:30])
def test_bad_bytes(raw, tmp_path):
    assert said_of(tmp_path, raw) == BYTES[raw]


def test_a_scenario_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.yaml: no such file; check the path$"):
        cases_of(tmp_path / "no.yaml")


def test_a_directory_without_scenarios(tmp_path):
    write(tmp_path, "a: 1", "include/a.yaml")
    write(tmp_path, "[]", "requirements.yaml")
    with pytest.raises(ConfigError, match=r"no scenario \(\*\.yaml\) below this directory"):
        cases_of(tmp_path)


def test_no_scenario_at_all():
    with pytest.raises(ConfigError, match="none is named; give files or directories"):
        cases_of()


def test_a_path_with_a_nul_byte():
    with pytest.raises(ConfigError, match="not a usable path"):
        cases_of("a\0b.yaml")


def test_unreadable_file(tmp_path, monkeypatch):
    path = write(tmp_path, HEAD + CHECKS)

    def refuse(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match="not readable; check its owner and mode"):
        cases_of(path)


def test_a_ring_of_includes_is_told_with_its_way(tmp_path):
    write(tmp_path, "include: [b.yaml]\n", "include/a.yaml")
    write(tmp_path, "include: [a.yaml]\n", "include/b.yaml")
    said = said_of(tmp_path, HEAD + CHECKS + "include: [include/a.yaml]\n")
    assert said == (
        "include/b.yaml:1: include[0]: includes itself: s.yaml -> include/a.yaml -> "
        "include/b.yaml -> include/a.yaml; break the ring"
    )


def test_includes_that_multiply_are_bounded(tmp_path):
    for number in range(8):
        below = ", ".join([f"f{number + 1}.yaml"] * 4)
        write(tmp_path, f"include: [{below}]\n", f"f{number}.yaml")
    write(tmp_path, "checks: []\n", "f8.yaml")
    assert "more than 200 fragments" in said_of(tmp_path, HEAD + CHECKS + "include: [f0.yaml]\n")


def test_a_mistake_in_a_fragment_is_told_there_and_once(tmp_path):
    write(tmp_path, "checks:\n  - always: a <\n", "include/f.yaml")
    text = HEAD + "matrix: {n: [1, 2, 3]}\ninclude: [include/f.yaml]\n"
    assert said_of(tmp_path, text) == (
        "include/f.yaml:2: checks[0].always: 'a <': invalid syntax; correct it"
    )


def test_a_fragment_may_not_hold_what_only_a_scenario_has(tmp_path):
    write(tmp_path, "duration: 5 s\n", "include/f.yaml")
    said = said_of(tmp_path, HEAD + CHECKS + "include: [include/f.yaml]\n")
    assert said.startswith("include/f.yaml:1: duration: unknown key; use one of: ")


def test_a_fragment_is_given_only_what_it_knows(tmp_path):
    write(tmp_path, "params: {sigma: 1}\nchecks: []\n", "include/f.yaml")
    text = HEAD + CHECKS + "include: [{file: include/f.yaml, with: {sigam: 2}}]\n"
    assert said_of(tmp_path, text) == (
        "s.yaml:7: include[0].with.sigam: include/f.yaml has no parameter `sigam`; "
        "did you mean `sigma`?"
    )


def test_mistakes_of_all_files_come_at_once_in_the_order_of_lines(tmp_path):
    write(tmp_path, HEAD + "rack: {load: 4}\nchecks: [{always: a <}]\nxyz: 1\n", "a.yaml")
    write(tmp_path, HEAD.replace("1 min", "1") + CHECKS, "b.yaml")
    with pytest.raises(ConfigError) as caught:
        cases_of(tmp_path)
    lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    places = [line.split(": ")[0] for line in lines]
    assert places == ["a.yaml:6", "a.yaml:7", "a.yaml:8", "b.yaml:4"]


def test_a_wrong_parameter_is_told_once_and_not_again_where_it_is_used(tmp_path):
    text = HEAD.replace("1 min", "${c}") + "params: {a: '${b}', c: '${a + 1s}'}\n"
    text += "checks: [{always: x < a, from: '${c}', name: '${a} ${c}'}]\n"
    assert said_of(tmp_path, text) == (
        "s.yaml:6: params.a: unknown parameter `b`; add it to params: there are none"
    )


def _known(name):
    if name not in {"inlet", "outlet"}:
        raise ValueError(f"no channel {name!r}: known are inlet, outlet")
    return name


class Many(Options):
    target: str | Annotated[list[Annotated[str, AfterValidator(_known)]], Field(min_length=1)]
    watts: float | tuple[float, ...] = 1.0


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("target: 5", ".target: 5 is not text; put it in quotes"),
        ("target: []", ".target: empty list; write at least one value"),
        ("target: [inlte]", ".target[0]: no channel 'inlte': known are inlet, outlet"),
        ("target: inlet, watts: big", ".watts: 'big' is not a number; write one without quotes"),
        (
            "target: inlet, watts: [1, x]",
            ".watts[1]: 'x' is not a number; write one without quotes",
        ),
    ],
)
def test_of_a_value_that_may_be_of_two_kinds_the_nearest_is_told(item, said, tmp_path):
    path = write(tmp_path, HEAD + CHECKS + f"faults: [{{fault: x.y, at: 1 s, {item}}}]\n")
    with pytest.raises(ConfigError) as caught:
        cases_of(path, catalogue={"x.y": Kind("odd", Many, frozenset())})
    assert str(caught.value) == f"{path}:7: faults[0]{said}"


def test_many_mistakes_are_counted_not_all_told(tmp_path):
    checks = "".join("  - always: a <\n" for _ in range(150))
    lines = said_of(tmp_path, HEAD + "checks:\n" + checks).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "and 50 more problems: correct these first"


def test_two_files_of_one_name(tmp_path):
    write(tmp_path, HEAD + CHECKS, "a.yaml")
    write(tmp_path, HEAD + CHECKS, "b.yaml")
    with pytest.raises(ConfigError, match=r"b\.yaml: name: `one` is the name of .*a\.yaml too"):
        cases_of(tmp_path)


def test_an_unknown_parameter_on_the_command_line(tmp_path):
    path = write(tmp_path, HEAD + CHECKS + "params: {loss: 20 s}\n")
    with pytest.raises(ConfigError, match=r"--param los: no scenario .*; did you mean `loss`\?"):
        cases_of(path, overrides={"los": "5 s"})
    with pytest.raises(ConfigError, match="--param loss: '5': 5 has no unit; write `5s`"):
        cases_of(path, overrides={"loss": "5"})


WORDS = st.sampled_from(
    [
        "schema",
        "name",
        "title",
        "duration",
        "params",
        "matrix",
        "include",
        "rack",
        "host",
        "checks",
        "always",
        "within",
        "when",
        "then",
        "limit",
        "settles",
        "faults",
        "fault",
        "link.drop",
        "at",
        "for",
        "stimulus",
        "signal",
        "room_c",
        "hold",
        "step",
        "to",
        "measure",
        "value",
        "max(a)",
        "skip",
        "until",
        "reason",
        "needs",
        "covers",
        "1",
        "0.5",
        "20",
        "s",
        "${a}",
        "${",
        "}",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "-",
        "&",
        "*",
        "!",
        "|",
        ">",
        "'",
        '"',
        "#",
        "%",
        "@",
        "`",
        "~",
        "null",
        "true",
        "a<1",
    ]
)
SOUP = st.lists(st.tuples(WORDS, st.sampled_from(["", " ", ": ", "\n", "\n  ", "\n- "]))).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


def cases_or_error(directory, raw):
    try:
        found = cases_of(write(directory, raw))
    except ConfigError as error:
        found = [str(error)]
    assert found
    assert all(isinstance(each, Case) or LINES.fullmatch(each) for each in found)


@given(raw=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode())))
@example(raw=b"\xff\xfe")
@example(raw=b"\xef\xbb\xbf")
@example(raw=b"%YAML 1.1\n---\na: yes\n")
@example(raw=b"%TAG ! x\n---\n!a b\n")
@example(raw=b'"\\x')
@example(raw=b'"\\UFFFFFFFF"')
@example(raw=b"? ? ? ?")
@example(raw=b"- " * 3000)
@example(raw=b"[" * 3000)
@example(raw=b"{a: " * 1000)
@example(raw=b"<<: {a: 1}")
def test_any_bytes_give_cases_or_an_error(raw, tmp_path_factory):
    cases_or_error(tmp_path_factory.mktemp("any"), raw)


@given(body=SOUP)
def test_any_words_give_cases_or_an_error(body, tmp_path_factory):
    cases_or_error(tmp_path_factory.mktemp("soup"), HEAD + CHECKS + body)


@given(
    key=st.sampled_from(
        [
            "checks",
            "faults",
            "stimulus",
            "measure",
            "commands",
            "params",
            "matrix",
            "include",
            "rack",
            "host",
            "board",
            "needs",
            "covers",
            "seed",
            "skip",
            "destructive",
        ]
    ),
    value=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), WORDS),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)
        ),
        max_leaves=8,
    ),
)
def test_any_value_of_any_key_gives_cases_or_an_error(key, value, tmp_path_factory):
    text = HEAD.replace("host: {kind: none}\n", "") if key == "host" else HEAD
    checks = "" if key == "checks" else CHECKS
    body = f"{key}: {json.dumps(value)}\n"
    cases_or_error(tmp_path_factory.mktemp("value"), text + checks + body)
