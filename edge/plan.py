# SPDX-License-Identifier: Apache-2.0
"""Three questions to the allocator about one set of rows, answered without allocating.

Each is the same weighted max-min in C with other bounds; an answer is kept until a question
differs. All lists are one value per load, mW.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from edge.config import Config
from edge.core import Allocator
from edge.rows import PPM, Row


class Targets(NamedTuple):
    """What each load should be capped at."""

    cap_mw: list[int]
    row: list[int]
    """Row that keeps the load below its request; -1 if none does."""
    shed: list[bool]
    """The load's minimum does not fit."""


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
        self.row_of_feed = {row.feed: index for index, row in enumerate(rows)}
        self.min_mw, self.max_mw = load_range_mw(config)
        self._class = [load.priority for load in loads]
        self._coefs = [[(i, c) for i, c in enumerate(row.coef_ppm) if c] for row in rows]
        self._demand, self._spread, self._raise = (self._allocator(config) for _ in range(3))
        self._demand.class_[0 : len(loads)] = self._class
        self._asked: tuple[list[int], list[int], list[bool]] | None = None
        self._targets = Targets([], [], [])
        self._fair_room: list[int] = []
        self._fair_mw: list[int] = []

    def _allocator(self, config: Config) -> Allocator:
        allocator = Allocator(len(config.loads), [dict(row) for row in self._coefs])
        n = len(config.loads)
        allocator.weight[0:n] = [load.weight for load in config.loads]
        allocator.step_mw[0:n] = [max(1, round(load.step_w * 1000)) for load in config.loads]
        return allocator

    def used_mw(self, power_mw: Sequence[int], row: int) -> int:
        """What `row` carries when each load draws `power_mw`, rounded up."""
        total = 0
        for i, coef in self._coefs[row]:
            total += coef * power_mw[i]
        return -(-total // PPM)

    def targets(self, request_mw: list[int], absent: list[bool], room_mw: list[int]) -> Targets:
        """Caps by demand, and what is then left evenly by weight up to each load's maximum.

        `absent` loads get nothing: they are counted in the caller's `room_mw`, one per row.
        """
        question = (room_mw, request_mw, absent)
        if question != self._asked:
            self._asked = ([*room_mw], [*request_mw], [*absent])
            self._targets = self._solve(request_mw, absent, room_mw)
        return self._targets

    def fair_mw(self, room_mw: list[int]) -> list[int]:
        """Caps if every load wanted its maximum and all were of one class; never below minimum."""
        if room_mw != self._fair_room:
            self._fair_room = [*room_mw]
            n = len(self.min_mw)
            self._spread.min_mw[0:n] = self.min_mw
            self._spread.request_mw[0:n] = self.max_mw
            self._spread.limit_mw[0 : len(room_mw)] = room_mw
            self._spread.solve()
            self._fair_mw = list(map(max, self.min_mw, self._spread.grant_mw))
        return self._fair_mw

    def _solve(self, request_mw: list[int], absent: list[bool], room_mw: list[int]) -> Targets:
        n = len(self.min_mw)
        demand, spread = self._demand, self._spread
        low, high = self.min_mw, self.max_mw
        if any(absent):
            low = [0 if gone else mw for mw, gone in zip(low, absent, strict=True)]
            high = [0 if gone else mw for mw, gone in zip(high, absent, strict=True)]
            request_mw = [0 if gone else mw for mw, gone in zip(request_mw, absent, strict=True)]
        demand.min_mw[0:n] = low
        demand.request_mw[0:n] = request_mw
        demand.limit_mw[0 : len(room_mw)] = room_mw
        demand.solve()
        granted = list(demand.grant_mw)
        shed = [flag != 0 for flag in demand.shed]
        if any(shed):
            high = [0 if gone else mw for mw, gone in zip(high, shed, strict=True)]
        spread.min_mw[0:n] = granted
        spread.request_mw[0:n] = high
        spread.limit_mw[0 : len(room_mw)] = room_mw
        spread.solve()
        return Targets(list(spread.grant_mw), list(demand.binding_row), shed)

    def raises(
        self, bound_mw: list[int], want_mw: list[int], urgent: list[bool], room_mw: list[int]
    ) -> list[int] | None:
        """How far caps may rise now, while each load counts at its proven bound.

        `urgent` loads come first inside their class. None if the bounds alone do not fit: then
        nothing may rise.
        """
        n = len(bound_mw)
        allocator = self._raise
        allocator.min_mw[0:n] = bound_mw
        allocator.request_mw[0:n] = list(map(max, bound_mw, want_mw))
        allocator.class_[0:n] = [
            2 * rank + (not first) for rank, first in zip(self._class, urgent, strict=True)
        ]
        allocator.limit_mw[0 : len(room_mw)] = room_mw
        allocator.solve()
        return None if any(allocator.shed) else list(allocator.grant_mw)
