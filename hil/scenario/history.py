# SPDX-License-Identifier: Apache-2.0
"""Values over time: the columns of a record, and what remembers from tick to tick.

A value is a number; a truth is True, False or NaN for unknown. The same steps serve tick by tick
in a run and row by row in its record, so that a `when:` and a check never differ.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import isnan, nan

from hil.record import Recorder

NAN = nan
Step = Callable[[float, int], float]
"""`step(value, t_ms)`: what the function gives in this tick."""


def previous() -> Step:
    """`prev(x)`: x of the tick before; unknown in the first."""
    before = NAN

    def step(value: float, _t_ms: int) -> float:
        nonlocal before
        before, given = value, before
        return given

    return step


def rate() -> Step:
    """`rate(x)`: change per second since the tick before; unknown in the first."""
    before, before_ms = NAN, 0

    def step(value: float, t_ms: int) -> float:
        nonlocal before, before_ms
        past, past_ms, before, before_ms = before, before_ms, value, t_ms
        return (value - past) * 1000.0 / (t_ms - past_ms) if t_ms != past_ms else NAN

    return step


def held(for_s: float) -> Step:
    """`held(c, 3s)`: c was true in every tick of the last 3 s, this one and the first included."""
    for_ms = for_s * 1000.0
    since_ms: int | None = None

    def step(value: float, t_ms: int) -> float:
        nonlocal since_ms
        if not value or isnan(value):
            since_ms = None
            return value
        if since_ms is None:
            since_ms = t_ms
        return t_ms - since_ms >= for_ms

    return step


class Columns:
    """A record by signal; each is cut out once."""

    def __init__(self, record: Recorder) -> None:
        self._record = record
        self._cut: dict[str, Sequence[float]] = {}
        self.names = record.names
        self.t_ms: Sequence[int] = record.t_ms

    @cached_property
    def t_s(self) -> list[float]:
        """Seconds since the start, one per row."""
        return [t_ms / 1000.0 for t_ms in self.t_ms]

    def __getitem__(self, name: str) -> Sequence[float]:
        """One value per row; `t_s` is the time."""
        if name == "t_s":
            return self.t_s
        if name not in self._cut:
            self._cut[name] = self._record.signal(name)
        return self._cut[name]

    def __len__(self) -> int:
        """Rows."""
        return len(self.t_ms)
