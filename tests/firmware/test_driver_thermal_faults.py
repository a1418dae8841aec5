# SPDX-License-Identifier: Apache-2.0
"""The fault matrix of thermal and fluid sensors: what each shows, and that it heals by itself.

`NOT_SEEN` marks a wrong reading that a driver cannot tell from a true one; sense/ compares it with
others or the limit is stated in the driver's header.
"""

import pytest

from firmware_py.link.messages import INVALID
from tests.firmware.test_driver_ds18b20 import Wire as OneWire
from tests.firmware.test_driver_leak import END, Rope
from tests.firmware.test_driver_ntc import sensor
from tests.firmware.test_driver_pulses import Fan, Turbine
from tests.firmware.test_driver_sht import Wire as ShtWire

NOT_SEEN = True


class Thermometer:
    """DS18B20 at 25 degC."""

    truth, near = 25_000, 0
    settle = 60

    def __init__(self):
        self.wire = OneWire()
        self.bus, self.chip = self.wire.bus, self.wire.chips[0]

    def run(self, ticks):
        return self.wire.run(ticks)[0]

    def spike(self):
        self.chip.flip = 3

    def heal(self):
        self.bus.fault, self.chip.late_ms, self.chip.mc = "", 0, 25_000


class Thermistor:
    """NTC at 25 degC."""

    truth, near = 25_000, 30
    settle = 1

    def __init__(self):
        self.adc, self.ntc = sensor(10_000)

    def run(self, ticks):
        for _ in range(ticks):
            self.ntc.poll(0)
        return self.ntc.mc

    def heal(self):
        self.adc.fault = ""
        self.adc.set(10_000)


class Humidity:
    """SHT4x at 56.5 % RH."""

    truth, near = 565, 0
    settle = 40

    def __init__(self):
        self.wire = ShtWire(4)
        self.chip = self.wire.chip

    def run(self, ticks):
        return self.wire.run(ticks)[1]

    def heal(self):
        self.chip.fault, self.chip.late_ms = "", 0
        self.chip.raw_t, self.chip.raw_rh = 0x6666, 0x8000


class Turbines:
    """Flow of 20 l/min."""

    truth, near = 20_000, 70
    settle = 25

    def __init__(self):
        self.turbine, self.mlm = Turbine(), 20_000

    def run(self, ticks):
        return self.turbine.run(ticks, self.mlm)

    def heal(self):
        self.mlm = 20_000


class LeakRope:
    """Dry."""

    truth, near = 0, 0
    settle = 3

    def __init__(self):
        self.rope, self.ohm = Rope(), END

    def run(self, ticks):
        return self.rope.run(*[self.ohm] * ticks)

    def heal(self):
        self.ohm, self.rope.adc.fault = END, ""


class Tachometer:
    """A fan at 6000 rpm."""

    truth, near = 6_000, 20
    settle = 25

    def __init__(self):
        self.fan, self.rpm = Fan(), 6_000

    def run(self, ticks):
        return self.fan.run(ticks, self.rpm)

    def heal(self):
        self.rpm, self.fan.line.noise_us = 6_000, 0


def put(path, value):
    """Set an attribute of the sensor, by its dotted path."""

    def make(it):
        *owners, name = path.split(".")
        for owner in owners:
            it = getattr(it, owner)
        setattr(it, name, value)

    return make


def call(path, *args):
    def make(it):
        for name in path.split("."):
            it = getattr(it, name)
        it(*args)

    return make


def pause(path):
    """The loop stands still for 5 s."""

    def make(it):
        owner = getattr(it, path)
        owner.now_ms += 5_000

    return make


def nothing(_):
    pass


