# SPDX-License-Identifier: Apache-2.0
"""The same case on two backends, compared signal by signal and event by event.

Two samples agree if they differ by at most `absolute + relative * |b|`; with `shift_ticks` a
sample may also agree with what the other record says up to that many rows earlier or later, or
with anything between, so that an edge that comes one tick late is no difference in value.
Not available (NaN) agrees with not available only.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from hil.record import Recorder, RunEvent
from hil.verdict import RunResult, Verdict


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two samples may lie apart, in the unit of the signal."""

    absolute: float = 0.0
    relative: float = 0.0
    shift_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Which tolerance holds for which signal."""

    rules: tuple[tuple[str, Tolerance], ...] = ()
    """(pattern of names, tolerance); the first that matches holds: `*_w`, `tm_*`."""
    default: Tolerance = Tolerance()
    ignore: tuple[str, ...] = ()
    """Patterns of signals that say nothing about the firmware."""
    event_window_ms: int = 0
    """Events of one source and kind are the same event if at most this far apart."""

    def of(self, name: str) -> Tolerance | None:
        """The tolerance of a signal; None: it is not compared."""
        if any(fnmatchcase(name, pattern) for pattern in self.ignore):
            return None
        found = (each for pattern, each in self.rules if fnmatchcase(name, pattern))
        return next(found, self.default)


OF_THE_RUNTIME = ("mcu_*", "tm_heap_free")
"""What differs between interpreters by nature: heap and its figures."""
EXACT = Tolerances(ignore=OF_THE_RUNTIME)
"""For two interpreters in virtual time: everything equal, bit for bit."""
_TICK = 2
REAL_TIME = Tolerances(
    rules=(
        ("*_mw", Tolerance(5_000, 0.02, _TICK)),
        ("*_w", Tolerance(5, 0.02, _TICK)),
        ("*_ma", Tolerance(20, 0.02, _TICK)),
        ("*_mv", Tolerance(500, 0.005, _TICK)),
        ("*_mc", Tolerance(200, 0.0, _TICK)),
        ("*_c", Tolerance(0.2, 0.0, _TICK)),
        ("*_permille", Tolerance(20, 0.0, _TICK)),
        ("*_rpm", Tolerance(50, 0.02, _TICK)),
        ("*_ppm", Tolerance(5_000, 0.02, _TICK)),
        ("ttt*", Tolerance(0.5, 0.1, _TICK)),
        ("*_s", Tolerance(0.5, 0.05, _TICK)),
        ("*_ms", Tolerance(500, 0.1, _TICK)),
    ),
    default=Tolerance(0.0, 0.01, _TICK),
    ignore=(*OF_THE_RUNTIME, "tm_t_ms"),
    event_window_ms=300,
)
"""For a board in real time against a virtual run: two ticks, and what a meter resolves."""


class Match(StrEnum):
    """Of one signal."""

    MATCH = "MATCH"
    OUT = "OUT"
    """Out of tolerance at least once."""
    ONLY_IN_A = "ONLY_IN_A"
    ONLY_IN_B = "ONLY_IN_B"
    IGNORED = "IGNORED"


@dataclass(frozen=True, slots=True)
class SignalMatch:
    """One signal of both records, over the rows that both have."""

    name: str
    match: Match
    tolerance: Tolerance | None
    max_deviation: float = 0.0
    """Largest |a - b| at one instant, without shift, where both are available."""
    mean_deviation: float = 0.0
    """Mean of |a - b|."""
    rms_deviation: float = 0.0
    out_rows: int = 0
    """Rows out of tolerance."""
    first_out_ms: int | None = None
    first_out: tuple[float, float] | None = None
    """Values of a and b then."""


@dataclass(frozen=True, slots=True)
class EventMatch:
    """The events of one source and kind."""

    source: str
    kind: str
    paired: int
    max_shift_ms: int
    """Largest time between the two of a pair."""
    only_a_ms: tuple[int, ...]
    """Times of those that B does not have within the window."""
    only_b_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs of one case have in common."""

    a: RunResult
    b: RunResult
    verdict: Verdict
    """PASS or FAIL; INCONCLUSIVE if one of them has no record."""
    reasons: tuple[str, ...]
    rows: int
    """Rows that both have, by time."""
    rows_a: int
    rows_b: int
    signals: tuple[SignalMatch, ...] = ()
    events: tuple[EventMatch, ...] = ()


def compare(a: RunResult, b: RunResult, tolerances: Tolerances = EXACT) -> Comparison:
    """Compare `b` with the reference `a`."""
    if a.record is None or b.record is None:
        without = a.device if a.record is None else b.device
        reason = f"{a.case} has no record on {without}: nothing to compare"
        return Comparison(a, b, Verdict.INCONCLUSIVE, (reason,), 0, 0, 0)
    rows_a, rows_b = _common_rows(a.record, b.record)
    names = dict.fromkeys((*a.record.names, *b.record.names))
    signals = tuple(_signal(n, a.record, b.record, rows_a, rows_b, tolerances) for n in names)
    events = _events(a.record.events, b.record.events, tolerances.event_window_ms)
    lengths = len(rows_a), len(a.record), len(b.record)
    reasons = (
        *_length_reason(a, b, lengths),
        *(_signal_reason(each) for each in signals if each.match not in _AGREE),
        *(_event_reason(each) for each in events if each.only_a_ms or each.only_b_ms),
    )
    verdict = Verdict.FAIL if reasons else Verdict.PASS
    return Comparison(a, b, verdict, reasons, *lengths, signals, events)


_AGREE = (Match.MATCH, Match.IGNORED)


