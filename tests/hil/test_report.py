# SPDX-License-Identifier: Apache-2.0
"""The report of a session: files whole and complete, a page that says what the results say."""

import base64
import json
import math
import re
import zlib
from array import array
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml

from edge.errors import EdgeError
from hil.fidelity import compare
from hil.record import Recorder
from hil.report.document import run_document
from hil.report.junit import junit
from hil.report.names import folder_names
from hil.report.page import page
from hil.report.plot import Lane
from hil.report.run_lanes import stack_of
from hil.report.signals import RULES, signal_lanes
from hil.report.units import unit_of
from hil.report.write import Report, write
from hil.verdict import CheckResult, FaultSpan, FrameEntry, Measurement, RunResult, Verdict
from tests.hil.report_runs import NASTY, real_run, result_of, session

FIVE = session()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    other = result_of(real_run(lie_mw=400_000), "quiet", device="micropython")
    results = [*FIVE, other]
    directory = tmp_path_factory.mktemp("session")
    write(results, directory, [compare(results[0], other)])
    return directory


class Reader(HTMLParser):
    """Tags, attributes and text; what opens must close."""

    VOID = frozenset(("meta", "input"))

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self._open = [], [], [], []
        self.feed(text)
        self.close()
        assert self._open in (["html"], [])

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


# Files


def test_each_run_has_a_folder_and_the_session_two_files(written):
    assert sorted(path.name for path in written.iterdir()) == [
        "feed-loss[edge=fast]",
        "feed-loss[edge=slow]",
        "junit.xml",
        "late",
        "power-cut",
        "quiet",
        "quiet@micropython",
        "report.html",
    ]
    assert [p.name for p in (written / "power-cut").iterdir()] == ["run.json"]
    for case in ("quiet", "late"):
        names = sorted(path.name for path in (written / case).iterdir())
        assert names == ["run.json", "serial.jsonl", "signals.csv"]


def test_run_json_has_all_that_a_result_has(written):
    document = json.loads((written / "feed-loss[edge=slow]" / "run.json").read_text())
    result = FIVE[1]
    assert document["schema"] == 1
    missing = {field.name for field in fields(RunResult)} - set(document)
    assert missing == {"record"}
    assert document["verdict"] == "FAIL"
    assert document["checks"][1]["at_ms"] == 24_300
    assert document["checks"][0]["at_ms"] is None
    assert document["measurements"][0]["value"] == 12_873.0
    assert document["faults"][0] == {
        "kind": "power.feed_loss",
        "text": "feed A has no supply",
        "start_ms": 20_000,
        "end_ms": None,
    }
    assert document["events"][0].keys() == {"t_ms", "source", "kind", "text"}
    assert len(document["events"]) == len(result.record.events)
    assert sum(document["frames"]["up"].values()) == sum(f.up for f in result.frames)
    assert document["identity"]["config_crc"] == 0xBEEF
    assert document["digest"] == result.record.digest()
    assert "fidelity" not in document


def test_the_keys_of_run_json_are_documented():
    documented = run_document.__globals__["__doc__"]
    for key in run_document(FIVE[1]):
        assert re.search(rf"\b{key}\b", documented), key


def test_a_compared_run_says_with_what_and_how(written):
    document = json.loads((written / "quiet@micropython" / "run.json").read_text())
    (found,) = document["fidelity"]
    assert (found["role"], found["with"]["device"], found["verdict"]) == ("b", "cpython", "FAIL")
    by_name = {each["name"]: each for each in found["signals"]}
    assert by_name["in_feed_a_mw"]["match"] == "OUT"
    assert by_name["in_feed_a_mw"]["max_deviation"] == 400_000.0
    assert by_name["feed_a_w"]["match"] == "MATCH"
    assert json.loads((written / "quiet" / "run.json").read_text())["fidelity"][0]["role"] == "a"


def test_signals_csv_is_the_record(written):
    record = FIVE[0].record
    lines = (written / "quiet" / "signals.csv").read_text().splitlines()
    assert lines[0].split(",") == ["t_s", *record.names]
    assert len(lines) == 1 + len(record)
    for line, (t_ms, values) in zip(lines[1:], record.rows(), strict=True):
        cells = line.split(",")
        assert float(cells[0]) * 1000 == pytest.approx(t_ms)
        got = [float(cell) if cell else math.nan for cell in cells[1:]]
        assert got == pytest.approx(list(values), rel=1e-8, nan_ok=True)


