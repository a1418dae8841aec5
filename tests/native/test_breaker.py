# SPDX-License-Identifier: Apache-2.0
"""The breaker model: golden vectors, the standard's gates, physics."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import CURVES, NEVER_MS, Breaker, Curve
from tests.reference import breaker as reference
from tests.reference import write_golden

GOLDEN = json.loads((write_golden.FOLDER / "breaker.json").read_text())
TOLERANCE = GOLDEN["tolerance"]
C_CURVE = CURVES["iec60898_c"]
RATING_MA = 16_000
CURRENTS_MA = st.integers(0, 20 * RATING_MA)
HEATS_PPM = st.integers(0, 999_999)


def breaker_at(theta_ppm: int, curve: Curve = C_CURVE, rating_ma: int = RATING_MA) -> Breaker:
    breaker = Breaker(rating_ma, curve)
    breaker.theta_fast_ppm = breaker.theta_slow_ppm = theta_ppm
    return breaker


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_golden_steps(case):
    breaker = breaker_at(case["theta_ppm"], CURVES[case["curve"]], case["rating_ma"])
    for step in case["steps"]:
        breaker.step(step["current_ma"], step["dt_ms"])
        for edge in ("fast", "slow"):
            theta_ppm = getattr(breaker, f"theta_{edge}_ppm")
            assert theta_ppm == pytest.approx(step[f"theta_{edge}_ppm"], abs=TOLERANCE["theta_ppm"])
            left_ms = breaker.time_to_trip_ms(step["current_ma"], edge)
            expected_ms = step[f"ttt_{edge}_ms"]
            assert left_ms == pytest.approx(expected_ms, abs=TOLERANCE["time_to_trip_ms"])


@pytest.mark.parametrize(("name", "low", "high"), [("b", 3, 5), ("c", 5, 10), ("d", 10, 20)])
def test_magnetic_gate_trips_at_once(name, low, high):
    breaker = Breaker(10_000, CURVES[f"iec60898_{name}"])
    assert breaker.time_to_trip_ms(low * 10_000) == 0
    assert breaker.time_to_trip_ms(low * 10_000 - 1) > 0
    assert breaker.time_to_trip_ms(high * 10_000, "slow") == 0
    assert breaker.time_to_trip_ms(high * 10_000 - 1, "slow") > 0


@given(
    st.sampled_from(sorted(CURVES)),
    st.integers(1_000, 400_000),
    HEATS_PPM,
    st.lists(st.tuples(st.integers(0, 8_000), st.integers(0, 600_000)), min_size=1, max_size=8),
)
@settings(max_examples=300)
def test_same_as_the_reference(name, rating_ma, theta_ppm, steps):
    breaker = breaker_at(theta_ppm, CURVES[name], rating_ma)
    edges = dict(zip(("fast", "slow"), reference.edges(rating_ma, name), strict=True))
    for image in edges.values():
        image.theta = theta_ppm / 1e6
    for load_permille, dt_ms in steps:
        current_ma = rating_ma * load_permille // 1000
        breaker.step(current_ma, dt_ms)
        for edge, image in edges.items():
            image.step(current_ma, dt_ms)
            theta_ppm = getattr(breaker, f"theta_{edge}_ppm")
            assert theta_ppm == pytest.approx(image.theta * 1e6, abs=TOLERANCE["theta_ppm"])
            left_ms = image.time_to_trip_ms(current_ma)
            # near m = 1 the logarithm magnifies the last bit of either
            near = pytest.approx(left_ms, rel=1e-9, abs=TOLERANCE["time_to_trip_ms"])
            assert breaker.time_to_trip_ms(current_ma, edge) == near


@given(HEATS_PPM, CURRENTS_MA)
@settings(max_examples=200)
def test_fast_edge_never_trips_after_slow_edge(theta_ppm, current_ma):
    breaker = breaker_at(theta_ppm)
    fast_ms = breaker.time_to_trip_ms(current_ma, "fast")
    assert fast_ms <= breaker.time_to_trip_ms(current_ma, "slow")


@given(HEATS_PPM, st.integers(19_000, 79_000))
@settings(max_examples=200)
def test_stepping_for_the_time_to_trip_reaches_the_trip(theta_ppm, current_ma):
    breaker = breaker_at(theta_ppm)
    left_ms = breaker.time_to_trip_ms(current_ma)
    breaker.step(current_ma, left_ms)
    assert breaker.theta_fast_ppm <= 1_000_000
    assert breaker.time_to_trip_ms(current_ma) == 0


@given(
    HEATS_PPM,
    CURRENTS_MA,
    st.sampled_from(sorted(CURVES)),
    st.lists(st.integers(0, 5_000), min_size=1, max_size=20),
)
@settings(max_examples=200)
def test_many_small_steps_equal_one_large_step(theta_ppm, current_ma, name, steps_ms):
    curve = CURVES[name]
    fine, coarse = breaker_at(theta_ppm, curve), breaker_at(theta_ppm, curve)
    for dt_ms in steps_ms:
        fine.step(current_ma, dt_ms)
    coarse.step(current_ma, sum(steps_ms))
    assert fine.theta_fast_ppm == pytest.approx(coarse.theta_fast_ppm, abs=2)
    assert fine.theta_slow_ppm == pytest.approx(coarse.theta_slow_ppm, abs=2)


@given(HEATS_PPM, CURRENTS_MA, st.integers(0, 10_000), st.integers(1, 10_000))
@settings(max_examples=200)
def test_more_current_or_more_heat_never_trips_later(theta_ppm, current_ma, more_ma, more_ppm):
    breaker = breaker_at(theta_ppm)
    left_ms = breaker.time_to_trip_ms(current_ma)
    assert breaker.time_to_trip_ms(current_ma + more_ma) <= left_ms
    breaker.theta_fast_ppm = theta_ppm + more_ppm
    assert breaker.time_to_trip_ms(current_ma) <= left_ms


def test_time_beyond_the_wire_is_never():
    slowest = Curve(1_000_000, 1, 86_400_000, 5_000_000, 10_000_000)
    breaker = Breaker(2**30 - 1, slowest)
    assert breaker.time_to_trip_ms(2**30, "slow") == NEVER_MS
    assert breaker.time_to_trip_ms(2**30 + 2**28, "slow") < NEVER_MS


def test_tripped_breaker_reports_zero_even_without_current():
    assert breaker_at(1_000_000).time_to_trip_ms(0) == 0


def test_heat_beyond_the_wire_is_capped():
    breaker = Breaker(1, C_CURVE)
    breaker.step(2**31 - 1, 86_400_000)
    assert breaker.theta_fast_ppm == NEVER_MS


@pytest.mark.parametrize(("current_ma", "dt_ms"), [(-1, 100), (100, -1), (100, 86_400_001)])
def test_absurd_step_is_refused_and_changes_nothing(current_ma, dt_ms):
    breaker = breaker_at(500_000)
    with pytest.raises(ValueError, match="out of range"):
        breaker.step(current_ma, dt_ms)
    assert breaker.theta_fast_ppm == breaker.theta_slow_ppm == 500_000


def test_negative_current_has_no_time_to_trip():
    with pytest.raises(ValueError, match="negative"):
        breaker_at(0).time_to_trip_ms(-1)


def test_negative_heat_is_refused():
    with pytest.raises(ValueError, match="negative"):
        breaker_at(0).theta_fast_ppm = -1


@pytest.mark.parametrize(
    ("rating_ma", "curve"),
    [
        (0, C_CURVE),
        (-16_000, C_CURVE),
        (2**30, C_CURVE),
        (16_000, Curve(999_999, 4_570, 274_000, 5_000_000, 10_000_000)),
        (16_000, Curve(2_000_001, 4_570, 274_000, 5_000_000, 10_000_000)),
        (16_000, Curve(1_130_000, 0, 274_000, 5_000_000, 10_000_000)),
        (16_000, Curve(1_130_000, 4_570, 4_569, 5_000_000, 10_000_000)),
        (16_000, Curve(1_130_000, 4_570, 86_400_001, 5_000_000, 10_000_000)),
        (16_000, Curve(1_130_000, 4_570, 274_000, 1_130_000, 10_000_000)),
        (16_000, Curve(1_130_000, 4_570, 274_000, 5_000_000, 4_999_999)),
        (16_000, Curve(1_130_000, 4_570, 274_000, 5_000_000, 100_000_001)),
    ],
)
def test_absurd_breaker_is_refused(rating_ma, curve):
    with pytest.raises(ValueError, match="breaker out of range"):
        Breaker(rating_ma, curve)
