# SPDX-License-Identifier: Apache-2.0
"""Faults of the supply: feeds, phases, PSUs, breakers, mains, battery, the controller's own."""

import random
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from firmware_py.store.reset import CAUSE_POWER_ON
from hil.faults.base import Params, Toggled, fault
from hil.faults.overlay import Overlaid, ramped
from hil.faults.shared import Shared
from hil.options import Options
from hil.plant.bbu import Bbu
from hil.plant.rack import Rack
from hil.ports import POWER, STIMULUS, Ports, Unsupported

Feed = Literal["a", "b"]


def feed_name(rack: Rack, feed: Feed) -> str:
    """What the rack calls its first (a) or second (b) feed."""
    return rack.spec.feeds["ab".index(feed)].name


class OneFeed(Params):
    """Which feed."""

    feed: Feed = "a"
    """`a` or `b`."""


@fault("power.feed_loss", "a feed loses its supply", OneFeed, STIMULUS)
def _feed_loss(params: OneFeed, _: random.Random) -> Shared:
    def apply(ports: Ports, holders: Sequence[bool]) -> None:
        rack = ports.plant
        change = rack.fail_feed if holders else rack.restore_feed
        change(feed_name(rack, params.feed))

    return Shared(f"feed {params.feed}", True, apply)


class Sag(OneFeed):
    """Low voltage."""

    to: Annotated[float, Field(ge=0, le=1.2)] = 0.8
    """Voltage left, ratio; below 0.75 PSUs let go."""


@fault("power.feed_sag", "a feed's voltage sags", Sag, STIMULUS)
def _feed_sag(params: Sag, _: random.Random) -> Overlaid:
    return Overlaid(f"feed_{params.feed}_v", lambda volts, _s: volts * params.to)


class Phase(OneFeed):
    """One of three."""

    phase: Annotated[int, Field(ge=1, le=3)] = 1
    """Its number."""


@fault("power.phase_loss", "one phase of a feed is gone", Phase, STIMULUS)
def _phase_loss(params: Phase, _: random.Random) -> Shared:
    def apply(ports: Ports, holders: Sequence[bool]) -> None:
        rack = ports.plant
        change = rack.lose_phase if holders else rack.restore_phase
        change(feed_name(rack, params.feed), params.phase)

    return Shared(f"phase {params.feed}{params.phase}", True, apply)


class Psu(Params):
    """One side of a server's supplies."""

    load: Annotated[int, Field(ge=0, le=31)] = 0
    """Number of the load."""
    side: Feed = "a"
    """Which side."""


@fault("power.psu_fail", "a server loses the PSUs of one side", Psu, STIMULUS)
def _psu_fail(params: Psu, _: random.Random) -> Shared:
    def apply(ports: Ports, holders: Sequence[bool]) -> None:
        rack = ports.plant
        if params.load >= len(rack.spec.loads):
            raise Unsupported(f"no load {params.load}: {len(rack.spec.loads)} here")
        change = rack.fail_psu if holders else rack.restore_psu
        change(params.load, params.side.upper())

    return Shared(f"psu {params.load}{params.side}", True, apply)


@fault("power.breaker_trip", "a breaker opens without cause and stays open", OneFeed, STIMULUS)
def _breaker_trip(params: OneFeed, _: random.Random) -> Toggled:
    return Toggled(lambda ports, _now: ports.plant.trip(feed_name(ports.plant, params.feed)))


class Brownout(Params):
    """A gap in the controller's own supply."""

    dark_ms: Annotated[int, Field(ge=0, le=600_000)] = 500
    """It does not run for so long."""


@fault("power.brownout", "the controller loses its supply for a moment", Brownout, POWER)
def _brownout(params: Brownout, _: random.Random) -> Toggled:
    return Toggled(lambda ports, _now: ports.board.reset(CAUSE_POWER_ON, params.dark_ms))


class Inrush(OneFeed):
    """Capacitors that charge."""

    times: Annotated[float, Field(gt=0, le=40)] = 3.0
    """RMS current over the breaker's rating, ratio."""
    ms: Annotated[int, Field(ge=1, le=100)] = 10
    """How long."""


@fault("power.inrush", "one current surge through a breaker", Inrush, STIMULUS)
def _inrush(params: Inrush, _: random.Random) -> Toggled:
    def start(ports: Ports, _now_ms: int) -> None:
        feed = "ab".index(params.feed)
        rating_a = ports.plant.spec.feeds[feed].rating_a
        ports.plant.feeds.surge(feed, params.times * rating_a, params.ms / 1000)

    return Toggled(start)


class Frequency(Params):
    """A grid out of balance."""

    by_mhz: Annotated[int, Field(ge=-5000, le=5000)] = -800
    """Deviation, mHz."""
    over_s: Annotated[float, Field(ge=0, le=3600)] = 2.0
    """In a straight line over so long, s; 0 at once."""


@fault("power.frequency", "the mains frequency leaves its band", Frequency, STIMULUS)
def _frequency(params: Frequency, _: random.Random) -> Overlaid:
    return Overlaid("freq_hz", lambda hz, s: hz + ramped(params.by_mhz / 1000, params.over_s, s))


def _shelf(ports: Ports) -> Bbu:
    if ports.plant.bbu is None:
        raise Unsupported("this rack has no battery shelf: add `bbu` to the rack")
    return ports.plant.bbu


class Empty(Params):
    """A shelf that is not what it was."""

    left: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Charge left, ratio."""


@fault("power.bbu_empty", "the battery shelf is found empty", Empty, STIMULUS)
def _bbu_empty(params: Empty, _: random.Random) -> Toggled:
    def start(ports: Ports, _now_ms: int) -> None:
        _shelf(ports).set_charge(params.left)
        ports.plant.rewire()

    return Toggled(start)


@fault("power.bbu_fail", "the battery shelf neither carries nor charges", Options, STIMULUS)
def _bbu_fail(_params: Options, _: random.Random) -> Shared:
    def apply(ports: Ports, holders: Sequence[bool]) -> None:
        _shelf(ports).failed = bool(holders)
        ports.plant.rewire()

    return Shared("bbu", True, apply)
