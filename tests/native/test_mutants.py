# SPDX-License-Identifier: Apache-2.0
"""Mutation testing itself: what is changed, what is noticed, what stays in the reviewed list."""

import pytest

from tests.native.mutation import survivors
from tests.native.mutation.core import HEADERS, NATIVE, SOURCES, compiled_from
from tests.native.mutation.judge import Fate
from tests.native.mutation.mutants import mutants
from tests.native.mutation.reach import Reach, judges_of
from tests.native.mutation.schemata import Numbered, refused_by, schema, within_functions
from tests.native.mutation.state import State
from tests.native.mutation.tokens import tokens

SOURCE = """\
#include <math.h>
#define DOUBLE(x) ((x) * 2)
/* if (a < b) in a comment */
static int LIMIT = 7;

static int pick(int a, int *b)
{
    if (a < -1 && b)
        *b = a;
    for (int i = 0; i < a; i++)
        a += i;
    switch (a) {
    case 0:
        return LIMIT;
    }
    return !a;
}
"""


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "pick.c"
    path.write_text(SOURCE)
    return mutants(path)


def changes_of(made, before):
    return {mutant.after for mutant in made if mutant.before == before}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if (a < -1 && b)", "if (a <= -1 && b)"),
        ("if (a < -1 && b)", "if (a >= -1 && b)"),
        ("if (a < -1 && b)", "if (a < -1 || b)"),
        ("if (a < -1 && b)", "if (a < 1 && b)"),
        ("if (a < -1 && b)", "if (a < -(1 + 1) && b)"),
        ("if (a < -1 && b)", "if (!(a < - 1 && b))"),
        ("*b = a;", ";"),
        ("for (int i = 0; i < a; i++)", "for (int i = 0; i < a; i--)"),
        ("a += i;", "a -= i;"),
        ("return LIMIT;", "return (LIMIT - 1);"),
        ("return LIMIT;", "return 0;"),
        ("return !a;", "return a;"),
        ("#define DOUBLE(x) ((x) * 2)", "#define DOUBLE(x) ((x) / 2)"),
    ],
)
def test_change_is_made(made, before, after):
    assert after in changes_of(made, before)


def test_comments_includes_and_loop_heads_are_left_alone(made):
    touched = {mutant.before for mutant in made}
    assert not [line for line in touched if "comment" in line or "include" in line]
    assert "for (int i = 0; i < a;)" not in changes_of(made, "for (int i = 0; i < a; i++)")


def test_every_mutant_is_another_text_at_the_place_it_names(made):
    assert len({mutant.applied(SOURCE) for mutant in made} | {SOURCE}) == len(made) + 1
    for mutant in made:
        changed = mutant.applied(SOURCE).splitlines()[mutant.line - 1]
        assert changed != SOURCE.splitlines()[mutant.line - 1]


def test_tokens_know_their_function(made):
    functions = {token.text: token.function for token in tokens(SOURCE)}
    assert (functions["LIMIT"], functions["switch"], functions["static"]) == ("pick", "pick", "")
    assert {mutant.function for mutant in made} == {"", "pick"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_file_of_the_core_has_mutants_in_its_public_functions(source):
    functions = {mutant.function for mutant in mutants(source)}
    assert any(name.startswith("edge_") for name in functions)


def test_a_header_with_code_is_compiled_with_all_who_include_it():
    assert "breaker_image.h" in {header.name for header in HEADERS}
    users = {source.name for source in compiled_from("breaker_image.h")}
    assert users == {"breaker.c", "breaker_bank.c", "breaker_hold.c"}
    through_another = {source.name for source in compiled_from("alloc_level.h")}
    assert {"alloc_rows.c", "alloc_narrow.c"} < through_another
    assert compiled_from("frame.c") == [NATIVE / "src" / "frame.c"]


def test_only_tests_that_execute_the_line_are_asked():
    slow = Reach("slow.py", 9.0, {"pick.c": {1: 5, 2: 0}})
    quick = Reach("quick.py", 1.0, {"pick.c": {1: 1, 2: 3}})
    never = Reach("never.py", 0.1, {"pick.c": {1: 0, 2: 0}})
    reached = [never, quick, slow]
    assert judges_of(reached, "pick.c", 1) == [quick, slow]
    assert judges_of(reached, "pick.c", 2) == [quick]
    assert judges_of(reached, "pick.c", 77) == [quick, slow]
    assert judges_of(reached, "other.c", 1) == []


def test_schema_calls_the_changed_copy(tmp_path):
    path = tmp_path / "pick.c"
    path.write_text(SOURCE)
    chosen = within_functions(path, [each for each in mutants(path) if each.before == "*b = a;"])
    text = schema(path, [Numbered(7, chosen[0])])
    assert "static int pick_7(int a, int *b)\n{" in text
    assert "switch (edge_mutant) { case 7: return pick_7(a, b); default: break; }" in text
    assert text.count("*b = a;") == 1  # not in the copy


def test_only_the_copies_that_the_compiler_refuses_are_left_out():
    errors = "mutant-3:2:9: error: expected ';'\nmutant-12:1:1: warning: x\nmutant-4:1:1: error: y"
    assert refused_by(errors) == {3, 4}


def test_fates_are_kept_until_the_file_changes(tmp_path):
    mutant, other = mutants(SOURCES[0])[:2]
    path = tmp_path / "state.jsonl"
    State(path).keep(mutant, Fate.SURVIVED)
    assert (State(path).of(mutant), State(path).of(other)) == (Fate.SURVIVED, None)
    assert State(path, again=True).of(mutant) is None


def test_entry_without_a_reason_is_refused(tmp_path):
    path = tmp_path / "list.toml"
    path.write_text('[[survivor]]\nfile="a"\nfunction="f"\nbefore="x"\nafter="y"\nreason=" "\n')
    with pytest.raises(ValueError, match="no reason"):
        survivors.load(path)


def test_entry_may_name_several_changes_of_a_line(tmp_path):
    path = tmp_path / "list.toml"
    path.write_text(
        '[[survivor]]\nfile="a"\nfunction="f"\nbefore="x"\nafter=["y","z"]\nreason="r"\n'
    )
    entries = survivors.load(path)
    assert [entry.key for entry in entries] == [("a", "f", "x", "y"), ("a", "f", "x", "z")]


def test_entry_that_stands_twice_is_refused(tmp_path):
    entry = '[[survivor]]\nfile="a"\nfunction="f"\nbefore="x"\nafter="y"\nreason="because"\n'
    path = tmp_path / "list.toml"
    path.write_text(entry * 2)
    with pytest.raises(ValueError, match="twice"):
        survivors.load(path)


def test_entry_is_stale_when_its_line_is_gone_or_a_test_notices_it(tmp_path):
    gone, noticed, right, elsewhere = (
        survivors.Reviewed(file, "f", before, "y", "because")
        for file, before in (("a.c", "1"), ("a.c", "2"), ("a.c", "3"), ("b.c", "1"))
    )
    made = {noticed.key, right.key}
    entries = [gone, noticed, right, elsewhere]
    assert survivors.stale(entries, made, {noticed.key}, {"a.c"}) == [gone, noticed]


def test_every_reviewed_survivor_is_still_a_mutant():
    made = {mutant.key for path in (*SOURCES, *HEADERS) for mutant in mutants(path)}
    files = {path.name for path in (*SOURCES, *HEADERS)}
    assert survivors.stale(survivors.load(), made, set(), files) == []
