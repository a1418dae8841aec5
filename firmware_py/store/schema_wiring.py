# SPDX-License-Identifier: Apache-2.0
# Host only: what can be wired to a board. A row of `wiring` names a channel, a driver and the
# driver's own numbers; their tables are as in schema.py.

from .. import channels as ch

_PIN = 63

OUT_AT = 128  # channel indices from here on are outputs

# Inputs and outputs that a row can be for, by their name in channels.py without IN_ and OUT_.
_INPUTS = (
    *("feed_a_mw", "feed_b_mw", "feed_a_ma", "feed_b_ma", "feed_a_mv", "feed_b_mv", "inlet_mc"),
    *("outlet_mc", "pump_rpm", "leak", "zone1_mc", "zone2_mc", "zone3_mc", "supply_mc"),
    *("return_mc", "flow_mlm", "dp_pa", "rh_permille", "dew_air_mc", "reservoir_permille"),
    *("freq_mhz", "bbu_permille"),
)
_OUTPUTS = ("relays", "state", "pump_permille", "valve_permille")


def _one_each(names, prefix, start):
    return [(name, start + getattr(ch, prefix + name.upper())) for name in names]


def _many(form, first, count):
    return [(form % i, first + i) for i in range(count)]


# Name and index on the board. The number in the compiled file is the place in this tuple, so it
# only grows at its end, while channels.py may renumber.
CHANNELS = (
    *_one_each(_INPUTS, "IN_", 0),
    ("contacts", ch.IN_RELAYS),
    *_one_each(_OUTPUTS, "OUT_", OUT_AT),
    *_many("fan%d_rpm", ch.IN_FAN0_RPM, ch.MAX_FANS),
    *_many("fan%d_permille", OUT_AT + ch.OUT_FAN0_PERMILLE, ch.MAX_FANS),
    *_many("load%d_mw", ch.IN_LOAD0_MW, ch.MAX_LOADS),
)

# name: (number in the file, rows). Numbers are never used again; rows only grow at their end.
DRIVERS = {
    "ct": (1, (("pin", None, 0, _PIN), ("ratio_ma_v", None, 1, 1_000_000))),
    "ntc": (2, (("pin", None, 0, _PIN),)),
    "ds18b20": (3, (("pin", None, 0, _PIN), ("index", 0, 0, 15))),
    "tach": (4, (("pin", None, 0, _PIN), ("pulses", 2, 1, 8))),
    "pwm": (5, (("pin", None, 0, _PIN), ("freq_hz", 25_000, 10, 100_000), ("invert", 0, 0, 1))),
    "relay": (6, (("group", None, 0, 15), ("pin", None, 0, _PIN), ("invert", 0, 0, 1))),
    "contact": (7, (("group", None, 0, 15), ("pin", None, 0, _PIN), ("invert", 0, 0, 1))),
    "leak": (8, (("pin", None, 0, _PIN), ("wet_mv", 1_000, 0, 3_300))),
}
NUMBERS_MAX = 8
