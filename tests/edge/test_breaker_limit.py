# SPDX-License-Identifier: Apache-2.0
"""Overdraft, the hours rule and the dead twin, against a breaker that is stepped."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.breaker_limit import PPM, BreakerLimit, continuous_curve
from edge.config_model import ControlConfig, FeedConfig
from edge.core import CURVES, Breaker

FEED = FeedConfig(name="A", breaker_a=100.0, continuous_ratio=1.0)
RATING_MW = 69_000_000
SUSTAINED = 1.13 * math.sqrt(0.96) / 0.98  # its cap band, 98 %, is where the heat ends


def limit_of(fraction: float = 0.5, **feed: object) -> BreakerLimit:
    control = ControlConfig(overdraft_fraction=fraction)
    return BreakerLimit(FEED.model_copy(update=feed), control)


def carry(limit: BreakerLimit, power_mw: int, seconds: float, start_ms: int = 0) -> int:
    end_ms = start_ms + round(seconds * 1000)
    for now_ms in range(start_ms, end_ms + 1, 100):
        limit.heat(power_mw, 0.0, now_ms)
        limit.level_mw(1_500)
    return end_ms


def test_without_overdraft_the_rating_is_the_limit_however_cold() -> None:
    limit = limit_of(0.0)
    carry(limit, 0, 60)
    assert limit.level_mw(1_500) == RATING_MW


def test_a_start_whose_heat_is_not_known_gets_the_sustained_level() -> None:
    limit = limit_of()
    limit.heat(0, 0.0, 0)
    assert limit.level_mw(1_500) == pytest.approx(SUSTAINED * RATING_MW, rel=1e-3)


def test_a_cold_breaker_gives_more_and_a_slow_host_less() -> None:
    quick, slow = limit_of(), limit_of()
    carry(quick, RATING_MW // 3, 40)
    carry(slow, RATING_MW // 3, 40)
    assert quick.level_mw(1_500) > 1.3 * RATING_MW
    assert SUSTAINED * RATING_MW * 0.99 < slow.level_mw(15_000) < quick.level_mw(1_500)


@settings(max_examples=60, deadline=None)
@given(
    base=st.floats(0, 1.0),
    reaction_ms=st.integers(200, 5_000),
    fraction=st.floats(0.2, 0.9),
)
def test_whoever_takes_the_level_and_is_cut_a_reaction_later_trips_no_breaker(
    base: float, reaction_ms: int, fraction: float
) -> None:
    limit = limit_of(fraction)
    carry(limit, int(base * RATING_MW), 60)
    level_mw = limit.level_mw(reaction_ms)
    worst = Breaker(100_000, CURVES["iec60898_c"])
    worst.theta_fast_ppm = limit.breaker.theta_fast_ppm
    current_ma = math.ceil(level_mw * 0.98 / 690)
    worst.step(current_ma, reaction_ms)
    assert worst.time_to_trip_ms(current_ma) > reaction_ms * (1 / fraction - 1)
    assert worst.theta_fast_ppm < PPM


def test_a_burst_is_taken_back_as_it_heats_and_comes_back_when_calm() -> None:
    limit = limit_of()
    now_ms = carry(limit, RATING_MW // 3, 40)
    burst_mw = limit.level_mw(1_500)
    carried_mw = int(burst_mw * 0.98)
    for _ in range(600):  # caps follow the level 1.5 s late
        now_ms = carry(limit, carried_mw, 1.5, now_ms)
        carried_mw = int(limit.level_mw(1_500) * 0.98)
        assert limit.breaker.theta_fast_ppm <= 0.97 * PPM
    assert carried_mw == pytest.approx(SUSTAINED * 0.98 * RATING_MW, rel=0.01)
    now_ms = carry(limit, RATING_MW // 3, 9, now_ms)
    assert limit.level_mw(1_500) < burst_mw  # the hottest of the last 10 s decides
    carry(limit, RATING_MW // 3, 40, now_ms)
    assert limit.level_mw(1_500) == pytest.approx(burst_mw, rel=0.01)


def test_the_worst_pole_decides() -> None:
    limit = limit_of()
    for now_ms in range(0, 60_000, 100):
        limit.heat(RATING_MW // 2, 0.5, now_ms)
    assert limit.breaker.theta_fast_ppm == pytest.approx((0.75 / 1.13) ** 2 * PPM, rel=1e-3)
    assert limit.rating_mw == pytest.approx(RATING_MW, rel=1e-3)  # its poles have their own rows
    balanced = limit_of()
    balanced.breaker.theta_fast_ppm = limit.breaker.theta_fast_ppm
    alike = balanced.survivor_mw(2_000, 0.5)
    assert limit.survivor_mw(2_000, 0.5) == pytest.approx(alike * 2 / 3, rel=1e-3)


@pytest.mark.parametrize(("ratio", "hours"), [(0.8, 3.0), (0.7, 1.0), (0.95, 8.0)])
def test_cold_carries_the_rating_for_the_hours_and_then_the_ratio(
    ratio: float, hours: float
) -> None:
    image = Breaker(int(100_000 * ratio), continuous_curve(ratio, hours))
    left_ms = image.time_to_trip_ms(100_000)
    assert left_ms == pytest.approx(hours * 3_600_000, rel=1e-4)
    image.step(int(100_000 * ratio), 86_400_000)
    assert image.theta_fast_ppm <= PPM


def test_hours_rule_starts_used_up_unless_told_what_was_carried() -> None:
    full = limit_of(continuous_ratio=0.8)
    full.heat(0, 0.0, 0)
    assert full.continuous_mw() == pytest.approx(0.8 * RATING_MW, rel=1e-3)
    idle = limit_of(continuous_ratio=0.8, before_w=10_000.0)
    idle.heat(0, 0.0, 0)
    assert idle.continuous_mw() > RATING_MW


def test_following_the_hours_rule_keeps_the_image_at_its_limit_and_ends_at_the_ratio() -> None:
    limit = limit_of(continuous_ratio=0.8, before_w=10_000.0)
    carried = []
    for now_ms in range(0, 6 * 3_600_000, 10_000):
        power_mw = min(limit.continuous_mw(), int(1.07 * RATING_MW)) if now_ms else 0
        limit.heat(power_mw, 0.0, now_ms)
        carried.append(power_mw)
        assert limit.continuous is not None
        assert limit.continuous.theta_fast_ppm <= PPM
    assert sum(carried[: 2 * 360]) / (2 * 360) > 1.0 * RATING_MW  # two hours above the rating
    assert carried[-1] == pytest.approx(0.8 * RATING_MW, rel=0.01)


@settings(max_examples=60, deadline=None)
@given(hold_ms=st.integers(500, 10_000), share=st.floats(0.05, 1.0), base=st.floats(0, 0.9))
def test_a_survivor_with_the_whole_does_not_trip_while_it_has_to_hold(
    hold_ms: int, share: float, base: float
) -> None:
    limit = limit_of()
    carry(limit, int(base * RATING_MW), 60)
    total_mw = limit.survivor_mw(hold_ms, share)
    before = Breaker(100_000, CURVES["iec60898_c"])
    before.theta_fast_ppm = limit.breaker.theta_fast_ppm
    before.step(int(total_mw / 690 * share), 600_000)
    before.theta_fast_ppm = max(before.theta_fast_ppm, limit.breaker.theta_fast_ppm)
    assert before.time_to_trip_ms(math.ceil(total_mw / 690)) >= hold_ms


def test_a_restart_is_as_warm_as_remembered_and_no_colder_for_having_been_away() -> None:
    limit = limit_of(continuous_ratio=0.8, before_w=10_000.0)
    kept = limit.memory("A", RATING_MW)
    soon, late = limit_of(continuous_ratio=0.8), limit_of(continuous_ratio=0.8)
    soon.resume(kept, 1_000)
    late.resume(kept, 4 * 3_600_000)
    assert soon.continuous is not None
    assert late.continuous is not None
    assert soon.continuous.theta_fast_ppm == pytest.approx(kept.continuous_ppm, abs=500)
    assert late.continuous.theta_fast_ppm == PPM  # it may have carried its rating all the time