def _common_rows(a: Recorder, b: Recorder) -> tuple[Sequence[int], Sequence[int]]:
    """Row numbers of the instants that both have."""
    if a.t_ms == b.t_ms:
        return range(len(a)), range(len(b))
    at_b = {t_ms: row for row, t_ms in enumerate(b.t_ms)}
    pairs = [(row, at_b[t_ms]) for row, t_ms in enumerate(a.t_ms) if t_ms in at_b]
    return [row for row, _ in pairs], [row for _, row in pairs]


def _signal(
    name: str,
    a: Recorder,
    b: Recorder,
    rows_a: Sequence[int],
    rows_b: Sequence[int],
    tolerances: Tolerances,
) -> SignalMatch:
    tolerance = tolerances.of(name)
    if tolerance is None:
        return SignalMatch(name, Match.IGNORED, None)
    if name not in a.names or name not in b.names:
        only = Match.ONLY_IN_A if name in a.names else Match.ONLY_IN_B
        return SignalMatch(name, only, tolerance)
    all_a, all_b = a.signal(name), b.signal(name)
    values_a = all_a if isinstance(rows_a, range) else array("d", (all_a[row] for row in rows_a))
    values_b = all_b if isinstance(rows_b, range) else array("d", (all_b[row] for row in rows_b))
    if values_a.tobytes() == values_b.tobytes():
        return SignalMatch(name, Match.MATCH, tolerance)
    out = out_of_tolerance(values_a, values_b, tolerance)
    both = [abs(x - y) for x, y in zip(values_a, values_b, strict=True) if _finite(x, y)]
    first = out[0] if out else None
    return SignalMatch(
        name,
        Match.OUT if out else Match.MATCH,
        tolerance,
        max(both, default=0.0),
        math.fsum(both) / len(both) if both else 0.0,
        math.sqrt(math.fsum(d * d for d in both) / len(both)) if both else 0.0,
        len(out),
        None if first is None else a.t_ms[rows_a[first]],
        None if first is None else (values_a[first], values_b[first]),
    )


def _finite(x: float, y: float) -> bool:
    return math.isfinite(x) and math.isfinite(y)


def out_of_tolerance(a: Sequence[float], b: Sequence[float], tolerance: Tolerance) -> list[int]:
    """Rows in which `a` and `b`, float[n] each, do not agree in either direction."""
    shift, last = tolerance.shift_ticks, len(a)
    return [
        row
        for row, (x, y) in enumerate(zip(a, b, strict=True))
        if not _agree(x, y, tolerance)
        and not (
            shift
            and _within(x, b[max(0, row - shift) : row + shift + 1], tolerance)
            and _within(y, a[max(0, row - shift) : min(last, row + shift + 1)], tolerance)
        )
    ]


def _agree(x: float, y: float, tolerance: Tolerance) -> bool:
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if math.isinf(x) or math.isinf(y):
        return x == y
    return abs(x - y) <= tolerance.absolute + tolerance.relative * abs(y)


def _within(value: float, window: Sequence[float], tolerance: Tolerance) -> bool:
    """Whether `value` agrees with one of the window, or lies between its extremes."""
    if math.isnan(value):
        return any(math.isnan(each) for each in window)
    known = [each for each in window if not math.isnan(each)]
    if not known:
        return False
    low, high = min(known), max(known)
    return low <= value <= high or any(_agree(value, edge, tolerance) for edge in (low, high))


def _events(a: Sequence[RunEvent], b: Sequence[RunEvent], window_ms: int) -> tuple[EventMatch, ...]:
    kinds = dict.fromkeys((event.source, event.kind) for event in (*a, *b))
    return tuple(
        _pair(
            kind,
            [e.t_ms for e in a if (e.source, e.kind) == kind],
            [e.t_ms for e in b if (e.source, e.kind) == kind],
            window_ms,
        )
        for kind in kinds
    )


def _pair(kind: tuple[str, str], a_ms: list[int], b_ms: list[int], window_ms: int) -> EventMatch:
    """Pair in order of time: the earliest two that are close enough belong together."""
    a_ms, b_ms = sorted(a_ms), sorted(b_ms)
    shifts: list[int] = []
    only_a: list[int] = []
    only_b: list[int] = []
    i = j = 0
    while i < len(a_ms) and j < len(b_ms):
        shift = b_ms[j] - a_ms[i]
        if abs(shift) <= window_ms:
            shifts.append(abs(shift))
            i, j = i + 1, j + 1
        elif shift > 0:
            only_a.append(a_ms[i])
            i += 1
        else:
            only_b.append(b_ms[j])
            j += 1
    only_a += a_ms[i:]
    only_b += b_ms[j:]
    longest = max(shifts, default=0)
    return EventMatch(*kind, len(shifts), longest, tuple(only_a), tuple(only_b))


def _length_reason(a: RunResult, b: RunResult, lengths: tuple[int, int, int]) -> list[str]:
    rows, rows_a, rows_b = lengths
    if rows == rows_a == rows_b:
        return []
    return [f"{rows} rows in common of {rows_a} on {a.device} and {rows_b} on {b.device}"]


def _signal_reason(each: SignalMatch) -> str:
    if each.first_out is None or each.first_out_ms is None:
        return f"{each.name}: {'only in A' if each.match is Match.ONLY_IN_A else 'only in B'}"
    x, y = each.first_out
    return (
        f"{each.name}: out of tolerance in {each.out_rows} rows, first at "
        f"{each.first_out_ms / 1000:.1f} s ({x:.6g} against {y:.6g})"
    )


def _event_reason(each: EventMatch) -> str:
    parts = [
        f"{len(times)} only in {letter}, first at {times[0] / 1000:.1f} s"
        for letter, times in (("A", each.only_a_ms), ("B", each.only_b_ms))
        if times
    ]
    return f"events {each.source} {each.kind}: {'; '.join(parts)}"
