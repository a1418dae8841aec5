# SPDX-License-Identifier: Apache-2.0
"""Sensor faults with a memory or with chance: stuck, drift, noise, spikes, lateness, dropouts."""

import random
from array import array
from collections import deque
from typing import Annotated

from pydantic import Field

from firmware_py.link.messages import INVALID
from hil.faults.base import Prepared, Transforming, fault
from hil.faults.names import INPUTS, select
from hil.faults.sensor import PerChannel, Target
from hil.ports import STIMULUS, Ports

TICK_MS = 100
"""Readings come this often."""


@fault("sensor.stuck", "keeps the reading that it had", Target, STIMULUS)
class Stuck(PerChannel):
    """The first valid reading after the start, for ever."""

    def __init__(self, params: Target, _: random.Random) -> None:
        super().__init__(params)
        self._kept: dict[int, int] = {}

    def reading(self, value: int, index: int, _now_ms: int) -> float:
        """The kept one."""
        return self._kept.setdefault(index, value)


class Drift(Target):
    """An error that grows."""

    per_s: float
    """Change of the error, channel units per second."""


@fault("sensor.drift", "an error that grows with time", Drift, STIMULUS)
class Drifting(PerChannel):
    """Value plus rate times the time since the start."""

    def __init__(self, params: Drift, _: random.Random) -> None:
        super().__init__(params)
        self._per_ms = params.per_s / 1000
        self._start_ms = 0

    def start(self, ports: Ports, now_ms: int) -> None:
        """The error is 0 now."""
        self._start_ms = now_ms
        super().start(ports, now_ms)

    def reading(self, value: int, _index: int, now_ms: int) -> float:
        """Off by what has gathered."""
        return value + self._per_ms * (now_ms - self._start_ms)


class Noise(Target):
    """Random error."""

    sigma: Annotated[float, Field(gt=0)]
    """Standard deviation, channel units."""


@fault("sensor.noise", "Gaussian noise on each reading", Noise, STIMULUS)
class Noisy(PerChannel):
    """Value plus noise."""

    def __init__(self, params: Noise, rng: random.Random) -> None:
        super().__init__(params)
        self._sigma = params.sigma
        self._rng = rng

    def reading(self, value: int, _index: int, _now_ms: int) -> float:
        """One draw per reading."""
        return value + self._rng.gauss(0.0, self._sigma)


class Spike(Target):
    """Single wrong readings."""

    probability: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Per reading."""
    height: int
    """Added or subtracted, channel units."""


@fault("sensor.spike", "single readings far off, up or down", Spike, STIMULUS)
class Spiking(PerChannel):
    """Mostly the value."""

    def __init__(self, params: Spike, rng: random.Random) -> None:
        super().__init__(params)
        self._probability = params.probability
        self._height = params.height
        self._rng = rng

    def reading(self, value: int, _index: int, _now_ms: int) -> float:
        """A spike now and then."""
        if self._rng.random() >= self._probability:
            return value
        return value + self._height * self._rng.choice((-1, 1))


class Dropout(Target):
    """Readings that are missing for a while, by chance or by the clock."""

    probability: Annotated[float, Field(gt=0, le=1)] = 0.05
    """That a dropout begins, per reading; not used with a period."""
    period_ms: Annotated[int, Field(ge=TICK_MS)] | None = None
    """A dropout begins each time this has passed."""
    length_ms: Annotated[int, Field(ge=TICK_MS)] = 300
    """How long one lasts."""


@fault("sensor.dropout", "no reading now and then: a loose contact", Dropout, STIMULUS)
class DroppingOut(Transforming):
    """All targets fail together: they share the contact."""

    def __init__(self, params: Dropout, rng: random.Random) -> None:
        self._targets = select(params.target, INPUTS)
        self._params = params
        self._rng = rng
        self._start_ms = 0
        self._gone_until_ms = 0

    def start(self, ports: Ports, now_ms: int) -> None:
        """Periods count from now."""
        self._start_ms = now_ms
        super().start(ports, now_ms)

    def change(self, now_ms: int, words: "array[int]") -> None:
        """Take the readings away while the contact is open."""
        if now_ms >= self._gone_until_ms and self._begins(now_ms):
            self._gone_until_ms = now_ms + self._params.length_ms
        if now_ms < self._gone_until_ms:
            for index in self._targets:
                words[index] = INVALID

    def _begins(self, now_ms: int) -> bool:
        if self._params.period_ms is None:
            return self._rng.random() < self._params.probability
        return (now_ms - self._start_ms) % self._params.period_ms < TICK_MS


class History(Prepared):
    """Readings of some channels `delay_ms` ago; what it cannot know yet is the oldest it has."""

    def __init__(self, targets: tuple[int, ...], delay_ms: int) -> None:
        self._targets = targets
        self._delay_ms = delay_ms
        self._past: deque[tuple[int, list[int]]] = deque()
        self._active = False
        self._watching = False

    def prepare(self, ports: Ports) -> None:
        """Watch, and change nothing."""
        self._watching = True
        ports.sensors.append(self.change)

    def start(self, ports: Ports, _now_ms: int) -> None:
        """Show the past from now on; without `prepare` there is none before now."""
        self._active = True
        if not self._watching:
            self.prepare(ports)

    def stop(self, ports: Ports, _now_ms: int) -> None:
        """The present again."""
        self._active = self._watching = False
        ports.sensors.remove(self.change)

    def change(self, now_ms: int, words: "array[int]") -> None:
        """Remember; show what was."""
        past = self._past
        past.append((now_ms, [words[index] for index in self._targets]))
        while len(past) > 1 and past[1][0] <= now_ms - self._delay_ms:
            past.popleft()
        if self._active:
            for index, value in zip(self._targets, past[0][1], strict=True):
                words[index] = value


class Late(Target):
    """A slow way from the sensor."""

    delay_ms: Annotated[int, Field(ge=TICK_MS, le=600_000)] = 2000
    """Age of the readings."""


@fault("sensor.late", "readings come late: a slow bus or a long filter", Late, STIMULUS)
def _late(params: Late, _: random.Random) -> History:
    return History(select(params.target, INPUTS), params.delay_ms)
