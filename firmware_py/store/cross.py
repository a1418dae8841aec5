# SPDX-License-Identifier: Apache-2.0
# Host only: what parts of a configuration must be to each other. Values that are wrong by
# themselves are None here and are passed over.

from .cross_liquid import notes as liquid_notes
from .schema import LIST, ORDER, SHAPES
from .schema_wiring import BY_GROUP

_COOLED_MC = 3_000  # decide/shed.py: below the outlet limit before anything is restored
_GATE_MAX_MA = 1_000_000  # m is computed as mA * 1000 / trip current in small ints


def check(mistakes, made):
    _loads(mistakes, made)
    for i, feed in enumerate(made["feeds"]):
        _gate(mistakes, feed, f"feeds[{i}]")
    for name, *keys in ORDER:
        for i, values in enumerate(made[name]):
            _order(mistakes, values, keys, f"{name}[{i}]" if SHAPES[name] == LIST else name)
    for shed in made["shed"]:
        for i, zone in enumerate(made["zones"]):
            if _all(zone, "setpoint_mc") and _all(shed, "outlet_max_mc"):
                _zone(mistakes, zone, shed["outlet_max_mc"], f"zones[{i}]")
    _fans(mistakes, made)
    for liquid in made["liquid"]:
        mistakes.notes += liquid_notes(liquid)
    _wiring(mistakes, made)


def _all(values, *keys):
    return all(values.get(key) is not None for key in keys)


def _loads(mistakes, made):
    groups, loads = made["groups"], made["loads"]
    for i, load in enumerate(loads):
        group, share = load["group"], load["share_a_permille"]
        if group is not None and group >= len(groups) > 0:
            mistakes.add(f"loads[{i}].group", f"is {group}, groups has 0 to {len(groups) - 1}")
        if len(made["feeds"]) == 1 and share is not None:
            if share != 1000:
                mistakes.add(f"loads[{i}].share_a_permille", "must be 1000: there is one feed")
    used = {load["group"] for load in loads}
    if None in used:
        return
    for g in range(len(groups)):
        if g not in used:
            mistakes.notes.append(f"groups[{g}]: has no load")
    if all(groups[g]["never"] for g in used if g < len(groups)):
        mistakes.notes.append("groups: all loads are never shed: no breaker is protected by that")


def _gate(mistakes, feed, where):
    if not _all(feed, "rating_ma", "magnetic_ppm"):
        return
    if feed["rating_ma"] * feed["magnetic_ppm"] // 1_000_000 > _GATE_MAX_MA:
        mistakes.add(where, "magnetic gate is above 1000 A; lower rating_ma or magnetic_ppm")


def _order(mistakes, values, keys, where):
    for i in range(1, len(keys)):
        low, high = keys[i - 1 : i + 1]
        if _all(values, low, high) and values[low] and values[low] >= values[high]:
            mistakes.add(
                f"{where}.{high}", f"is {values[high]}, must be above {low}, {values[low]}"
            )


# The fans hold an outlet at its setpoint or up to the dead band above: what over-temperature has
# shed would never come back.
def _zone(mistakes, zone, most_mc, where):
    least_mc = most_mc - _COOLED_MC - (zone.get("deadband_mc") or 0)
    if zone["setpoint_mc"] > least_mc:
        mistakes.add(
            f"{where}.setpoint_mc",
            f"is {zone['setpoint_mc']}, must be at most {least_mc}: 3 K and the dead band below "
            f"shed.outlet_max_mc, {most_mc}, or what heat has shed never comes back",
        )


def _fans(mistakes, made):
    zones = len(made["zones"])
    cooled = 0
    for i, fan in enumerate(made["fans"]):
        mask = fan.get("zones")
        if mask is None:
            return
        if mask >> zones:
            mistakes.add(f"fans[{i}].zones", f"names a zone that does not exist; zones has {zones}")
        cooled |= mask
    for z in range(zones):
        if not cooled >> z & 1:
            mistakes.notes.append(f"zones[{z}]: has no fan")


# The first number of a driver by group is the group.
def _wiring(mistakes, made):
    groups = len(made["groups"])
    for i, row in enumerate(made["wiring"]):
        if row and row[1] in BY_GROUP and row[2] is not None and row[2] >= groups > 0:
            mistakes.add(f"wiring[{i}].group", f"is {row[2]}, groups has 0 to {groups - 1}")
