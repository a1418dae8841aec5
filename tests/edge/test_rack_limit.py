# SPDX-License-Identifier: Apache-2.0
"""Limits of the whole rack that move with time."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config_device import DryrunBattery
from edge.config_model import BbuConfig, LimitsConfig
from edge.rack_limit import Battery, BbuState, DemandWindow, Ramp, Release, SiteLease, Staged

KW = 1_000_000
WINDOW_MS = 900_000


def window(*, sliding: bool = False, offset_ms: int = 0) -> DemandWindow:
    limits = LimitsConfig(demand_w=10_000.0, demand_sliding=sliding)
    return DemandWindow(limits, offset_ms)


@given(st.lists(st.tuples(st.integers(0, 40 * KW), st.integers(100, 90_000)), max_size=80))
def test_whoever_follows_the_demand_window_pays_for_no_more(
    wishes: list[tuple[int, int]],
) -> None:
    demand = window()
    now_ms, energy, block = 0, 0, 0
    demand.take(0, 0)
    for wish_mw, dt_ms in wishes:
        for _ in range(dt_ms // 100):
            power_mw = min(wish_mw, demand.limit_mw())
            now_ms += 100
            demand.take(power_mw, now_ms)
            if now_ms // WINDOW_MS != block:
                block, energy = now_ms // WINDOW_MS, 0
            energy += power_mw * 100
            assert energy <= 10 * KW * WINDOW_MS * 1.001


def test_what_is_not_used_early_in_a_window_may_be_used_late() -> None:
    demand = window()
    demand.take(0, 0)
    for now_ms in range(0, WINDOW_MS // 2 + 1, 100):
        demand.take(5 * KW, now_ms)
    assert demand.limit_mw() == pytest.approx(15 * KW, rel=0.01)
    demand.take(20 * KW, WINDOW_MS)
    assert demand.limit_mw() == pytest.approx(10 * KW, rel=0.01)


def test_a_window_that_is_joined_in_its_middle_has_nothing_saved_up() -> None:
    demand = window(offset_ms=600_000)
    demand.take(0, 0)
    assert demand.limit_mw() == pytest.approx(10 * KW)
    demand.take(2 * KW, 150_000)  # the window ends at 300 000
    assert demand.limit_mw() == pytest.approx(18 * KW)


def test_no_sliding_window_is_above_the_limit_either() -> None:
    demand, random = window(sliding=True), Random(4)
    history: list[int] = []
    demand.take(0, 0)
    for second in range(1, 3_000):
        wish_mw = random.choice((0, 5, 10, 30)) * KW
        power_mw = min(wish_mw, demand.limit_mw())
        demand.take(power_mw, second * 1000)
        history.append(power_mw)
        if second % 60 == 0 and second >= 900:
            assert sum(history[-900:]) / 900 <= 10 * KW * 1.01


@given(st.lists(st.integers(0, 30 * KW), min_size=1, max_size=100))
def test_power_never_rises_faster_than_the_ramp_plus_what_is_ahead(wishes: list[int]) -> None:
    ramp = Ramp(KW // 2)
    powers, limit_mw = [0], ramp.limit_mw(0, 1_500, 0)
    for second, wish_mw in enumerate(wishes, start=1):
        powers.append(min(wish_mw, limit_mw))
        limit_mw = ramp.limit_mw(powers[-1], 1_500, second * 1000)
        for back in range(min(second, 20)):
            before = powers[max(0, second - back - 2) : second - back + 1]  # dips do not count
            assert powers[-1] - max(before) <= KW // 2 * (back + 1.5 + 2) + KW // 2


def test_a_steady_rack_is_not_held_down_by_its_ramp() -> None:
    ramp = Ramp(KW)
    for tick in range(600):
        limit_mw = ramp.limit_mw(8 * KW, 1_500, tick * 100)
    assert limit_mw == 8 * KW + 1_500_000


def test_a_lease_counts_until_its_time_and_never_below_the_floor() -> None:
    site = SiteLease(5 * KW)
    assert site.limit_mw(0) == 5 * KW
    site.grant(9 * KW, 1_000)
    assert (site.limit_mw(999), site.limit_mw(1_000)) == (9 * KW, 5 * KW)
    site.grant(2 * KW, 5_000)
    assert site.limit_mw(2_000) == 5 * KW


def test_a_limit_falls_at_once_and_rises_by_a_twentieth_at_random_times() -> None:
    release = Release(Random(3))
    staged = Staged(release)
    levels = []
    for tick in range(1_200):
        release.tick(tick * 100)
        levels.append(staged.step(20 * KW if tick not in range(10, 30) else 10 * KW))
    assert levels[9:11] == [20 * KW, 10 * KW]
    rises = [(tick, b - a) for tick, (a, b) in enumerate(pairwise(levels)) if b > a]
    assert {step for _, step in rises} == {KW}
    apart = {b - a for (a, _), (b, _) in pairwise(rises)}
    assert len(apart) > 3
    assert min(apart) >= 10
    assert max(apart) <= 101
    assert levels[-1] == 20 * KW


BBU = BbuConfig(
    energy_wh=1_000.0,
    power_w=30_000.0,
    recharge_w=2_000.0,
    efficiency=0.9,
    source=DryrunBattery(kind="dryrun"),
)


def battery() -> Battery:
    return Battery(BBU, Random(1))


def test_a_full_battery_limits_to_what_it_carries_for_the_ride_through() -> None:
    shelf = battery()
    shelf.take(BbuState(1_000_000, discharging=False), 0)
    assert shelf.limit_mw(0) == pytest.approx(13.5 * KW)  # 900 Wh in 240 s
    shelf.take(None, 100)
    assert shelf.limit_mw(100) == 0  # not known is empty


def test_while_discharging_the_rest_is_spread_over_the_rest_of_the_ride_through() -> None:
    shelf = battery()
    stored = 1_000_000.0
    for second in range(240):
        shelf.take(BbuState(int(stored), discharging=True), second * 1000)
        stored -= shelf.limit_mw(second * 1000) / 0.9 / 3_600
        assert shelf.recharge_wish_mw(second * 1000) == 0
    assert 0 <= stored < 60_000  # used, and never below empty


def test_recharging_waits_its_random_turn_after_the_power_is_back_and_ends_when_full() -> None:
    begins = set()
    for seed in range(8):
        shelf = Battery(BBU, Random(seed))
        shelf.take(BbuState(400_000, discharging=True), 0)
        for tick in range(150):
            shelf.take(BbuState(400_000, discharging=False), tick * 100)
            if shelf.recharge_wish_mw(tick * 100):
                begins.add(tick)
                break
        assert shelf.recharge_wish_mw(tick * 100) == 2 * KW
        shelf.take(BbuState(1_000_000, discharging=False), tick * 100)
        assert shelf.recharge_wish_mw(tick * 100) == 0
    assert len(begins) > 4
    assert min(begins) >= 10


def test_less_recharging_is_proven_only_after_the_shelf_had_time_to_follow() -> None:
    shelf = battery()
    seen: dict[str, list[int]] = {"drawn": [], "proven": []}
    for tick in range(80):
        shelf.grant(2 * KW if tick < 20 else KW, tick * 100)
        seen["drawn"].append(shelf.drawn_mw)
        seen["proven"].append(shelf.proven_mw)
    falls = {name: values.index(KW) - 20 for name, values in seen.items()}
    assert seen["drawn"][0] == seen["proven"][0] == 2 * KW
    assert 30 <= falls["drawn"] <= 34
    assert 40 <= falls["proven"] <= 45
    # What was not obeyed is counted as uncontrolled, by three readings, before loads may rise.
    assert falls["proven"] - falls["drawn"] >= 3