# sensor, fault, how, ticks, reading, seen here or not
MATRIX = [
    (Thermometer, "open", put("bus.fault", "open"), 25, INVALID),
    (Thermometer, "short", put("bus.fault", "short"), 25, INVALID),
    (Thermometer, "stuck", nothing, 100, 25_000, NOT_SEEN),
    (Thermometer, "drift", put("chip.mc", 28_000), 42, 28_000, NOT_SEEN),
    (Thermometer, "spike", call("spike"), 42, 25_000),
    (Thermometer, "late", put("chip.late_ms", 2_000), 50, INVALID),
    (Thermometer, "absurd", put("chip.mc", 160_000), 50, INVALID),
    (Thermistor, "open", call("adc.set", -1), 1, INVALID),
    (Thermistor, "short", call("adc.set", 0), 1, INVALID),
    (Thermistor, "stuck", nothing, 100, 25_000, NOT_SEEN),
    (Thermistor, "drift", call("adc.set", 9_570), 1, 26_000, NOT_SEEN),
    (Thermistor, "spike", put("adc.spike", 0), 1, 25_000),
    (Thermistor, "late", put("adc.fault", "error"), 1, INVALID),
    (Thermistor, "absurd", call("adc.set", 340_000), 1, INVALID),
    (Humidity, "open", put("chip.fault", "open"), 13, INVALID),
    (Humidity, "short", put("chip.fault", "short"), 13, INVALID),
    (Humidity, "stuck", nothing, 100, 565, NOT_SEEN),
    (Humidity, "drift", put("chip.raw_rh", 0x8400), 13, 585, NOT_SEEN),
    (Humidity, "spike", put("chip.fault", "flip"), 13, 565),
    (Humidity, "late", put("chip.late_ms", 200), 15, INVALID),
    (Humidity, "absurd", put("chip.raw_t", 0xFFFF), 15, INVALID),
    (Turbines, "open", put("mlm", 0), 20, 0, NOT_SEEN),
    (Turbines, "short", put("mlm", 0), 20, 0, NOT_SEEN),
    (Turbines, "stuck", put("mlm", 0), 20, 0, NOT_SEEN),
    (Turbines, "drift", put("mlm", 18_000), 21, 18_000, NOT_SEEN),
    (Turbines, "spike", call("turbine.counter.add", 3_000), 1, INVALID),
    (Turbines, "late", pause("turbine"), 1, INVALID),
    (Turbines, "absurd", put("mlm", 90_000), 1, INVALID),
    (LeakRope, "open", put("ohm", -1), 3, INVALID),
    (LeakRope, "short", put("ohm", 0), 3, 1),
    (LeakRope, "stuck", nothing, 100, 0, NOT_SEEN),
    (LeakRope, "drift", put("ohm", 36_000), 3, 0, NOT_SEEN),
    (LeakRope, "spike", put("ohm", 0), 2, 0),
    (LeakRope, "late", put("rope.adc.fault", "error"), 3, INVALID),
    (LeakRope, "absurd", put("ohm", 500_000), 3, INVALID),
    (Tachometer, "open", put("rpm", 0), 21, 0, NOT_SEEN),
    (Tachometer, "short", put("rpm", 0), 21, 0, NOT_SEEN),
    (Tachometer, "stuck", put("rpm", 0), 21, 0),  # a stalled rotor: the reading is true
    (Tachometer, "drift", put("rpm", 5_400), 21, 5_400),  # worn bearings: true as well
    (Tachometer, "spike", put("fan.line.ringing", 5), 21, 6_000),
    (Tachometer, "late", pause("fan"), 1, INVALID),
    (Tachometer, "absurd", put("fan.line.noise_us", 40), 1, INVALID),
]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row[0].__name__}-{row[1]}")
def test_fault(row):
    kind, _, make, ticks, expected, *_ = row
    it = kind()
    assert abs(it.run(it.settle) - it.truth) <= it.near
    make(it)
    found = it.run(ticks)
    assert abs(found - expected) <= (0 if expected in (INVALID, 0, 1) else it.near)
    it.heal()
    it.run(60)
    assert abs(it.run(1) - it.truth) <= it.near


def test_the_matrix_is_complete():
    faults = {"open", "short", "stuck", "drift", "spike", "late", "absurd"}
    kinds = {row[0] for row in MATRIX}
    assert len(kinds) == 6
    assert {(kind, fault) for kind in kinds for fault in faults} == {row[:2] for row in MATRIX}
    assert len(MATRIX) == 42