def test_serial_jsonl_has_every_frame_of_both_directions(written):
    lines = (written / "quiet" / "serial.jsonl").read_text().splitlines()
    frames = [json.loads(line) for line in lines]
    assert [(f["t_ms"], f["dir"], f["name"], f["hex"]) for f in frames] == [
        (f.t_ms, "up" if f.up else "down", f.name, f.raw.hex()) for f in FIVE[0].frames
    ]
    assert {f["name"] for f in frames if f["dir"] == "down"} == {"HELLO"}
    telemetry = [f for f in frames if f["name"] == "TELEMETRY"][-1]
    assert telemetry["values"]["state"] == 2
    assert "state=LOCAL" in telemetry["text"]
    assert any(f["name"] == "crc" for f in frames)


def test_a_run_that_was_cut_short_is_on_the_disk_before_the_session_ends(tmp_path):
    report = Report(tmp_path / "new" / "deep")
    record = Recorder(("feed_a_w",))
    record.append(100, [5.0])
    cut = RunResult(
        "cut", "", "s.yaml", (), "cpython", "virtual", 1, {}, Verdict.INCONCLUSIVE,
        ("interrupted",), frames=[FrameEntry(100, True, b"\x01", "garbage")], record=record,
    )  # fmt: skip
    folder = report.add(cut)
    assert (folder / "signals.csv").read_text() == "t_s,feed_a_w\n0.100,5\n"
    assert json.loads((folder / "serial.jsonl").read_text())["name"] == "garbage"
    empty = replace(cut, case="empty", record=Recorder(("a",)), frames=[])
    report.add(empty)
    text = report.finish().read_text()
    assert "interrupted" in text
    assert "Nothing was recorded." in text
    assert report.finish() == tmp_path / "new" / "deep" / "report.html"


def test_a_session_without_runs_has_a_page_that_says_so(tmp_path):
    assert "nothing ran" in write([], tmp_path).read_text()


