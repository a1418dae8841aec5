# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest

from firmware_py.decide.breaker import Breaker
from firmware_py.decide.currents import Currents
from firmware_py.link.messages import INVALID
from tests.firmware.rig import parse

BREAKERS = [Breaker(32_000, 1_130_000, 4_570, 5_000_000) for _ in range(2)]


def sense(
    a_ma,
    b_ma,
    group_w=(3000, 3000, 3000, 3000),
    alive=(1, 1),
    measured=(1, 1),
    unknown=0,
    unaccounted_w=0,
):
    return SimpleNamespace(
        feed_ma=(a_ma, b_ma),
        feed_mw=(a_ma * 690, b_ma * 690),
        alive=alive,
        measured=measured,
        total_w=sum(group_w),
        group_w=[watts // 2 for watts in group_w for _ in (0, 1)],
        group_alone_w=[watts for watts in group_w for _ in (0, 1)],
        feed_w=[sum(group_w) // 2] * 2,
        feed_alone_w=[sum(group_w)] * 2,
        group_mw=[watts * 1000 for watts in group_w],
        unknown=unknown,
        unaccounted_w=unaccounted_w,
    )


def currents(margin_permille=100):
    return Currents(parse(shed={"margin_permille": margin_permille}), BREAKERS)


def after_shed(unit, before, g=3):
    """Forget the peak of the time before, as seconds do."""
    unit.note(g, before, boots=False)
    unit.peak_ma[0] = unit.peak_ma[1] = 0
    return unit


def test_pick_takes_the_fewest_groups_from_the_last():
    unit = currents()
    assert unit.pick(0b1110, sense(30_000, 30_000), 30_000, 30_000) == 0
    assert unit.pick(0b1110, sense(46_000, 10_000), 46_000, 10_000) == 0b1000
    assert unit.pick(0b1110, sense(64_000, 64_000), 64_000, 64_000) == 0b1100
    assert unit.pick(0b0110, sense(46_000, 46_000), 46_000, 46_000) == 0b0100


def test_what_remains_fits_below_the_non_tripping_current():
    unit = currents()
    for ma in range(36_000, 140_000, 1_000):
        pick = unit.pick(0b1111, sense(ma, 0), ma, 0)
        kept = ma * (4 - pick.bit_count()) / 4
        assert kept <= 32_000 * 1.13 * 0.98
        assert ma * (5 - pick.bit_count()) / 4 > 32_000 * 1.13 * 0.98  # one less is too few


def test_unknown_loads_mean_everything_that_may_go_goes():
    assert currents().pick(0b1110, sense(50_000, 0, (0, 0, 0, 0)), 50_000, 0) == 0b1110


@pytest.mark.parametrize(("rest_ma", "fits"), [(22_900, True), (23_200, False)])
def test_restore_needs_the_last_draw_and_the_margin(rest_ma, fits):
    unit = after_shed(currents(), sense(32_000, 32_000))  # 8 A of each feed, 8.8 with margin
    now = sense(rest_ma, rest_ma)
    unit.step(now)
    assert (unit.spare_ma(3, now, 0) >= 0) == fits


def test_restore_onto_one_feed_needs_room_for_the_whole_group():
    unit = after_shed(currents(0), sense(20_000, 20_000))  # 5 A of each
    for rest_ma, fits in ((21_900, True), (23_000, False)):
        now = sense(rest_ma, 0, alive=(1, 0))
        unit.peak_ma[0] = rest_ma
        assert (unit.spare_ma(3, now, 0) >= 0) == fits


def test_what_one_feed_carried_must_fit_either_when_both_are_back():
    unit = after_shed(currents(0), sense(40_000, 0, alive=(1, 0)))  # 10 A, all of A
    unit.peak_ma[1] = 25_000
    assert unit.spare_ma(3, sense(5_000, 25_000), 0) < 0


def test_headroom_is_judged_by_the_peak_of_the_last_seconds():
    unit = after_shed(currents(), sense(32_000, 32_000))
    unit.step(sense(31_000, 31_000))
    for _ in range(10):
        unit.step(sense(5_000, 5_000))
    assert unit.spare_ma(3, sense(5_000, 5_000), 0) < 0
    for _ in range(300):
        unit.step(sense(5_000, 5_000))
    assert unit.spare_ma(3, sense(5_000, 5_000), 0) > 0


def test_headroom_in_milliwatts_is_that_of_the_tighter_feed():
    unit = currents()
    now = sense(30_000, 20_000)
    unit.step(now)
    assert unit.headroom_mw(now) == 2_000 * 690
    assert unit.headroom_mw(sense(0, 0)) == INVALID


def test_a_group_with_an_unknown_load_is_noted_with_all_that_is_unaccounted():
    before = sense(20_000, 20_000, (3000, 3000, 3000, 0), unknown=0b1000, unaccounted_w=6000)
    unit = after_shed(currents(0), before)  # 6 of 15 kW: 8 A of each
    for rest_ma, fits in ((23_900, True), (24_100, False)):
        now = sense(rest_ma, rest_ma)
        unit.step(now)
        assert (unit.spare_ma(3, now, 0) >= 0) == fits


def test_restore_leaves_room_for_a_group_that_has_just_come_back_and_idles():
    unit = after_shed(currents(0), sense(32_000, 32_000), g=2)  # 8 A of each feed
    after_shed(unit, sense(32_000, 32_000), g=3)
    for booting, rest_ma, fits in (
        (0, 23_900, True),
        (0b0100, 23_900, False),
        (0b0100, 16_700, True),  # group 2 idles at a twelfth of it
        (0b0100, 18_200, False),
    ):
        now = sense(rest_ma, rest_ma, (5000, 5000, 900, 0))
        unit.peak_ma[0] = unit.peak_ma[1] = rest_ma
        assert (unit.spare_ma(3, now, booting) >= 0) == fits


def test_a_group_that_goes_while_it_boots_is_noted_with_its_draw_of_before():
    unit = after_shed(currents(0), sense(32_000, 32_000))  # 8 A
    unit.note(3, sense(24_000, 24_000, (3000, 3000, 3000, 100)), boots=True)
    now = sense(24_100, 24_100)
    unit.step(now)
    assert unit.spare_ma(3, now, 0) < 0
