# SPDX-License-Identifier: Apache-2.0
"""The stack of lanes of one run: checks, faults, states and events over all its signals."""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from hil.decisions import lines
from hil.frame_text import STATES
from hil.record import Recorder
from hil.report.axis import TimeAxis
from hil.report.plot import Lane, Series
from hil.report.rows import Marker, Row, RowLane, Span
from hil.report.signals import LINK, PLANT, SignalLanes, signal_lanes
from hil.verdict import CheckResult, FaultSpan, RunResult, Verdict

STATE = re.compile(r"(\w+_)?state")
ON_OFF = re.compile(r"group_.+_on|host_up|host_lease|.+_(on|active|enabled)")
Spans = Callable[[Sequence[float], Sequence[float]], list[Span]]
"""Values and their times, s, to spans."""
SPANS_MAX = 1500
"""A band that changes more often is drawn as a line."""
ROWS_MAX = 24
"""Rows of one lane; what is beyond is in the tables only."""
HELD_MAX = 10
"""Rows of checks up to which those that held are shown too."""
SHADES_MAX = 12
RATE_MS = 1000
"""Frames are counted over this time."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that is drawn over one time axis."""

    axis: TimeAxis
    t_s: Sequence[float]
    """Time of each sample of the lines."""
    lanes: Sequence[Lane | RowLane]
    named: dict[str, str] = field(default_factory=dict)
    """What is not drawn, by heading."""


def stack_of(result: RunResult) -> Stack | None:
    """All lanes of a run that have something to show; None if nothing was recorded."""
    record = result.record
    if record is None or not len(record):
        return None
    end_s = record.t_ms[-1] / 1000
    axis = TimeAxis(end_s, shades_of(result.faults, end_s), fails_of(result.checks))
    t_s = [t_ms / 1000 for t_ms in record.t_ms]
    states = _bands(record, t_s, STATE, _state_spans)
    switches = _bands(record, t_s, ON_OFF, _on_spans)
    rows = (
        RowLane("Checks", *_check_rows(result.checks, end_s)),
        RowLane("Faults", _fault_rows(result.faults, end_s)),
        RowLane("State", states, PLANT),
        RowLane("On and off", switches, PLANT),
        RowLane("Events", _event_rows(record), PLANT),
    )
    drawn = [row.name for row in (*states, *switches)]
    signals = signal_lanes(record, result.limits, drawn)
    first = [lane for lane in rows if lane.rows]
    lanes: list[Lane | RowLane] = [*first, *_ordered(signals, frame_lanes(result))]
    return Stack(axis, t_s, lanes, _named(signals))


def _ordered(signals: SignalLanes, frames: Sequence[Lane]) -> list[Lane]:
    """Frames go in front of the link's other lanes."""
    place = next((i for i, e in enumerate(signals.lanes) if e.group == LINK), len(signals.lanes))
    return [*signals.lanes[:place], *frames, *signals.lanes[place:]]


def _named(signals: SignalLanes) -> dict[str, str]:
    constant = ", ".join(f"{name} = {value:g}" for name, value in signals.constant.items())
    found = {"Never changed": constant, "Without a value": ", ".join(signals.absent)}
    return {heading: text for heading, text in found.items() if text}


def shades_of(faults: Iterable[FaultSpan], end_s: float) -> list[tuple[float, float]]:
    """Spans of the first faults, s, those that overlap as one."""
    out: list[tuple[float, float]] = []
    for begin_s, last_s in sorted(_span_s(fault, end_s) for fault in faults):
        if out and begin_s <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], last_s))
        else:
            out.append((begin_s, last_s))
    return out[:SHADES_MAX]


def _span_s(fault: FaultSpan, end_s: float) -> tuple[float, float]:
    return fault.start_ms / 1000, end_s if fault.end_ms is None else fault.end_ms / 1000


def fails_of(checks: Iterable[CheckResult]) -> list[tuple[float, str]]:
    """(s, name) of the checks that failed at an instant."""
    return [
        (check.at_ms / 1000, check.name)
        for check in checks
        if check.verdict is Verdict.FAIL and check.at_ms is not None
    ]


def _check_rows(checks: Sequence[CheckResult], end_s: float) -> tuple[tuple[Row, ...], str, str]:
    """Rows, group and note of the lane of checks; those that did not hold come first."""
    bad = [check for check in checks if check.verdict is not Verdict.PASS]
    held = [check for check in checks if check.verdict is Verdict.PASS]
    shown = [*bad, *held[: max(HELD_MAX - len(bad), 0)]][:ROWS_MAX]
    more = len(checks) - len(shown)
    return tuple(_check_row(e, end_s) for e in shown), "", f"{more} more in the table" * (more > 0)


