# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.messages import INVALID
from firmware_py.sense.ds18b20 import Ds18b20, crc8, rom_of
from tests.firmware.fakes.fake_onewire import FakeDs18b20, FakeOneWire

ROMS = (b"\x28\xff\x4b\x01\x02\x03\x04\x05", b"\x28\x00\x00\x00\x00\x00\x01\x97")
WRAP = 1 << 30


class Wire:
    """Sensors at 25 degC and their driver, polled every 100 ms; board time wraps on the way."""

    def __init__(self, sensors=1, **options):
        self.chips = [FakeDs18b20(ROMS[i], 25_000) for i in range(sensors)]
        self.bus = FakeOneWire(*self.chips)
        self.driver = Ds18b20(self.bus, ROMS[:sensors], **options)
        self.now_ms = WRAP - 8_000
        self.most_us = 0

    def run(self, ticks=1):
        for _ in range(ticks):
            self.bus.now_ms = self.now_ms
            self.bus.busy_us = 0
            self.driver.poll(self.now_ms % WRAP)
            assert self.bus.strange == 0
            self.most_us = max(self.most_us, self.bus.busy_us)
            self.now_ms += 100
        return list(self.driver.mc)

    def ticks_until(self, value, most=200):
        for ticks in range(most):
            if self.driver.mc[0] == value:
                return ticks
            self.run()
        raise AssertionError(f"still {self.driver.mc[0]} after {most} ticks")


def settled(**options):
    wire = Wire(**options)
    wire.run(60)
    assert wire.driver.mc[0] == 25_000
    return wire


@pytest.mark.parametrize(
    ("raw", "mc"),
    [
        (0x07D0, 125_000),
        (0x0191, 25_062),
        (0x00A2, 10_125),
        (0x0008, 500),
        (0x0000, 0),
        (0xFFF8, -500),
        (0xFF5E, -10_125),
        (0xFE6F, -25_063),
        (0xFC90, -55_000),
    ],
)
def test_reads_the_data_sheets_table(raw, mc):
    wire = Wire()
    wire.chips[0].finish = lambda _now_ms: None  # the register is what the test puts there
    wire.chips[0].converting = False
    wire.chips[0].start = lambda _now_ms: None
    wire.chips[0].pad[:2] = raw.to_bytes(2, "little")
    wire.chips[0].seal()
    assert wire.run(80) == [mc]


@settings(max_examples=25, deadline=None)
@given(st.integers(-55_000, 125_000), st.integers(9, 12))
def test_reads_within_one_step_of_the_truth(mc, bits):
    wire = Wire(bits=bits)
    wire.chips[0].mc = mc
    wire.run(60)
    step_mc = 62.5 * (1 << (12 - bits))
    if mc // step_mc * step_mc == 85_000:
        assert wire.driver.mc[0] == INVALID
    else:
        assert mc - step_mc - 1 <= wire.driver.mc[0] <= mc


def test_crc_of_the_application_note():
    """Maxim application note 27: ROM 02 1C B8 01 00 00 00 has CRC A2."""
    assert crc8(bytes.fromhex("021cb801000000a2")) == 0
    assert crc8(bytes.fromhex("021cb801000000a3")) != 0


def test_a_rom_is_its_serial_number():
    """Linux and labels write it 28-0123456789ab."""
    rom = rom_of(0x012345, 0x6789AB)
    assert rom[:7] == bytes.fromhex("28ab8967452301")
    assert crc8(rom) == 0


def test_there_is_no_reading_before_two_conversions_agree():
    wire = Wire()
    assert wire.ticks_until(25_000) in range(30, 50)
    assert wire.driver.errors == 0


def test_each_sensor_is_read_by_its_rom():
    wire = Wire(sensors=2)
    wire.chips[1].mc = -3_000
    assert wire.run(70) == [25_000, -3_000]
    wire.chips[0].gone = True
    assert wire.run(70) == [INVALID, -3_000]
    wire.chips[1].mc = 1_000  # the one that is there is still read
    assert wire.run(70) == [INVALID, 1_000]


@pytest.mark.parametrize("fault", [("late_ms", 2_000), ("parasitic", True)])
def test_one_late_or_parasitic_sensor_takes_its_bus_with_it(fault):
    wire = Wire(sensors=2)
    setattr(wire.chips[1], *fault)
    assert wire.run(100) == [INVALID, INVALID]


@pytest.mark.parametrize(("late_ms", "expected"), [(200, 30_000), (500, INVALID)])
def test_a_conversion_may_be_a_quarter_late(late_ms, expected):
    wire = settled()
    wire.chips[0].late_ms, wire.chips[0].mc = late_ms, 30_000
    assert wire.run(80) == [expected]


@pytest.mark.parametrize(("sensors", "ticks"), [(1, 18), (2, 25)])
def test_sensors_are_read_every_1100_ms_and_700_more_for_each(sensors, ticks):
    wire = settled(sensors=sensors, period_ms=0)
    before = wire.bus.conversions
    wire.run(10 * ticks)
    assert wire.bus.conversions - before == 10 * sensors


@pytest.mark.parametrize("fault", ["", "open", "short"])
def test_no_tick_is_longer_than_2_ms(fault):
    wire = settled(sensors=2)
    wire.bus.fault = fault
    wire.run(100)
    assert 0 < wire.most_us < 2000


