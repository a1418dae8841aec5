# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.decide import breaker, dewpoint
from firmware_py.decide.dewpoint import dew_point_mc
from tests.firmware.small import Small
from tests.firmware.vm import run_script


def magnus_c(air_c, rh):
    """Sonntag 1990 in floats, written apart."""
    vapour = 6.112 * math.exp(17.62 * air_c / (243.12 + air_c)) * rh
    g = math.log(vapour / 6.112)
    return 243.12 * g / (17.62 - g)


@pytest.mark.parametrize(
    ("air_c", "rh", "dew_c"),
    [(25, 0.5, 13.9), (20, 0.5, 9.3), (30, 0.8, 26.2), (35, 0.3, 14.8), (24, 1.0, 24.0)],
)
def test_published_dew_points(air_c, rh, dew_c):
    assert dew_point_mc(air_c * 1000, round(rh * 1000)) == pytest.approx(dew_c * 1000, abs=80)


def test_within_a_tenth_of_a_kelvin_of_the_formula_on_the_whole_grid():
    worst = 0.0
    for air_c in range(-20, 61):
        for rh_permille in range(10, 1001, 3):
            true_c = magnus_c(air_c, rh_permille / 1000)
            worst = max(worst, abs(dew_point_mc(air_c * 1000, rh_permille) / 1000 - true_c))
    assert worst < 0.03


@given(st.integers(-60_000, 150_000), st.integers(-5, 1100))
def test_rises_with_temperature_and_humidity_and_never_passes_the_air(air_mc, rh_permille):
    here = dew_point_mc(air_mc, rh_permille)
    assert dew_point_mc(air_mc + 1, rh_permille) >= here
    assert dew_point_mc(air_mc, rh_permille + 1) >= here
    assert here <= min(max(air_mc, -40_000), 125_000)


def test_rises_at_every_step_of_humidity():
    for air_mc in (-20_000, 0, 24_000, 60_000):
        dews = [dew_point_mc(air_mc, rh) for rh in range(1, 1001)]
        assert dews == sorted(dews)


@given(
    st.sampled_from([-40_000, -1, 0, 1, 60_000, 125_000, -(1 << 30), (1 << 30) - 1]),
    st.sampled_from([-(1 << 30), 0, 1, 2, 500, 511, 512, 999, 1000, (1 << 30) - 1]),
)
def test_every_intermediate_is_a_small_int(air_mc, rh_permille):
    dew_point_mc(Small(air_mc), Small(rh_permille))
    assert dewpoint.ln_q12 is breaker.ln_q12


def test_the_vm_computes_the_same_dew_points():
    digest = 0
    for air_mc in range(-40_000, 125_001, 1900):
        for rh_permille in range(1, 1001, 37):
            digest = (digest * 31 + dew_point_mc(air_mc, rh_permille)) & 0xFFFFFF
    assert run_script("tests/firmware/vm_liquid.py", "dew")["digest"] == digest
