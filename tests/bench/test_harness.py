# SPDX-License-Identifier: Apache-2.0
"""The benchmark harness: ratios, verdicts, the JSON document, absent peers, unknown names."""

import io
import json
import sys

import pytest
from rich.console import Console

from tests.bench import __main__ as bench
from tests.bench import _table, codec
from tests.bench._table import Report, Row, Target

REPORT = Report(
    "sample",
    [Row("case", "us", 2.0, "peer", 5.0), Row("case", "us", 2.0, "other (absent)")],
    [Target("speed", 3.0, 2.0), Target("gain", 3.0, 2.0, at_least=True)],
    ["extra [bench]"],
)


def test_ratio_is_peer_over_ours_and_none_without_peer():
    assert [row.ratio for row in REPORT.rows] == [2.5, None]


def test_ratio_is_ours_over_peer_where_more_is_better():
    rows = [Row("case", "%", 3.0, "peer", value, more_is_better=True) for value in (2.0, 0.0, None)]
    assert [row.ratio for row in rows] == [1.5, None, None]
    (document,) = _table.to_document(Report("sample", rows[:1]))["rows"]
    assert set(document) == {"case", "unit", "ours", "peer", "peer_value", "ratio"}


@pytest.mark.parametrize(
    ("at_least", "met"), [(False, [True, True, False]), (True, [False, True, True])]
)
def test_target_at_its_limit_is_met(at_least, met):
    assert [Target("t", value, 2.0, at_least).met for value in (1.9, 2.0, 2.1)] == met


def test_json_document_has_exactly_the_promised_keys():
    document = json.loads(_table.to_json(REPORT))
    assert set(document) == {"name", "machine", "rows", "targets"}
    assert set(document["rows"][0]) == {"case", "unit", "ours", "peer", "peer_value", "ratio"}
    assert document["targets"][0] == {"name": "speed", "value": 3.0, "limit": 2.0, "met": False}


def test_table_shows_unmet_target_absent_peer_and_note():
    out = io.StringIO()
    _table.show(REPORT, Console(file=out, width=120))
    text = out.getvalue()
    assert "target speed: 3 ≤ 2 NOT MET" in text
    assert "target gain: 3 ≥ 2 met" in text
    assert "other (absent)" in text
    assert "note: extra [bench]" in text


def test_rounds_run_every_case_in_turn():
    calls = []
    cases = {name: lambda loops, name=name: calls.append((name, loops)) for name in "ab"}
    medians = _table.interleave(cases, loops=10, rounds=3)
    assert calls == [("a", 1), ("b", 1)] + [("a", 10), ("b", 10)] * 3
    assert set(medians) == {"a", "b"}


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 50), (99, 99), (100, 100)])
def test_percentile_is_nearest_rank(percent, value):
    assert _table.percentile([float(v) for v in range(100, 0, -1)], percent) == value


def test_unknown_name_lists_the_names_and_exits_2(capsys):
    assert bench.main(["nonesuch"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "nonesuch" in line
    assert "codec" in line


def test_absent_peer_is_named_as_absent(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pymodbus.framer", None)
    monkeypatch.setattr(codec, "STREAM_FRAMES", 10)
    monkeypatch.setattr(codec, "interleave", lambda cases, *_: dict.fromkeys(cases, 1.0))
    assert bench.main(["codec", "--quick", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    absent = [row for row in rows if row["peer"] == "pymodbus RTU (absent)"]
    assert absent
    assert all(row["peer_value"] is None and row["ratio"] is None for row in absent)
