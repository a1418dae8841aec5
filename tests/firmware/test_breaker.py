# SPDX-License-Identifier: Apache-2.0
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide.breaker import Breaker, _gains
from firmware_py.link.messages import NEVER_MS
from tests.firmware.rig import parse
from tests.firmware.small import Small
from tests.parity.vm_breaker import walked

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "breaker.json").read_text())
MNT_PPM, TAU_MS, MAGNETIC_PPM = 1_130_000, 4_570, 5_000_000
TICK_MS = 100


def exact_ttt_ms(rating_ma, theta, current_ma):
    heat = (current_ma / (1.13 * rating_ma)) ** 2
    if theta >= 1 or current_ma >= 5 * rating_ma:
        return 0
    return math.inf if heat <= 1 else TAU_MS * math.log((heat - theta) / (heat - 1))


def exact_step(rating_ma, theta, current_ma):
    heat = (min(current_ma, 5 * rating_ma) / (1.13 * rating_ma)) ** 2
    return theta + -math.expm1(-TICK_MS / TAU_MS) * (heat - theta)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda c: c["name"])
def test_golden_time_to_trip_is_never_late(case):
    family = GOLDEN["families"][case["curve"]]
    for step, (theta_ppm, ttt_ms) in zip(case["steps"], walked(case, family), strict=True):
        assert theta_ppm >= step["theta_fast_ppm"] - 1e-3
        assert ttt_ms <= step["ttt_fast_ms"]


@pytest.mark.parametrize("curve", GOLDEN["families"])
def test_golden_table_has_cases_of_every_family(curve):
    assert sum(case["curve"] == curve for case in GOLDEN["cases"]) >= 3


@pytest.mark.parametrize("curve", GOLDEN["families"])
@pytest.mark.parametrize("rating_ma", [1_000, 16_000, 63_000])
def test_a_board_can_be_configured_for_every_family(curve, rating_ma):
    family = GOLDEN["families"][curve]
    feed = {
        "rating_ma": rating_ma,
        "mnt_ppm": family["mnt_ppm"],
        "tau_fast_ms": family["tau_fast_ms"],
        "magnetic_ppm": family["magnetic_low_ppm"],
    }
    made = parse(feeds=[feed]).feeds[0]
    assert {key: getattr(made, key) for key in feed} == feed


@settings(max_examples=150)
@given(
    st.integers(1_000, 200_000),
    st.lists(st.tuples(st.integers(0, 6_000), st.integers(1, 50)), min_size=1, max_size=12),
)
def test_theta_and_time_to_trip_are_on_the_safe_side_and_close(rating_ma, profile):
    breaker = Breaker(rating_ma, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    theta = 0.0
    for load_permille, ticks in profile:
        current_ma = rating_ma * load_permille // 1000
        for _ in range(ticks):
            breaker.step(current_ma)
            theta = exact_step(rating_ma, theta, current_ma)
            assert breaker.theta_ppm >= theta * 1e6 - 1e-3
        if theta < 1:  # m is rounded up to a permille, so m^2 by up to 2 m + 1 ppm
            rounding = 2 * max(permille for permille, _ in profile) + 1
            assert breaker.theta_ppm <= theta * 1e6 * 1.006 + 200 + rounding
        exact_ms = exact_ttt_ms(rating_ma, theta, current_ma)
        assert breaker.ttt_ms(current_ma) <= exact_ms + 1e-6


@settings(max_examples=100)
@given(st.integers(1_150, 4_900), st.integers(0, 950_000))
def test_time_to_trip_is_not_far_early(load_permille, theta_ppm):
    breaker = Breaker(32_000, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    breaker.theta_ppm = theta_ppm
    current_ma = 32 * load_permille
    exact_ms = exact_ttt_ms(32_000, theta_ppm / 1e6, current_ma)
    if current_ma > 1.15 * 1.13 * 32_000:
        assert breaker.ttt_ms(current_ma) >= exact_ms * 0.97 - 20


def test_band_edge_of_iec_60898_trips_in_one_second_at_2_55_in():
    breaker = Breaker(16_000, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    assert 950 <= breaker.ttt_ms(40_800) <= 1000


def test_carries_its_conventional_non_tripping_current_for_ever():
    breaker = Breaker(16_000, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    for _ in range(1000):
        breaker.step(18_000)
    assert breaker.ttt_ms(18_000) == NEVER_MS
    assert breaker.theta_ppm < 1_000_000


def test_magnetic_gate_trips_at_once():
    breaker = Breaker(16_000, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    assert breaker.ttt_ms(80_000) == 0
    assert breaker.ttt_ms(79_999) > 0


def test_cools_down_to_nothing():
    breaker = Breaker(16_000, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    breaker.theta_ppm = 990_000
    for _ in range(1500):
        breaker.step(0)
    assert breaker.theta_ppm <= 200


@settings(max_examples=200)
@given(
    st.integers(10, 66_000),
    st.sampled_from([(1_600, 15_000_000), (4_570, 5_000_000), (20_000, 10_000_000)]),
    st.integers(0, 1_000_000),
    st.integers(0, 1_000_000),
)
def test_every_intermediate_is_a_small_int_on_a_board(rating_ma, curve, current_ma, theta_ppm):
    tau_ms, magnetic_ppm = curve
    breaker = Breaker(rating_ma, 1_000_000, tau_ms, magnetic_ppm)
    breaker.trip_ma, breaker.gate_ma = Small(breaker.trip_ma), Small(breaker.gate_ma)
    breaker.tau_ms, breaker.theta_ppm = Small(tau_ms), Small(theta_ppm)
    breaker._k_heat, breaker._k_cool = Small(breaker._k_heat), Small(breaker._k_cool)
    breaker.step(Small(current_ma))
    breaker.ttt_ms(Small(current_ma))


def test_a_rack_switched_on_counts_as_settled_but_not_as_tripped():
    breaker = Breaker(16_000, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    breaker.assume_settled(16_000)
    assert breaker.theta_ppm == pytest.approx(783_147, rel=0.005)
    breaker.assume_settled(60_000)
    assert breaker.theta_ppm == 900_000


def test_after_a_reset_the_breaker_counts_as_hot_and_forgets_it():
    breaker = Breaker(16_000, MNT_PPM, TAU_MS, MAGNETIC_PPM)
    breaker.assume_hot()
    assert breaker.ttt_ms(17_000) == NEVER_MS  # nothing is shed for it
    assert breaker.ttt_ms(20_000) < 3_000
    for _ in range(3 * TAU_MS // 100):
        breaker.step(8_000)
    assert breaker.theta_ppm < 240_000


@pytest.mark.parametrize("tau_ms", range(1_600, 20_001, 333))
def test_gain_is_rounded_up_to_heat_and_down_to_cool(tau_ms):
    heat, cool = _gains(tau_ms)
    exact = -math.expm1(-TICK_MS / tau_ms) * (1 << 20)
    assert exact <= heat <= exact + 1.001
    assert exact - 1.001 <= cool <= exact


@pytest.mark.parametrize("tau_ms", range(1_600, 20_001, 1_111))
def test_one_big_step_heats_at_least_as_much_as_it_should(tau_ms):
    breaker = Breaker(10_000, 1_000_000, tau_ms, 15_000_000)
    breaker.step(149_000)  # m = 14.9 exactly
    assert breaker.theta_ppm >= -math.expm1(-TICK_MS / tau_ms) * 14_900**2
