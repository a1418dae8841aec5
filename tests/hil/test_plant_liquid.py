# SPDX-License-Identifier: Apache-2.0
"""The coolant loop against closed forms, balances and what must rise with what."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.plant.liquid import (
    PG25_J_KG_K,
    PG25_KG_M3,
    WATER_J_KG_K,
    Liquid,
    LiquidSpec,
    dew_point_c,
    effectiveness,
)

SPEC = LiquidSpec()
TIGHT = replace(SPEC, room_w_k=0.0)
"""No heat to the room, so that steady states are one line."""


def loop(pump=700, valve=700, spec=SPEC, seconds=0.0, heat_w=60e3, **start):
    made = Liquid(spec, **start)
    made.set_pump(pump)
    made.set_valve(valve)
    made.step(seconds, heat_w)
    return made


def coolant_w_k(made):
    return made.flow_lpm / 60_000 * PG25_KG_M3 * PG25_J_KG_K


@pytest.mark.parametrize("speed", [150, 400, 1000])
@pytest.mark.parametrize("blocked", [0.0, 0.5])
def test_flow_settles_where_pump_and_system_curve_meet(speed, blocked):
    made = Liquid(SPEC)
    made.blocked = blocked
    made.set_pump(speed)
    made.step(60.0, 0.0)
    system = SPEC.system_pa_lpm2 / (1 - blocked) ** 2
    head_pa = SPEC.head_pa * (speed / 1000) ** 2
    assert made.flow_lpm == pytest.approx(math.sqrt(head_pa / (SPEC.pump_pa_lpm2 + system)))
    assert made.dp_pa == pytest.approx(system * made.flow_lpm**2)


def test_the_default_loop_is_the_rpu_of_the_ocp():
    made = loop(pump=1000, seconds=60.0)
    assert made.flow_lpm == pytest.approx(150, abs=1)
    assert made.dp_pa == pytest.approx(40 * 6894.76, rel=0.01)  # 40 psi


def test_affinity_laws():
    half, full = loop(pump=500, seconds=60.0), loop(pump=1000, seconds=60.0)
    assert full.flow_lpm / half.flow_lpm == pytest.approx(2)
    assert full.dp_pa / half.dp_pa == pytest.approx(4)
    assert full.pump_w / half.pump_w == pytest.approx(8)
    assert full.pump_rpm == pytest.approx(SPEC.pump_rpm)


def test_speed_follows_its_command_with_its_time_constant():
    made = loop(pump=1000, seconds=SPEC.pump_tau_s)
    assert made.speed == pytest.approx(1 - math.exp(-1))


def test_the_motor_of_the_valve_takes_its_time_and_can_stick():
    made = loop(valve=1000, seconds=SPEC.travel_s / 2)
    assert made.valve == pytest.approx(0.5)
    made.valve_stuck = True
    made.step(100.0, 0.0)
    assert made.valve == pytest.approx(0.5)
    made.valve_stuck = False
    made.set_valve(0)
    made.step(SPEC.travel_s / 4, 0.0)
    assert made.valve == pytest.approx(0.25)


def test_the_valve_is_equal_percentage_and_shuts():
    flows = [loop(valve=x, seconds=60.0).water_lpm for x in (0, 500, 600, 700, 800, 900, 1000)]
    assert flows[0] == 0.0
    assert flows[-1] == pytest.approx(SPEC.water_lpm)
    steps = [b / a for a, b in pairwise(flows[2:])]
    assert all(step == pytest.approx(40**0.1, rel=0.06) for step in steps)


@pytest.mark.parametrize(("ntu", "ratio"), [(0.5, 0.0), (1.0, 0.3), (3.0, 0.9), (2.0, 0.99999)])
def test_effectiveness_agrees_with_the_exchanger_cut_into_slices(ntu, ratio):
    # counter-flow: march from the hot inlet with a guessed cold outlet, bisect on the cold inlet
    def cold_in(cold_out):
        hot, cold, n = 1.0, cold_out, 4000
        for _ in range(n):
            q = (hot - cold) * ntu / n
            hot, cold = hot - q, cold - q * ratio
        return cold, hot

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if cold_in(middle)[0] < 0 else (low, middle)
    assert effectiveness(ntu, ratio) == pytest.approx(1 - cold_in(low)[1], abs=2e-3)


def test_effectiveness_at_its_edges():
    assert effectiveness(0.0, 0.5) == 0.0
    assert effectiveness(2.0, 1.0) == pytest.approx(2 / 3)
    assert effectiveness(2.0, 1.0 - 1e-8) == pytest.approx(2 / 3, abs=1e-6)
    assert effectiveness(50.0, 0.5) == pytest.approx(1.0)


@pytest.mark.parametrize("heat_w", [20e3, 80e3])
@pytest.mark.parametrize("valve", [600, 1000])
def test_steady_state_is_the_closed_form(heat_w, valve):
    made = loop(valve=valve, spec=TIGHT, seconds=4000.0, heat_w=heat_w)
    hot_w_k = coolant_w_k(made)
    cold_w_k = made.water_lpm / 60 * WATER_J_KG_K
    least = min(hot_w_k, cold_w_k)
    ua = 2 * SPEC.exchanger_w_k
    ua /= (SPEC.coolant_lpm / made.flow_lpm) ** 0.7 + (SPEC.water_lpm / made.water_lpm) ** 0.7
    eps = effectiveness(ua / least, least / max(hot_w_k, cold_w_k))
    carried_w = heat_w + made.dp_pa * made.flow_lpm / 60_000  # the pump's work ends as heat
    plate_ua = SPEC.plate_w_k * (made.flow_lpm / SPEC.plate_lpm) ** SPEC.plate_exponent
    assert made.return_c - made.facility_c == pytest.approx(carried_w / (eps * least), rel=1e-4)
    assert made.return_c - made.supply_c == pytest.approx(heat_w / hot_w_k, rel=1e-4)
    share = 1 - math.exp(-plate_ua / hot_w_k)
    assert made.plate_c - made.supply_c == pytest.approx(heat_w / hot_w_k / share, rel=1e-4)


def test_without_flow_the_plates_warm_by_heat_over_capacity():
    made = Liquid(SPEC)
    made.step(10.0, 45_000.0)
    assert made.plate_c == pytest.approx(24.0 + 10.0)
    assert made.supply_c == made.return_c == 24.0


def test_a_standing_line_approaches_the_room_with_its_time_constant():
    made = Liquid(SPEC, start_c=44.0)
    made.step(SPEC.supply_j_k / SPEC.room_w_k, 0.0)
    assert made.supply_c - 24.0 == pytest.approx(20.0 * math.exp(-1), rel=1e-3)


@pytest.mark.parametrize("dt_s", [0.02, 0.05, 1.0, 10.0])
def test_the_length_of_a_step_does_not_matter(dt_s):
    fine, other = Liquid(SPEC), Liquid(SPEC)
    for made, step_s in ((fine, 0.1), (other, dt_s)):
        made.set_pump(700)
        made.set_valve(700)
        for _ in range(round(100 / step_s)):
            made.step(step_s, 60e3)
    for name in ("supply_c", "return_c", "plate_c"):
        assert getattr(other, name) == pytest.approx(getattr(fine, name), abs=0.03)


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 1000),
        st.integers(0, 1000),
        st.floats(0, 120e3),
        st.floats(5, 40),
        st.floats(0, 1),
        st.floats(0, 5),
        st.booleans(),
        st.floats(0.01, 60),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.floats(0, 1))
def test_heat_in_is_heat_stored_and_carried_out_and_coolant_is_not_made(actions, air):
    made = Liquid(SPEC, air=air)
    start_l = made.reservoir_l + (1 - air) * SPEC.loop_l
    for pump, valve, heat_w, facility_c, blocked, leak_lpm, failed, dt_s in actions:
        made.set_pump(pump)
        made.set_valve(valve)
        made.facility_c, made.blocked, made.leak_lpm = facility_c, blocked, leak_lpm
        made.pump_failed = failed
        made.step(dt_s, heat_w)
        assert made.flow_lpm >= 0
        assert 0 <= made.air <= 1 + 1e-9
        assert made.reservoir_l >= -1e-9
    out_j = made.facility_j + made.room_j + made.stored_j()
    assert out_j == pytest.approx(made.heat_j, rel=1e-6, abs=1e-3)
    now_l = made.reservoir_l + (1 - made.air) * SPEC.loop_l + made.leak_l
    assert now_l == pytest.approx(start_l, rel=1e-9)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(300, 900),
    st.integers(450, 900),
    st.floats(10e3, 80e3),
    st.floats(5, 30),
)
def test_more_of_everything_has_the_expected_sign(pump, valve, heat_w, facility_c):
    def settled(pump, valve, heat_w, facility_c):
        made = Liquid(SPEC)
        made.set_pump(pump)
        made.set_valve(valve)
        made.facility_c = facility_c
        made.step(300.0, heat_w)
        return made

    base = settled(pump, valve, heat_w, facility_c)
    assert settled(pump, valve + 100, heat_w, facility_c).supply_c < base.supply_c
    assert settled(pump, valve, heat_w + 5e3, facility_c).plate_c > base.plate_c
    assert settled(pump, valve, heat_w, facility_c + 3).supply_c > base.supply_c
    # not the plate itself: a faster pump heats the loop, too
    faster = settled(pump + 100, valve, heat_w, facility_c)
    assert faster.plate_c - faster.supply_c < base.plate_c - base.supply_c


def test_air_in_the_loop_costs_a_fast_pump_its_head_and_a_slow_one_nothing():
    for speed, whole in ((300, True), (1000, False)):
        clean, airy = loop(pump=speed, seconds=5.0), loop(pump=speed, seconds=5.0, air=0.11)
        assert (airy.flow_lpm == pytest.approx(clean.flow_lpm)) == whole
        assert airy.flow_lpm <= clean.flow_lpm * 1.0001


def test_circulation_takes_the_air_out_and_coolant_from_the_reservoir_replaces_it():
    made = loop(pump=400, air=0.2, seconds=600.0)
    assert made.air < 0.01
    assert made.reservoir_l == pytest.approx(SPEC.reservoir_l - 0.2 * SPEC.loop_l, abs=0.5)
    assert made.flow_lpm == pytest.approx(loop(pump=400, seconds=600.0).flow_lpm)


def test_a_leak_drains_the_reservoir_then_the_loop_and_the_pump_loses_its_prime():
    made = loop(pump=700, seconds=10.0)
    full_lpm = made.flow_lpm
    made.leak_lpm = 1.0
    made.step(2.0, 0.0)
    assert not made.wet
    made.step(58.0, 0.0)
    assert made.wet
    assert made.leak_l == pytest.approx(1.0)
    assert made.reservoir_permille == pytest.approx(1000 * 11 / 12)
    assert made.flow_lpm == pytest.approx(full_lpm, rel=1e-4)
    made.step(12 * 60.0, 0.0)
    assert made.reservoir_l == pytest.approx(0.0, abs=1e-9)
    assert made.flow_lpm == 0.0


def test_a_failed_pump_runs_down_and_a_blocked_loop_has_pressure_without_flow():
    made = loop(seconds=10.0)
    made.pump_failed = True
    made.step(10.0, 0.0)
    assert made.flow_lpm < 0.01
    made = loop(seconds=10.0)
    made.blocked = 1.0
    made.step(0.1, 0.0)
    assert made.flow_lpm == 0.0
    assert made.dp_pa == pytest.approx(SPEC.head_pa * 0.49, rel=0.01)


def test_a_supply_below_the_dew_point_condenses_and_the_time_is_counted():
    made = Liquid(SPEC, start_c=20.0)
    made.step(1.0, 0.0)
    assert (made.condensing, made.condensed_s) == (False, 0.0)
    made.rh = 0.9
    made.step(3.0, 0.0)
    assert made.condensing
    assert made.condensed_s == 3.0


@pytest.mark.parametrize(("air_c", "rh", "dew_c"), [(25, 0.5, 13.9), (30, 0.8, 26.2), (24, 1, 24)])
def test_published_dew_points(air_c, rh, dew_c):
    assert dew_point_c(air_c, rh) == pytest.approx(dew_c, abs=0.06)


def test_commands_outside_their_range_are_held_at_its_ends():
    made = loop(pump=5000, valve=-3, seconds=60.0)
    assert made.speed == pytest.approx(1.0)
    assert made.valve == 0.0
