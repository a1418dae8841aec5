# SPDX-License-Identifier: Apache-2.0
"""Recorded power traces: read, spread over loads, sample.

A trace is CSV: header `t_s` (seconds, strictly rising) and one column per load in watts (AC input
of a whole server). Columns `inlet_c:NAME`, `freq_hz` and `price_per_kwh` are kept apart.
"""

import csv
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

from edge.errors import TraceError

DROPOUT_W = -1.0
"""A meter that lost its reading logs exactly this value (Yokogawa WT333E logs of MLPerf)."""

LOAD_MAX_W = 1_000_000.0
"""More than this on one load is a unit error (mW read as W), not a server."""

SPREAD_STEP_S = 1.7
"""Lag between neighbouring copies of one server, s; see `spread`."""

LONGEST_S = 366 * 86_400.0
"""A trace longer than a year is in milliseconds or since an epoch, not in seconds."""

NO_NEXT_MS = 1 << 62
"""Later than any time: the last row holds for ever."""

_EXTRA_NAMES = ("freq_hz", "price_per_kwh")
_EXTRA_PREFIXES = ("inlet_c:",)


@dataclass(frozen=True, slots=True)
class Trace:
    """Power of every load over time: `watts[row][load]`, W, valid from `t_s[row]` to the next."""

    source: str
    names: tuple[str, ...]
    t_s: tuple[float, ...]
    watts: tuple[tuple[float, ...], ...]
    dropouts: int = 0
    extra: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds from the first row to the last."""
        return self.t_s[-1] - self.t_s[0]

    @property
    def peak_w(self) -> float:
        """Highest total of all loads, W."""
        return max(map(sum, self.watts))

    @property
    def mean_w(self) -> float:
        """Time-weighted mean of the total of all loads, W (the last row has no length)."""
        steps = zip(self.t_s, self.t_s[1:], self.watts, strict=False)
        return sum((after - t) * sum(row) for t, after, row in steps) / self.duration_s

    def column(self, load: int) -> tuple[float, ...]:
        """Power of one load over time, W."""
        return tuple(row[load] for row in self.watts)


class Demand:
    """Zero-order hold over a trace, in milliseconds since its first row; ends hold."""

    __slots__ = ("_next_ms", "_row", "_rows", "_t_ms")

    def __init__(self, trace: Trace) -> None:
        self._t_ms = [round((t - trace.t_s[0]) * 1000) for t in trace.t_s]
        self._rows = trace.watts
        self._row = 0
        self._next_ms = self._t_ms[1]

    def at(self, t_ms: int) -> Sequence[float]:
        """W per load at `t_ms`; constant time inside a row, a bisection on entering one."""
        if t_ms >= self._next_ms or t_ms < self._t_ms[self._row]:
            self._seek(t_ms)
        return self._rows[self._row]

    def _seek(self, t_ms: int) -> None:
        self._row = max(bisect_right(self._t_ms, t_ms) - 1, 0)
        last = self._row + 1 == len(self._t_ms)
        self._next_ms = NO_NEXT_MS if last else self._t_ms[self._row + 1]


def spread(trace: Trace, loads: int) -> Trace:
    """Make `loads` loads out of the columns of a trace, for example a rack from one server.

    Load k replays column k mod n and lags the recording by (k // n) * 1.7 s on the trace's own
    time grid; before its start it holds the first row. Servers of one synchronous job pass their
    phases together, so the lag is short: the total keeps nearly the peak, the mean and the ramps
    of the recording, without all servers stepping in the very same tick.
    """
    if loads < 1:
        raise TraceError(f"{trace.source}: cannot spread over {loads} loads; ask for 1 or more")
    n = len(trace.names)
    starts = [(k % n, (k // n) * SPREAD_STEP_S) for k in range(loads)]
    rows = tuple(
        tuple(trace.watts[_row_at(trace.t_s, t - lag_s)][column] for column, lag_s in starts)
        for t in trace.t_s
    )
    names = tuple(f"{trace.names[k % n]}-{k // n + 1}" for k in range(loads))
    return Trace(trace.source, names, trace.t_s, rows, trace.dropouts, trace.extra)


def _row_at(t_s: Sequence[float], t: float) -> int:
    return max(bisect_right(t_s, t) - 1, 0)


class _Columns(NamedTuple):
    names: tuple[str, ...]
    loads: tuple[int, ...]
    extras: tuple[int, ...]


def read_trace(path: str | Path) -> Trace:
    """Read a trace; raises TraceError naming file, line, column and what to do.

    The meter-dropout sentinel (exactly -1 W) is replaced by the value before it and counted.
    """
    source = str(path)
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            return _parse(source, csv.reader(file, strict=True))
    except FileNotFoundError:
        _fail(source, "no such file: check the path")
    except IsADirectoryError:
        _fail(source, "is a directory: name one CSV file in it")
    except UnicodeDecodeError as error:
        _fail(source, f"not UTF-8 text (byte {error.start}): export the trace as plain CSV")
    except csv.Error as error:
        _fail(source, f"not CSV ({error}): export the trace as plain CSV")
    except OSError as error:
        _fail(source, f"cannot be read ({error.strerror}): check its permissions")
    except ValueError as error:  # a path with a NUL byte
        if isinstance(error, TraceError):
            raise
        _fail(repr(source), f"not a usable path ({error})")


def _fail(where: str, what: str) -> NoReturn:
    raise TraceError(f"{where}: {what}") from None


def _parse(source: str, lines: Iterator[list[str]]) -> Trace:
    columns = _header(source, next(lines, []))
    times: list[float] = []
    rows: list[tuple[float, ...]] = []
    extras: list[tuple[float, ...]] = []
    dropouts = 0
    for number, cells in enumerate(lines, start=2):
        if not cells:
            continue  # a blank line, usual at the end of a file
        if len(cells) != len(columns.names):
            _fail(
                f"{source}:{number}",
                f"{len(cells)} values for {len(columns.names)} columns: fix or drop the line",
            )
        at = [
            _number(source, number, name, cell)
            for name, cell in zip(columns.names, cells, strict=True)
        ]
        _check_time(source, number, at[0], times)
        before = rows[-1] if rows else None
        row, lost = _powers(source, number, columns, at, before)
        dropouts += lost
        times.append(at[0])
        rows.append(row)
        extras.append(tuple(at[i] for i in columns.extras))
    if len(rows) < 2:
        _fail(source, f"{len(rows)} rows of data: a trace needs at least 2")
    names = tuple(columns.names[i] for i in columns.loads)
    extra = {columns.names[i]: tuple(r[k] for r in extras) for k, i in enumerate(columns.extras)}
    return Trace(source, names, tuple(times), tuple(rows), dropouts, extra)


def _header(source: str, cells: list[str]) -> _Columns:
    names = tuple(cell.strip() for cell in cells)
    if not any(names):
        _fail(f"{source}:1", "empty: expected a header `t_s,LOAD,...` and rows of numbers")
    if names[0] != "t_s":
        _fail(
            f"{source}:1 column 1",
            f"header is {names[0]!r}, expected 't_s': name the time column t_s (seconds)",
        )
    for i, name in enumerate(names):
        if not name or name in names[:i]:
            what = f"column name {name!r} is used twice" if name else "column without a name"
            _fail(f"{source}:1 column {i + 1}", f"{what}: give every load its own name")
    extras = tuple(i for i, name in enumerate(names) if _is_extra(name))
    loads = tuple(i for i in range(1, len(names)) if i not in extras)
    if not loads:
        _fail(f"{source}:1", "no load columns: add one column of watts per load after t_s")
    return _Columns(names, loads, extras)


def _is_extra(name: str) -> bool:
    return name in _EXTRA_NAMES or name.startswith(_EXTRA_PREFIXES)


def _number(source: str, line: int, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in cell:
        _fail(
            f"{source}:{line} column {name!r}",
            f"{cell[:40]!r} is not a finite number: fix or drop the line",
        )
    return value


def _check_time(source: str, line: int, t: float, times: list[float]) -> None:
    where = f"{source}:{line} column 't_s'"
    if t < 0:
        _fail(where, f"negative time {t:g} s: count seconds from the first row")
    if times and t <= times[-1]:
        _fail(where, f"time {t:g} s does not rise (before: {times[-1]:g} s): sort the rows")
    if times and t - times[0] > LONGEST_S:
        _fail(where, f"{t - times[0]:g} s after the first row: t_s is in seconds, not ms or ns")


def _powers(
    source: str, line: int, columns: _Columns, at: list[float], before: tuple[float, ...] | None
) -> tuple[tuple[float, ...], int]:
    row: list[float] = []
    dropouts = 0
    for k, i in enumerate(columns.loads):
        watts = at[i]
        where = f"{source}:{line} column {columns.names[i]!r}"
        if watts == DROPOUT_W and before is not None:
            watts = before[k]
            dropouts += 1
        elif watts == DROPOUT_W:
            _fail(where, "the first row is a meter dropout (-1 W): drop the line")
        elif watts < 0:
            _fail(where, f"negative power {watts:g} W: a load cannot feed back; fix the line")
        elif watts > LOAD_MAX_W:
            _fail(where, f"{watts:g} W on one load: the column must be watts, not mW")
        row.append(watts)
    return tuple(row), dropouts
