# SPDX-License-Identifier: Apache-2.0
"""Adversarial demand: what each load wants at a time, W; each call costs O(loads) at most.

A sampler as hil.plant.rack wants it. Single-fed loads of a dead feed want nothing: the plant
moves all power to the survivor, but their only supply is gone.
"""

from collections.abc import Callable, Sequence
from random import Random

from tests.storm.scenario import TICK_MS, Pattern, Phase, Scenario, share

Shape = Callable[[int], Sequence[float]]
"""Demand at ms since the start of the phase."""

RAMP_STEPS = 64
WALK_STEPS = 240
AFTER_LOSS_MS = 200
"""An ambush waits so long: the caps then still are those of two feeds."""
MODEST = 0.35
"""Of the range between idle and maximum."""


class StormDemand:
    """The phases of a scenario; `dark_feed` is set while a feed is dead."""

    def __init__(self, scenario: Scenario) -> None:
        random = Random(scenario.seed + 1)
        self._idle = [load.idle_w for load in scenario.loads]
        self._shapes = [
            (phase.start_ms, _shape(phase, scenario, random)) for phase in scenario.phases
        ]
        self._next = 0
        self._start_ms = 0
        self._shape: Shape = lambda _ms: self._idle
        self._alive = [
            [float(share(load, 1 - feed) > 0) for load in scenario.loads] for feed in (0, 1)
        ]
        self.dark_feed: int | None = None

    def at(self, t_ms: int) -> Sequence[float]:
        """W per load; times must not go back."""
        while self._next < len(self._shapes) and self._shapes[self._next][0] <= t_ms:
            self._start_ms, self._shape = self._shapes[self._next]
            self._next += 1
        wanted = self._shape(t_ms - self._start_ms)
        if self.dark_feed is None:
            return wanted
        return [w * on for w, on in zip(wanted, self._alive[self.dark_feed], strict=True)]


def _mix(low: Sequence[float], high: Sequence[float], part: float) -> list[float]:
    return [a + (b - a) * part for a, b in zip(low, high, strict=True)]


def _shape(phase: Phase, scenario: Scenario, random: Random) -> Shape:
    low = [load.idle_w for load in scenario.loads]
    tops = [load.max_w * random.uniform(0.9, 1.0) for load in scenario.loads]
    high = _mix(low, tops, phase.depth)
    if phase.pattern is Pattern.RAMPS:
        return _ramps(low, high, phase.period_ms)
    if phase.pattern is Pattern.WALK:
        return _walk(low, high, phase.period_ms, random)
    if phase.pattern is Pattern.AMBUSH:
        trigger_ms = scenario.lost_ms + AFTER_LOSS_MS - phase.start_ms
        modest = _mix(low, high, MODEST)
        return lambda ms: high if ms >= trigger_ms else modest
    if phase.pattern is Pattern.SWAP:
        few = [random.random() < 0.3 for _ in low]
        first = [b if one else a for a, b, one in zip(low, high, few, strict=True)]
        low = [a if one else b for a, b, one in zip(low, high, few, strict=True)]
        high = first
    up_ms = int(phase.period_ms * phase.duty)
    if phase.pattern is Pattern.ASLEEP:  # awake at the end of the period, not at its start
        return lambda ms: high if ms % phase.period_ms >= up_ms else low
    return lambda ms: high if ms % phase.period_ms < up_ms else low


def _ramps(low: list[float], high: list[float], period_ms: int) -> Shape:
    table = [_mix(low, high, i / RAMP_STEPS) for i in range(RAMP_STEPS + 1)]
    table += table[-2:0:-1]
    return lambda ms: table[ms % period_ms * len(table) // period_ms]


def _walk(low: list[float], high: list[float], hold_ms: int, random: Random) -> Shape:
    hold_ms = max(hold_ms, TICK_MS)
    levels = [0.5] * len(low)
    table = []
    for _ in range(WALK_STEPS):
        levels = [min(1.0, max(0.0, x + random.uniform(-0.6, 0.6))) for x in levels]
        table.append([a + (b - a) * x for a, b, x in zip(low, high, levels, strict=True)])
    return lambda ms: table[ms // hold_ms % WALK_STEPS]
