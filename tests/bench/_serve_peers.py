# SPDX-License-Identifier: Apache-2.0
"""Two published power-capping controllers, as peers of the daemon.

Both read the true power of the worst feed, without meter noise or link delay, and write caps to
all loads at one instant. All loads are of one priority. Watts and ratios, no clock.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol

Caps = list[float | None]
"""W, one per load; None: no cap."""


class Reading(NamedTuple):
    """What a controller sees at one instant."""

    now_ms: int
    worst_ratio: float
    """Power of the feed nearest to its rating, over that rating."""
    total_w: float
    """Power of all feeds together."""
    load_w: Sequence[float]
    """Draw of each load."""


class Controller(Protocol):
    """Decides each `period_ms`."""

    period_ms: int

    def decide(self, reading: Reading) -> Caps:
        """The caps that shall be in force from now on."""


class ThreeBand:
    """Three-band capping after Facebook Dynamo (ISCA'16), leaf controller, 3 s cycle.

    Above CAP of the limit the whole excess over TARGET is cut at once, from the loads that draw
    most (high-bucket-first with buckets of no width: a common level); below UNCAP all caps go,
    or rise by `raise_ratio`, which serves less and overshoots less. The paper's numeric bands are
    not published; CAP is Thunderbolt's, the others are ours.
    """

    period_ms = 3_000
    CAP = 0.98
    TARGET = 0.95
    UNCAP = 0.90

    def __init__(
        self,
        limit_ratio: float,
        floor_w: Sequence[float],
        max_w: Sequence[float],
        raise_ratio: float = math.inf,
    ) -> None:
        """`limit_ratio`: limit over the breaker's rating; lowest cap and maximum of each load."""
        self._limit_ratio = limit_ratio
        self._raise = 1 + raise_ratio
        self._floor_w = list(floor_w)
        self._max_w = list(max_w)
        self._caps: Caps = [None] * len(floor_w)

    def decide(self, reading: Reading) -> Caps:
        """See Controller."""
        used = reading.worst_ratio / self._limit_ratio
        if used > self.CAP:
            self._cut(reading.load_w, reading.total_w * (1 - self.TARGET / used))
        elif used < self.UNCAP:
            self._caps = [
                cap_w * self._raise if cap_w is not None and cap_w * self._raise < max_w else None
                for cap_w, max_w in zip(self._caps, self._max_w, strict=True)
            ]
        return list(self._caps)

    def _cut(self, load_w: Sequence[float], cut_w: float) -> None:
        level_w = common_level_w(load_w, self._floor_w, sum(load_w) - cut_w)
        for load, (draw_w, floor_w) in enumerate(zip(load_w, self._floor_w, strict=True)):
            if draw_w > level_w:
                self._caps[load] = max(level_w, floor_w)


def common_level_w(load_w: Sequence[float], floor_w: Sequence[float], left_w: float) -> float:
    """The level at which sum of min(draw, max(level, floor)) is `left_w`; 0 if none is so low."""
    low_w, high_w = 0.0, max(load_w)
    for _ in range(60):  # bisection down to the last bit of the watts of a rack
        level_w = (low_w + high_w) / 2
        kept = (min(draw, max(level_w, floor)) for draw, floor in zip(load_w, floor_w, strict=True))
        low_w, high_w = (low_w, level_w) if sum(kept) > left_w else (level_w, high_w)
    return low_w


class Rumd:
    """Two thresholds, randomised unthrottling, multiplicative decrease: Google Thunderbolt.

    OSDI'20, constants of its table 2. Above HIGH of the limit the throttle of each load is
    multiplied by HARD, above LOW by SOFT; else each load by itself gets STEP back after a random
    wait, which a cut does not start anew.

    Thunderbolt throttles the share of CPU time, which moves only what a machine draws above its
    idle. Here the throttle is the share of the range between the load's lowest cap and its
    maximum, so that even HARD leaves the lowest cap. A cut multiplies what the load uses of its
    range now: multiplying its former throttle does nothing to a load below it, then too much.
    Both choices are the ones that serve more.
    """

    period_ms = 1_000
    HIGH, HARD = 0.98, 0.01
    LOW, SOFT = 0.96, 0.75
    LEAST = 0.01
    STEP = 0.05
    WAIT_MS = (1_000, 10_000)

    def __init__(
        self, limit_ratio: float, floor_w: Sequence[float], max_w: Sequence[float], seed: int
    ) -> None:
        """`limit_ratio`: limit over the breaker's rating; W per load; `seed` of the waits."""
        self._limit_ratio = limit_ratio
        self._range_w = list(zip(floor_w, max_w, strict=True))
        self._random = Random(seed)
        self._throttle = [1.0] * len(self._range_w)
        self._due_ms = [0.0] * len(self._range_w)

    def decide(self, reading: Reading) -> Caps:
        """See Controller."""
        used = reading.worst_ratio / self._limit_ratio
        if used > self.LOW:
            multiplier = self.HARD if used > self.HIGH else self.SOFT
            self._throttle = [
                max(self.LEAST, min(throttle, used_ratio) * multiplier)
                for throttle, used_ratio in zip(self._throttle, self._used(reading), strict=True)
            ]
        else:
            self._release(reading.now_ms)
        return [
            None if throttle >= 1 else floor_w + throttle * (max_w - floor_w)
            for throttle, (floor_w, max_w) in zip(self._throttle, self._range_w, strict=True)
        ]

    def _used(self, reading: Reading) -> list[float]:
        return [
            (draw_w - floor_w) / (max_w - floor_w)
            for draw_w, (floor_w, max_w) in zip(reading.load_w, self._range_w, strict=True)
        ]

    def _release(self, now_ms: int) -> None:
        for load, throttle in enumerate(self._throttle):
            if throttle < 1 and now_ms >= self._due_ms[load]:
                self._throttle[load] = min(1.0, throttle + self.STEP)
                self._due_ms[load] = now_ms + self._random.uniform(*self.WAIT_MS)
