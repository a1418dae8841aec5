# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide.zone import FULL, HOLD_DOWN, HOLD_UP, Zone
from firmware_py.link.messages import INVALID
from firmware_py.store.schema_air import AIR, ZONE

INLET_MC = 24_000
LOAD = 500


def section(rows, changed):
    return SimpleNamespace(**{row[0]: changed.get(row[0], row[1]) for row in rows})


def zone(**changed):
    return Zone(section(ZONE, changed), section(AIR, changed))


def run(unit, ticks, outlet_mc, load=LOAD, inlet_mc=INLET_MC, hold=0):
    for _ in range(ticks):
        unit.step(outlet_mc, inlet_mc, load, hold)
    return unit.ask


def test_at_the_setpoint_the_fan_law_alone_decides():
    # half of the design power; the design rise is just what the setpoint leaves over the inlet
    assert run(zone(), 50, 38_000) == 500
    assert run(zone(), 50, 38_000, load=250) == 250


def test_a_warm_inlet_needs_more_flow_for_the_same_heat():
    assert run(zone(), 50, 38_000, inlet_mc=31_000) == FULL  # half the rise is left


def test_power_acts_in_the_same_tick_in_which_it_is_known():
    unit = zone()
    run(unit, 50, 38_000, load=300)
    assert run(unit, 1, 38_000, load=900) == 900


def test_what_was_learned_at_one_power_holds_at_another():
    unit = zone()
    while run(unit, 1, 38_500, load=300) < 400:  # a third more than the design says
        pass
    settled = run(unit, 50, 38_000, load=300)
    assert run(unit, 1, 38_000, load=600) == pytest.approx(2 * settled, abs=2)


def test_without_a_power_reading_the_integrator_does_it_all():
    unit = zone()
    assert run(unit, 3000, 45_000, load=0) == FULL
    assert run(unit, 6000, 30_000, load=0) == 0


def test_fans_that_may_stand_still_keep_what_was_learned_while_it_is_cold():
    unit = zone()
    assert run(unit, 3000, 26_000, load=300) == 0
    assert run(unit, 50, 38_000, load=600) > 580  # 600 by the law of fans


def test_inside_the_dead_band_nothing_moves_and_nothing_is_integrated():
    unit = zone()
    before = run(unit, 100, 38_150)
    assert {run(unit, 1, 38_150 + (140 if i & 1 else -140)) for i in range(2000)} == {before}
    assert run(unit, 1, 38_150) == before


def test_below_the_setpoint_there_is_no_dead_band():
    unit = zone()
    before = run(unit, 100, 38_000)
    assert run(unit, 600, 37_900) < before


def test_the_output_does_not_jump_at_the_edge_of_the_dead_band():
    inside, outside = zone(ki_ppm_k=0), zone(ki_ppm_k=0)
    edge_mc = 38_000 + 420 * 525 // 1000  # at half speed
    assert run(inside, 300, edge_mc - 10) == 500
    assert run(outside, 300, edge_mc + 40) == 501


@pytest.mark.parametrize(("load", "edge_mc"), [(900, 905), (500, 525), (250, 287)])
def test_the_dead_band_narrows_with_the_fans_speed(load, edge_mc):
    inside, outside = (zone(deadband_mc=1000, ki_ppm_k=0) for _ in range(2))
    assert run(inside, 300, 38_000 + edge_mc - 20, load) == load
    assert run(outside, 300, 38_000 + edge_mc + 60, load) > load


def test_integrator_does_not_wind_up_at_full():
    unit = zone()
    run(unit, 20_000, 55_000)
    assert run(unit, 100, 36_000) < 900


def test_a_short_peak_beyond_the_fans_leaves_what_was_learned():
    unit = zone()
    before = run(unit, 50, 38_000, load=600)
    run(unit, 30, 38_000, load=1500)
    assert run(unit, 1, 38_000, load=600) == pytest.approx(before, abs=20)


def test_a_zone_that_does_not_decide_keeps_what_it_has_learned():
    unit = zone()
    before = run(unit, 50, 38_000)
    for outlet_mc, hold in ((30_000, HOLD_DOWN), (42_000, HOLD_UP)):  # overcooled; at full
        run(unit, 5000, outlet_mc, hold=hold)
        assert run(unit, 400, 38_000, hold=hold) == before


@pytest.mark.parametrize("spike_mc", [60_000, -20_000])
def test_a_spike_is_not_believed_a_step_is(spike_mc):
    unit, calm = zone(), zone()
    before = run(unit, 100, 38_000)
    run(calm, 100, 38_000)
    assert run(unit, 4, spike_mc) == before
    assert run(unit, 10, 38_000) == before
    far = run(unit, 6, spike_mc)
    assert far == FULL if spike_mc > 38_000 else far < before // 2


FLOORS = (  # outlet lost, inlet lost, floor
    (False, False, 0),
    (True, False, 900),
    (False, True, 650),
    (True, True, FULL),
)


@pytest.mark.parametrize(("outlet", "inlet", "floor"), FLOORS)
def test_each_lost_sensor_has_its_own_floor_in_the_same_tick(outlet, inlet, floor):
    unit = zone(floor_outlet_permille=900, floor_inlet_permille=650)
    run(unit, 100, 38_000)
    run(unit, 1, INVALID if outlet else 38_000, inlet_mc=INVALID if inlet else INLET_MC)
    assert unit.floor == floor
    run(unit, 1, 38_000)
    assert unit.floor == 0


def test_while_the_outlet_is_lost_feed_forward_goes_on_with_what_was_learned():
    unit = zone()
    before = run(unit, 50, 38_000, load=300)
    assert run(unit, 20, INVALID, load=300) == before
    assert run(unit, 20, INVALID, load=600) == 2 * before
    assert run(unit, 20, 38_000, load=300) == before


temperature = st.one_of(st.just(INVALID), st.integers(-40_000, 125_000))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(temperature, temperature, st.integers(0, 4000), st.integers(0, 3)), max_size=60
    )
)
def test_ask_and_integrator_stay_bounded(ticks):
    unit = zone(ki_ppm_k=5000, kp_permille_k=1000)
    for outlet_mc, inlet_mc, load, hold in ticks:
        for _ in range(20):
            unit.step(outlet_mc, inlet_mc, load, hold)
        assert 0 <= unit.ask <= FULL
        assert -1_000_000 <= unit._trim_ppm <= 19_000_000
