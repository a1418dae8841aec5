# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.messages import INVALID
from firmware_py.sense import make_ntc, ntc_tables
from firmware_py.sense.adc import AdcLine
from firmware_py.sense.ntc import Ntc, convert
from tests.firmware.fakes.fake_adc_line import FakeAdc
from tests.firmware.small import Small

SERIES = 10_000
VISHAY = make_ntc.CURVES["NTC10K_B3977_10K"]


def table(name):
    return getattr(ntc_tables, name)


def sensor(ohm, offset=0, ref=None):
    adc = FakeAdc(SERIES, ohm, offset)
    return adc, Ntc(AdcLine(adc, ref), ntc_tables.NTC10K_B3977_10K)


def error_mc(name, ohm_at, least_mc, most_mc):
    """The most that the table and `ohm_at` differ by, m degC."""
    shares = ((mc, make_ntc.share(ohm_at(mc), SERIES)) for mc in range(least_mc, most_mc, 125))
    return max(abs(convert(table(name), share) - mc) for mc, share in shares)


def test_tables_are_generated():
    assert Path(ntc_tables.__file__).read_text() == make_ntc.text()


@pytest.mark.parametrize("name", make_ntc.CURVES)
def test_interpolation_stays_within_50_mk_of_the_curve(name):
    assert error_mc(name, make_ntc.CURVES[name], -40_000, 125_000) <= 50


@pytest.mark.parametrize(
    ("mc", "ohm"), [(-40_000, 332_094), (0, 32_554), (25_000, 10_000), (85_000, 1_070)]
)
def test_steinhart_hart_meets_the_data_sheets_resistances(mc, ohm):
    assert VISHAY(mc) == pytest.approx(ohm, rel=0.004)
    assert make_ntc.steinhart(VISHAY(mc), 10_000, make_ntc.VISHAY_3977) == pytest.approx(mc, abs=1)


def test_the_beta_equation_stays_within_half_a_kelvin_of_steinhart_hart_near_room_temperature():
    """What a table by B25/85 costs where the Steinhart-Hart terms of the part are not known."""
    beta = make_ntc.table(lambda mc: make_ntc.by_beta(mc, 10_000, 3977), SERIES)

    def worst(least_mc, most_mc):
        points = range(least_mc, most_mc, 500)
        return max(abs(convert(beta, make_ntc.share(VISHAY(mc), SERIES)) - mc) for mc in points)

    assert worst(10_000, 70_000) <= 450
    assert worst(-20_000, 100_000) <= 1_750


@pytest.mark.parametrize("name", make_ntc.CURVES)
def test_conversion_is_monotonic_and_in_small_ints(name):
    last = 200_000
    for u16 in range(0, 65_536, 7):
        mc = convert(table(name), Small(u16))
        if mc != INVALID:
            assert -40_000 <= mc <= last
            last = mc
    assert last < -39_500


@settings(max_examples=200)
@given(st.integers(0, 65_535))
def test_any_count_is_a_temperature_or_invalid(u16):
    mc = convert(ntc_tables.NTC10K_B3435_10K, u16)
    assert mc == INVALID or -40_000 <= mc <= 125_000


# fault, sensor's ohms (-1 open) or what else, reading
FAULTS = [
    ("open", -1, INVALID),
    ("short", 0, INVALID),
    ("almost open", 2_000_000, INVALID),  # a wet plug
    ("almost short", 50, INVALID),
    ("absurd", 340_000, INVALID),  # -40.4 degC
]


@pytest.mark.parametrize(("name", "ohm", "expected"), FAULTS, ids=str)
@pytest.mark.parametrize("offset", [-500, 0, 500])
def test_fault(name, ohm, expected, offset):
    offset = max(offset, 0) if name == "absurd" else offset  # a lower ADC makes it plausible
    adc, ntc = sensor(ohm, offset)
    ntc.poll(0)
    assert (ntc.mc, ntc.errors) == (expected, 1)
    adc.set(10_000)
    ntc.poll(100)
    assert abs(ntc.mc - 25_000) < 1_000


def test_a_spike_in_one_conversion_does_not_count():
    adc, ntc = sensor(10_000)
    for spike in (0, 65_535, 20_000):
        adc.spike = spike
        ntc.poll(0)
        assert abs(ntc.mc - 25_000) < 30


def test_a_joint_of_100_ohm_reads_cold_and_cannot_be_seen():
    _, ntc = sensor(10_000 + 100)
    ntc.poll(0)
    assert 24_600 < ntc.mc < 24_850


def test_an_adc_that_is_busy_is_no_reading_and_heals():
    adc, ntc = sensor(10_000)
    adc.fault = "error"
    ntc.poll(0)
    assert ntc.mc == INVALID
    adc.fault = ""
    ntc.poll(100)
    assert abs(ntc.mc - 25_000) < 30


@pytest.mark.parametrize("supply_permille", [900, 1000, 1100])
def test_a_reference_line_takes_the_supply_out(supply_permille):
    ref = FakeAdc(SERIES)
    ref.u16 = 26_000 * supply_permille // 1000
    adc, ntc = sensor(0, ref=ref)
    adc.u16 = 26_000 * supply_permille // 1000  # half of the supply: 10 kOhm
    ntc.poll(0)
    assert abs(ntc.mc - 25_000) < 60


@pytest.mark.parametrize("ref_u16", [0, 16_000])
def test_a_supply_that_is_not_there_is_no_reading(ref_u16):
    ref = FakeAdc(SERIES)
    ref.u16 = ref_u16
    _, ntc = sensor(10_000, ref=ref)
    ntc.poll(0)
    assert ntc.mc == INVALID


def test_a_line_never_shows_more_than_its_supply():
    ref = FakeAdc(SERIES)
    ref.u16 = 17_000
    adc = FakeAdc(SERIES)
    adc.u16 = 65_535
    assert AdcLine(adc, ref).sample() == 65_535


def test_line_arithmetic_fits_small_ints():
    class Wide(FakeAdc):
        def read_u16(self):
            return Small(self.u16)

    adc, ref = Wide(SERIES), Wide(SERIES)
    adc.u16 = 65_535
    for ref.u16 in (16_384, 40_000, 65_535):
        assert AdcLine(adc, ref).sample() <= 65_535