def test_follows_the_temperature_once_per_period():
    wire = settled()
    seen = set()
    for i in range(200):
        wire.chips[0].mc = 25_000 + 10 * i
        wire.run()
        seen.add(wire.driver.mc[0])
    assert len(seen) >= 8
    assert wire.driver.mc[0] >= 26_500


# fault, how it is made, value while it lasts; every one heals without help
FAULTS = {
    "open": (lambda w: setattr(w.bus, "fault", "open"), INVALID),
    "short": (lambda w: setattr(w.bus, "fault", "short"), INVALID),
    "bridge error": (lambda w: setattr(w.bus, "fault", "error"), INVALID),
    "unplugged": (lambda w: setattr(w.chips[0], "gone", True), INVALID),
    "late": (lambda w: setattr(w.chips[0], "late_ms", 2000), INVALID),
    "absurd hot": (lambda w: setattr(w.chips[0], "mc", 160_000), INVALID),
    "absurd cold": (lambda w: setattr(w.chips[0], "mc", -80_000), INVALID),
    "browns out": (lambda w: setattr(w.chips[0], "brown_out", True), INVALID),
    "power-on value": (lambda w: setattr(w.chips[0], "mc", 85_000), INVALID),
    "stuck": (lambda _: None, 25_000),  # sense/ sees it
    "drift": (lambda w: setattr(w.chips[0], "mc", 28_000), 28_000),  # cannot be seen here
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name):
    make, expected = FAULTS[name]
    wire = settled()
    make(wire)
    assert wire.ticks_until(expected) <= 50
    assert wire.run(100) == [expected]
    assert (wire.driver.errors > 0) == (expected == INVALID)
    wire.bus.fault = ""
    chip = wire.chips[0]
    chip.gone = chip.brown_out = False
    chip.late_ms, chip.mc = 0, 25_000
    assert wire.ticks_until(25_000) <= 60


@pytest.mark.parametrize("fault", ["open", "short", "error"])
@pytest.mark.parametrize("ticks", [0, 3, 7, 11, 16])
def test_a_dead_bus_is_invalid_within_two_seconds_and_a_half(fault, ticks):
    wire = settled()
    wire.run(ticks)  # in whichever phase
    wire.bus.fault = fault
    assert wire.ticks_until(INVALID) <= 25


@pytest.mark.parametrize("bit", [0, 7, 11, 34, 71])
def test_one_wrong_bit_is_read_again_and_changes_nothing(bit):
    wire = settled()
    wire.chips[0].flip = bit
    for _ in range(60):
        assert wire.run() == [25_000]
    assert wire.driver.errors == 1
    assert wire.chips[0].flip == -1


@pytest.mark.parametrize("bits", [9, 12])
def test_one_brown_out_changes_nothing(bits):
    wire = settled(bits=bits)
    wire.chips[0].brown_out = True
    while wire.driver.errors == 0:
        assert wire.run() == [25_000]
    wire.chips[0].brown_out = False
    for _ in range(60):
        assert wire.run() == [25_000]
    assert wire.driver.errors == 1


def test_a_tick_without_the_bus_changes_nothing():
    wire = settled()
    for at in range(40):
        wire.bus.fault = "error"
        wire.run()
        wire.bus.fault = ""
        for _ in range(30 + at):
            assert wire.run() == [25_000]


def test_one_outlier_is_held_and_a_confirmed_one_passes():
    wire = settled()
    chip = wire.chips[0]
    chip.mc = 60_000
    start = wire.driver._start_ms
    while wire.driver._start_ms == start or wire.driver._phase == 3:
        assert wire.run() == [25_000]
    chip.mc = 25_000  # one conversion was wrong
    for _ in range(60):
        assert wire.run() == [25_000]
    chip.mc = 60_000
    assert wire.ticks_until(60_000) in range(20, 60)


def test_readings_that_agree_with_nothing_are_no_reading():
    wire = settled()
    for i in range(150):
        wire.chips[0].mc = (-30_000, 0, 60_000, 110_000)[i // 10 % 4]
        wire.run()
    assert wire.driver.mc[0] == INVALID


def test_true_85_degrees_are_believed_when_they_are_approached():
    wire = settled()
    for mc in range(25_000, 84_000, 5_000):
        wire.chips[0].mc = mc
        wire.run(30)
    wire.chips[0].mc = 84_500
    wire.run(40)
    wire.chips[0].mc = 85_000
    assert wire.run(60) == [85_000]


def test_zeros_with_their_right_crc_are_no_reading():
    wire = settled()
    chip = wire.chips[0]
    chip.bit = lambda _n: 0 if chip.reply == 1 else 1  # held low while it is read
    assert crc8(bytes(9)) == 0
    assert wire.run(60) == [INVALID]


def test_a_parasitic_sensor_is_refused():
    wire = Wire()
    wire.chips[0].parasitic = True
    assert wire.run(100) == [INVALID]
    assert wire.driver.errors > 0


def test_the_resolution_is_written_again_after_a_brown_out():
    wire = settled(bits=9)
    wire.chips[0].power_on()
    assert wire.chips[0].pad[4] == 0x7F
    wire.run(60)
    assert wire.chips[0].pad[4] == 0x1F
    assert wire.driver.mc[0] == 25_000


def test_readings_are_stale_after_a_pause_of_the_loop():
    wire = settled()
    wire.now_ms += 4_000
    assert wire.run() == [INVALID]
    assert wire.ticks_until(25_000) < 50
