# SPDX-License-Identifier: Apache-2.0
"""What a feed's readings do: uncontrolled power, correction, loss."""

from itertools import pairwise
from random import Random

import pytest

from edge.config_model import ControlConfig
from edge.feed import FeedWatch

KW = 1_000_000


def watch() -> FeedWatch:
    return FeedWatch(100 * KW, ControlConfig(), Random(1))


def test_uncontrolled_power_counts_at_its_highest_of_five_seconds() -> None:
    feed = watch()
    for tick in range(10):
        feed.update(50 * KW, 40 * KW, tick * 100, metered=True)
    for tick in range(10, 50):
        feed.update(42 * KW, 40 * KW, tick * 100, metered=True)
    assert feed.uncontrolled_mw == pytest.approx(10 * KW, rel=0.03)
    for tick in range(50, 80):
        feed.update(42 * KW, 40 * KW, tick * 100, metered=True)
    assert feed.uncontrolled_mw == pytest.approx(2 * KW, rel=0.15)


def test_a_difference_of_less_than_three_readings_is_no_power() -> None:
    feed = watch()
    for tick in range(60):
        feed.update((60 if tick % 5 < 2 else 40) * KW, 40 * KW, tick * 100, metered=True)
    assert feed.uncontrolled_mw == 0


def test_a_missing_load_reading_does_not_lower_the_estimate() -> None:
    feed = watch()
    for tick in range(10):
        feed.update(50 * KW, 40 * KW, tick * 100, metered=True)
    known_mw = feed.uncontrolled_mw
    for tick in range(10, 200):
        feed.update(50 * KW, 50 * KW, tick * 100, metered=False)
    assert feed.uncontrolled_mw == known_mw


def test_what_recharging_may_draw_is_not_uncontrolled_but_what_is_above_it_is() -> None:
    feed = watch()
    for tick in range(10):
        feed.update(50 * KW, 40 * KW, tick * 100, metered=True, recharge_mw=8 * KW)
    assert feed.uncontrolled_mw == pytest.approx(2 * KW, rel=0.15)
    for tick in range(10, 80):
        feed.update(45 * KW, 40 * KW, tick * 100, metered=True, recharge_mw=8 * KW)
    assert feed.uncontrolled_mw == 0  # it draws less than it may: that is no negative load


def over(feed: FeedWatch, measured: int, start_ms: int, ticks: int, *, fit: bool = True) -> int:
    for tick in range(ticks):
        now_ms = start_ms + tick * 100
        feed.update(measured, measured, now_ms, metered=True)
        feed.correct(now_ms, fit, False, 1_500)
    return start_ms + ticks * 100


def test_above_the_cap_band_for_a_settle_time_cuts_further() -> None:
    feed = watch()
    over(feed, 99 * KW, 0, 14)
    assert feed.correction_mw == 0
    over(feed, 99 * KW, 1_400, 5)
    assert feed.correction_mw == pytest.approx(4 * KW, rel=0.01)


def test_no_further_cut_while_caps_are_still_coming_down() -> None:
    feed = watch()
    over(feed, 99 * KW, 0, 100, fit=False)
    assert feed.correction_mw == 0


def test_a_correction_is_given_back_in_steps_below_the_release_band() -> None:
    feed = watch()
    now_ms = over(feed, 99 * KW, 0, 60)
    cut_mw = feed.correction_mw
    now_ms = over(feed, 92 * KW, now_ms, 300)
    assert feed.correction_mw == cut_mw  # between the bands nothing moves
    over(feed, 80 * KW, now_ms, 2)
    assert feed.correction_mw == cut_mw
    over(feed, 80 * KW, now_ms + 200, 600)
    assert feed.correction_mw == 0


def test_a_dead_feed_needs_two_readings_and_comes_back_after_two_seconds() -> None:
    feed = watch()
    feed.update(0, 40 * KW, 0, metered=True)
    assert not feed.lost
    feed.update(0, 40 * KW, 100, metered=True)
    assert feed.lost
    for now_ms in range(200, 2_200, 100):
        feed.update(40 * KW, 40 * KW, now_ms, metered=True)
        assert feed.lost
    feed.update(40 * KW, 40 * KW, 2_300, metered=True)
    assert not feed.lost


def test_an_idle_feed_is_not_a_lost_one() -> None:
    feed = watch()
    for tick in range(20):
        feed.update(0, 1 * KW, tick * 100, metered=True)
    assert not feed.lost


def test_an_urgent_cut_waits_for_nothing_and_is_repeated_each_settle_time() -> None:
    feed = watch()
    cuts = []
    for tick in range(33):
        now_ms = tick * 100
        feed.update(99 * KW, 99 * KW, now_ms, metered=True)
        feed.correct(now_ms, False, True, 1_500)
        cuts.append(feed.correction_mw)
    assert cuts[0] == pytest.approx(4 * KW, rel=0.01)
    assert [tick for tick, (a, b) in enumerate(pairwise(cuts)) if b > a] == [15, 31]
