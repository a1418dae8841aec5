# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from firmware_py import channels as ch
from firmware_py.decide import make_diagram
from firmware_py.decide import supervise as s
from firmware_py.link import messages as m
from tests.firmware.rig import Rig

ROWS = list(zip(*[iter(s.TABLE)] * 3, strict=True))
STATES = range(m.STATE_MAINT + 1)
EVENTS = (s._HAZARD, s._CLEAR, s._MAINT, s._FAULT, s._LEASED, s._ALONE)


class Log:
    def __init__(self):
        self.seen = []

    def put(self, *event):
        self.seen.append(event)


def at(state):
    unit = s.Supervisor(Log())
    unit.state = state
    unit._ticks = s._SELFTEST_TICKS
    return unit


CONDITIONS = {
    s._HAZARD: (True, False, False, False),
    s._CLEAR: (False, False, False, True),
    s._MAINT: (False, True, True, False),
    s._FAULT: (False, True, True, False),
    s._LEASED: (False, False, True, False),
    s._ALONE: (False, False, False, False),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_every_pair_does_what_the_table_says(state, event):
    unit = at(state)
    if event == s._CLEAR and state != m.STATE_SAFE:
        return  # outside SAFE a clear is not an event
    if event == s._MAINT:
        unit.maintain(0, 1000)
        unit._events.seen.clear()
    unit.step(500, *CONDITIONS[event])
    wanted = {(a, b): c for a, b, c in ROWS}.get((state, event), state)
    assert unit.state == wanted
    changes = [] if wanted == state else [(m.EV_STATE, state, wanted, 0)]
    assert unit._events.seen == changes


def test_table_is_deterministic_and_reaches_all_states_of_v1():
    assert len({(a, b) for a, b, _ in ROWS}) == len(ROWS)
    assert {c for _, _, c in ROWS} == set(STATES) - {m.STATE_BOOT}


def test_safe_is_latched_against_everything_but_clear():
    for event in (s._FAULT, s._LEASED, s._ALONE):
        unit = at(m.STATE_SAFE)
        unit.step(0, *CONDITIONS[event])
        assert unit.state == m.STATE_SAFE


def test_a_hazard_wins_over_a_clear():
    unit = at(m.STATE_SAFE)
    unit.step(0, True, False, True, True)
    assert unit.state == m.STATE_SAFE


def test_boot_ends_local_after_self_test_with_fans_full_until_then():
    rig = Rig()
    states = []
    for _ in range(8):
        rig.run(1)
        states.append(rig.app.state.state)
        if rig.app.state.state != m.STATE_LOCAL:
            assert rig.app.act.outputs[ch.OUT_FAN_PERMILLE] == 1000
    assert states == [m.STATE_SELFTEST] * 5 + [m.STATE_LOCAL] * 3
    assert rig.app.act.outputs[ch.OUT_STATE] == m.STATE_LOCAL


def test_one_lost_sensor_degrades_and_its_return_heals():
    rig = Rig().hosted()
    rig.faults = {ch.IN_INLET_MC: m.INVALID}
    rig.run(3)
    assert rig.app.state.state == m.STATE_DEGRADED
    assert rig.app.act.outputs[ch.OUT_FAN_PERMILLE] >= 700  # the floor of a lost inlet
    rig.faults = {}
    rig.run(2)
    assert rig.app.state.state == m.STATE_HOSTED


def test_all_temperatures_lost_is_safe_and_latched():
    rig = Rig().hosted()
    rig.faults = {ch.IN_INLET_MC: m.INVALID, ch.IN_OUTLET_MC: 200_000}
    rig.run(3)
    assert rig.app.state.state == m.STATE_SAFE
    rig.faults = {}
    rig.run(20)
    assert rig.app.state.state == m.STATE_SAFE
    assert rig.app.act.outputs[ch.OUT_FAN_PERMILLE] == 1000


def test_a_board_without_any_reading_comes_up_safe():
    rig = Rig()
    rig.faults = dict.fromkeys(range(ch.N_IN), m.INVALID)
    rig.run(99)
    assert rig.app.state.state == m.STATE_DEGRADED  # slow sensors have ten seconds
    assert rig.app.act.outputs[ch.OUT_FAN_PERMILLE] == 1000
    rig.run(2)
    assert rig.app.state.state == m.STATE_SAFE


def test_sensors_that_take_seconds_for_a_first_reading_latch_nothing():
    rig = Rig()
    rig.faults = dict.fromkeys((ch.IN_INLET_MC, ch.IN_OUTLET_MC), m.INVALID)
    rig.run(40)
    rig.faults.clear()
    rig.run(20)
    assert rig.app.state.state == m.STATE_LOCAL
    assert rig.off == 0


def test_a_cut_leak_sensor_degrades_and_sheds_nothing():
    rig = Rig()
    rig.run(10)
    rig.faults = {ch.IN_LEAK: m.INVALID}
    rig.run(10)
    assert rig.app.state.state == m.STATE_DEGRADED
    assert rig.off == 0


def test_maint_ends_with_its_time_and_with_its_lease():
    for leased, now_ms in ((True, 1000), (False, 500)):
        unit = at(m.STATE_LOCAL)
        unit.maintain(0, 1000)
        unit.step(400, False, False, True, False)
        assert unit.state == m.STATE_MAINT
        assert unit.fans_full()
        assert not unit.may_restore()
        unit.step(now_ms, False, False, leased, False)
        assert unit.state == m.STATE_SELFTEST  # what was worked on is looked at again
        assert (m.EV_MAINT, 0, 0, 0) in unit._events.seen


def test_maint_ends_across_the_wrap_of_board_time():
    unit = at(m.STATE_LOCAL)
    unit.maintain((1 << 30) - 100, 1000)
    unit.step(800, False, False, True, False)
    assert unit.state == m.STATE_MAINT
    unit.step(900, False, False, True, False)
    assert unit.state == m.STATE_SELFTEST


def test_a_hazard_in_maint_is_safe():
    unit = at(m.STATE_MAINT)
    unit.step(0, True, False, True, False)
    assert unit.state == m.STATE_SAFE


def test_a_board_that_went_down_in_safe_comes_up_in_it():
    unit = s.Supervisor(Log(), latched=True)
    unit.step(0, False, False, False, False)
    assert unit.state == m.STATE_SAFE


def test_the_diagram_in_the_readme_is_that_of_the_table():
    readme = Path(make_diagram.__file__).parent.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    assert make_diagram.inserted(text) == text
