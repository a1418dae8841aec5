# SPDX-License-Identifier: Apache-2.0
"""Stimulus over time: recorded traces, their beginning and their gaps; sines."""

from pathlib import Path

import pytest

from edge.errors import TraceError
from hil.engine.stimulus import level_of
from hil.scenario.model import Stimulus, Where


def _level(path: Path, text: str, start_ms: int = 0):
    path.write_text(text, encoding="utf-8")
    values = {"file": str(path), "column": "w", "scale": 2.0, "start_ms": start_ms}
    return level_of(Stimulus("demand_w", "csv", values, Where("x.yaml", 1)))


def test_a_trace_begins_where_it_is_told(tmp_path):
    level = _level(tmp_path / "x.csv", "t_s,w\n100,1\n101,2\n102,3\n", start_ms=1_000)
    assert [level(t_ms) for t_ms in (0, 999, 1_000, 60_000)] == [4.0, 4.0, 6.0, 6.0]


@pytest.mark.parametrize("gap", ["NaN", "nan", "", " "])
def test_a_row_without_a_value_leaves_the_last_one(tmp_path, gap):
    level = _level(tmp_path / "x.csv", f"t_s,w\n0,1\n1,{gap}\n2,3\n")
    assert [level(t_ms) for t_ms in (0, 1_000, 2_000)] == [2.0, 2.0, 6.0]


@pytest.mark.parametrize("bad", ["inf", "much", "-inf"])
def test_what_is_no_number_is_an_error_with_its_line(tmp_path, bad):
    with pytest.raises(TraceError, match=r"x\.csv:3: column 2"):
        _level(tmp_path / "x.csv", f"t_s,w\n0,1\n1,{bad}\n")


def test_a_sine_begins_at_its_time_with_its_phase():
    values = {"mean": 3.0, "amplitude": 2.0, "period_ms": 400, "phase": 0.25, "at_ms": 1_000}
    level = level_of(Stimulus("demand_w", "sine", values, Where("x.yaml", 1)))
    assert [level(t_ms) for t_ms in (0, 999)] == [None, None]
    told = [level(t_ms) for t_ms in (1_000, 1_100, 1_200, 1_300, 1_400)]
    assert told == pytest.approx([5.0, 3.0, 1.0, 3.0, 5.0])
