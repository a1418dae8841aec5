# SPDX-License-Identifier: Apache-2.0
"""Shunt monitors on a 48 V busbar."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.wire import INVALID
from firmware_py.sense import ina2xx
from tests.firmware.fakes.fake_i2c import FakeI2c
from tests.firmware.fakes.fake_ina2xx import FakeIna2xx
from tests.firmware.small import Small

CHIPS = {"INA226": ina2xx.INA226, "INA228": ina2xx.INA228, "INA238": ina2xx.INA238}
NOTHING = (INVALID,) * 3


class Bench:
    def __init__(self, chip, shunt_uohm=500, **options):
        self.i2c = FakeI2c()
        self.chip = FakeIna2xx(CHIPS[chip])
        self.i2c.attach(0x40, self.chip)
        self.divider = 3 if chip == "INA226" else 1
        self.driver = ina2xx.Ina2xx(
            self.i2c, 0x40, CHIPS[chip], shunt_uohm, bus_permille=1000 * self.divider, **options
        )
        self.shunt_uohm = shunt_uohm
        self.now = 100
        self.feed(60_000, 48_000)
        self.run(3)

    def feed(self, ma, mv):
        self.chip.shunt_nv = ma * self.shunt_uohm
        self.chip.bus_uv = mv * 1000 // self.divider

    def run(self, ticks=10):
        for _ in range(ticks):
            self.driver.poll(self.now)
            self.now = (self.now + 100) & ((1 << 30) - 1)
        return self.seen()

    def seen(self):
        return self.driver.ma, self.driver.mv, self.driver.mw


@pytest.fixture(params=CHIPS)
def bench(request):
    return Bench(request.param)


@pytest.mark.parametrize("ma", [0, 1_000, 60_000, 99_990, -25_000])
def test_current_voltage_and_power(bench, ma):
    bench.feed(ma, 48_000)
    seen = bench.run()
    assert seen[0] == pytest.approx(ma, abs=11)  # 5 uV on 500 uOhm
    assert seen[1] == pytest.approx(48_000, abs=5)
    assert seen[2] == pytest.approx(ma * 48, abs=1_000)
    assert not bench.driver.over_range
    assert bench.driver.errors == bench.driver.restarts == 0


def test_a_power_up_is_set_up_before_anything_is_said():
    i2c = FakeI2c()
    chip = FakeIna2xx(ina2xx.INA228)
    chip.bus_uv = 48_000_000
    i2c.attach(0x40, chip)
    driver = ina2xx.Ina2xx(i2c, 0x40, ina2xx.INA228, 500)
    driver.poll(0)
    assert (driver.ma, driver.mv, driver.mw) == NOTHING
    assert chip.adc_config == 0xBB6A
    driver.poll(100)
    assert driver.mv == 48_000


def test_a_chip_that_fell_back_to_its_reset_values_heals_within_two_polls(bench):
    bench.chip.reset()
    assert bench.run(1) == NOTHING
    assert bench.run(1)[0] == pytest.approx(60_000, abs=10)
    assert bench.driver.restarts == 1


def test_a_range_bit_that_flips_is_not_a_fourfold_current():
    bench = Bench("INA238")
    bench.chip.config = 0x10
    assert bench.run(1) == NOTHING
    assert bench.run(1)[0] == 60_000


@pytest.mark.parametrize("chip", ["INA228", "INA238"])
def test_the_fine_range_resolves_a_small_current(chip):
    bench = Bench(chip, fine=1)
    bench.feed(1_003, 48_000)
    assert bench.run()[0] == pytest.approx(1_003, abs=3)


def test_over_range_is_flagged_and_the_current_a_lower_bound(bench):
    bench.feed(2_000_000, 48_000)
    seen = bench.run()
    assert bench.driver.over_range
    assert seen[0] >= 163_000
    bench.feed(60_000, 48_000)
    bench.run()
    assert not bench.driver.over_range
    bench.feed(-2_000_000, 48_000)
    assert bench.run()[0] <= -163_000
    assert bench.driver.over_range


FAULTS = [
    ("open", lambda b: setattr(b.i2c, "fault", "nak")),
    ("short", lambda b: setattr(b.i2c, "fault", "low")),
    ("short", lambda b: setattr(b.i2c, "fault", "high")),
    ("stuck", lambda b: setattr(b.chip, "converts", False)),
    ("late", lambda b: setattr(b.chip, "converts", False)),
]


@pytest.mark.parametrize(("name", "break_it"), FAULTS)
def test_fault_table(bench, name, break_it):
    break_it(bench)
    assert bench.run(8) == NOTHING
    assert bench.run(100) == NOTHING
    assert bench.driver.errors > 0 or name in {"stuck", "late"}
    bench.i2c.fault = ""
    bench.chip.converts = True
    assert bench.run(3)[0] == pytest.approx(60_000, abs=10)


def test_absurd_a_bus_voltage_out_of_the_world_is_no_value_and_the_current_stays(bench):
    bench.chip.bus_uv = -1_000_000
    assert bench.run() == (pytest.approx(60_000, abs=10), INVALID, INVALID)


def test_spike_is_there_for_one_conversion_only(bench):
    bench.feed(150_000, 48_000)
    assert bench.run(1)[0] == pytest.approx(150_000, abs=10)  # 16 samples: the chip has averaged it
    bench.feed(60_000, 48_000)
    assert bench.run(1)[0] == pytest.approx(60_000, abs=10)


def test_what_the_driver_alone_cannot_see(bench):
    """A shorted shunt reads as no load, drift as load: the other feed meters have to tell."""
    bench.feed(0, 48_000)
    assert bench.run()[0] == 0


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(CHIPS)),
    st.integers(-(1 << 23), (1 << 23) - 1),
    st.integers(-(1 << 23), (1 << 23) - 1),
    st.sampled_from([10, 20, 100, 500, 1_000_000]),
    st.sampled_from([1000, 4000]),
    st.integers(0, 1),
)
def test_no_code_of_the_chip_leaves_30_bits(chip, shunt, bus, uohm, permille, fine):
    driver = ina2xx.Ina2xx(
        FakeI2c(), 0x40, CHIPS[chip], Small(uohm), fine=fine, bus_permille=Small(permille)
    )
    bits = 8 * driver._row[8]
    codes = {driver._row[6]: shunt, driver._row[7]: bus}
    driver._signed = lambda register: Small(codes[register] >> 24 - bits + driver._row[9])
    driver._measure()
    for value in (driver.ma, driver.mv, driver.mw):
        assert -(1 << 30) <= value < 1 << 30
    if driver.mw != INVALID:
        assert abs(int(driver.mw) - int(driver.ma) * int(driver.mv) / 1000) < 1
