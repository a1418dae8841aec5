# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide.valve import Valve
from firmware_py.link.messages import INVALID
from tests.firmware.vm_liquid import settings as liquid_settings

DRY_MC = 5_000


def valve(**config):
    return Valve(liquid_settings(config).liquid)


def run(unit, supply_mc, ticks=1, guard_mc=DRY_MC, flowing=True, load=400):
    for _ in range(ticks):
        unit.step(supply_mc, guard_mc, flowing, load)
    return unit.opening_permille


def test_target_is_the_setpoint_on_a_dry_day_and_the_dew_point_plus_margin_on_a_humid_one():
    unit = valve(setpoint_mc=22_000, dew_margin_mc=2_500)
    run(unit, 22_000, guard_mc=10_000)
    assert unit.target_mc == 22_000
    run(unit, 22_000, guard_mc=22_000)
    assert unit.target_mc == 24_500


def test_warm_opens_fully_and_cool_shuts_within_the_end_stops():
    unit = valve(valve_min_permille=100, valve_max_permille=900)
    assert run(unit, 40_000, 2000) == 900
    assert run(unit, 29_000, 8000) == 100


def test_opens_and_shuts_at_its_own_slew():
    unit = valve(valve_open_permille=5, valve_close_permille=20)
    run(unit, 30_000)
    run(unit, 60_000, 3)
    before = unit.opening_permille
    assert run(unit, 60_000, 10) == before + 50
    assert run(unit, 6_000, 10) == before + 50 - 200


def test_integrator_does_not_wind_up_at_an_end():
    unit = valve()
    run(unit, 40_000, 20_000)
    run(unit, 28_000, 1)
    assert run(unit, 28_000, 100) < 950


def test_dead_band_moves_nothing():
    unit = valve()
    run(unit, 30_000, 200)
    before = unit.opening_permille
    for i in range(200):
        assert run(unit, 30_000 + (180 if i & 1 else -180)) == before


def test_half_the_margin_gone_shuts_whatever_the_gains():
    unit = valve(valve_kp_permille_k=0, valve_ki_ppm_k=0, dew_margin_mc=2_000)
    run(unit, 30_000, guard_mc=27_000)
    assert run(unit, 28_100, 100, guard_mc=27_000) == 600
    assert run(unit, 27_900, 30, guard_mc=27_000) == 0


def test_lost_supply_takes_the_fail_position_at_once_and_goes_on_from_there():
    unit = valve(valve_fail_permille=600)
    run(unit, 20_000, 400)
    assert run(unit, INVALID) == 600
    assert run(unit, INVALID, 500) == 600
    assert abs(run(unit, 30_000, 5) - 600) <= 10


def test_standing_coolant_shuts_the_valve_even_without_a_supply_sensor():
    for supply_mc in (50_000, INVALID):
        unit = valve()
        assert run(unit, supply_mc, 100, flowing=False) == 0


def test_a_falling_load_shuts_ahead_of_the_temperature():
    unit = valve(valve_ff_permille=271)
    run(unit, 30_000, 300, load=640)
    assert run(unit, 30_000, 40, load=160) == pytest.approx(600 - 376, abs=5)  # ln 4 * 271


def test_reversed_output_is_the_complement():
    plain, reverse = valve(), valve(valve_reverse=1)
    for supply_mc in (28_000, 33_000, INVALID, 20_000):
        run(plain, supply_mc, 50)
        run(reverse, supply_mc, 50)
        assert plain.out_permille + reverse.out_permille == 1000


def test_an_equal_percentage_valve_undone_passes_its_opening():
    unit = valve(valve_rangeability=40, valve_fail_permille=1000, valve_close_permille=1)
    last = 1001
    for _ in range(1000):
        run(unit, 10_000, guard_mc=9_000)
        assert unit.out_permille <= last
        last = unit.out_permille
        if unit.opening_permille >= 30:
            flow = 40 ** (unit.out_permille / 1000 - 1)
            assert flow == pytest.approx(unit.opening_permille / 1000, rel=0.01)
    assert unit.out_permille == 0


TICKS = st.lists(
    st.tuples(
        st.one_of(st.just(INVALID), st.integers(-40_000, 125_000)),
        st.integers(-60_000, 60_000),
        st.booleans(),
        st.integers(0, 1000),
    ),
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(TICKS, st.integers(0, 500), st.integers(500, 1000), st.integers(500, 15_000))
def test_never_outside_its_stops_nor_aimed_below_the_dew_point_plus_margin(
    steps, least, most, margin_mc
):
    unit = valve(valve_min_permille=least, valve_max_permille=most, dew_margin_mc=margin_mc)
    for supply_mc, guard_mc, flowing, load in steps:
        before = unit.opening_permille
        unit.step(supply_mc, guard_mc, flowing, load)
        assert unit.target_mc >= max(guard_mc + margin_mc, 30_000)
        assert 0 <= unit.out_permille <= max(most, 600)
        if flowing and guard_mc < supply_mc < guard_mc + margin_mc // 2:
            assert unit.opening_permille <= before
