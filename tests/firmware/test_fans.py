# SPDX-License-Identifier: Apache-2.0
from array import array
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide.fans import Fans
from firmware_py.decide.zone import FULL, HOLD_DOWN, HOLD_UP
from firmware_py.link.messages import EV_FAN, INVALID
from tests.firmware.rig import parse

OK, STALLED, LOST, SLOW, FAST = range(5)
MAX_RPM = 6000
STALL_TICKS = 20
SETTLE_TICKS = 50


class Heard:
    """Takes events as (fan, reason, rpm)."""

    def __init__(self):
        self.events = []

    def put(self, code, group, reason, arg):
        assert code == EV_FAN
        self.events.append((group, reason, arg))

    def reasons(self, fan=0):
        return [reason for group, reason, _ in self.events if group == fan]


class Wall:
    """Fans that turn as they are told, with a lag, unless a test jams, wears or unplugs them."""

    def __init__(self, n=4, masks=None, zones=1, tach=True, **air):
        masks = masks or [list(range(zones))] * n
        rpm = {"max_rpm": MAX_RPM} if tach else {}
        config = parse(air=air, zones=[{}] * zones, fans=[{"zones": mask} | rpm for mask in masks])
        self.heard = Heard()
        self.fans = Fans(config, self.heard)
        self.n = len(masks)
        self.speed = [float(FULL)] * self.n
        self.factor = [1.0] * self.n  # of the speed that the duty should give
        self.no_tach, self.no_lead = set(), set()
        self.rpm = array("i", [0] * 8)

    @property
    def duty(self):
        return list(self.fans.permille[: self.n])

    def step(self, *asks, floor=0, zone_floors=()):
        for f in range(self.n):
            told = FULL if f in self.no_lead else self.fans.permille[f]
            self.speed[f] += (told * self.factor[f] - self.speed[f]) / 15
            self.rpm[f] = INVALID if f in self.no_tach else round(self.speed[f] * MAX_RPM / FULL)
        for z, ask in enumerate(asks):
            self.fans.ask[z] = ask
            self.fans.floor[z] = zone_floors[z] if zone_floors else 0
        self.fans.step(self.rpm, floor)
        return self.duty

    def run(self, ticks, *asks, **floors):
        for _ in range(ticks):
            self.step(*asks, **floors)
        return self.duty


def test_fans_start_at_full_and_come_down_slowly():
    wall = Wall()
    assert wall.duty == [FULL] * 4
    assert wall.step(500) == [995] * 4
    assert wall.run(200, 500) == [500] * 4


def test_speed_rises_fast_and_falls_slowly():
    wall = Wall()
    wall.run(200, 300)
    assert wall.step(900) == [350] * 4
    wall.run(50, 900)
    assert wall.step(300) == [895] * 4


def test_a_fan_in_two_zones_gets_the_higher_of_them():
    wall = Wall(masks=[[0], [0, 1], [1]], zones=2)
    assert wall.run(200, 300, 700) == [300, 700, 700]


def test_a_zone_is_told_when_it_does_not_decide():
    wall = Wall(masks=[[0, 1]] * 2, zones=2)
    wall.run(200, 300, 700)
    assert list(wall.fans.hold[:2]) == [HOLD_DOWN, 0]
    wall.run(200, 300, 1000)
    assert list(wall.fans.hold[:2]) == [HOLD_DOWN, HOLD_UP]
    wall.run(200, 600, 600, floor=800)
    assert list(wall.fans.hold[:2]) == [HOLD_DOWN, HOLD_DOWN]


def test_minimum_holds_although_nothing_is_asked():
    assert Wall().run(300, 0) == [200] * 4


def test_floors_act_in_the_same_tick_and_only_on_their_zone():
    wall = Wall(masks=[[0], [1]], zones=2)
    wall.run(300, 250, 250)
    assert wall.step(250, 250, zone_floors=(0, 900)) == [250, 900]
    assert wall.fans.floored
    assert wall.step(250, 250, floor=1000) == [1000, 1000]


def test_when_a_floor_lapses_the_fans_come_down_from_it_without_a_step():
    wall = Wall()
    wall.run(300, 300)
    wall.run(10, 300, floor=800)
    was = 800
    for _ in range(120):
        now = wall.step(300)[0]
        assert was - 5 <= now <= was
        was = now
    assert now == 300
    assert not wall.fans.floored


def test_small_changes_are_not_written():
    wall = Wall(step_permille=10)
    wall.run(300, 500)
    assert {wall.step(500 + (9 if i & 1 else -9))[0] for i in range(100)} == {500}
    assert wall.run(2, 510)[0] == 510


def test_a_floor_is_written_however_small_the_change():
    wall = Wall(step_permille=10)
    wall.run(300, 500)
    assert wall.step(500, floor=503) == [503] * 4


def test_a_stalled_fan_is_believed_after_its_time_and_the_others_keep_the_flow():
    wall = Wall()
    wall.run(300, 600)
    wall.factor[0] = 0.0
    wall.run(20 + STALL_TICKS, 600)  # the rotor runs down first
    assert wall.heard.reasons() == [STALLED]
    assert wall.fans.failed == 0b0001
    wall.run(20, 600)
    assert wall.duty[1:] == [800] * 3  # 600 * 4 / 3
    wall.run(100, 600)
    assert wall.heard.reasons() == [STALLED]


