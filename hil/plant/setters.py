# SPDX-License-Identifier: Apache-2.0
"""How a rack is put together from its spec, and what each settable signal does to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hil.plant.air import Air
from hil.plant.liquid import Liquid
from hil.plant.meters import Meters
from hil.plant.settable import OWN_DEMAND
from hil.plant.spec import DC_RATIO
from hil.plant.zones import ZonedAir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hil.plant.rack import Rack
    from hil.plant.spec import RackSpec


def make_air(spec: RackSpec, load_w: Sequence[float], fan_permille: int) -> Air:
    """The air of a rack, in the steady state of its idle loads."""
    idle_w = sum(load.idle_w for load in spec.loads)
    if spec.liquid is not None:
        idle_w *= 1.0 - DC_RATIO * spec.liquid_share
    if spec.fans.count == 1 and spec.air.zones == 1:
        return Air(spec.air, spec.fans, idle_w, fan_permille)
    zone_of = [load.zone for load in spec.loads]
    return ZonedAir(spec.air, spec.fans, zone_of, load_w, (idle_w, fan_permille))


def make_liquid(spec: RackSpec) -> Liquid | None:
    """The coolant loop of a rack, at rest in its room."""
    if spec.liquid is None:
        return None
    loop = Liquid(spec.liquid, spec.air.room_c)
    loop.room_c, loop.rh, loop.facility_c = spec.air.room_c, spec.rh, spec.facility_c
    return loop


def make_meters(spec: RackSpec) -> Meters | None:
    """The meters of a rack; None if they are exact."""
    if spec.meters.exact:
        return None
    feeds_mw = [feed.rating_w * 1000 for feed in spec.feeds]
    loads_mw = [load.max_w * 1000 for load in spec.loads]
    feeds_ma = [feed.rating_a * 1000 for feed in spec.feeds]
    return Meters(spec.meters, feeds_mw + loads_mw, feeds_ma, spec.seed)


def setters(rack: Rack) -> dict[str, Callable[[float], None]]:
    """What each settable name of this rack does."""
    made: dict[str, Callable[[float], None]] = {
        "demand_w": lambda value: rack.own_demand().set_total(value),
        "demand_ratio": lambda value: rack.own_demand().set_ratio(value),
        "room_c": rack.set_room,
        "rh": partial(_set_rh, rack),
        "freq_hz": partial(setattr, rack, "freq_hz"),
        "feed_a_v": partial(_set_mains, rack, 0),
        "feed_b_v": partial(_set_mains, rack, 1),
        "blocked_aisle": lambda value: rack.air.obstruct(value, rack.air.clog),
        "filter_clog": lambda value: rack.air.obstruct(rack.air.blocked, value),
        "recirculation": partial(setattr, rack.air, "recirculation"),
        "recharge_w": rack.set_recharge,
    }
    for number, load in enumerate(rack.spec.loads):
        made[OWN_DEMAND + load.name] = partial(_set_load, rack, number)
    if rack.bbu is not None:
        made["bbu_permille"] = partial(_set_charge, rack)
    if rack.liquid is not None:
        made["facility_c"] = partial(setattr, rack.liquid, "facility_c")
        made["leak_lpm"] = partial(setattr, rack.liquid, "leak_lpm")
        made["loop_blocked"] = partial(setattr, rack.liquid, "blocked")
    return made


def _set_load(rack: Rack, load: int, watts: float) -> None:
    rack.own_demand().set_load(load, watts)


def _set_rh(rack: Rack, rh: float) -> None:
    rack.rh = rh
    if rack.liquid is not None:
        rack.liquid.rh = rh


def _set_mains(rack: Rack, feed: int, volts: float) -> None:
    if rack.feeds.mains_v[feed] != volts:
        rack.feeds.mains_v[feed] = volts
        rack.rewire()


def _set_charge(rack: Rack, permille: float) -> None:
    bbu = rack.bbu
    if bbu is not None:
        carried = bbu.carries
        bbu.set_charge(permille / 1000)
        if bbu.carries != carried:
            rack.rewire()
