# SPDX-License-Identifier: Apache-2.0
"""Stimulus: settable signals over time, as a scenario asks for them."""

import csv
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from edge.errors import TraceError
from hil.plant.rack import Rack
from hil.scenario.model import Stimulus

GAPS = {"", "nan"}
"""How traces write that there was no reading."""

Level = Callable[[int], float | None]
"""Value at a run time, ms; None: not begun, the plant's own default holds."""


class Stimuli:
    """All of a case. Raises ConfigError for a signal that the plant does not have."""

    def __init__(self, stimuli: Sequence[Stimulus], rack: Rack) -> None:
        self._rack = rack
        self._levels = [(each.signal, level_of(each)) for each in stimuli]
        self._last: dict[str, float] = {}

    def apply(self, now_ms: int) -> None:
        """Set what has changed; of several stimuli of one signal the last that has begun counts."""
        wanted: dict[str, float] = {}
        for signal, level in self._levels:
            value = level(now_ms)
            if value is not None:
                wanted[signal] = value
        for signal, value in wanted.items():
            if self._last.get(signal) != value:
                self._rack.set(signal, value)
                self._last[signal] = value


def level_of(stimulus: Stimulus) -> Level:
    """The function of time that a stimulus describes."""
    return _KINDS[stimulus.kind](stimulus)


def _hold(stimulus: Stimulus) -> Level:
    to = float(stimulus.values["to"])
    return lambda _now_ms: to


def _step(stimulus: Stimulus) -> Level:
    to, at_ms = float(stimulus.values["to"]), stimulus.values["at_ms"]
    return lambda now_ms: to if now_ms >= at_ms else None


def _ramp(stimulus: Stimulus) -> Level:
    start, to = float(stimulus.values["start"]), float(stimulus.values["to"])
    at_ms, for_ms = stimulus.values["at_ms"], max(1, stimulus.values["for_ms"])

    def level(now_ms: int) -> float | None:
        if now_ms < at_ms:
            return None
        share: float = min(1.0, (now_ms - at_ms) / for_ms)
        return start + (to - start) * share

    return level


def _sine(stimulus: Stimulus) -> Level:
    values = stimulus.values
    mean, amplitude = float(values["mean"]), float(values["amplitude"])
    period_ms, phase = values["period_ms"], float(values["phase"])
    at_ms = values["at_ms"]

    def level(now_ms: int) -> float | None:
        if now_ms < at_ms:
            return None
        turns = (now_ms - at_ms) % period_ms / period_ms + phase
        return mean + amplitude * math.sin(2 * math.pi * turns)

    return level


def _csv(stimulus: Stimulus) -> Level:
    """Zero-order hold over one column, from `start_ms` of the trace on; the last row holds on."""
    scale, start_ms = float(stimulus.values["scale"]), int(stimulus.values["start_ms"])
    path = Path(stimulus.values["file"])
    times_ms, column = read_column(path, stimulus.values["column"])

    def level(now_ms: int) -> float | None:
        row = bisect_right(times_ms, start_ms + now_ms) - 1
        return column[row] * scale if row >= 0 else None

    return level


def read_column(path: Path, name: str) -> tuple[list[int], list[float]]:
    """Times since the first row (ms) and values of one column of a CSV with `t_s` first.

    Rows in which the column is empty or NaN are left out: recorders have gaps. Raises TraceError
    that names file, line and column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if name not in header or header[0] != "t_s":
                raise TraceError(f"{path}:1: no column {name!r} after t_s; there are {header[1:]}")
            at = header.index(name)
            times, values = [], []
            for number, row in enumerate(rows, start=2):
                if at < len(row) and row[at].strip().lower() in GAPS:
                    continue
                times.append(_number(path, number, row, 0))
                values.append(_number(path, number, row, at))
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"{path}: cannot be read: {error}") from error
    if not times or any(b <= a for a, b in pairwise(times)):
        raise TraceError(f"{path}: t_s must rise from row to row, and there must be rows")
    return [round((t - times[0]) * 1000) for t in times], values


def _number(path: Path, line: int, row: Sequence[str], at: int) -> float:
    try:
        value = float(row[at])
    except (ValueError, IndexError):
        value = math.nan
    if not math.isfinite(value):
        raise TraceError(f"{path}:{line}: column {at + 1} is no finite number")
    return value


_KINDS: dict[str, Callable[[Stimulus], Level]] = {
    "hold": _hold,
    "step": _step,
    "ramp": _ramp,
    "sine": _sine,
    "csv": _csv,
}
