# SPDX-License-Identifier: Apache-2.0
"""Faults of room, air and coolant: the plant has each of them."""

import random
from typing import Annotated

from pydantic import Field

from hil.faults.base import Params, Toggled, fault
from hil.faults.overlay import Overlaid, ramped
from hil.ports import STIMULUS, Ports, Unsupported

Seconds = Annotated[float, Field(ge=0, le=86_400)]


class InletRise(Params):
    """Warmer supply air."""

    by_k: Annotated[float, Field(ge=-30, le=40)] = 8.0
    """Rise of the room's supply air, K."""
    over_s: Seconds = 0.0
    """In a straight line over so long, s; 0 at once."""


@fault("thermal.inlet_rise", "the room's air gets warmer", InletRise, STIMULUS)
def _inlet_rise(params: InletRise, _: random.Random) -> Overlaid:
    return Overlaid("room_c", lambda room, s: room + ramped(params.by_k, params.over_s, s))


class CracLoss(Params):
    """An air conditioner that has stopped."""

    k_per_min: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Rise of the room, K/min; a full room without cooling rises by 1 to 3."""
    most_k: Annotated[float, Field(gt=0, le=36)] = 15.0
    """Rise at which the building takes the rest, K."""


@fault("thermal.crac_loss", "the room's cooling stops: its air rises steadily", CracLoss, STIMULUS)
def _crac_loss(params: CracLoss, _: random.Random) -> Overlaid:
    return Overlaid("room_c", lambda room, s: room + min(params.k_per_min * s / 60, params.most_k))


class Share(Params):
    """A part of an opening."""

    share: Annotated[float, Field(gt=0, le=0.95)] = 0.6
    """0 free, 1 shut, ratio."""
    over_s: Seconds = 0.0
    """In a straight line over so long, s; 0 at once."""


def _closing(name: str, params: Share) -> Overlaid:
    """What is left open by two obstacles is the product of what each leaves."""
    return Overlaid(
        name, lambda base, s: 1 - (1 - base) * (1 - ramped(params.share, params.over_s, s))
    )


@fault("thermal.blocked_aisle", "something stands in the cold aisle", Share, STIMULUS)
def _blocked_aisle(params: Share, _: random.Random) -> Overlaid:
    return _closing("blocked_aisle", params)


@fault("thermal.filter_clog", "the air filter clogs", Share, STIMULUS)
def _filter_clog(params: Share, _: random.Random) -> Overlaid:
    return _closing("filter_clog", params)


@fault("thermal.flow_blocked", "the coolant loop is partly blocked", Share, STIMULUS)
def _flow_blocked(params: Share, _: random.Random) -> Overlaid:
    return _closing("loop_blocked", params)


class Recirculation(Params):
    """Blanking panels that are missing."""

    by: Annotated[float, Field(gt=0, le=0.7)] = 0.25
    """More of the outlet air comes back to the inlet, ratio."""


@fault("thermal.recirculation", "hot air comes round to the inlet", Recirculation, STIMULUS)
def _recirculation(params: Recirculation, _: random.Random) -> Overlaid:
    return Overlaid("recirculation", lambda base, _s: base + params.by)


class FacilityWarm(Params):
    """A chiller that fails."""

    by_k: Annotated[float, Field(gt=0, le=40)] = 10.0
    """Rise of the facility water, K."""
    over_s: Seconds = 60.0
    """In a straight line over so long, s; 0 at once."""


@fault("thermal.facility_warm", "the facility water gets warmer", FacilityWarm, STIMULUS)
def _facility_warm(params: FacilityWarm, _: random.Random) -> Overlaid:
    return Overlaid("facility_c", lambda base, s: base + ramped(params.by_k, params.over_s, s))


class Humidity(Params):
    """Damp air."""

    to: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Relative humidity of the room, ratio; its dew point goes with it."""


@fault("thermal.humidity", "the room gets damp: the dew point rises", Humidity, STIMULUS)
def _humidity(params: Humidity, _: random.Random) -> Overlaid:
    return Overlaid("rh", lambda base, _s: max(base, params.to))


class Leak(Params):
    """Coolant on the floor."""

    lpm: Annotated[float, Field(gt=0, le=50)] = 1.0
    """What leaks, l/min."""


@fault("thermal.leak", "the coolant loop leaks", Leak, STIMULUS)
def _leak(params: Leak, _: random.Random) -> Overlaid:
    return Overlaid("leak_lpm", lambda base, _s: base + params.lpm)


class PumpAir(Params):
    """Gas in the loop."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Of the loop's volume, ratio; a centrifugal pump loses its prime at about 0.12."""


@fault("thermal.pump_air", "air gets into the loop: the pump cavitates", PumpAir, STIMULUS)
def _pump_air(params: PumpAir, _: random.Random) -> Toggled:
    def start(ports: Ports, _now_ms: int) -> None:
        if ports.plant.liquid is None:
            raise Unsupported("this rack has no coolant loop: add `liquid` to the rack")
        ports.plant.liquid.air = min(ports.plant.liquid.air + params.share, 1.0)

    return Toggled(start)  # the separator takes it out again
