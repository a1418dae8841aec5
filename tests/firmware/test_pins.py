# SPDX-License-Identifier: Apache-2.0
"""What the host says about a board's pins, and that the default maps and their tables are good."""

import json
from pathlib import Path

import pytest

from firmware_py.board import example, make_wiring
from firmware_py.board.check_pins import BOARDS
from firmware_py.store.compile import compile_json
from firmware_py.store.config import ConfigError, parse


def mistakes(document):
    try:
        compile_json(json.dumps(document))
    except ConfigError as error:
        return str(error).splitlines()
    return []


def notes(document):
    return compile_json(json.dumps(document))[1]


def changed(board, *rows, drop=(), **sections):
    """The example of a board without shunts and the rows for some channels, and with others."""
    document = example.document(board) | sections
    kept = [row for row in document["wiring"] if row.get("channel") not in drop]
    kept = [row for row in kept if row["driver"] != "ina"]
    return document | {"wiring": kept + list(rows)}


@pytest.mark.parametrize("board", BOARDS)
def test_the_default_map_passes_and_uses_each_pin_once(board):
    pins = BOARDS[board]
    assert mistakes(example.document(board)) == []
    used = list(pins.DEFAULT.values())
    assert len(set(used)) == len(used)
    assert not set(used) & set(pins.RESERVED)
    assert set(used) <= set(pins.PINS)


@pytest.mark.parametrize("board", BOARDS)
def test_the_example_reaches_the_board_whole(board):
    settings = parse(compile_json(json.dumps(example.document(board)))[0])
    assert settings.board == board
    assert len(settings.wiring) == len(example.rows(board))


NTC = {"channel": "dew_air_mc", "driver": "ntc"}
PUMP = {"channel": "pump_permille", "driver": "pwm_out"}
INA = {"channel": "load0_mw", "driver": "ina", "bus": 0, "address": 64, "shunt_uohm": 1000}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (
            changed("rp2", NTC | {"pin": 5}),
            "wiring[25].pin: pin 5 is used as wiring[1].scl too",
        ),
        (
            changed("rp2", NTC | {"pin": 13}, drop=["contacts"], shed={}),
            "wiring[21].pin: GP13 has no ADC; these have: GP26 GP27 GP28",
        ),
        (changed("rp2", PUMP | {"pin": 23}), "wiring[25].pin: GP23 is not free: switches"),
        (changed("rp2", PUMP | {"pin": 40}), "wiring[25].pin: Raspberry Pi Pico, Pico 2 has no"),
        (
            changed("rp2", PUMP | {"pin": 1}, drop=["state"]),
            "wiring[24].pin: pin 1 is used as wiring[0].rx too",
        ),
        (
            # GP17 is slice 0 channel B, where fan 0 (GP16) runs at 25 kHz
            changed("rp2", PUMP | {"pin": 17}, drop=["fan1_permille"], fans=[{"max_rpm": 6000}]),
            "is on PWM timer 0, which runs at 25000 Hz for wiring[21], not at 1000",
        ),
        (
            # GP0 and GP16 are one output of the PWM
            changed("rp2", {"channel": "fan2_permille", "driver": "fan_pwm", "pin": 0}),
            "GP0 is the same PWM channel, 0A, as wiring[21].pin; take another pin",
        ),
        (
            changed("rp2", {"driver": "i2c", "bus": 1, "sda": 14, "scl": 12}),
            "wiring[25].scl: GP12 is not scl of i2c 1; these are: GP3 GP7 GP11",
        ),
        (
            changed("rp2", {"driver": "modbus_uart", "bus": 1, "tx": 20, "rx": 21}),
            "wiring[25].bus: uart 1 is used by wiring[2] too",
        ),
        (
            changed("rp2", INA | {"bus": 1}),
            "wiring[25].bus: no row says which pins i2c 1 has",
        ),
        (
            changed("rp2", INA, INA | {"channel": "load1_mw", "shunt_uohm": 500}),
            "wiring[26].shunt_uohm: wiring[25] says 1000 for the same device",
        ),
        (
            changed("rp2", INA | {"address": 68}),
            "wiring[25].address: 68 is the sht of wiring[9]",
        ),
        (changed("esp32", NTC | {"pin": 3}), "GPIO3 is not free: strapping: JTAG"),
        (changed("esp32", NTC | {"pin": 30}), "GPIO30 is not free: flash or PSRAM"),
        (changed("esp32", NTC | {"pin": 21}, drop=["fan1_permille"]), "GPIO21 has no ADC"),
        (
            # with the radio on, ADC2 is gone
            changed("esp32", NTC | {"pin": 15}, drop=[], link={"ble": 1}),
            "GPIO15 has no ADC; these have: GPIO1 GPIO2 GPIO4",
        ),
        (
            changed(
                "esp32",
                *(
                    {"channel": f"fan{i}_permille", "driver": "fan_pwm", "pin": 60}
                    for i in range(2, 8)
                ),
                PUMP | {"pin": 63},
            ),
            "wiring: 9 PWM outputs, the chip has 8",
        ),
        (
            changed("stm32", PUMP | {"pin": 48}),
            "PD0 has no PWM; these have: PA0",
        ),
        (
            # PA0 and PD0 have one edge interrupt
            changed("stm32", {"channel": "fan2_rpm", "driver": "tach", "pin": 0}),
            "PA0 shares its interrupt with PD0 of wiring[22]",
        ),
        (
            changed("stm32", {"driver": "i2c", "bus": 2, "sda": 1, "scl": 2}),
            "there is no free i2c 2; known: 1",
        ),
        (changed("stm32", link={"ble": 1}), "link.ble: NUCLEO-H743ZI2 has no radio; must be 0"),
        (changed("rp2", drop=["feed_b_ma"]), "feeds[1] needs a driver for channel feed_b_ma"),
        (changed("rp2", drop=["feed_a_mv"]), "feeds[0] needs a driver for channel feed_a_mv"),
        (changed("rp2", drop=["leak"]), "shed needs a driver for channel leak"),
        (changed("rp2", drop=["relays"]), "groups[2] needs a relay"),
        (changed("rp2", drop=["contacts"]), "shed.feedback needs a contact of groups[0]"),
        (changed("rp2", zones=[{}, {}]), "zones[1] needs a driver for channel zone1_mc"),
        (changed("rp2", fans=[{}] * 3), "fans[2] needs a driver for channel fan2_permille"),
        (
            changed("rp2", fans=[{}] * 2 + [{"max_rpm": 1000}]),
            "fans[2].max_rpm needs a driver for channel fan2_rpm; 0: no tach",
        ),
        (
            changed("rp2", shed={"bbu_shed_permille": 100}),
            "shed.bbu_shed_permille needs a driver for channel bbu_permille; 0: off",
        ),
        (changed("rp2", shed={"underfrequency_mhz": 49_000}), "channel freq_mhz; 0: off"),
        (changed("rp2", liquid={}), "liquid.pump_on needs a driver for channel flow_mlm"),
        (changed("rp2", liquid={"pump_on": 1}), "liquid.pump_on needs a driver for channel dp_pa"),
        (changed("rp2", modbus={"address": 3}), "modbus: needs a row with driver modbus_uart"),
        (
            example.document("esp32") | {"wiring": example.rows("esp32")[1:]},
            "link: needs a row with driver link_uart: on ESP32-S3-DevKitC-1 a write to USB waits",
        ),
        (changed("rp2", link={"mode": 1}), "wiring[0].de: RS-485 needs the pin"),
        (
            changed(
                "rp2",
                {
                    "channel": "flow_mlm",
                    "driver": "flow",
                    "pin": 19,
                    "k": 6_500_000,
                    "most": 1_000_000,
                },
            ),
            "wiring[25].most: is above 2000 pulses per second",
        ),
        (
            changed("rp2", {"channel": "relays", "driver": "mcp_relays", "bus": 0, "address": 32}),
            "wiring[25]: beside another relay driver",
        ),
        (
            changed("rp2", drop=["feed_a_ma"]),
            "shed.fast_permille needs driver ct for channel feed_a_ma; 0: off",
        ),
        (
            changed(
                "rp2",
                {"channel": "zone1_mc", "driver": "ds18b20", "pin": 18},
                zones=[{}, {}],
            ),
            "several on this pin: give the number",
        ),
    ],
)
def test_a_conflict_is_named_with_its_place_and_what_to_do(document, says):
    found = mistakes(document)
    assert any(says in line for line in found), found


