# SPDX-License-Identifier: Apache-2.0
"""Kept heat over a restart, and the rating in hot air."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import CURVES, NEVER_MS, TRIP_MC, Breaker, BreakerState, derated_ma
from tests.reference import write_golden

GOLDEN = json.loads((write_golden.FOLDER / "breaker.json").read_text())
TOLERANCE = GOLDEN["tolerance"]
RATING_MA = 16_000
DAY_MS = 86_400_000
HEATS_PPM = st.integers(0, 1_100_000)
AWAY_MS = st.integers(0, 10 * DAY_MS)
CURRENTS_MA = st.integers(0, 5 * RATING_MA)
NAMES = st.sampled_from(sorted(CURVES))

# Schneider 0611CT1603, PowerPact B frame, reference 40 degC: carried current, A, at 45 .. 70
# degC by rating, A; printed in whole amperes.
POWERPACT_B = {
    15: (14, 14, 13, 12, 12, 11),
    20: (19, 19, 18, 18, 17, 16),
    30: (29, 28, 27, 26, 25, 24),
    40: (39, 38, 37, 36, 35, 33),
    50: (49, 47, 45, 44, 42, 40),
    60: (58, 56, 55, 53, 51, 48),
    70: (67, 64, 61, 59, 55, 53),
    80: (77, 73, 70, 67, 63, 59),
    90: (87, 83, 80, 76, 72, 68),
    100: (99, 96, 92, 85, 80, 69),
    110: (107, 103, 99, 94, 89, 76),
    125: (121, 117, 112, 109, 104, 100),
}


def breaker_at(fast_ppm, slow_ppm, name="iec60898_c"):
    breaker = Breaker(RATING_MA, CURVES[name])
    breaker.theta_fast_ppm, breaker.theta_slow_ppm = fast_ppm, slow_ppm
    return breaker


@pytest.mark.parametrize("case", GOLDEN["resumed"], ids=lambda case: case["name"])
def test_golden_resumes(case):
    breaker = Breaker(case["rating_ma"], CURVES[case["curve"]])
    breaker.resume(BreakerState(*case["state"]), case["away_ms"], case["most_ma"])
    for edge in ("fast", "slow"):
        theta_ppm = getattr(breaker, f"theta_{edge}_ppm")
        assert theta_ppm == pytest.approx(case[f"theta_{edge}_ppm"], abs=TOLERANCE["theta_ppm"])


@given(NAMES, HEATS_PPM, HEATS_PPM)
def test_state_resumed_at_once_is_the_same(name, fast_ppm, slow_ppm):
    before, after = breaker_at(fast_ppm, slow_ppm, name), Breaker(RATING_MA, CURVES[name])
    after.resume(before.state(), 0, RATING_MA)
    assert after.theta_fast_ppm == pytest.approx(fast_ppm, abs=1)
    assert after.theta_slow_ppm == pytest.approx(slow_ppm, abs=1)


@given(
    NAMES,
    HEATS_PPM,
    st.lists(st.tuples(CURRENTS_MA, st.integers(0, DAY_MS)), min_size=1, max_size=8),
)
def test_what_is_resumed_is_never_cooler_on_the_fast_edge_nor_hotter_on_the_slow(
    name, theta_ppm, carried
):
    running = breaker_at(theta_ppm, theta_ppm, name)
    running.step(17_777, 77)
    resumed = Breaker(RATING_MA, CURVES[name])
    kept = running.state()
    for current_ma, dt_ms in carried:
        running.step(current_ma, dt_ms)
    resumed.resume(kept, sum(ms for _, ms in carried), max(ma for ma, _ in carried))
    assert resumed.theta_fast_ppm >= running.theta_fast_ppm - 1
    assert resumed.theta_slow_ppm <= running.theta_slow_ppm + 1


@given(HEATS_PPM, HEATS_PPM, AWAY_MS, CURRENTS_MA)
def test_state_rounds_to_the_safe_side(fast_ppm, slow_ppm, dt_ms, current_ma):
    breaker = breaker_at(fast_ppm, slow_ppm)
    breaker.step(current_ma, dt_ms % DAY_MS)
    state = breaker.state()
    assert breaker.theta_fast_ppm <= state.theta_fast_ppm <= breaker.theta_fast_ppm + 1
    assert breaker.theta_slow_ppm - 1 <= state.theta_slow_ppm <= breaker.theta_slow_ppm


def test_state_of_absurd_heat_stays_a_small_int():
    breaker = breaker_at(0, 0)
    breaker.step(2**31 - 1, DAY_MS)
    assert breaker.state() == (NEVER_MS, NEVER_MS)


def test_away_for_longer_than_anything_is_the_steady_state():
    breaker = breaker_at(0, 0)
    breaker.resume(BreakerState(0, 1_000_000), 10**18, RATING_MA)
    assert breaker.theta_fast_ppm == round(1e6 / 1.13**2)
    assert breaker.theta_slow_ppm == 0


def test_away_the_slow_edge_of_the_smallest_breaker_carries_nothing_either():
    breaker = Breaker(1, CURVES["iec60898_c"])
    breaker.resume(BreakerState(0, 0), DAY_MS, 1)
    assert breaker.state() == (783_147, 0)


@pytest.mark.parametrize(
    "state",
    [(), (1,), (1, 2, 3), (-1, 0), (0, -1), (0, 2**30), (2**30, 0), (0.5, 0), ("1", 0), (True, 0)],
)
def test_corrupt_state_is_refused_and_changes_nothing(state):
    breaker = breaker_at(300_000, 200_000)
    with pytest.raises(ValueError, match="corrupt"):
        breaker.resume(state, 1_000, RATING_MA)
    assert breaker.state() == (300_000, 200_000)


@pytest.mark.parametrize(("away_ms", "most_ma"), [(-1, 0), (1, -1), (1, 2**31)])
def test_absurd_absence_is_refused_and_changes_nothing(away_ms, most_ma):
    breaker = breaker_at(300_000, 200_000)
    with pytest.raises(ValueError, match="negative"):
        breaker.resume(BreakerState(1, 1), away_ms, most_ma)
    assert breaker.state() == (300_000, 200_000)


@pytest.mark.parametrize("case", GOLDEN["derated"])
def test_golden_deratings(case):
    derated = derated_ma(
        case["rating_ma"], case["ambient_mc"], case["reference_mc"], case["trip_mc"]
    )
    assert derated == pytest.approx(case["derated_ma"], abs=TOLERANCE["current_ma"])


@given(
    st.integers(1, 4_000_000),
    st.integers(-50_000, 150_000),
    st.integers(0, 1_000),
    st.integers(20_000, 50_000),
)
def test_hotter_is_never_more_and_cold_is_never_above_the_rating(
    rating_ma, ambient_mc, hotter_mc, reference_mc
):
    derated = derated_ma(rating_ma, ambient_mc, reference_mc)
    assert derated_ma(rating_ma, ambient_mc + hotter_mc, reference_mc) <= derated <= rating_ma
    assert derated == rating_ma or ambient_mc > reference_mc
    assert (derated == 0) == (ambient_mc >= TRIP_MC) or rating_ma < 1_000


@given(st.integers(1_000, 1_000_000), st.integers(40_001, 96_000))
def test_derated_rating_heats_the_bimetal_to_its_trip_temperature_and_no_further(
    rating_ma, ambient_mc
):
    derated = derated_ma(rating_ma, ambient_mc, 40_000)
    rise_mc = (TRIP_MC - 40_000) * (derated / rating_ma) ** 2
    assert ambient_mc + rise_mc <= TRIP_MC + 1e-3
    assert ambient_mc + (TRIP_MC - 40_000) * ((derated + 1) / rating_ma) ** 2 > TRIP_MC


def test_all_of_the_rating_up_to_the_reference_and_nothing_from_the_trip_temperature_on():
    rating_ma = 1_000_000_000
    for ambient_mc in (-100_000, 39_999, 40_000):
        assert derated_ma(rating_ma, ambient_mc, 40_000) == rating_ma
    assert derated_ma(rating_ma, TRIP_MC - 1, 40_000) > 0
    assert derated_ma(rating_ma, 40_001, 40_000) < rating_ma
    for ambient_mc in (TRIP_MC, TRIP_MC + 1, 1_000_000):
        assert derated_ma(rating_ma, ambient_mc, 40_000) == 0


@pytest.mark.parametrize("rating_a", POWERPACT_B)
def test_default_is_not_above_a_makers_table(rating_a):
    for ambient_c, printed_a in zip(range(45, 71, 5), POWERPACT_B[rating_a], strict=True):
        derated = derated_ma(rating_a * 1000, ambient_c * 1000, 40_000)
        assert derated <= printed_a * 1000 + 500
        assert derated >= 0.83 * printed_a * 1000


@pytest.mark.parametrize(
    "question",
    [
        (0, 40_000, 40_000, 97_000),
        (2**30, 40_000, 40_000, 97_000),
        (1, -100_001, 40_000, 97_000),
        (1, 1_000_001, 40_000, 97_000),
        (1, 40_000, 97_000, 97_000),
        (1, 40_000, -100_001, 97_000),
        (1, 40_000, 40_000, 1_000_001),
    ],
)
def test_absurd_derating_is_refused(question):
    with pytest.raises(ValueError, match="out of range"):
        derated_ma(*question)
