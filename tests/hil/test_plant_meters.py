# SPDX-License-Identifier: Apache-2.0
"""Meters: within their class, drawn from the seed, quantised; exact unless asked for."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from hil.plant.meters import Meters, MeterSpec
from tests.hil.plant_rig import rack_of, read, run

FULL_MW = 20_000_000
FULL_MA = 30_000


def reading(truth, channel=ch.IN_FEED_A_MW, seed=1, **spec):
    inputs = array("i", [INVALID] * ch.N_IN)
    inputs[channel] = truth
    Meters(MeterSpec(**spec), [FULL_MW] * 4, [FULL_MA] * 2, seed).read(inputs, INVALID)
    assert sum(value != INVALID for value in inputs) == 1
    return inputs[channel]


@pytest.mark.parametrize("percent", [0.5, 1.0, 2.0])
@given(seed=st.integers(0, 10_000), part=st.floats(0.05, 1.2))
def test_a_meter_keeps_its_class_from_a_twentieth_of_its_current_up(percent, seed, part):
    truth = round(part * FULL_MW)
    error = abs(reading(truth, seed=seed, class_percent=percent) / truth - 1)
    allowed = percent if part >= 0.1 else 1.5 * percent
    assert error <= allowed / 100 + 1e-6


def test_the_error_is_the_seeds_and_every_channel_has_its_own():
    channels = (ch.IN_FEED_A_MW, ch.IN_FEED_B_MW, ch.IN_LOAD0_MW, ch.IN_LOAD0_MW + 1)
    errors = {reading(9_000_000, channel, class_percent=1.0) for channel in channels}
    assert len(errors) == 4
    assert reading(9_000_000, class_percent=1.0) == reading(9_000_000, class_percent=1.0)
    assert reading(9_000_000, class_percent=1.0) != reading(9_000_000, seed=2, class_percent=1.0)


def test_readings_are_steps_of_the_quantum_and_never_below_zero():
    assert reading(1_234_567, quantum_mw=100_000) == 1_200_000
    assert reading(12_345, ch.IN_FEED_B_MA, quantum_ma=100) == 12_300
    assert reading(0, class_percent=5.0) == 0
    assert all(reading(1, seed=seed, class_percent=5.0) >= 0 for seed in range(50))


def test_noise_moves_a_reading_about_its_value():
    inputs = array("i", [INVALID] * ch.N_IN)
    meters = Meters(MeterSpec(noise=0.01), [FULL_MW] * 3, [FULL_MA] * 2, 1)
    seen = []
    for _ in range(2000):
        inputs[ch.IN_FEED_A_MW] = 10_000_000
        meters.read(inputs, INVALID)
        seen.append(inputs[ch.IN_FEED_A_MW] / 10_000_000)
    assert max(seen) <= 1.01
    assert min(seen) >= 0.99
    assert sum(seen) / 2000 == pytest.approx(1.0, abs=1e-3)


def test_temperatures_are_off_by_a_constant():
    error = reading(30_000, ch.IN_INLET_MC, temperature_k=0.5) - 30_000
    assert 0 < abs(error) <= 500
    assert reading(50_000, ch.IN_INLET_MC, temperature_k=0.5) - 50_000 == error


def test_a_rack_is_exact_unless_it_has_meters():
    exact, metered = rack_of(), rack_of(meters={"class_percent": 1.0, "quantum_mw": 1000})
    for rack in (exact, metered):
        run(rack, 1)
    truth_mw = round(exact.feed_w[0] * 1000)
    assert exact.meters is None
    assert read(exact)[ch.IN_FEED_A_MW] == truth_mw
    seen_mw = read(metered)[ch.IN_FEED_A_MW]
    assert seen_mw != truth_mw
    assert seen_mw == pytest.approx(truth_mw, rel=0.01)
    assert seen_mw % 1000 == 0
