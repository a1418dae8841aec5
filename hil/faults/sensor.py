# SPDX-License-Identifier: Apache-2.0
"""Sensor faults that depend on the reading of the moment alone: wire, scale and range."""

import random
from abc import abstractmethod
from array import array
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from firmware_py.link.messages import INVALID
from hil.faults.base import Params, Transforming, fault
from hil.faults.names import INPUTS, MOST, InputNames, rails, select
from hil.ports import STIMULUS


class Target(Params):
    """Which inputs."""

    target: InputNames
    """Input channels of firmware_py/channels.py: a name, a glob, or a list."""


class PerChannel(Transforming):
    """The same change on each of its channels; a reading that is INVALID stays so."""

    def __init__(self, params: Target) -> None:
        self._targets = select(params.target, INPUTS)

    def change(self, now_ms: int, words: "array[int]") -> None:
        """Replace each valid reading of a target."""
        for index in self._targets:
            value = words[index]
            if value != INVALID:
                words[index] = clamp(self.reading(value, index, now_ms))

    @abstractmethod
    def reading(self, value: int, index: int, now_ms: int) -> float:
        """What input `index` shows in place of `value`; INVALID for nothing."""


class Mapped(PerChannel):
    """A reading that is a function of the true one."""

    def __init__(self, params: Target, shown: Callable[[int], float]) -> None:
        super().__init__(params)
        self._shown = shown

    def reading(self, value: int, _index: int, _now_ms: int) -> float:
        """Apply it."""
        return self._shown(value)


def clamp(value: float) -> int:
    """A reading that fits the board's small int; INVALID stays INVALID."""
    return INVALID if value == INVALID else min(max(round(value), -MOST), MOST)


@fault("sensor.open", "broken wire: no reading", Target, STIMULUS)
def _open(params: Target, _: random.Random) -> Mapped:
    return Mapped(params, lambda _: INVALID)


class Short(Target):
    """A wire that touches another potential."""

    value: int | None = None
    """What is read, in the channel's unit; null: the end of its range."""


class Shorted(PerChannel):
    """A constant at one rail."""

    def __init__(self, params: Short, high: bool) -> None:
        super().__init__(params)
        self._value = params.value
        self._high = high

    def reading(self, _value: int, index: int, _now_ms: int) -> float:
        """The rail."""
        return rails(index)[self._high] if self._value is None else self._value


@fault("sensor.short_high", "wire at supply: the top of the range", Short, STIMULUS)
def _short_high(params: Short, _: random.Random) -> Shorted:
    return Shorted(params, high=True)


@fault("sensor.short_low", "wire at ground: the bottom of the range", Short, STIMULUS)
def _short_low(params: Short, _: random.Random) -> Shorted:
    return Shorted(params, high=False)


class Bias(Target):
    """A constant error."""

    by: int
    """Added, in the channel's unit (mW, mA, m degC, rpm ...)."""


@fault("sensor.bias", "reads wrong by a constant", Bias, STIMULUS)
def _bias(params: Bias, _: random.Random) -> Mapped:
    return Mapped(params, lambda value: value + params.by)


class Gain(Target):
    """A wrong scale."""

    factor: Annotated[float, Field(ge=-10, le=10)] = 1.1
    """Reading over truth, ratio."""


@fault("sensor.gain", "reads wrong by a factor: a CT of another ratio", Gain, STIMULUS)
def _gain(params: Gain, _: random.Random) -> Mapped:
    return Mapped(params, lambda value: value * params.factor)


class Absurd(Target):
    """A unit error."""

    factor: Annotated[float, Field(ge=10)] = 1000.0
    """Reading over truth, ratio."""


@fault("sensor.absurd", "off by a thousand: a unit mixed up", Absurd, STIMULUS)
def _absurd(params: Absurd, _: random.Random) -> Mapped:
    return Mapped(params, lambda value: value * params.factor)


class Quantise(Target):
    """A coarse converter."""

    step: Annotated[int, Field(ge=2)]
    """Width of a step, in the channel's unit."""


@fault("sensor.quantise", "reads in coarse steps", Quantise, STIMULUS)
def _quantise(params: Quantise, _: random.Random) -> Mapped:
    return Mapped(params, lambda value: value // params.step * params.step)


class Wrap(Target):
    """A register that is too small."""

    bits: Annotated[int, Field(ge=8, le=29)] = 16
    """Width of the signed register."""


@fault("sensor.wrap", "a register too small for its value rolls over", Wrap, STIMULUS)
def _wrap(params: Wrap, _: random.Random) -> Mapped:
    half = 1 << (params.bits - 1)
    return Mapped(params, lambda value: (value + half) % (2 * half) - half)


class Swap(Params):
    """Two channels."""

    a: InputNames
    """One input channel."""
    b: InputNames
    """The other."""


@fault("sensor.swap", "two sensors are plugged into each other's place", Swap, STIMULUS)
class Swapped(Transforming):
    """Readings of `a` and `b`, pair by pair, exchanged."""

    def __init__(self, params: Swap, _: random.Random) -> None:
        a, b = select(params.a, INPUTS), select(params.b, INPUTS)
        self._pairs = tuple(zip(a, b, strict=False))

    def change(self, _now_ms: int, words: "array[int]") -> None:
        """Exchange."""
        for a, b in self._pairs:
            words[a], words[b] = words[b], words[a]
