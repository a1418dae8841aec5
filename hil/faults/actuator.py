# SPDX-License-Identifier: Apache-2.0
"""Faults of what the board drives: contacts, fans, pump, valve, any output."""

import random
from array import array
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from firmware_py import channels
from firmware_py.link.messages import INVALID
from hil.faults.base import Params, Transforming, fault
from hil.faults.names import OUTPUTS, OutputNames, select
from hil.faults.shared import Shared
from hil.options import Options
from hil.plant.liquid import Liquid
from hil.plant.relays import Relays
from hil.ports import STIMULUS, Ports, Unsupported

Ratio = Annotated[float, Field(ge=0, lt=1)]


class Group(Params):
    """One relay group."""

    group: Annotated[int, Field(ge=0, lt=channels.MAX_GROUPS)] = 0
    """Its number."""


class Slow(Group):
    """A sluggish contact."""

    ms: Annotated[int, Field(ge=1, le=60_000)] = 2000
    """From command to contact."""


class Bounce(Group):
    """A chattering contact."""

    ms: Annotated[int, Field(ge=100, le=10_000)] = 500
    """It chatters so long after each command."""


Wrong = Callable[[Relays], None]


def _contact(params: Group, wrong: Wrong) -> Shared:
    """All that is wrong with one contact is done anew whenever that changes."""

    def apply(ports: Ports, holders: Sequence[Wrong]) -> None:
        relays = ports.plant.relays
        relays.free(params.group)
        for each in holders:
            each(relays)

    return Shared(f"relay {params.group}", wrong, apply)


@fault("actuator.relay_welded", "a contact does not open any more", Group, STIMULUS)
def _relay_welded(params: Group, _: random.Random) -> Shared:
    return _contact(params, lambda relays: relays.weld(params.group))


@fault("actuator.relay_open", "a contact does not close any more", Group, STIMULUS)
def _relay_open(params: Group, _: random.Random) -> Shared:
    return _contact(params, lambda relays: relays.stick_open(params.group))


@fault("actuator.relay_slow", "a contact follows late", Slow, STIMULUS)
def _relay_slow(params: Slow, _: random.Random) -> Shared:
    return _contact(params, lambda relays: relays.slow(params.group, params.ms))


@fault("actuator.relay_bounce", "a contact chatters after each command", Bounce, STIMULUS)
def _relay_bounce(params: Bounce, _: random.Random) -> Shared:
    return _contact(params, lambda relays: relays.bounce(params.group, params.ms))


class Fan(Params):
    """One fan."""

    fan: Annotated[int, Field(ge=0, lt=channels.MAX_FANS)] = 0
    """Its number."""


class FanSlow(Fan):
    """Worn bearings."""

    ratio: Ratio = 0.6
    """Speed over the speed that it should have."""


def _fan_health(params: Fan, ratio: float) -> Shared:
    def apply(ports: Ports, holders: Sequence[float]) -> None:
        count = ports.plant.spec.fans.count
        if params.fan >= count:
            raise Unsupported(f"no fan {params.fan}: this rack has {count}")
        ports.plant.set_fan_health(params.fan, min(holders, default=1.0))

    return Shared(f"fan {params.fan}", ratio, apply)


@fault("actuator.fan_stall", "a fan stands still", Fan, STIMULUS)
def _fan_stall(params: Fan, _: random.Random) -> Shared:
    return _fan_health(params, 0.0)


@fault("actuator.fan_slow", "a fan is slower than it is told", FanSlow, STIMULUS)
def _fan_slow(params: FanSlow, _: random.Random) -> Shared:
    return _fan_health(params, params.ratio)


class TachLie(Fan):
    """A tach that does not show the truth."""

    rpm: Annotated[int, Field(ge=0, le=30_000)] | None = None
    """What it shows; null: what it showed when it began."""


@fault(
    "actuator.fan_tach_lie", "a tach shows a good speed whatever its fan does", TachLie, STIMULUS
)
class FanTachLie(Transforming):
    """A constant in place of the speed."""

    def __init__(self, params: TachLie, _: random.Random) -> None:
        self._index = channels.IN_FAN0_RPM + params.fan
        self._rpm = params.rpm

    def change(self, _now_ms: int, words: "array[int]") -> None:
        """Show it, if there is a tach."""
        if words[self._index] == INVALID:
            return
        if self._rpm is None:
            self._rpm = words[self._index]
        words[self._index] = self._rpm


def loop_of(ports: Ports) -> Liquid:
    """The rack's coolant loop. Raises Unsupported."""
    if ports.plant.liquid is None:
        raise Unsupported("this rack has no coolant loop: add `liquid` to the rack")
    return ports.plant.liquid


@fault("actuator.pump_fail", "the pump stands still", Options, STIMULUS)
def _pump_fail(_params: Options, _: random.Random) -> Shared:
    def apply(ports: Ports, holders: Sequence[bool]) -> None:
        loop_of(ports).pump_failed = bool(holders)

    return Shared("pump", True, apply)


class PumpSlow(Params):
    """A pump that cannot."""

    ratio: Ratio = 0.5
    """Speed over the speed that it is told."""


@fault("actuator.pump_slow", "the pump is slower than it is told", PumpSlow, STIMULUS)
class PumpSlowed(Transforming):
    """Less of the command arrives."""

    side = "actuators"

    def __init__(self, params: PumpSlow, _: random.Random) -> None:
        self._ratio = params.ratio

    def start(self, ports: Ports, now_ms: int) -> None:
        """Begin. Raises Unsupported."""
        loop_of(ports)
        super().start(ports, now_ms)

    def change(self, _now_ms: int, words: "array[int]") -> None:
        """Scale it."""
        words[channels.OUT_PUMP_PERMILLE] = round(words[channels.OUT_PUMP_PERMILLE] * self._ratio)


@fault("actuator.valve_stuck", "the valve stays where it is", Options, STIMULUS)
def _valve_stuck(_params: Options, _: random.Random) -> Shared:
    def apply(ports: Ports, holders: Sequence[bool]) -> None:
        loop_of(ports).valve_stuck = bool(holders)

    return Shared("valve", True, apply)


class Stuck(Params):
    """An output stage that does not follow."""

    target: OutputNames
    """Output channels: a name of firmware_py/channels.py, a glob, or a list."""
    value: int | None = None
    """What it gives; null: what it gave when it began."""


@fault("actuator.output_stuck", "an output stays as it is", Stuck, STIMULUS)
class OutputStuck(Transforming):
    """A constant in place of the command."""

    side = "actuators"

    def __init__(self, params: Stuck, _: random.Random) -> None:
        self._targets = select(params.target, OUTPUTS)
        self._value = params.value
        self._pins: list[tuple[int, int]] = []

    def change(self, _now_ms: int, words: "array[int]") -> None:
        """Hold it."""
        if not self._pins:
            value = self._value
            self._pins = [(i, words[i] if value is None else value) for i in self._targets]
        for index, value in self._pins:
            words[index] = value
