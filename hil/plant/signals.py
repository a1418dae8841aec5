# SPDX-License-Identifier: Apache-2.0
"""The plant's truth for the record: names once, values every tick into the caller's array."""

from array import array

from hil.plant.rack import Rack

COMMON = (
    *("demand_w", "load_w", "feed_a_w", "feed_b_w", "feed_a_a", "feed_b_a"),
    *("feed_a_peak_a", "feed_b_peak_a", "feed_a_v", "feed_b_v", "theta_a", "theta_b"),
    *("ttt_a_s", "ttt_b_s", "tripped_a", "tripped_b", "trips", "inlet_c", "outlet_c", "fan_rpm"),
    *("fan_w", "room_c", "rh", "blocked_aisle", "recirculation", "served_ratio", "served_j"),
    *("throttled", "unaccounted_j"),
)
"""Of every rack. ttt: time to trip at the present current, at most NEVER_S, 0 if open."""

LIQUID = (
    *("supply_c", "return_c", "plate_c", "facility_c", "flow_lpm", "dp_pa", "pump_rpm", "pump_w"),
    *("valve_ratio", "dew_c", "condensing", "condensed_s", "reservoir_permille", "leak_l", "wet"),
)

NEVER_S = 3600.0
"""Longer times to trip, and none at all, are recorded as this."""


def names(rack: Rack) -> tuple[str, ...]:
    """Signals of this rack, in the order of `values`; what it does not have is not among them."""
    loads = [load.name for load in rack.spec.loads]
    fans, zones = rack.spec.fans.count, rack.spec.air.zones
    made = [*COMMON, *(f"fan{f}_rpm" for f in range(fans))]
    made += [f"zone{z}_c" for z in range(1, zones)] if zones > 1 else []
    made += LIQUID if rack.liquid is not None else ()
    made += ("bbu_permille", "bbu_w") if rack.bbu is not None else ()
    made += ("freq_hz",) if rack.freq_hz is not None else ()
    made += [f"load_{name}_w" for name in loads]
    made += [f"cap_{name}_w" for name in loads]
    made += [f"on_{name}" for name in loads]
    made += [f"group_{g}_w" for g in range(rack.groups)]
    made += [f"contact_{g}" for g in range(rack.groups)]
    return tuple(made)


def values(rack: Rack, out: "array[float]") -> None:
    """Write every signal into `out`, float64[len(names(rack))]."""
    feed_w, feed_a, feed_v, theta = rack.feed_w, rack.feed_a, rack.feed_v, rack.theta
    tripped, peak_a = rack.tripped, rack.feeds.peak_a
    load_w = rack.load_w
    row = [
        *(sum(rack.demand_w), sum(load_w), feed_w[0], feed_w[1], feed_a[0], feed_a[1]),
        *(peak_a[0], peak_a[1], feed_v[0], feed_v[1], theta[0], theta[1]),
        *(_ttt_s(rack, 0), _ttt_s(rack, 1), tripped[0], tripped[1], rack.trips),
        *(rack.inlet_c, rack.outlet_c, rack.fan_rpm, rack.fan_w, rack.air.room_c, rack.rh),
        *(rack.air.blocked, rack.air.recirculation),
        rack.served_j / rack.demand_j if rack.demand_j else 1.0,
        *(rack.served_j, rack.throttled, rack.unaccounted_j),
        *rack.fan_rpms,
    ]
    if rack.spec.air.zones > 1:
        row += rack.zone_c[1:]
    if rack.liquid is not None:
        loop = rack.liquid
        row += (
            *(loop.supply_c, loop.return_c, loop.plate_c, loop.facility_c, loop.flow_lpm),
            *(loop.dp_pa, loop.pump_rpm, loop.pump_w, loop.valve, loop.dew_c, loop.condensing),
            *(loop.condensed_s, loop.reservoir_permille, loop.leak_l, loop.wet),
        )
    if rack.bbu is not None:
        row += (rack.bbu.charge * 1000, rack.bbu.power_w)
    if rack.freq_hz is not None:
        row.append(rack.freq_hz)
    row += load_w
    row += rack.cap_enforced_w
    row += rack.on
    count = rack.groups
    watts = [0.0] * count
    for group, draw_w in zip(rack.group_of, load_w, strict=True):
        watts[group] += draw_w
    row += watts
    closed = rack.relays.closed
    row += [closed >> g & 1 for g in range(count)]
    out[:] = array("d", row)


def _ttt_s(rack: Rack, feed: int) -> float:
    if rack.tripped[feed]:
        return 0.0
    return min(rack.feeds.breakers[feed].time_to_trip_s(rack.feed_a[feed]), NEVER_S)