def _check_row(check: CheckResult, end_s: float) -> Row:
    css = f"v-{check.verdict.lower()}"
    if check.at_ms is None:
        return Row(check.name, (Span(0.0, end_s, css, check.verdict),))
    at_s = check.at_ms / 1000
    held = () if at_s <= 0 else (Span(0.0, at_s, "v-held", ""),)
    after = () if at_s >= end_s else (Span(at_s, end_s, css, f"{check.verdict}: {check.detail}"),)
    mark = Marker(at_s, css, check.detail)
    return Row(check.name, (*held, *after), (mark,))


def _fault_rows(faults: Sequence[FaultSpan], end_s: float) -> tuple[Row, ...]:
    """Faults of one kind share a row as long as they follow each other."""
    rows: list[tuple[str, list[Span]]] = []
    for fault in sorted(faults, key=lambda each: each.start_ms):
        span = Span(*_span_s(fault, end_s), "fault", fault.text)
        free = (
            spans for kind, spans in rows if kind == fault.kind and spans[-1].end_s <= span.begin_s
        )
        row = next(free, None)
        if row is None:
            rows.append((fault.kind, [span]))
        else:
            row.append(span)
    return tuple(Row(kind, spans) for kind, spans in rows[:ROWS_MAX])


def _bands(
    record: Recorder, t_s: Sequence[float], pattern: re.Pattern[str], spans: Spans
) -> list[Row]:
    """One row a signal, unless it has no value or changes too often for a band."""
    rows = []
    for name in record.names:
        if pattern.fullmatch(name):
            found = spans(record.signal(name), t_s)
            if 0 < len(found) <= SPANS_MAX:
                rows.append(Row(name, found))
    return rows


def _stretches(values: Sequence[float], t_s: Sequence[float]) -> list[tuple[float, float, float]]:
    """(from s, to s, value) of what stays the same; NaN leaves a gap."""
    out: list[tuple[float, float, float]] = []
    row = 0
    for value, same in groupby(values, key=lambda v: None if math.isnan(v) else v):
        first, row = row, row + len(list(same))
        begin_s = t_s[first - 1] if first else 0.0
        if value is not None:
            out.append((begin_s, t_s[row - 1], value))
    return out


def _state_spans(values: Sequence[float], t_s: Sequence[float]) -> list[Span]:
    return [
        Span(begin_s, end_s, f"s{int(value)}", STATES.get(int(value), f"{value:g}"))
        for begin_s, end_s, value in _stretches(values, t_s)
    ]


def _on_spans(values: Sequence[float], t_s: Sequence[float]) -> list[Span]:
    return [
        Span(begin_s, end_s, "on" if value else "off", "on" if value else "off")
        for begin_s, end_s, value in _stretches(values, t_s)
    ]


def _event_rows(record: Recorder) -> tuple[Row, ...]:
    """One row a source, decisions in one of their own."""
    rows: dict[str, list[Marker]] = {}
    for event in record.events:
        css = "e-bad" if event.kind in _GRAVE else _SOURCES.get(event.source, "e-other")
        mark = Marker(event.t_ms / 1000, css, f"{event.kind}: {event.text}")
        rows.setdefault(event.source, []).append(mark)
    for entry in record.decisions:
        text = "; ".join(line.partition(" s  ")[2] for line in lines(entry))
        mark = Marker(entry.t_ms / 1000, "e-decision", text)
        rows.setdefault("decisions", []).append(mark)
    return tuple(Row(source, marks=marks) for source, marks in sorted(rows.items()))


_SOURCES = {"plant": "e-plant", "board": "e-board", "host": "e-host"}
_GRAVE = ("trip", "lockout", "shed", "loss", "hang", "crash")
"""Kinds of events that are drawn so that nobody overlooks them."""


def frame_lanes(result: RunResult) -> list[Lane]:
    """Frames per second of either direction, and what was damaged."""
    record = result.record
    if record is None or not result.frames:
        return []
    bad = ("crc", "garbage")
    good_up = [f.t_ms for f in result.frames if f.up and f.name not in bad]
    good_down = [f.t_ms for f in result.frames if not f.up and f.name not in bad]
    damaged = [f.t_ms for f in result.frames if f.name in bad]
    series = [
        Series("board to host", "c0", _rate(good_up, record.t_ms)),
        Series("host to board", "c2", _rate(good_down, record.t_ms)),
    ]
    if damaged:
        series.append(Series("damaged", "c1", _rate(damaged, record.t_ms)))
    return [Lane("Frames", "1/s", series, height_px=80, lowest=0.0, group=LINK)]


def _rate(times_ms: list[int], grid_ms: Sequence[int]) -> list[float]:
    """How many fell into the RATE_MS before each instant, per second."""
    times_ms = sorted(times_ms)
    return [
        (bisect_right(times_ms, t) - bisect_right(times_ms, t - RATE_MS)) * 1000 / RATE_MS
        for t in grid_ms
    ]
