# SPDX-License-Identifier: Apache-2.0
"""Caps by brute force: the rules of native/include/edge_alloc.h, one step of one load at a time.

Exact, because Python's integers are. Slow, because it takes every step singly: use it on small
problems.
"""

import heapq
from dataclasses import dataclass, field

LEVEL_UNIT = 16384
NW_PER_MW = 1_000_000


@dataclass
class Load:
    min_mw: int
    request_mw: int
    weight: int = 1
    step_mw: int = 1
    priority: int = 0

    def __post_init__(self) -> None:
        steps = (self.request_mw - self.min_mw) // self.step_mw
        self.top_mw = self.min_mw + steps * self.step_mw

    def level_of(self, grant_mw: int) -> int:
        """Lowest level at which weight * level / LEVEL_UNIT reaches grant_mw."""
        return -(-grant_mw * LEVEL_UNIT // self.weight)


@dataclass
class Row:
    limit_mw: int
    coef_ppm: dict[int, int]

    def limit_nw(self) -> int:
        return max(self.limit_mw, 0) * NW_PER_MW


@dataclass
class Result:
    grant_mw: list[int]
    shed: list[int]
    binding_row: list[int]


@dataclass
class Allocation:
    loads: list[Load]
    rows: list[Row]
    result: Result = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.loads)
        self.result = Result([0] * count, [0] * count, [-1] * count)
        self.slack_nw = [row.limit_nw() for row in self.rows]

    def give(self, i: int, more_mw: int) -> None:
        self.result.grant_mw[i] += more_mw
        for r, row in enumerate(self.rows):
            self.slack_nw[r] -= row.coef_ppm.get(i, 0) * more_mw

    def refusing_row(self, i: int, more_mw: int) -> int:
        """Lowest-numbered row in which more_mw of load i do not fit; -1 if they do."""
        for r, row in enumerate(self.rows):
            if row.coef_ppm.get(i, 0) * more_mw > self.slack_nw[r]:
                return r
        return -1

    def victim(self, r: int, members: list[int]) -> int:
        excess = -self.slack_nw[r]

        def order(i: int) -> tuple[int, int, int, int]:
            frees = self.frees(r, i)
            work = self.loads[i].weight * self.loads[i].min_mw
            return (0, 0, work, -i) if frees >= excess else (1, -frees, work, -i)

        standing = [i for i in members if not self.result.shed[i]]
        return min((i for i in standing if self.frees(r, i)), key=order)

    def frees(self, r: int, i: int) -> int:
        return self.rows[r].coef_ppm.get(i, 0) * self.loads[i].min_mw

    def admit(self, members: list[int]) -> None:
        for i in members:
            self.give(i, self.loads[i].min_mw)
        for r in range(len(self.rows)):
            while self.slack_nw[r] < 0:
                i = self.victim(r, members)
                self.result.shed[i] = 1
                self.give(i, -self.loads[i].min_mw)
        for i in members:
            if self.result.shed[i]:
                self.readmit(i)

    def readmit(self, i: int) -> None:
        refusing = self.refusing_row(i, self.loads[i].min_mw)
        self.result.binding_row[i] = refusing
        if refusing < 0:
            self.result.shed[i] = 0
            self.give(i, self.loads[i].min_mw)

    def fill(self, members: list[int]) -> None:
        rising = {i for i in members if not self.result.shed[i]}
        self.drop_done(rising)
        queue = [self.next_step(i) for i in rising]
        heapq.heapify(queue)
        while queue:
            _, i = heapq.heappop(queue)
            if i in rising:
                self.give(i, self.loads[i].step_mw)
                heapq.heappush(queue, self.next_step(i))
                self.drop_done(rising)

    def drop_done(self, rising: set[int]) -> None:
        """Rows only fill up: a step that does not fit now never will."""
        for i in sorted(rising):
            at_top = self.result.grant_mw[i] == self.loads[i].top_mw
            row = -1 if at_top else self.refusing_row(i, self.loads[i].step_mw)
            self.result.binding_row[i] = row
            if at_top or row >= 0:
                rising.remove(i)

    def next_step(self, i: int) -> tuple[int, int]:
        load = self.loads[i]
        return load.level_of(self.result.grant_mw[i] + load.step_mw), i


def allocate(loads: list[Load], rows: list[Row]) -> Result:
    allocation = Allocation(loads, rows)
    classes = [
        [i for i, load in enumerate(loads) if load.priority == priority]
        for priority in sorted({load.priority for load in loads})
    ]
    for members in classes:
        allocation.admit(members)
    for members in classes:
        allocation.fill(members)
    return allocation.result
