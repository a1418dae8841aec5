# SPDX-License-Identifier: Apache-2.0
"""Which signals share a lane: by their names and units, so that a new signal needs no code."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hil.record import Recorder
from hil.report.plot import Lane, Level, Series
from hil.report.units import Unit, unit_of

PALETTE = 8
"""Colours of the style sheet, c0 to c7; further lines repeat them dashed."""
THIN_FROM = 9
"""From as many lines on, a lane draws thin ones of one colour, told apart by pointing at them."""
KILO_FROM = 2000.0
"""W and J from here on are read in thousands."""
PLANT, LOADS, BOARD, TELEMETRY, LINK = "plant", "loads", "board", "telemetry", "link"
GROUPS = {
    PLANT: "Plant",
    LOADS: "Loads",
    BOARD: "Board in/out",
    TELEMETRY: "Telemetry",
    LINK: "Link and MCU",
}
SHOWN = (PLANT, LINK)
"""Groups that are open when the page is; the others are one click away."""


class Rule(NamedTuple):
    """Signals whose name matches go into one lane per unit."""

    group: str
    title: str
    pattern: str
    constant: bool = False
    """Drawn even if it never changes."""
    log: bool = False
    lowest: float | None = None
    highest: float | None = None
    height_px: int = 100


RULES = (
    Rule(PLANT, "Feed power", r"feed_[ab]_w", constant=True, lowest=0.0, height_px=130),
    Rule(PLANT, "Time to trip", r"ttt(_[ab])?_s", True, True, 0.1, 1000.0),
    Rule(PLANT, "Breaker state", r"theta_.+", lowest=0.0, height_px=90),
    Rule(PLANT, "Power of the rack", r"(demand|load|served|dc|it)_w", lowest=0.0),
    Rule(LOADS, "Demand of each load", r"demand_.+_w", lowest=0.0),
    Rule(LOADS, "Power of each load", r"load_.+_w", lowest=0.0),
    Rule(PLANT, "Caps", r"cap_.+_w", lowest=0.0),
    Rule(
        PLANT, "Coolant", r"(supply|return|coolant|cdu|loop|flow|dp|dew|facility|valve|reservoir).*"
    ),
    Rule(PLANT, "Temperatures", r"(?!(in|out|tm|mcu)_).+_c", constant=True),
    Rule(PLANT, "Feed current", r"feed_[ab]_a", lowest=0.0),
    Rule(PLANT, "Feed voltage", r"feed_[ab]_v", height_px=80),
    Rule(PLANT, "Fans", r"fan.*", lowest=0.0, height_px=80),
    Rule(PLANT, "Pump", r"pump.*", lowest=0.0, height_px=80),
    Rule(LINK, "Events so far", r"n_.+", height_px=80),
    Rule(LINK, "Heap free", r"mcu_heap.*", constant=True, height_px=80),
    Rule(LINK, "Microcontroller", r"mcu_.+", height_px=80),
    Rule(BOARD, "Readings of loads", r"in_load\d+_mw", lowest=0.0),
    Rule(BOARD, "Readings", r"in_.+"),
    Rule(BOARD, "Outputs", r"out_.+", height_px=80),
    Rule(TELEMETRY, "Time to trip, telemetry", r"tm_ttt_[ab]_ms", False, True, 0.1, 1000.0),
    Rule(TELEMETRY, "Telemetry", r"tm_.+"),
    Rule(PLANT, "Other", r".+", height_px=80),
)
"""The first that matches a whole name decides."""
UNITS_IN_TITLE = {
    "W": "power",
    "A": "current",
    "V": "voltage",
    "°C": "temperature",
    "l/min": "flow",
    "kPa": "pressure",
    "rpm": "speed",
}


@dataclass(frozen=True, slots=True)
class SignalLanes:
    """All lanes of lines of one record, and what is not worth one."""

    lanes: tuple[Lane, ...]
    constant: Mapping[str, float]
    """Signals that never changed."""
    absent: tuple[str, ...]
    """Signals without a single value."""


class _Extent(NamedTuple):
    known: int
    """Values that are available."""
    low: float
    high: float


class _Found(NamedTuple):
    name: str
    values: Sequence[float]
    """As in the record."""
    extent: _Extent


def signal_lanes(
    record: Recorder, limits: Mapping[str, float], leave_out: Iterable[str] = ()
) -> SignalLanes:
    """Lanes in the order of RULES. `leave_out`: names that are drawn elsewhere."""
    lanes: dict[tuple[int, str], list[_Found]] = {}
    constant: dict[str, float] = {}
    absent: list[str] = []
    elsewhere = frozenset(leave_out)
    for name in record.names:
        if name in elsewhere:
            continue
        place, values = _rule_of(name), record.signal(name)
        extent = _extent(values, infinite=RULES[place].highest is not None)
        if not extent.known:
            absent.append(name)
        elif not RULES[place].constant and _is_constant(extent, values):
            constant[name] = extent.low
        else:
            lanes.setdefault((place, unit_of(name).text), []).append(_Found(name, values, extent))
    drawn = [
        _lane(RULES[place], unit, found, limits)
        for (place, unit), found in sorted(lanes.items(), key=lambda item: item[0])
    ]
    return SignalLanes(tuple(_apart(drawn)), constant, tuple(absent))


def _extent(values: Sequence[float], infinite: bool) -> _Extent:
    """`infinite`: infinity is a value too."""
    if math.isfinite(sum(values)):  # the usual case, at the price of three passes in C
        return _Extent(len(values), min(values), max(values))
    known = [v for v in values if math.isfinite(v) or (infinite and v == math.inf)]
    return _Extent(len(known), min(known, default=0.0), max(known, default=0.0))


def _is_constant(extent: _Extent, values: Sequence[float]) -> bool:
    """One value throughout, from the first one on."""
    return extent.low == extent.high == values[-extent.known] == values[-1]


def _rule_of(name: str) -> int:
    return next(i for i, rule in enumerate(RULES) if re.fullmatch(rule.pattern, name, re.DOTALL))


def _lane(rule: Rule, unit: str, found: Sequence[_Found], limits: Mapping[str, float]) -> Lane:
    kilo = unit in ("W", "J") and any(_largest(each) >= KILO_FROM for each in found)
    shown = "k" + unit if kilo else unit
    thin = len(found) >= THIN_FROM
    series = [
        Series(each.name, _css(place, thin), _in_unit(each.values, _scale(each.name, kilo), rule))
        for place, each in enumerate(found)
    ]
    return Lane(
        rule.title,
        shown,
        series,
        tuple(_levels(found, limits, kilo)),
        rule.height_px,
        rule.log and unit == "s",
        rule.lowest,
        rule.highest if unit == "s" else None,
        note=f"top: {rule.highest:g} s or never" if rule.highest and unit == "s" else "",
        group=rule.group,
    )


def _css(place: int, thin: bool) -> str:
    if thin:
        return "thin"
    return f"c{place % PALETTE}" + (" dash" if place >= PALETTE else "")


def _scale(name: str, kilo: bool) -> float:
    unit: Unit = unit_of(name)
    return unit.scale / 1000.0 if kilo else unit.scale


def _in_unit(values: Sequence[float], scale: float, rule: Rule) -> Sequence[float]:
    if rule.highest is not None:  # infinity stands for never: the top of the axis
        return [min(value * scale, rule.highest) for value in values]
    return values if scale == 1.0 else [value * scale for value in values]


def _largest(found: _Found) -> float:
    extent, scale = found.extent, unit_of(found.name).scale
    return max(abs(extent.low), abs(extent.high)) * scale


def _levels(found: Sequence[_Found], limits: Mapping[str, float], kilo: bool) -> Iterable[Level]:
    """One line a limit; those at one height share it."""
    names: dict[float, list[str]] = {}
    for each in found:
        if each.name in limits and math.isfinite(limits[each.name]):
            names.setdefault(limits[each.name] * _scale(each.name, kilo), []).append(each.name)
    for value, of in names.items():
        yield Level(f"limit of {', '.join(of)}:", "limit", value)


def _apart(lanes: Sequence[Lane]) -> list[Lane]:
    """Titles that occur once: lanes of one rule differ by their unit only."""
    titles = [lane.title for lane in lanes]
    return [
        _titled(lane) if titles.count(lane.title) > 1 or lane.title == "Other" else lane
        for lane in lanes
    ]


def _titled(lane: Lane) -> Lane:
    base = lane.unit.removeprefix("k") if lane.unit in ("kW", "kJ") else lane.unit
    what = UNITS_IN_TITLE.get(base, "")
    if not what and len(lane.series) == 1:
        what = lane.series[0].label
    title = f"{lane.title}: {what}" if what else lane.title
    return replace(lane, title=title)
