# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.link.messages import INVALID
from firmware_py.sense.sht import Sht, celsius, crc8
from tests.firmware.fakes.fake_sht import FakeSht
from tests.firmware.small import Small

WRAP = 1 << 30
TRUE = {3: (24_998, 500), 4: (24_998, 565)}  # what the fake's start values mean


class Wire:
    def __init__(self, kind, **options):
        self.chip = FakeSht(0x44, kind)
        self.driver = Sht(self.chip, 0x44, kind, **options)
        self.now_ms = WRAP - 3_000

    def run(self, ticks=1):
        for _ in range(ticks):
            self.chip.now_ms = self.now_ms
            self.driver.poll(self.now_ms % WRAP)
            self.now_ms += 100
        return self.driver.mc, self.driver.rh_permille

    def ticks_until(self, value, most=100):
        for ticks in range(most):
            if self.driver.mc == value:
                return ticks
            self.run()
        raise AssertionError(f"still {self.driver.mc} after {most} ticks")


def settled(kind=4, **options):
    wire = Wire(kind, **options)
    wire.run(50)
    assert wire.run() == TRUE[kind]
    return wire


def test_crc_of_the_data_sheet():
    assert crc8(b"\xbe\xef\x92", 0) == 0
    assert crc8(b"\0\0\0\xbe\xef\x92", 3) == 0
    assert crc8(b"\xbe\xef\x93", 0) != 0


@given(st.integers(0, 65_535))
def test_celsius_follows_the_data_sheet_within_4_mk(raw):
    assert abs(celsius(Small(raw)) - (-45_000 + 175_000 * raw / 65_535)) < 4


@pytest.mark.parametrize(
    ("kind", "raw", "permille"),
    [
        (3, 0, 0),
        (3, 0x8000, 500),
        (3, 0xFFFF, 1000),
        (4, 0, 0),  # -6 % on the chip's scale
        (4, 0x8000, 565),
        (4, 0xFFFF, 1000),  # 119 %
    ],
)
def test_humidity_is_cut_to_what_exists(kind, raw, permille):
    wire = Wire(kind)
    wire.chip.raw_rh = raw
    assert wire.run(30)[1] == permille


@pytest.mark.parametrize("kind", [3, 4])
def test_a_reading_is_there_within_half_a_second_and_then_follows(kind):
    wire = Wire(kind)
    assert wire.ticks_until(TRUE[kind][0]) <= 5
    assert wire.driver.errors == 0
    wire.chip.raw_t += 500
    wire.run(12)
    assert abs(wire.driver.mc - TRUE[kind][0] - 1335) <= 2
    assert (wire.chip.resets, wire.chip.unknown) == (1, 0)


# fault, how it is made, (mc, permille) while it lasts
FAULTS = {
    "open": (lambda c: setattr(c, "fault", "open"), (INVALID, INVALID)),
    "short": (lambda c: setattr(c, "fault", "short"), (INVALID, INVALID)),
    "late": (lambda c: setattr(c, "late_ms", 200), (INVALID, INVALID)),
    "absurd": (lambda c: setattr(c, "raw_t", 0xFFFF), (INVALID, INVALID)),
    "absurd cold": (lambda c: setattr(c, "raw_t", 0), (INVALID, INVALID)),
    "stuck": (lambda _: None, TRUE[4]),  # cannot be seen here
    "drift": (lambda c: setattr(c, "raw_rh", 0x8400), (TRUE[4][0], 585)),  # nor this
    "wet": (lambda c: setattr(c, "raw_rh", 0xFFF0), (TRUE[4][0], 1000)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name):
    make, expected = FAULTS[name]
    wire = settled()
    make(wire.chip)
    assert wire.ticks_until(expected[0]) <= 13
    assert wire.run(60) == expected
    wire.chip.fault, wire.chip.late_ms = "", 0
    wire.chip.raw_t, wire.chip.raw_rh = 0x6666, 0x8000
    wire.run(35)
    assert wire.run() == TRUE[4]
    assert wire.chip.heater == wire.chip.unknown == 0


@pytest.mark.parametrize("fault", ["error", "flip"])
def test_one_failed_exchange_is_repeated_and_changes_nothing(fault):
    wire = settled()
    wire.chip.fault = fault
    for _ in range(40):
        assert wire.run() == TRUE[4]
    assert wire.chip.fault == ""
    assert wire.driver.errors == 1


@pytest.mark.parametrize("kind", [3, 4])
def test_repeated_errors_are_answered_by_a_soft_reset_and_no_hurry(kind):
    wire = settled(kind)
    wire.chip.late_ms = 200
    before = wire.driver.errors
    wire.run(100)
    assert wire.chip.resets >= 5
    assert wire.driver.errors - before < 13  # not one per tick


@pytest.mark.parametrize("fault", ["open", "short"])
def test_the_second_failure_in_a_row_is_no_reading_and_from_the_third_on_there_is_no_hurry(fault):
    wire = settled()
    wire.chip.fault = fault
    wire.ticks_until(INVALID)
    assert wire.driver.errors == 2
    wire.run(100)
    assert wire.driver.errors <= 13


def test_a_spike_is_held_once_and_passes_when_confirmed():
    wire = settled()
    wire.chip.raw_t = 0xA000
    seen = [wire.run()[0] for _ in range(24)]
    assert seen[0] == TRUE[4][0]
    assert seen[-1] == celsius(0xA000)
    assert 10 <= seen.count(TRUE[4][0]) <= 20


@pytest.mark.parametrize("ticks", range(11))
def test_readings_are_stale_after_a_pause_of_the_loop(ticks):
    wire = settled()
    wire.run(ticks)  # in whichever phase
    wire.now_ms += 10_000
    assert wire.run() == (INVALID, INVALID)
    assert wire.ticks_until(TRUE[4][0]) <= 6
