# SPDX-License-Identifier: Apache-2.0
# Host only: what can be wired to a board. A row of `wiring` names a channel, a driver and the
# driver's own numbers; their tables are as in schema.py.

from .. import channels as ch

OUT_AT = 128  # channel indices from here on are outputs
NO_CHANNEL = 255  # of a bus

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
    ("", NO_CHANNEL),
    *_one_each(_INPUTS, "IN_", 0),
    ("contacts", ch.IN_RELAYS),
    *_one_each(_OUTPUTS, "OUT_", OUT_AT),
    *_many("fan%d_rpm", ch.IN_FAN0_RPM, ch.MAX_FANS),
    *_many("fan%d_permille", OUT_AT + ch.OUT_FAN0_PERMILLE, ch.MAX_FANS),
    *_many("load%d_mw", ch.IN_LOAD0_MW, ch.MAX_LOADS),
)

# The same for people.
LISTED = (
    *_INPUTS,
    "contacts",
    *_OUTPUTS,
    *("fan0_rpm to fan7_rpm", "fan0_permille to fan7_permille", "load0_mw to load31_mw"),
)

_PIN = ("pin", None, 0, 63)
_INVERTED = ("inverted", 0, 0, 1)
_BUS = ("bus", 0, 0, 8)  # number of the I2C or UART
_ADDRESS = ("address", None, 1, 127)
_REF = ("ref_pin", -1, 0, 63)  # sees half of the supply (sense/adc.py); -1: none
_PORT = (_BUS, ("tx", None, 0, 63), ("rx", None, 0, 63), ("de", -1, 0, 63))
_GROUP = ("group", None, 0, ch.MAX_GROUPS - 1)
_SAFE = ("safe_permille", 1_000, 0, 1_000)

# name: number in the file, endings of the channels it can serve (none: a bus), rows. Numbers are
# never used again; rows only grow at their end.
DRIVERS = {
    # buses
    "i2c": (1, (), (_BUS, ("sda", None, 0, 63), ("scl", None, 0, 63), ("hz", 100_000, 1, 400_000))),
    "uart": (2, (), (*_PORT, ("baud", 19_200, 1_200, 921_600))),  # of meters
    "link_uart": (20, (), _PORT),  # speed and mode: section link; without it the link is USB
    "modbus_uart": (21, (), _PORT),  # speed: section modbus
    # inputs
    "meter": (
        3,
        ("_mw", "_ma", "_mv", "freq_mhz"),
        (_BUS, ("unit", None, 1, 247), ("map", 0, 0, 3)),  # sense/meter_maps.py
    ),
    "ina": (  # chip: sense/ina2xx.py
        4,
        ("_mw", "_ma", "_mv"),
        (
            *(_BUS, _ADDRESS, ("shunt_uohm", None, 10, 1_000_000), ("chip", 1, 0, 2)),
            *(("fine", 0, 0, 1), ("bus_permille", 1_000, 1, 4_000)),
        ),
    ),
    "ct": (5, ("_ma",), (_PIN, ("ma_per_v", None, 1, 1_000_000))),
    "ntc": (6, ("_mc",), (_PIN, ("table", 0, 0, 2), _REF)),  # sense/ntc_tables.py
    "ds18b20": (  # the 48 bits of its number as on the label's two halves; 0, 0: the only one
        7,
        ("_mc",),
        (_PIN, ("rom_high", 0, 0, 0xFFFFFF), ("rom_low", 0, 0, 0xFFFFFF)),
    ),
    "sht": (8, ("_mc", "rh_permille"), (_BUS, ("address", 68, 68, 69), ("kind", 4, 3, 4))),
    "tach": (9, ("_rpm",), (_PIN, ("pulses", 2, 1, 8))),
    "flow": (10, ("flow_mlm",), (_PIN, ("k", None, 600, 6_500_000), ("most", None, 1, 1_000_000))),
    "leak": (
        11,
        ("leak",),
        (
            *(_PIN, ("series_ohm", None, 100, 1_000_000), ("wet_ohm", None, 100, 1_000_000)),
            *(("cut_ohm", None, 100, 1_000_000), ("short_ohm", 100, 1, 100_000), _REF),
        ),
    ),
    "contact": (12, ("contacts",), (_GROUP, _PIN, _INVERTED)),
    "mcp_contacts": (22, ("contacts",), (_BUS, _ADDRESS)),  # bit g: group g
    "analog": (  # low and high: the channel's value at two voltages (sense/analog.py)
        19,
        ("_pa", "_permille", "_mlm"),
        (
            *(_PIN, ("low_u16", 6_554, 0, 65_535), ("high_u16", 58_982, 0, 65_535)),
            *(("low", 0, -1_000_000, 1_000_000), ("high", None, -1_000_000, 1_000_000), _REF),
        ),
    ),
    # outputs
    "relay": (13, ("relays",), (_GROUP, _PIN, _INVERTED)),
    "mcp_relays": (18, ("relays",), (_BUS, _ADDRESS, _INVERTED)),  # bit g: group g
    "led": (14, ("state",), (_PIN, _INVERTED)),
    "fan_pwm": (15, ("_permille",), (_PIN, _INVERTED)),
    "mcp4725": (
        16,
        ("_permille",),
        (_BUS, _ADDRESS, ("code_0", 0, 0, 4095), ("code_1000", 4095, 0, 4095), _SAFE),
    ),
    "pwm_out": (
        17,
        ("_permille",),
        (
            *(_PIN, ("duty_0", 0, 0, 65_535), ("duty_1000", 65_535, 0, 65_535), _SAFE),
            ("hz", 1_000, 10, 40_000),
        ),
    ),
}

PINS = ("pin", "sda", "scl", "tx", "rx", "de", "ref_pin")
SHARED = ("ds18b20.pin", "ref_pin")  # by several rows
OUTPUTS = (13, 14, 15, 16, 17, 18)  # numbers of the drivers that set something
BY_GROUP = (12, 13)  # numbers of drivers that have one row for each group
