# SPDX-License-Identifier: Apache-2.0
# Host only: a whole configuration for each board on its default pins (DEFAULT of pins_BOARD.py):
# two feeds with clamps, a meter for voltage and power, four groups with a shunt each, two fans, air
# and leak sensors. A start to copy from, what README.md's table shows, and what the tests run.
#     python -m firmware_py.board.example rp2 > board.json

import json
import sys

from .check_pins import BOARDS

_CT_MA_PER_V = 100_000  # SCT-013-000V: 100 A, 1 V


# Rows of `wiring`: those whose pins the board has.
def rows(board):
    pins = BOARDS[board].DEFAULT
    buses = BOARDS[board].BUS_NUMBERS
    uart = {key: pins[f"uart.{key}"] for key in ("tx", "rx", "de")}
    link = {key: pins[f"link_uart.{key}"] for key in ("tx", "rx")}
    i2c = {"bus": buses["i2c"], "sda": pins["i2c.sda"], "scl": pins["i2c.scl"], "hz": 400_000}
    ref = {"ref_pin": pins["ref"]} if "ref" in pins else {}
    found = [
        {"driver": "link_uart", "bus": buses["link_uart"]} | link,
        {"driver": "i2c"} | i2c,
        {"driver": "uart", "bus": buses["uart"], "baud": 19_200} | uart,
        *_feeds(buses["uart"], pins),
        _sensor("inlet_mc", "sht", bus=buses["i2c"]),
        _sensor("outlet_mc", "ds18b20", pin=pins["ds18b20"]),
        _sensor("leak", "leak", pin=pins["leak"], **_ROPE, **ref),
        _sensor("state", "led", pin=pins["led"]),
    ]
    for g in range(4):
        ina = {"bus": buses["i2c"], "address": 64 + g, "shunt_uohm": 1_000}
        found.append(_sensor(f"load{g}_mw", "ina", **ina))
        if f"relay {g}" in pins:
            found.append(_sensor("relays", "relay", group=g, pin=pins[f"relay {g}"], inverted=1))
            contact = pins[f"contact {g}"]
            found.append(_sensor("contacts", "contact", group=g, pin=contact, inverted=1))
    for i in range(2):
        pin = pins[f"fan_pwm {i}"]
        found.append(_sensor(f"fan{i}_permille", "fan_pwm", pin=pin, inverted=1))
        found.append(_sensor(f"fan{i}_rpm", "tach", pin=pins[f"tach {i}"]))
    return found


_ROPE = {"series_ohm": 10_000, "wet_ohm": 7_000, "cut_ohm": 15_000}  # 10 kOhm at its end


def _sensor(channel, driver, **numbers):
    return {"channel": channel, "driver": driver} | numbers


# Clamps for the currents, a meter for voltage and power.
def _feeds(uart, pins):
    for i, feed in enumerate("ab"):
        pin = pins[f"ct {feed}"]
        yield _sensor(f"feed_{feed}_ma", "ct", pin=pin, ma_per_v=_CT_MA_PER_V)
        for unit in ("mv", "mw"):
            yield _sensor(f"feed_{feed}_{unit}", "meter", bus=uart, unit=i + 1, map=0)


def document(board):
    return {
        "version": 2,
        "board": board,
        "loads": [0, 1, 2, 3],
        "groups": [{"never": True}, {}, {}, {}],
        "feeds": [{"rating_ma": 16_000}, {"rating_ma": 16_000}],
        "shed": {"feedback": 1, "fast_permille": 900},
        "fans": [{"max_rpm": 6_000}, {"max_rpm": 6_000}],
        "wiring": rows(board),
    }


if __name__ == "__main__":
    json.dump(document(sys.argv[1]), sys.stdout, indent=1)
