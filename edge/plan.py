# SPDX-License-Identifier: Apache-2.0
"""Three questions to the allocator about one set of rows, answered without allocating.

Each is the same weighted max-min in C with other bounds; an answer is kept until a question
differs. All lists are one value per load, mW. With a battery shelf, recharging takes part as one
more load behind the others: of the last class, without a minimum.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from edge.config import Config
from edge.core import Allocator
from edge.rows import PPM, Kind, Row

LAST_CLASS = 255
OFF_CLASS = 254
"""Loads without power, behind all that have it."""


class Targets(NamedTuple):
    """What each load should be capped at."""

    cap_mw: list[int]
    row: list[int]
    """Row that keeps the load below its request; -1 if none does."""
    shed: list[bool]
    """The load's minimum does not fit."""
    recharge_mw: int = 0


def load_range_mw(config: Config) -> tuple[list[int], list[int]]:
    """Lowest and highest cap of each load, inwards to whole W: most BMCs take nothing finer."""
    lowest = [math.ceil(load.min_w) * 1000 for load in config.loads]
    highest = [math.floor(load.max_w) * 1000 for load in config.loads]
    return lowest, list(map(max, lowest, highest))


class Plan:
    """Allocation over `rows`; all caps it returns satisfy every row, in exact integers."""

    def __init__(self, config: Config, rows: Sequence[Row]) -> None:
        loads = config.loads
        self.rows = tuple(rows)
        self.row_of_feed = {
            row.feed: index for index, row in enumerate(rows) if row.kind is Kind.FEED
        }
        self.min_mw, self.max_mw = load_range_mw(config)
        self._shelf = 0 if config.bbu is None else 1
        self._class = [load.priority for load in loads]
        self._coefs = [[(i, c) for i, c in enumerate(row.coef_ppm) if c] for row in rows]
        self._shelf_ppm = [_shelf_ppm(config, row, len(self.row_of_feed)) for row in rows]
        self._demand, self._spread, self._raise = (self._allocator(config) for _ in range(3))
        self._asked: tuple[list[int], list[int], list[bool], list[bool], int] | None = None
        self._targets = Targets([], [], [])
        self._fair_room: list[int] | None = None
        self.latest_fair_mw = list(self.min_mw)
        """Answer of the last `fair_mw`."""

    def _allocator(self, config: Config) -> Allocator:
        n = len(config.loads)
        rows = [dict(row) for row in self._coefs]
        if self._shelf:
            for row, ppm in zip(rows, self._shelf_ppm, strict=True):
                row[n] = ppm
        allocator = Allocator(n + self._shelf, rows)
        allocator.weight[0:n] = [load.weight for load in config.loads]
        allocator.step_mw[0:n] = [max(1, round(load.step_w * 1000)) for load in config.loads]
        if self._shelf:
            allocator.class_[n] = LAST_CLASS
            allocator.step_mw[n] = 1000
        return allocator

    def used_mw(self, power_mw: Sequence[int], row: int) -> int:
        """What `row` carries when each load draws `power_mw`, rounded up."""
        total = 0
        for i, coef in self._coefs[row]:
            total += coef * power_mw[i]
        return -(-total // PPM)

    def recharge_used_mw(self, recharge_mw: int, row: int) -> int:
        """What recharging takes of a row, rounded up."""
        return -(-recharge_mw * self._shelf_ppm[row] // PPM)

    def targets(
        self,
        request_mw: list[int],
        absent: list[bool],
        off: list[bool],
        room_mw: list[int],
        recharge_mw: int = 0,
    ) -> Targets:
        """Caps by demand, and what is then left evenly by weight up to each load's maximum.

        `absent` loads get nothing: they are counted in the caller's `room_mw`, one per row. `off`
        loads have no power: their minimum is kept for them where the others leave it.
        `recharge_mw` is what the battery asks for; it gets what the loads do not.
        """
        question = (room_mw, request_mw, absent, off, recharge_mw)
        if question != self._asked:
            self._asked = ([*room_mw], [*request_mw], [*absent], [*off], recharge_mw)
            self._targets = self._solve(request_mw, absent, off, room_mw, recharge_mw)
        return self._targets

    def standing(
        self,
        request_mw: list[int],
        absent: list[bool],
        off: list[bool],
        room_mw: list[int],
        recharge_mw: int = 0,
    ) -> Targets:
        """As `targets`, but whoever is to be shed draws until it is switched off.

        Such a load stands at its minimum, and nobody gets its room before; who does not fit
        beside it goes to its minimum as well.
        """
        first = found = self.targets(request_mw, absent, off, room_mw, recharge_mw)
        held = [False] * len(request_mw)
        while any(s and not (dark or h) for s, dark, h in zip(found.shed, off, held, strict=True)):
            held = [h or (s and not dark) for s, dark, h in zip(found.shed, off, held, strict=True)]
            least = [mw if h else 0 for mw, h in zip(self.min_mw, held, strict=True)]
            left = [max(0, room - self.used_mw(least, r)) for r, room in enumerate(room_mw)]
            gone = [a or h for a, h in zip(absent, held, strict=True)]
            found = self.targets(request_mw, gone, off, left, recharge_mw)
        if found is first:
            return first
        caps = [lo if h else mw for lo, h, mw in zip(self.min_mw, held, found.cap_mw, strict=True)]
        return Targets(caps, first.row, first.shed, found.recharge_mw)

    def fair_mw(self, room_mw: list[int]) -> list[int]:
        """Caps if every load wanted its maximum and all were of one class; never below minimum."""
        if room_mw != self._fair_room:
            self._fair_room = [*room_mw]
            n = len(self.min_mw)
            spread = self._spread
            self._ask(spread, self.min_mw, self.max_mw, room_mw, 0, 0)
            self.latest_fair_mw = list(map(max, self.min_mw, spread.grant_mw[0:n]))
        return self.latest_fair_mw

    def _ask(
        self,
        allocator: Allocator,
        low: list[int],
        high: list[int],
        room_mw: Sequence[int],
        recharge_low: int,
        recharge_high: int,
    ) -> None:
        n = len(low)
        allocator.min_mw[0:n] = low
        allocator.request_mw[0:n] = high
        if self._shelf:
            allocator.min_mw[n] = recharge_low
            allocator.request_mw[n] = recharge_high
        allocator.limit_mw[0 : len(room_mw)] = list(room_mw)
        allocator.solve()

    def _solve(
        self,
        request_mw: list[int],
        absent: list[bool],
        off: list[bool],
        room_mw: list[int],
        recharge_mw: int,
    ) -> Targets:
        n = len(self.min_mw)
        demand, spread = self._demand, self._spread
        low, high = self.min_mw, self.max_mw
        if any(absent):
            low = [0 if gone else mw for mw, gone in zip(low, absent, strict=True)]
            high = [0 if gone else mw for mw, gone in zip(high, absent, strict=True)]
            request_mw = [0 if gone else mw for mw, gone in zip(request_mw, absent, strict=True)]
        demand.class_[0:n] = self._class
        if any(off):
            request_mw = [
                lo if dark else mw for lo, mw, dark in zip(low, request_mw, off, strict=True)
            ]
            high = [lo if dark else mw for lo, mw, dark in zip(low, high, off, strict=True)]
            demand.class_[0:n] = [
                OFF_CLASS if dark else rank for rank, dark in zip(self._class, off, strict=True)
            ]
        self._ask(demand, low, request_mw, room_mw, 0, recharge_mw)
        granted = list(demand.grant_mw[0:n])
        recharge_mw = demand.grant_mw[n] if self._shelf else 0
        shed = [flag != 0 for flag in demand.shed[0:n]]
        if any(shed):
            high = [0 if gone else mw for mw, gone in zip(high, shed, strict=True)]
        self._ask(spread, granted, high, room_mw, recharge_mw, recharge_mw)
        return Targets(list(spread.grant_mw[0:n]), list(demand.binding_row[0:n]), shed, recharge_mw)

    def raises(
        self,
        bound_mw: list[int],
        want_mw: list[int],
        urgent: list[bool],
        room_mw: list[int],
        recharge_mw: int = 0,
    ) -> list[int] | None:
        """How far caps may rise now, while each load counts at its proven bound.

        `urgent` loads come first inside their class. None if the bounds alone do not fit: then
        nothing may rise.
        """
        n = len(bound_mw)
        allocator = self._raise
        allocator.class_[0:n] = [
            2 * rank + (not first) for rank, first in zip(self._class, urgent, strict=True)
        ]
        high = list(map(max, bound_mw, want_mw))
        self._ask(allocator, bound_mw, high, room_mw, recharge_mw, recharge_mw)
        return None if any(allocator.shed) else list(allocator.grant_mw[0:n])


def _shelf_ppm(config: Config, row: Row, living: int) -> int:
    """Share of the recharge power in a row: evenly from all living feeds and poles."""
    if row.kind is Kind.BBU:
        return 0
    if row.feed < 0 or row.kind is Kind.SURVIVOR:
        return PPM
    poles = config.feeds[row.feed].phases if row.kind is Kind.PHASE else 1
    return -(-PPM // (living * poles))
