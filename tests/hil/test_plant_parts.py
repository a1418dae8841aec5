# SPDX-License-Identifier: Apache-2.0
"""Breaker, PSU, caps and air against their closed forms."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hil.plant.air import AIR_J_M3_K, Air, AirSpec, FanSpec
from hil.plant.breaker import Breaker, Curve
from hil.plant.psu import STEPS, TITANIUM, efficiency, efficiency_table
from hil.plant.server import CapSpec, LoadSpec, Servers

RATING_A = 32.0


def run_to_trip(breaker, current_a, dt_s=0.1, limit_s=40_000.0):
    t = 0.0
    while t < limit_s:
        t += dt_s
        if breaker.step(dt_s, current_a):
            return t
    return math.inf


@pytest.mark.parametrize("edge", ["fast", "slow"])
@pytest.mark.parametrize("theta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("multiple", [1.2, 1.45, 2.0, 2.55, 4.0])
def test_time_to_trip_is_the_closed_form_and_is_what_happens(edge, theta, multiple):
    curve = Curve.of("C", edge)
    breaker = Breaker(curve, RATING_A, theta)
    m2 = (multiple / 1.13) ** 2
    closed_s = curve.tau_s * math.log((m2 - theta) / (m2 - 1))
    assert breaker.time_to_trip_s(multiple * RATING_A) == pytest.approx(closed_s)
    dt_s = 0.1 if edge == "fast" else 10.0
    happened_s = run_to_trip(breaker, multiple * RATING_A, dt_s)
    assert closed_s - 1e-6 <= happened_s <= closed_s + dt_s + 1e-6


@pytest.mark.parametrize(
    ("letter", "edge", "multiple", "seconds"),
    [
        ("C", "fast", 2.55, 1.0),  # IEC 60898-1: not before 1 s
        ("C", "slow", 1.45, 7200.0),  # within 2 h above 63 A
        ("UL489_C", "slow", 1.35, 7200.0),
        ("MCCB", "slow", 1.30, 7200.0),
        ("GG", "slow", 1.60, 7200.0),
    ],
)
def test_edges_pass_the_gates_of_their_standards(letter, edge, multiple, seconds):
    cold = Breaker(Curve.of(letter, edge), RATING_A)
    assert cold.time_to_trip_s(multiple * RATING_A) == pytest.approx(seconds, rel=0.01)


def test_the_non_tripping_current_never_trips():
    breaker = Breaker(Curve(), RATING_A)
    assert breaker.time_to_trip_s(1.13 * RATING_A) == math.inf
    assert run_to_trip(breaker, 1.13 * RATING_A, limit_s=600) == math.inf


@pytest.mark.parametrize(
    ("letter", "edge", "gate"),
    [("B", "fast", 3), ("C", "fast", 5), ("C", "slow", 10), ("D", "slow", 20)],
)
def test_the_magnetic_gate_trips_at_once_and_not_below(letter, edge, gate):
    breaker = Breaker(Curve.of(letter, edge), RATING_A)
    assert breaker.time_to_trip_s(gate * RATING_A) == 0.0
    assert breaker.time_to_trip_s(gate * RATING_A * 0.999) > 0.0
    assert breaker.step(0.001, gate * RATING_A * 0.999) is False
    assert breaker.step(0.001, gate * RATING_A) is True


def test_a_tripped_breaker_stays_open_cools_and_trips_once():
    breaker = Breaker(Curve(), RATING_A, 0.999)
    assert breaker.step(1.0, 2 * RATING_A) is True
    assert breaker.step(1.0, 2 * RATING_A) is False
    hot = breaker.theta
    breaker.step(4.57, 0.0)
    assert breaker.tripped
    assert breaker.theta == pytest.approx(hot * math.exp(-1))
    assert breaker.time_to_trip_s(0.0) == 0.0


@settings(max_examples=100)
@given(st.floats(0, 4.9), st.lists(st.floats(0.001, 3.0), min_size=1, max_size=8))
def test_breaker_heating_does_not_depend_on_the_step(multiple, steps_s):
    fine = Breaker(Curve(), RATING_A, 0.2)
    one = Breaker(Curve(), RATING_A, 0.2)
    for dt_s in steps_s:
        fine.step(dt_s, multiple * RATING_A)
    one.step(sum(steps_s), multiple * RATING_A)
    assert fine.theta == pytest.approx(one.theta, rel=1e-9, abs=1e-12)


def test_psu_meets_the_titanium_points_and_is_straight_between():
    for fraction, value in TITANIUM:
        assert efficiency(fraction) == pytest.approx(value)
    assert efficiency(0.35) == pytest.approx(0.95)
    assert (efficiency(-1), efficiency(9)) == (0.80, 0.86)


def test_psu_table_follows_the_curve():
    table = efficiency_table()
    for i in range(int(STEPS * 1.2)):
        allowed = 2.1e-3 if i < STEPS / 5 else 2.1e-4
        assert table[i] == pytest.approx(efficiency(i / STEPS), abs=allowed)
    assert all(0.5 < value < 1.0 for value in table)


def servers(max_w=10_000.0, floor_w=3000.0, **options):
    load = LoadSpec("s", 2000.0, max_w, floor_w)
    return Servers([load], CapSpec(**options), boot_s=5.0, noise=0.0, seed=0)


@pytest.mark.parametrize("dt_ms", [10, 100, 200])
def test_a_cap_settles_as_the_closed_form_after_its_dead_time(dt_ms):
    rack = servers(dead_time_s=0.2, tau_s=0.25)
    rack.set_cap(0, 0, 5000.0)
    for step in range(2000 // dt_ms):
        rack.step(step * dt_ms, dt_ms / 1000, [9000.0])
        after_s = (step + 1) * dt_ms / 1000 - 0.2
        closed_w = 5000 + 5000 * math.exp(-max(after_s, 0.0) / 0.25)
        assert rack.cap_enforced_w[0] == pytest.approx(closed_w)
        assert rack.load_w[0] == pytest.approx(min(9000.0, closed_w))


def settle(rack, demand_w, t_ms=0, seconds=5):
    for step in range(seconds * 10):
        rack.step(t_ms + step * 100, 0.1, [demand_w])
    return rack.load_w[0]


@pytest.mark.parametrize(
    ("cap_w", "demand_w", "draw_w"),
    [
        (5000.0, 9000.0, 5000.0),
        (5000.0, 4000.0, 4000.0),
        (1000.0, 9000.0, 3000.0),  # below the floor a cap acts like the floor
        (1000.0, 2500.0, 2500.0),
        (99_000.0, 9000.0, 9000.0),
        (None, 9000.0, 9000.0),
    ],
)
def test_draw_is_demand_under_the_cap_in_force(cap_w, demand_w, draw_w):
    rack = servers()
    rack.set_cap(0, 0, cap_w)
    assert settle(rack, demand_w) == pytest.approx(draw_w, rel=1e-6)
    assert rack.cap_requested_w == [cap_w]
    assert rack.cap_enforced_w[0] <= 10_000.0


@pytest.mark.parametrize("sides", [1, 2])
def test_dc_power_follows_the_load_of_each_live_psu_side(sides):
    rack = servers()
    rack.sides[0] = sides
    dc_w = rack.step(0, 0.1, [9900.0]).dc_w
    assert dc_w / 9900.0 == pytest.approx(efficiency(0.9 / sides), abs=3e-4)


def test_the_last_of_several_requests_wins():
    rack = servers()
    for watts in (4000.0, None, 6000.0):
        rack.set_cap(0, 0, watts)
    assert settle(rack, 9000.0) == pytest.approx(6000.0)


@pytest.mark.parametrize("watts", [-1.0, math.nan, math.inf])
def test_a_cap_that_is_no_power_is_refused(watts):
    with pytest.raises(ValueError, match="cap of load 0"):
        servers().set_cap(0, 0, watts)


def test_a_load_switched_on_again_idles_while_it_boots():
    rack = servers()
    rack.switch(0, 0, on=False)
    assert settle(rack, 9000.0) == 0.0
    assert rack.is_off(0)
    rack.switch(10_000, 0, on=True)
    assert settle(rack, 9000.0, 10_000, seconds=5) == 2000.0
    assert settle(rack, 9000.0, 15_000, seconds=1) == 9000.0


def test_switching_on_what_is_on_does_not_boot_it():
    rack = servers()
    rack.switch(0, 0, on=True)
    assert settle(rack, 9000.0, seconds=1) == 9000.0


def air(fan_permille=500, heat_w=0.0, **options):
    return Air(AirSpec(**options), FanSpec(), heat_w, fan_permille)


@pytest.mark.parametrize("fan_permille", [0, 300, 1000])
def test_steady_air_rise_is_power_over_heat_flow(fan_permille):
    rack = air(fan_permille)
    for _ in range(1500):
        rack.step_fans(60.0, powered=True)
        rack.step(60.0, 50_000.0)
    flow_m3_s = 0.15 + 4.5 * fan_permille / 1000
    assert rack.outlet_c - rack.inlet_c == pytest.approx(50_000.0 / (AIR_J_M3_K * flow_m3_s))
    assert rack.inlet_c - 24.0 == pytest.approx(0.08 * (rack.outlet_c - 24.0))


def test_air_starts_in_the_steady_state_of_its_heat():
    rack = air(heat_w=20_000.0)
    before_c = rack.outlet_c
    rack.step(1000.0, 20_000.0 + rack.fan_w)
    assert rack.outlet_c == pytest.approx(before_c)
    assert rack.stored_j() == pytest.approx(0.0, abs=1e-3)


def test_air_approaches_its_steady_state_with_its_time_constant():
    rack = air(recirculation=0.0)
    start_c, tau_s = rack.outlet_c, 320_000.0 / rack.conductance_w_k()
    settled_c = 24.0 + 40_000.0 / rack.conductance_w_k()
    rack.step(tau_s, 40_000.0)
    assert (rack.outlet_c - settled_c) / (start_c - settled_c) == pytest.approx(math.exp(-1))


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 500), st.floats(0, 1e5), st.integers(0, 1000)),
        min_size=1,
        max_size=20,
    )
)
def test_heat_in_is_heat_carried_out_plus_heat_stored(steps):
    rack = air()
    heat_j = 0.0
    for dt_s, heat_w, rack.fan_permille in steps:
        rack.step_fans(dt_s, powered=True)
        rack.step(dt_s, heat_w)
        heat_j += heat_w * dt_s
    assume(heat_j > 1.0)
    assert rack.carried_j + rack.stored_j() == pytest.approx(heat_j, rel=1e-9, abs=1e-3)


def test_fan_power_goes_with_the_cube_of_speed_and_needs_a_feed():
    rack = air(1000)
    assert rack.step_fans(0.1, powered=True) == pytest.approx(1200.0)
    rack.fan_permille = 500
    for _ in range(300):
        rack.step_fans(0.1, powered=True)
    assert rack.fan_rpm == pytest.approx(3000.0)
    assert rack.fan_w == pytest.approx(1200.0 / 8)
    assert rack.step_fans(0.1, powered=False) == 0.0
    assert rack.fan_rpm < 3000.0