def test_a_disk_that_is_full_leaves_the_old_page_and_no_half_one(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("old")
    replace_file = Path.replace

    def full(path, target):
        if target.name == "report.html":
            raise OSError(28, "No space left on device")
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(EdgeError, match=r"cannot hold the report \(No space left on device\)"):
        write(FIVE[3:4], tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@given(st.lists(st.tuples(st.text(max_size=120), st.sampled_from(["cpython", "a/b"])), max_size=8))
def test_names_are_different_harmless_and_never_change(cases):
    results = [replace(FIVE[3], case=case, device=device) for case, device in cases]
    names = folder_names(results)
    assert len(set(names)) == len(names)
    for count, name in enumerate(names, start=1):
        assert re.fullmatch(r"(?!\.)[\w.,=+\[\]@~-]{1,250}", name, re.ASCII)
        assert folder_names(results[:count])[-1] == name


# JUnit


def test_junit_is_read_by_a_consumer(written):
    suites = JUnitXml.fromfile(str(written / "junit.xml"))
    assert (suites.tests, suites.failures, suites.errors) == (6, 1, 1)
    by_name = {suite.name: suite for suite in suites}
    assert len(by_name) == 6
    failed = by_name["feed-loss[edge=slow]"]
    (case,) = failed
    assert case.name == "feed-loss[edge=slow]"
    (outcome,) = case.result
    assert type(outcome).__name__ == "Failure"
    assert outcome.message == "feed B stays under its rating for good failed at 24.3 s"
    assert "f.yaml:15: FAIL feed B stays" in outcome.text
    assert "f.yaml:30: FAIL peak of feed B = 12873 W, allowed [None, 12000.0]" in outcome.text
    assert f"replay: {FIVE[1].replay}" in outcome.text
    properties = {each.name: each.value for each in failed.properties()}
    assert properties["measure.peak of feed B"] == "12873 W"
    assert properties["measure.time to shed.verdict"] == "MARGINAL"
    assert properties["seed"] == "7"
    kinds = {
        name: [type(r).__name__ for case in suite for r in case.result]
        for name, suite in by_name.items()
    }
    assert kinds["power-cut"] == ["Skipped"]
    assert kinds["late"] == ["Error"]
    assert kinds["feed-loss[edge=fast]"] == []


@given(st.text(), st.text())
def test_junit_takes_any_text(case, reason):
    result = replace(FIVE[3], case=case, reasons=(reason,), params={"\x00": "\ud800"})
    (suite,) = JUnitXml.fromstring(junit([result], ["name"]).encode("utf-8", "strict"))
    assert suite.skipped == 1


# The page


def test_the_page_loads_nothing_and_is_well_formed(written):
    text = (written / "report.html").read_text()
    reader = Reader(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert not {"link", "img", "iframe", "object"} & set(reader.tags)
    sources = [a for a in reader.attributes if a[1] in {"src", "srcset", "href"}]
    assert sources
    assert all(value.startswith("#") for _, _, value in sources)
    assert "<!--" not in text


def test_the_page_says_what_failed_first_with_value_and_time(written):
    text = (written / "report.html").read_text()
    assert "<b>First: feed B stays under its rating for good</b> at " in text
    assert "feed_b_w = 12873 W, limit 12000 W" in text
    link = 'href="#feed-loss[edge=slow]&amp;from=21.9&amp;to=26.7"'
    assert text.count(link) == 2
    for result in FIVE:
        assert f'data-case="{result.case}" data-verdict="{result.verdict}"' in text


def test_only_the_worst_run_is_open_at_first():
    def opened(results):
        return re.findall(r'<details class="run" id="([^"]*)"[^>]* open>', page(results))

    assert opened(FIVE) == ["feed-loss[edge=slow]"]
    assert opened(FIVE[:1]) == ["quiet"]
    assert opened([FIVE[0], FIVE[3]]) == []
    assert opened([FIVE[0], FIVE[2]]) == ["feed-loss[edge=fast]"]


def lanes_named(result):
    return {lane.title: lane for lane in stack_of(result).lanes}


def test_lanes_are_chosen_from_the_signals_that_exist():
    lanes = lanes_named(FIVE[1])
    assert list(lanes)[:7] == [
        "Checks", "Faults", "State", "On and off", "Events", "Feed power", "Time to trip",
    ]  # fmt: skip
    assert [s.label for s in lanes["Feed power"].series] == ["feed_a_w", "feed_b_w"]
    (level,) = lanes["Feed power"].levels
    assert level.value == pytest.approx(FIVE[1].limits["feed_a_w"] / 1000)
    assert lanes["Feed power"].unit == "kW"
    assert [row.name for row in lanes["State"].rows] == ["state", "tm_state"]
    assert [s.label for s in lanes["Frames"].series] == [
        "board to host", "host to board", "damaged",
    ]  # fmt: skip
    assert max(lanes["Time to trip"].series[0].values) == 1000.0
    assert "trips" in stack_of(FIVE[1]).named["Never changed"]


def test_a_failed_check_is_marked_through_all_lanes():
    stack = stack_of(FIVE[1])
    assert stack.axis.fails == [(24.3, "feed B stays under its rating for good")]
    assert stack.axis.shades == [(9.0, 12.0), (20.0, 60.0)]
    text = page(FIVE[1:2])
    shown = len(re.findall(r"<figure data-group=\"\w*\">", text))
    assert shown > 10
    assert len(re.findall(r'class="fail" x1="\d', text)) == shown
    assert len(re.findall(r'class="failhead" d="M\d', text)) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.one_of(
            st.text(min_size=1, max_size=12),
            st.from_regex(r"[a-z]{1,6}_(mw|c|s|a)", fullmatch=True),
        ),
        st.lists(st.floats(width=32), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    )
)
def test_every_signal_is_drawn_or_named_whatever_it_is(signals):
    record = Recorder(tuple(signals))
    for row, values in enumerate(zip(*signals.values(), strict=True)):
        record.append(100 * (row + 1), values)
    found = signal_lanes(record, {})
    drawn = [series.label for lane in found.lanes for series in lane.series]
    assert sorted([*drawn, *found.constant, *found.absent]) == sorted(signals)
    page([replace(FIVE[0], record=record, limits=dict.fromkeys(signals, 1.0))])


def test_the_last_rule_takes_every_name():
    assert re.fullmatch(RULES[-1].pattern, "a\nb c", re.DOTALL)
    assert [unit_of(n).text for n in ("feed_a_w", "theta_a", "feed_b_a", "x_mc", "x")] == [
        "W", "", "A", "°C", "",
    ]  # fmt: skip


def unpacked(text, place=0):
    """(document, float32 numbers) of the data of one run in a page."""
    blocks = re.findall(r'<script type="application/json">(.*?)</script>', text)
    document = json.loads(blocks[place])
    raw = zlib.decompress(base64.b64decode(document["z"]))
    count = len(raw) // 4
    numbers = array("f", bytes(raw[place * count + i] for i in range(count) for place in range(4)))
    return document, numbers


def test_the_data_in_the_page_are_the_samples():
    document, numbers = unpacked(page(FIVE[1:2]))
    record = FIVE[1].record
    assert not document["reduced"]
    n = document["n"]
    assert list(numbers[:n]) == pytest.approx([t / 1000 for t in record.t_ms])
    at = n
    for lane in document["lanes"]:
        for label, _ in lane.get("series", ()):
            if label == "theta_b":
                assert numbers[at : at + n] == array("f", iter(record.signal("theta_b")))
            at += n
    assert at == len(numbers)


def test_a_long_run_is_reduced_without_losing_a_peak():
    record = Recorder(tuple(f"x{i}_w" for i in range(60)))
    for row in range(31_000):
        record.append(100 * row + 100, [float(row == 12_345)] * 60)
    text = page([replace(FIVE[0], record=record)])
    document, numbers = unpacked(text)
    assert document["reduced"]
    assert len(text) < 10_000_000
    n = document["n"]
    lines = sum(len(lane.get("series", ())) for lane in document["lanes"])
    assert len(numbers) == n * (1 + 2 * lines)
    assert lines >= 60
    highs = [max(numbers[(2 + 2 * i) * n : (3 + 2 * i) * n]) for i in range(60)]
    assert highs == [1.0] * 60


def nasty(result):
    """The result with hostile text wherever text can be."""
    record = Recorder((NASTY, f"{NASTY}_w", "state"), t_ms=array("q"))
    for row in range(30):
        record.append(100 * (row + 1), [float(row), float(row % 7), float(row % 3)])
    record.event(500, NASTY, NASTY, NASTY)
    return replace(
        result, case=NASTY, title=NASTY, source=NASTY, covers=(NASTY,), device=NASTY, clock=NASTY,
        params={NASTY: NASTY}, reasons=(NASTY, NASTY), replay=NASTY, environment={NASTY: NASTY},
        identity=replace(result.identity, uid=NASTY), record=record,
        checks=(CheckResult(NASTY, NASTY, NASTY, Verdict.FAIL, 900, NASTY, NASTY),),
        measurements=(Measurement(NASTY, math.nan, NASTY, None, 1.0, 0.0, Verdict.FAIL, NASTY),),
        faults=(FaultSpan(NASTY, NASTY, 500, None),), limits={f"{NASTY}_w": 3.0},
        frames=[FrameEntry(100, True, b"\x01", NASTY)],
    )  # fmt: skip


def test_hostile_text_stays_text(tmp_path):
    result = nasty(FIVE[1])
    other = replace(result, device="b")
    path = write(
        [result, other], tmp_path, [compare(result, replace(other, record=FIVE[0].record))]
    )
    text = path.read_text()
    reader = Reader(text)
    assert "img" not in reader.tags
    assert not [a for a in reader.attributes if a[1].startswith("on")]
    assert reader.tags.count("script") == 1 + text.count('<script type="application/json">')
    assert "<!--" not in text
    assert unpacked(text)[0]["lanes"]
    assert len(JUnitXml.fromfile(str(tmp_path / "junit.xml"))) == 2
    assert all(folder.parent == tmp_path for folder in tmp_path.iterdir())


def test_a_line_has_every_class_that_the_style_sheet_knows():
    css = (Path(page.__globals__["__file__"]).parent / "page.css").read_text()
    for lane in stack_of(FIVE[1]).lanes:
        for series in lane.series if isinstance(lane, Lane) else ():
            assert all(f".{word}" in css for word in series.css.split())
