# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide.cool import FULL, Cooler
from firmware_py.link.messages import INVALID
from tests.firmware.rig import parse


def cooler(**zone):
    return Cooler(parse(zones=[zone]))


def settle(unit, outlet_mc, ticks=600, inlet_mc=24_000):
    for _ in range(ticks):
        unit.step(outlet_mc, inlet_mc, 0, 0)
    return unit.out_permille


class Air:
    """Outlet temperature of a lumped rack: heat in, flow times difference out."""

    def __init__(self, heat_w, outlet_c=30.0):
        self.heat_w, self.outlet_c, self.inlet_c = heat_w, outlet_c, 24.0

    def step(self, permille):
        flow_w_k = 80 + 1000 * permille / 1000
        self.outlet_c += (self.heat_w - flow_w_k * (self.outlet_c - self.inlet_c)) * 0.1 / 60_000


def test_a_cold_rack_gets_the_minimum_duty():
    assert settle(cooler(), 20_000) == 300


def test_a_hot_rack_gets_everything():
    assert settle(cooler(), 50_000) == FULL


def test_holds_the_setpoint_in_closed_loop():
    unit, air = cooler(), Air(9_000)
    for _ in range(12_000):
        unit.step(int(air.outlet_c * 1000), 24_000, 0, 0)
        air.step(unit.out_permille)
    assert abs(air.outlet_c - 38.0) < 0.5


def test_power_feed_forward_acts_before_the_temperature_moves():
    plain, ahead = cooler(), cooler(ff_permille_kw=30)
    for unit in (plain, ahead):
        settle(unit, 30_000)
    plain.step(30_000, 24_000, 15_000, 0)
    ahead.step(30_000, 24_000, 15_000, 0)
    assert ahead.out_permille > plain.out_permille


def test_warm_inlet_adds_duty():
    unit = cooler()
    settle(unit, 30_000)
    cold = settle(unit, 38_000)
    assert settle(unit, 38_000, inlet_mc=37_000) == cold + 200  # 20 permille/K, 10 K too warm


def test_integrator_does_not_wind_up_at_full():
    unit = cooler()
    settle(unit, 60_000, ticks=20_000)
    assert unit.out_permille == FULL
    settle(unit, 34_000, ticks=250)
    assert unit.out_permille == 300


def test_slew_is_fast_up_and_slow_down():
    unit = cooler()
    settle(unit, 20_000)
    unit.step(60_000, 24_000, 0, 0)
    assert unit.out_permille == 350
    settle(unit, 60_000)
    unit.step(20_000, 24_000, 0, 0)
    assert unit.out_permille == 995


def test_missing_temperature_means_full_at_once_whatever_the_slew():
    for outlet_mc, inlet_mc in ((INVALID, 24_000), (30_000, INVALID), (INVALID, INVALID)):
        unit = cooler()
        settle(unit, 20_000)
        unit.step(outlet_mc, inlet_mc, 0, 0)
        assert unit.out_permille == FULL
        assert unit.floored


def test_floor_is_obeyed_at_once_and_bumpless_when_it_lapses():
    unit = cooler()
    settle(unit, 20_000)
    unit.step(20_000, 24_000, 0, 700)
    assert (unit.out_permille, unit.floored) == (700, True)
    unit.step(20_000, 24_000, 0, 0)
    assert (unit.out_permille, unit.floored) == (300, False)


def test_noise_inside_the_dead_band_moves_nothing():
    unit = cooler()
    settle(unit, 38_000)
    outs = set()
    for i in range(100):
        unit.step(38_000 + (250 if i & 1 else -250), 24_000, 0, 0)
        outs.add(unit.out_permille)
    assert len(outs) == 1


reading = st.one_of(st.just(INVALID), st.integers(-40_000, 125_000))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(reading, reading, st.integers(0, 10**6), st.integers(0, 1000)), max_size=80)
)
def test_output_is_never_below_its_floors_nor_outside_its_range(steps):
    unit = cooler(ff_permille_kw=40)
    for outlet_mc, inlet_mc, total_w, floor in steps:
        unit.step(outlet_mc, inlet_mc, total_w, floor)
        assert max(floor, 300) <= unit.out_permille <= FULL
        if INVALID in (outlet_mc, inlet_mc):
            assert unit.out_permille == FULL


def test_an_outlet_that_comes_back_goes_on_where_the_fans_are_despite_feed_forward():
    unit = cooler(ff_permille_kw=20)
    for _ in range(4000):
        unit.step(36_500, 24_000, 12_000, 0)
    for _ in range(100):
        unit.step(38_000, 24_000, 12_000, 0)
    before = unit.out_permille
    assert before < 900
    for _ in range(5):
        unit.step(INVALID, 24_000, 12_000, 0)
    for _ in range(20):
        unit.step(38_000, 24_000, 12_000, 0)
        assert abs(unit.out_permille - before) <= 10
