# SPDX-License-Identifier: Apache-2.0
"""Plausible but false: every reading is in range, and no single check can tell."""

import random
from typing import Annotated, Literal

from pydantic import Field

from hil.faults.base import Params, fault
from hil.faults.names import INPUTS, InputNames, select
from hil.faults.sensor import Mapped, PerChannel, Swap, Swapped, Target
from hil.faults.sensor_time import History
from hil.faults.shared import Ticking
from hil.ports import STIMULUS, Ports, Unsupported


class FalseMeter(Params):
    """A feed's meter with a wrong CT ratio: power and current agree with each other."""

    feed: Literal["a", "b", "both"] = "both"
    """Which feed's meter."""
    shown: Annotated[float, Field(gt=0, le=2)] = 0.7
    """Shown over true, ratio."""


@fault("data.feed_power_low", "a feed's meter shows 70 % in W and in A alike", FalseMeter, STIMULUS)
def _feed_power_low(params: FalseMeter, _: random.Random) -> Mapped:
    side = "[ab]" if params.feed == "both" else params.feed
    target = Target(target=[f"feed_{side}_mw", f"feed_{side}_ma"])
    return Mapped(target, lambda value: value * params.shown)


class LoadSwap(Params):
    """Two servers whose meters are mistaken for each other; the sum stays true."""

    a: Annotated[int, Field(ge=0, le=31)] = 0
    """Number of one load."""
    b: Annotated[int, Field(ge=0, le=31)] = 1
    """Number of the other."""


@fault("data.load_power_swapped", "two loads report each other's power", LoadSwap, STIMULUS)
def _load_power_swapped(params: LoadSwap, rng: random.Random) -> Swapped:
    return Swapped(Swap(a=f"load{params.a}_mw", b=f"load{params.b}_mw"), rng)


class FrozenNoise(Target):
    """Stuck, with noise that defeats a stuck-value check."""

    relative: Annotated[float, Field(gt=0, le=0.1)] = 0.002
    """Standard deviation of the noise over the frozen value, ratio."""


@fault("data.frozen_but_noisy", "stuck, but with the noise of a live sensor", FrozenNoise, STIMULUS)
class FrozenButNoisy(PerChannel):
    """The first valid reading plus noise."""

    def __init__(self, params: FrozenNoise, rng: random.Random) -> None:
        super().__init__(params)
        self._relative = params.relative
        self._rng = rng
        self._kept: dict[int, int] = {}

    def reading(self, value: int, index: int, _now_ms: int) -> float:
        """The kept one, trembling by at least a unit."""
        kept = self._kept.setdefault(index, value)
        return kept + self._rng.gauss(0.0, max(abs(kept) * self._relative, 1.0))


class Ago(Params):
    """All readings of the board, of a while ago."""

    ago_s: Annotated[int, Field(ge=1, le=3600)] = 60
    """Age of what is shown, s."""


@fault("data.replayed_day", "every reading is of a while ago, and plausible", Ago, STIMULUS)
def _replayed_day(params: Ago, _: random.Random) -> History:
    return History(tuple(INPUTS.values()), params.ago_s * 1000)


class Behind(Params):
    """One meter behind the others."""

    target: InputNames = "load*_mw"
    """Channels that are behind; the rest is of now."""
    behind_s: Annotated[int, Field(ge=1, le=3600)] = 10
    """By how much, s."""


@fault("data.time_shifted", "one meter is behind the others by seconds", Behind, STIMULUS)
def _time_shifted(params: Behind, _: random.Random) -> History:
    return History(select(params.target, INPUTS), params.behind_s * 1000)


class LyingCap(Params):
    """A device that takes a cap, reports it, and draws what it likes."""

    load: Annotated[int, Field(ge=0, le=31)] = 0
    """Number of the load."""


@fault("data.lying_cap", "a server reports its cap and does not hold it", LyingCap, STIMULUS)
class CapLie(Ticking):
    """The limiter is told of no cap; what was asked for stays to be read."""

    def __init__(self, params: LyingCap, _: random.Random) -> None:
        self._load = params.load

    def start(self, ports: Ports, now_ms: int) -> None:
        """Let go of the cap in force. Raises Unsupported."""
        rack = ports.plant
        if self._load >= len(rack.spec.loads):
            raise Unsupported(f"no load {self._load}: {len(rack.spec.loads)} here")
        self.tick(ports, now_ms)

    def tick(self, ports: Ports, _now_ms: int) -> None:
        """A cap that came since the last tick is in force for one tick at most."""
        told_w = ports.plant.cap_requested_w[self._load]
        ports.plant.set_cap(self._load, None)
        ports.plant.cap_requested_w[self._load] = told_w

    def stop(self, ports: Ports, _now_ms: int) -> None:
        """Hold what is reported."""
        ports.plant.set_cap(self._load, ports.plant.cap_requested_w[self._load])
