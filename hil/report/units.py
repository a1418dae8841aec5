# SPDX-License-Identifier: Apache-2.0
"""The unit in a signal's name, and in which one a person reads it."""

import re
from typing import NamedTuple


class Unit(NamedTuple):
    """Value in the record * scale = value in `text`."""

    text: str
    scale: float


BARE = Unit("", 1.0)
SUFFIXES = {
    "mw": Unit("W", 1e-3),
    "w": Unit("W", 1.0),
    "kw": Unit("kW", 1.0),
    "wh": Unit("Wh", 1.0),
    "j": Unit("J", 1.0),
    "ma": Unit("A", 1e-3),
    "mv": Unit("V", 1e-3),
    "v": Unit("V", 1.0),
    "mc": Unit("°C", 1e-3),
    "c": Unit("°C", 1.0),
    "k": Unit("K", 1.0),
    "permille": Unit("%", 0.1),
    "ratio": Unit("%", 100.0),
    "percent": Unit("%", 1.0),
    "ppm": Unit("", 1e-6),
    "rpm": Unit("rpm", 1.0),
    "ms": Unit("ms", 1.0),
    "s": Unit("s", 1.0),
    "pa": Unit("kPa", 1e-3),
    "kpa": Unit("kPa", 1.0),
    "mlm": Unit("l/min", 1e-3),
    "lpm": Unit("l/min", 1.0),
    "mhz": Unit("Hz", 1e-3),
    "hz": Unit("Hz", 1.0),
    "b": Unit("B", 1.0),
}
AMPERE = re.compile(r"(_[ab]_a|current.*_a|breaker.*_a)$")
"""`_a` is the ampere here; elsewhere, as in `theta_a`, it is the feed."""
TIME_TO_TRIP = re.compile(r"(\w+_)?ttt(_[ab])?_ms$")
"""Long times are read in seconds."""
FEED_LETTER = re.compile(r"^(\w+_)?(theta|ttt|soc|trip|tripped|lost)_[abc]$")


def unit_of(name: str) -> Unit:
    """Unit by the end of the name; BARE if it has none."""
    if AMPERE.search(name):
        return Unit("A", 1.0)
    if TIME_TO_TRIP.match(name):
        return Unit("s", 1e-3)
    if FEED_LETTER.match(name):
        return BARE
    return SUFFIXES.get(name.rpartition("_")[2], BARE) if "_" in name else BARE