def test_all_conflicts_come_at_once():
    found = mistakes(
        changed("rp2", NTC | {"pin": 22}, PUMP | {"pin": 23}, drop=["leak", "inlet_mc"])
    )
    assert len(found) >= 4


def test_pins_that_share_a_slice_may_share_its_frequency():
    """GP16 and GP17 are both fans; a pump at 25 kHz may join them."""
    document = changed("rp2", PUMP | {"pin": 14, "hz": 25_000})
    assert mistakes(document) == []


def test_a_bus_that_cannot_be_read_within_the_tick_is_refused():
    slow = {"driver": "i2c", "bus": 1, "sda": 26, "scl": 27, "hz": 10_000}
    rows = [INA | {"bus": 1, "channel": "pump_rpm", "driver": "sht", "address": 69}]
    document = changed("rp2", slow, *rows)
    assert mistakes(document)  # clamps are on these pins, and the sensor serves no rpm
    inas = [INA | {"bus": 0, "address": 64 + i, "channel": f"load{i}_mw"} for i in range(4)]
    assert mistakes(changed("rp2", *inas)) == []


def test_many_loads_on_one_bus_take_turns_and_that_is_said():
    document = changed("rp2", loads=[i % 4 for i in range(32)])
    document["wiring"][1]["hz"] = 100_000
    document["wiring"] += [
        INA | {"address": (64 + i if i < 4 else 69 + i), "channel": f"load{i}_mw"}
        for i in range(32)
    ]
    assert any("each load is read every" in note for note in notes(document))


def test_what_is_only_worse_is_a_note():
    document = changed("rp2", drop=["state", "feed_a_mw"])
    found = notes(document)
    assert any("power of load 0, 1, 2, 3" in note for note in found)
    assert "wiring: no driver for state: no status LED" in found
    assert any("feed_a_mw" in note for note in found)


def test_the_simulator_has_no_pins():
    document = example.document("rp2") | {"board": "sim", "wiring": []}
    assert mistakes(document) == []


def test_a_pin_beyond_repair_does_not_stop_the_check():
    document = changed("rp2", {"driver": "ct"}, {"driver": "nonsense"}, 7, drop=["leak"])
    assert any("channel leak" in line for line in mistakes(document))


def test_the_wiring_table_of_the_readme_is_that_of_the_default_maps():
    readme = Path(make_wiring.__file__).parents[1] / "README.md"
    text = readme.read_text(encoding="utf-8")
    assert make_wiring.inserted(text) == text


def test_the_wiring_table_has_every_pin_of_every_default_map():
    table = make_wiring.table()
    for board in BOARDS.values():
        for pin in board.DEFAULT.values():
            assert board.name(pin) in table
