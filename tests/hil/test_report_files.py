# SPDX-License-Identifier: Apache-2.0
"""The files of a report: each whole, complete and readable by what reads such files."""

import json
import math
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml

from edge.errors import EdgeError
from hil.record import Recorder
from hil.report.document import run_document
from hil.report.junit import junit
from hil.report.names import folder_names
from hil.report.write import Report, write
from hil.verdict import FrameEntry, RunResult, Verdict
from tests.hil.report_runs import session, write_session

FIVE = session()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("session"))


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