def test_redistribution_is_bounded_and_all_fans_failed_means_full():
    wall = Wall(n=2)
    wall.run(300, 700)
    wall.factor[0] = 0.0
    assert wall.run(100, 700)[1] == FULL
    wall.factor[1] = 0.0
    wall.run(100, 300)
    assert wall.duty == [FULL] * 2


def test_only_the_zones_of_a_stalled_fan_make_up_for_it():
    wall = Wall(masks=[[0], [0], [1], [1]], zones=2)
    wall.run(300, 400, 400)
    wall.factor[0] = 0.0
    wall.run(100, 400, 400)
    assert wall.duty[1:] == [800, 400, 400]


def test_a_fail_safe_floor_is_made_up_for_as_well():
    wall = Wall(n=2)
    wall.run(300, 300)
    wall.factor[0] = 0.0
    wall.run(100, 300)
    assert wall.step(300, zone_floors=(500,))[1] == FULL


def test_a_stalled_fan_is_kicked_at_once_and_then_ever_more_seldom():
    wall = Wall(n=4, retry_ms=5000, kick_ms=1000)
    wall.run(300, 400)
    wall.factor[0] = 0.0
    kicks, full = [], False
    for tick in range(6000):
        now = wall.step(400)[0] == FULL
        if now and not full:
            kicks.append(tick)
        full = now
    gaps = [after - before for before, after in pairwise(kicks)]
    assert gaps[:6] == [51, 101, 201, 401, 801, 801]


def test_between_kicks_a_stalled_fan_is_driven_as_the_others():
    wall = Wall()
    wall.run(300, 600)
    wall.factor[0] = 0.0
    wall.run(100, 600)
    assert wall.duty == [800] * 4


def test_a_fan_that_turns_again_ends_its_kick_and_comes_back_without_a_step():
    wall = Wall()
    wall.run(300, 600)
    wall.factor[0] = 0.0
    wall.run(100, 600)
    wall.factor[0] = 1.0
    was = 800
    for _ in range(SETTLE_TICKS + 100):
        now = wall.step(600)[1]
        assert was - 5 <= now <= was
        was = now
    assert wall.duty == [600] * 4
    assert wall.heard.reasons() == [STALLED, OK]
    assert wall.fans.failed == 0


def test_a_worn_fan_counts_for_what_it_moves():
    wall = Wall()
    wall.run(300, 600)
    wall.factor[0] = 0.6
    wall.run(SETTLE_TICKS + 60, 600)
    assert wall.heard.reasons() == [SLOW]
    assert wall.fans.failed == 0
    assert wall.duty[1] == pytest.approx(600 * 4 / 3.6, abs=8)


def test_a_lost_tach_counts_as_failed_but_its_fan_is_driven():
    wall = Wall()
    wall.run(300, 600)
    wall.no_tach.add(2)
    wall.run(STALL_TICKS + 20, 600)
    assert wall.heard.events == [(2, LOST, INVALID)]
    assert wall.duty == [800] * 4
    assert wall.fans.failed == 0b0100


def test_a_fan_at_full_speed_with_its_lead_cut_is_reported_not_fought():
    wall = Wall()
    wall.run(300, 500)
    wall.no_lead.add(1)
    wall.run(SETTLE_TICKS + 60, 500)
    assert wall.heard.reasons(1) == [FAST]
    assert wall.duty == [500] * 4
    assert wall.fans.failed == 0


def test_fans_that_follow_large_steps_are_never_suspected():
    wall = Wall()
    for ask in (200, 1000, 200, 600, 300):
        wall.run(200, ask)
    assert wall.heard.events == []


def test_without_a_tach_nothing_is_judged():
    wall = Wall(tach=False)
    wall.factor[0] = 0.0
    wall.run(300, 500)
    assert wall.heard.events == []
    assert wall.duty == [500] * 4


def test_a_stopped_fan_is_started_at_full_until_its_tach_shows_life():
    wall = Wall()
    for fan in wall.fans._c:
        fan.min_permille = 0
    wall.run(400, 0)
    assert wall.duty == [0] * 4
    assert wall.step(300) == [FULL] * 4
    wall.run(20, 300)
    assert wall.duty == [300] * 4
    assert wall.heard.events == []


tick = st.tuples(
    st.lists(st.integers(0, FULL), min_size=2, max_size=2),
    st.lists(st.integers(0, FULL), min_size=2, max_size=2),
    st.integers(0, FULL),
    st.lists(st.one_of(st.just(INVALID), st.integers(0, 60_000)), min_size=3, max_size=3),
    st.integers(1, 30),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(tick, max_size=25))
def test_no_fan_is_ever_below_a_floor_or_its_minimum(ticks):
    wall = Wall(masks=[[0], [0, 1], [1]], zones=2)
    for asks, zone_floors, floor, rpm, times in ticks:
        for _ in range(times):
            wall.rpm[:3] = array("i", rpm)
            for z in range(2):
                wall.fans.ask[z], wall.fans.floor[z] = asks[z], zone_floors[z]
            wall.fans.step(wall.rpm, floor)
            mine = (zone_floors[0], max(zone_floors), zone_floors[1])
            for f in range(3):
                assert max(floor, mine[f], 200) <= wall.duty[f] <= FULL
            assert wall.fans.highest == max(wall.duty)
