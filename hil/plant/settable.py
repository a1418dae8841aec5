# SPDX-License-Identifier: Apache-2.0
"""What a stimulus may set on a rack: names, units, ranges."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from edge.errors import ConfigError


class Settable(NamedTuple):
    """One signal that can be set from outside."""

    unit: str
    low: float
    high: float
    doc: str
    needs: str = ""
    """Part that the rack must have: `liquid`, `bbu`, `frequency_hz`; empty: any rack has it."""


SETTABLE: dict[str, Settable] = {
    "demand_w": Settable("W", 0, 1e7, "Demand of all loads, spread by their maximums"),
    "demand_ratio": Settable("1", 0, 1, "Demand of each load: 0 its idle, 1 its maximum"),
    "room_c": Settable("degC", -20, 60, "Supply air of the room"),
    "rh": Settable("1", 0, 1, "Relative humidity of the room"),
    "facility_c": Settable("degC", 1, 60, "Facility water", "liquid"),
    "freq_hz": Settable("Hz", 40, 70, "Mains frequency", "frequency_hz"),
    "feed_a_v": Settable("V", 0, 500, "Line voltage of feed A to neutral; 0: lost"),
    "feed_b_v": Settable("V", 0, 500, "Line voltage of feed B to neutral; 0: lost"),
    "blocked_aisle": Settable("1", 0, 0.95, "Share of the aisle's opening that is blocked"),
    "filter_clog": Settable("1", 0, 0.95, "Share of the filter's area that is clogged"),
    "recirculation": Settable("1", 0, 0.8, "Outlet air that comes back to the inlet, aisle free"),
    "leak_lpm": Settable("l/min", 0, 50, "Coolant that leaks", "liquid"),
    "loop_blocked": Settable("1", 0, 1, "Share of the coolant loop that is blocked", "liquid"),
    "bbu_permille": Settable("permille", 0, 1000, "Charge of the battery shelf", "bbu"),
    "recharge_w": Settable("W", 0, 1e6, "Set-point of the battery shelf's recharge", "bbu"),
}
"""Name: what it is. Beside them `demand_w_NAME` for each load."""

OWN_DEMAND = "demand_w_"
"""Prefix of one load's demand, W."""

_ONE_LOAD = Settable("W", 0, 1e6, "Demand of one load")


def settable(name: str, loads: Iterable[str], parts: Iterable[str]) -> Settable:
    """The entry of a name, for a rack of these loads and parts. Raises ConfigError."""
    entry = SETTABLE.get(name)
    names = [OWN_DEMAND + load for load in loads]
    if entry is None and name in names:
        return _ONE_LOAD
    if entry is None:
        near = get_close_matches(name, [*SETTABLE, *names], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}" if near else f"there are {', '.join(SETTABLE)}"
        raise ConfigError(f"nothing to set named {name!r}: {hint}, or demand_w_ and a load's name")
    if entry.needs and entry.needs not in parts:
        raise ConfigError(
            f"{name}: this rack has no {entry.needs}: add `{entry.needs}` to the rack's options"
        )
    return entry


def check_value(name: str, entry: Settable, value: float) -> None:
    """Raises ConfigError if a value is outside its range."""
    if not (math.isfinite(value) and entry.low <= value <= entry.high):
        raise ConfigError(
            f"{name} = {value:g}: give {entry.low:g} to {entry.high:g} {entry.unit} "
            f"({entry.doc.lower()})"
        )
