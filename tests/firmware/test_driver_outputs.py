# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.act.analog_out import Mcp4725, PwmOut
from firmware_py.act.fan_pwm import FREQ_HZ, FanPwm
from firmware_py.link.messages import INVALID
from tests.firmware.fakes.fake_dac import FakeMcp4725
from tests.firmware.fakes.fake_pwm import FakeFanLine, FakePin, FakePwm


def fan(inverted=0):
    line = FakeFanLine()
    return line, FanPwm(line.make, line.pin, inverted)


def test_the_fan_line_is_high_impedance_until_the_first_duty():
    line, _ = fan()
    assert (line.pin.mode, line.made) == ("in", 0)
    assert 21_000 <= FREQ_HZ <= 28_000


@pytest.mark.parametrize(
    ("permille", "duty"),
    [(-1, 0), (0, 0), (1, 66), (300, 19_661), (500, 32_768), (1000, 65_535), (1001, 65_535)],
)
def test_duty_of_the_fan(permille, duty):
    line, plain = fan()
    plain.write(permille)
    assert line.level() == duty
    line, inverted = fan(inverted=1)
    inverted.write(permille)
    assert line.level() == 65_535 - duty


def test_the_pwm_is_touched_on_a_change_only():
    line, unit = fan()
    for permille in (500, 500, 500, 600, 600, 500):
        unit.write(permille)
    assert (line.made, line.pwm.writes) == (1, 3)


def test_release_is_full_speed_and_the_next_write_starts_at_its_duty():
    line, unit = fan(inverted=1)
    unit.write(300)
    unit.release()
    assert line.level() == -1
    unit.write(300)  # the same as before: still written
    assert (line.level(), line.made, line.pwm.writes) == (65_535 - 19_661, 2, 1)


def pwm_out(duty_0=60_000, duty_1000=6_000, safe_permille=1000):
    pwm = FakePwm(FakePin(), 0)
    return pwm, PwmOut(pwm, duty_0, duty_1000, safe_permille)


@pytest.mark.parametrize(
    ("permille", "duty"), [(-5, 60_000), (0, 60_000), (500, 33_000), (1000, 6_000), (2000, 6_000)]
)
def test_an_inverted_pump_input(permille, duty):
    pwm, pump = pwm_out()
    assert pwm.duty == 6_000  # full from the start
    pump.write(permille)
    assert pwm.duty == duty
    writes = pwm.writes
    pump.write(permille)
    assert pwm.writes == writes
    pump.release()
    assert pwm.duty == 6_000


class Valve:
    """A 2-10 V valve that fails to half on an MCP4725 with gain 2."""

    def __init__(self, eeprom=0x800, code_0=819, code_1000=4095):
        self.chip = FakeMcp4725(0x60, eeprom)
        self.out = Mcp4725(self.chip, 0x60, code_0, code_1000, 500)
        self.now_ms = 0

    def run(self, ticks, permille=None):
        for _ in range(ticks):
            self.now_ms += 100
            self.chip.now_ms = self.now_ms
            if permille is not None:
                self.out.write(permille)
            self.out.poll(self.now_ms)
        return self.out.permille


def settled(permille=250):
    valve = Valve()
    assert valve.run(20, permille) == permille
    assert valve.chip.code == 819 + 819
    return valve


def test_an_output_is_written_and_read_back_within_two_ticks():
    valve = Valve(eeprom=2457)
    assert valve.run(1, 250) == INVALID
    assert valve.chip.code == 1638
    assert valve.run(1, 250) == 250
    assert valve.out.errors == 0


def test_the_chip_starts_safe_the_next_time():
    valve = settled()
    assert valve.chip.eeprom == 819 + 1638
    valve.run(300, 250)
    assert valve.chip.burns == 1
    assert valve.out.errors == 0
    again = Valve(valve.chip.eeprom)
    again.run(100, 0)
    assert again.chip.burns == 0


def test_a_worn_eeprom_is_written_once_and_no_fault():
    valve = Valve()
    valve.chip.fault = "worn"
    assert valve.run(100, 250) == 250
    assert (valve.chip.burns, valve.out.errors) == (1, 0)


def test_the_output_is_safe_before_anything_is_asked_for():
    valve = Valve()
    assert valve.run(4) == 500
    assert valve.chip.code == 819 + 1638


def test_a_change_comes_out_within_two_ticks_whatever_the_read_back_does():
    valve = settled()
    for i in range(200):
        permille = 4 * i
        valve.run(2, permille)
        assert valve.chip.code == 819 + 3276 * permille // 1000


def test_an_output_that_changes_all_the_time_is_still_read_back():
    valve = settled()
    valve.chip.fault = "stuck"
    for i in range(60):
        valve.run(1, 300 + i)
    assert valve.out.permille == INVALID


def test_an_unchanged_output_is_not_written_again():
    valve = settled()
    writes = valve.chip.writes
    valve.run(100, 250)
    assert valve.chip.writes == writes


@given(st.integers(0, 1000), st.sampled_from([(819, 4095), (4095, 0), (0, 4095)]))
@settings(max_examples=60)
def test_codes_stay_between_the_calibration_points(permille, codes):
    valve = Valve(2048, *codes)
    valve.run(20, permille)
    assert min(codes) <= valve.chip.code <= max(codes)
    exact = codes[0] + (codes[1] - codes[0]) * permille / 1000
    assert abs(valve.chip.code - exact) < 1


# fault, permille shown while it lasts
FAULTS = [("open", INVALID), ("short", INVALID), ("stuck", INVALID), ("busy", INVALID)]


@pytest.mark.parametrize(("name", "shown"), FAULTS)
def test_fault_of_the_dac(name, shown):
    valve = settled()
    valve.chip.fault = name
    assert valve.run(30, 700) == shown
    assert valve.out.errors >= 3
    valve.chip.fault = ""
    assert valve.run(4, 700) == 700
    assert valve.chip.code == 819 + 2293


def test_one_failed_exchange_is_repeated_in_the_next_tick():
    valve = settled()
    valve.chip.fault = "error"
    valve.run(1, 700)
    assert valve.run(2, 700) == 700
    assert valve.out.errors == 1


def test_a_brown_out_of_the_dac_is_put_right_within_a_second():
    valve = settled()
    valve.chip.power_on()
    assert valve.chip.code == 819 + 1638  # its fail position
    valve.run(13, 250)
    assert valve.chip.code == 1638
    assert valve.out.permille == 250


def test_a_dac_in_power_down_is_a_fault():
    valve = settled()
    valve.chip.power_down = 1
    valve.run(14, 250)
    assert valve.chip.power_down == 0
    assert valve.out.errors == 1


def test_release_is_the_fail_position_and_lasts_through_bus_errors():
    valve = settled()
    valve.out.release()
    valve.chip.fault = "open"
    valve.run(5)
    valve.chip.fault = ""
    valve.run(3)
    assert valve.chip.code == 819 + 1638
    assert valve.out.permille == 500


def test_requests_beyond_the_scale_are_cut():
    valve = Valve(2457)
    valve.run(3, 4000)
    assert valve.chip.code == 4095
    valve.run(3, -4000)
    assert valve.chip.code == 819
