# SPDX-License-Identifier: Apache-2.0
"""The largest current for a time: exact against the step, monotone, below the gate."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge._native import ffi, lib
from edge.core import CURVES, Breaker, Curve
from tests.reference import breaker as reference
from tests.reference import write_golden

GOLDEN = json.loads((write_golden.FOLDER / "breaker.json").read_text())
CURVE = CURVES["iec60898_c"]
RATING_MA = 32_000
HOLDS_MS = st.integers(0, 600_000)
HEATS_PPM = st.integers(0, 1_200_000)
LIMITS_PPM = st.integers(1, 1_000_000)
SHARES_PPM = st.integers(0, 1_000_000)
EDGES = st.sampled_from(["fast", "slow"])


def breaker_of(curve, rating_ma):
    breaker = Breaker(rating_ma, curve)
    breaker.theta_fast_ppm = 500_000
    return breaker


def breaker_at(theta_ppm, rating_ma=RATING_MA):
    breaker = Breaker(rating_ma, CURVE)
    breaker.theta_fast_ppm = breaker.theta_slow_ppm = theta_ppm
    return breaker


def theta_after(theta, current_ma, hold_ms, edge):
    """The heat to the last bit, which the ppm of the wrapper do not show."""
    image = ffi.new(
        "struct edge_breaker *",
        [RATING_MA, CURVE.mnt_ppm, CURVE.tau_fast_ms, CURVE.tau_slow_ms, 5_000_000, 10_000_000],
    )
    image.theta_fast = image.theta_slow = theta
    assert lib.edge_breaker_step(image, current_ma, hold_ms) == lib.EDGE_OK
    return image.theta_fast if edge == "fast" else image.theta_slow


def gate_ma(edge):
    return (5 if edge == "fast" else 10) * RATING_MA


@pytest.mark.parametrize("case", GOLDEN["holds"], ids=lambda case: case["name"])
def test_golden_holds(case):
    breaker = Breaker(case["rating_ma"], CURVES[case["curve"]])
    breaker.theta_fast_ppm = breaker.theta_slow_ppm = case["theta_ppm"]
    question = (case["hold_ms"], case["theta_max_ppm"])
    tolerance_ma = GOLDEN["tolerance"]["current_ma"]
    for edge in ("fast", "slow"):
        held_ma = pytest.approx(case[f"hold_{edge}_ma"], abs=tolerance_ma)
        assert breaker.hold_ma(*question, edge) == held_ma
        total_ma = pytest.approx(case[f"survivor_{edge}_ma"], abs=tolerance_ma)
        assert breaker.survivor_ma(*question, case["share_ppm"], edge) == total_ma


@given(HEATS_PPM, HOLDS_MS, LIMITS_PPM, EDGES)
@example(900_000, 1, 1, "fast")
@example(0, 0, 1_000_000, "fast")
@example(1_000_000, 0, 1_000_000, "fast")
def test_held_current_keeps_the_limit_and_one_ma_more_does_not(theta_ppm, hold_ms, max_ppm, edge):
    held_ma = breaker_at(theta_ppm).hold_ma(hold_ms, max_ppm, edge)
    theta, theta_max = theta_ppm / 1e6, max_ppm / 1e6
    assert 0 <= held_ma < gate_ma(edge)
    if theta_after(theta, 0, hold_ms, edge) > theta_max:
        assert held_ma == 0
        return
    assert theta_after(theta, held_ma, hold_ms, edge) <= theta_max
    if held_ma + 1 < gate_ma(edge):
        assert theta_after(theta, held_ma + 1, hold_ms, edge) > theta_max


@given(HEATS_PPM, HOLDS_MS, LIMITS_PPM, SHARES_PPM, EDGES)
def test_survivor_keeps_the_limit_from_its_steady_state_and_2_ma_more_do_not(
    theta_ppm, hold_ms, max_ppm, share_ppm, edge
):
    total_ma = breaker_at(theta_ppm).survivor_ma(hold_ms, max_ppm, share_ppm, edge)
    image = reference.edges(RATING_MA, "iec60898_c")[edge == "slow"]
    theta_max = max_ppm / 1e6

    def after(current_ma):
        steady = image.target(current_ma * share_ppm / 1e6)
        return theta_after(max(theta_ppm / 1e6, steady), current_ma, hold_ms, edge)

    assert 0 <= total_ma < gate_ma(edge)
    if after(0) > theta_max:
        assert total_ma == 0
        return
    assert after(total_ma) <= theta_max * (1 + 1e-12)
    if total_ma + 2 < gate_ma(edge):
        assert after(total_ma + 2) > theta_max


@given(HEATS_PPM, HOLDS_MS, LIMITS_PPM, SHARES_PPM, EDGES)
def test_same_as_the_reference(theta_ppm, hold_ms, max_ppm, share_ppm, edge):
    breaker = breaker_at(theta_ppm)
    image = reference.edges(RATING_MA, "iec60898_c")[edge == "slow"]
    image.theta = theta_ppm / 1e6
    total_ma = breaker.survivor_ma(hold_ms, max_ppm, share_ppm, edge)
    assert total_ma == pytest.approx(
        image.survivor_ma(hold_ms, max_ppm / 1e6, share_ppm / 1e6), abs=1
    )
    assert breaker.hold_ma(hold_ms, max_ppm, edge) == pytest.approx(
        image.survivor_ma(hold_ms, max_ppm / 1e6), abs=1
    )


@given(HEATS_PPM, HOLDS_MS, LIMITS_PPM, EDGES, st.integers(1, 100_000))
def test_falls_with_heat_and_rises_with_the_limit(theta_ppm, hold_ms, max_ppm, edge, more):
    held_ma = breaker_at(theta_ppm).hold_ma(hold_ms, max_ppm, edge)
    assert breaker_at(theta_ppm + more).hold_ma(hold_ms, max_ppm, edge) <= held_ma
    assert breaker_at(theta_ppm).hold_ma(hold_ms, min(max_ppm + more, 10**6), edge) >= held_ma


@given(LIMITS_PPM, st.integers(0, 1_000_000), HOLDS_MS, st.integers(1, 100_000), EDGES)
def test_longer_hold_is_less_current_unless_it_must_cool_first(
    max_ppm, theta_ppm, hold_ms, more_ms, edge
):
    breaker = breaker_at(theta_ppm)
    shorter_ma = breaker.hold_ma(hold_ms, max_ppm, edge)
    longer_ma = breaker.hold_ma(hold_ms + more_ms, max_ppm, edge)
    assert longer_ma <= shorter_ma if theta_ppm <= max_ppm else longer_ma >= shorter_ma


@given(HEATS_PPM, HOLDS_MS, LIMITS_PPM, SHARES_PPM, st.integers(1, 500_000), EDGES)
def test_larger_share_before_the_loss_leaves_less(
    theta_ppm, hold_ms, max_ppm, share_ppm, more_ppm, edge
):
    breaker = breaker_at(theta_ppm)
    total_ma = breaker.survivor_ma(hold_ms, max_ppm, share_ppm, edge)
    more_ppm = min(share_ppm + more_ppm, 1_000_000)
    assert breaker.survivor_ma(hold_ms, max_ppm, more_ppm, edge) <= total_ma + 1
    assert total_ma <= breaker.hold_ma(hold_ms, max_ppm, edge) + 1


@given(st.integers(0, 999_999), st.integers(1, 600_000), EDGES)
def test_held_to_the_trip_it_does_not_trip_within_the_hold(theta_ppm, hold_ms, edge):
    breaker = breaker_at(theta_ppm)
    held_ma = breaker.hold_ma(hold_ms, 1_000_000, edge)
    assert breaker.time_to_trip_ms(held_ma, edge) >= hold_ms - 1


def test_for_ever_it_is_the_conventional_non_tripping_current():
    assert Breaker(RATING_MA, CURVE).hold_ma(86_400_000, 1_000_000) == RATING_MA * 113 // 100


def test_half_the_load_before_the_loss():
    """By hand: k = 1 - e^-1, S^2 (k + (1 - k) / 4) = 1, m = 1.17518."""
    breaker = Breaker(100_000, CURVE)
    assert breaker.survivor_ma(4_570, 1_000_000, 500_000) == pytest.approx(132_795, abs=1)


def test_all_of_it_before_the_loss_is_what_is_carried_for_ever():
    """At a million amperes, where a millionth of the share is many mA."""
    breaker = Breaker(1_000_000_000, CURVE)
    for hold_ms in (0, 1, 4_570):
        total_ma = breaker.survivor_ma(hold_ms, 1_000_000, 1_000_000)
        assert total_ma == pytest.approx(1_130_000_000, abs=1)


def test_a_hold_that_hardly_heats_assumes_no_share_before():
    """1 ms of a day to 1 ppm, by hand: m^2 = 86.4; a share of 1 ppm would be worth 40 A."""
    slowest = Curve(1_000_000, 86_400_000, 86_400_000, 20_000_000, 20_000_000)
    held_ma = Breaker(100_000_000, slowest).hold_ma(1, 1)
    assert held_ma == pytest.approx(86.4**0.5 * 100_000_000, abs=10)


@pytest.mark.parametrize("less_ma", range(0, 1_000_000, 99_991))
def test_exact_even_where_the_closed_form_is_not(less_ma):
    """1 ms of a day: rounding of theta is worth some 10 mA of a million amperes."""
    slowest = Curve(1_130_000, 86_400_000, 86_400_000, 5_000_000, 10_000_000)
    held_ma = breaker_of(slowest, 2**30 - 1 - less_ma).hold_ma(1, 500_000)
    for more_ma, cool in ((0, True), (1, False)):
        image = ffi.new(
            "struct edge_breaker *",
            [2**30 - 1 - less_ma, 1_130_000, 86_400_000, 86_400_000, 5_000_000, 10_000_000, 0.5],
        )
        lib.edge_breaker_step(image, held_ma + more_ma, 1)
        assert (image.theta_fast <= 0.5) is cool


def test_a_current_beyond_int32_is_not_given():
    widest = Breaker(2**30 - 1, CURVE)
    assert widest.hold_ma(0, 1_000_000) == 2**31 - 2


@pytest.mark.parametrize(
    "question",
    [(-1, 1, 0), (86_400_001, 1, 0), (1, 0, 0), (1, 1_000_001, 0), (1, 1, -1), (1, 1, 1_000_001)],
)
def test_absurd_question_is_refused(question):
    with pytest.raises(ValueError, match="out of range"):
        breaker_at(0).survivor_ma(*question)
    if 0 <= question[2] <= 1_000_000:
        with pytest.raises(ValueError, match="out of range"):
            breaker_at(0).hold_ma(*question[:2])


@given(HEATS_PPM, HOLDS_MS, LIMITS_PPM, EDGES)
def test_without_a_share_before_the_survivor_just_holds(theta_ppm, hold_ms, max_ppm, edge):
    breaker = breaker_at(theta_ppm)
    assert breaker.survivor_ma(hold_ms, max_ppm, 0, edge) == breaker.hold_ma(hold_ms, max_ppm, edge)
