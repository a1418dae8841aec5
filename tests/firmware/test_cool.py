# SPDX-License-Identifier: Apache-2.0
from array import array
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide import cool, fans
from firmware_py.decide.cool import FULL, Cooler
from firmware_py.link.events import Events
from firmware_py.link.messages import INVALID
from tests.firmware.rig import parse
from tests.firmware.small import Small, SmallArray
from tests.firmware.vm import run_script, vm_path

AIR = {"design_w": 20_000}
SHARED = [{"zones": [0]}, {"zones": [0, 1]}, {"zones": [1]}]


class Senses:
    """What Sense offers to the cooler."""

    def __init__(self, outlet_mc=38_000, inlet_mc=24_000, total_w=10_000):
        self.zone_mc = array("i", [outlet_mc] * 4)
        self.inlet_mc, self.total_w = inlet_mc, total_w
        self.fan_rpm = array("i", [INVALID] * 8)


def cooler(**sections):
    return Cooler(parse(**{"air": AIR} | sections), Events())


def run(unit, sense, ticks, floor=0):
    for _ in range(ticks):
        unit.step(sense, floor)
    return unit.out_permille


class Air:
    """Outlet temperature of a lumped rack: heat in, flow times difference out."""

    def __init__(self, heat_w, full_w_k=20_000 / 14):
        self.heat_w, self.full_w_k = heat_w, full_w_k
        self.outlet_c, self.inlet_c = 30.0, 24.0

    def step(self, permille):
        flow_w_k = self.full_w_k * permille / FULL
        self.outlet_c += (self.heat_w - flow_w_k * (self.outlet_c - self.inlet_c)) * 0.1 / 60_000


def closed_loop(unit, air, seconds):
    sense = Senses()
    worst_k = 0.0
    for _ in range(seconds * 10):
        sense.zone_mc[0] = round(air.outlet_c * 1000)
        sense.total_w = round(air.heat_w)
        unit.step(sense, 0)
        air.step(unit.out_permille)
        worst_k = max(worst_k, air.outlet_c - 38.0)
    return worst_k


@pytest.mark.parametrize("flow", [0.7, 1.0, 1.3])
def test_holds_the_setpoint_through_a_load_step_although_the_flow_is_not_as_designed(flow):
    unit, air = cooler(), Air(6_000, full_w_k=20_000 / 14 * flow)
    closed_loop(unit, air, 1200)
    assert abs(air.outlet_c - 38.0) < 0.5
    air.heat_w = 13_000
    assert closed_loop(unit, air, 600) < 1.5
    assert abs(air.outlet_c - 38.0) < 0.5


def test_a_cold_rack_gets_the_minimum_duty_and_a_hot_one_everything():
    assert run(cooler(), Senses(20_000, total_w=1_000), 600) == 200
    assert run(cooler(), Senses(50_000), 600) == FULL


def test_the_design_power_is_that_of_one_feed_unless_given():
    unit = cooler(air={})  # 32 A, three phases at 230 V: 22 080 W
    assert run(unit, Senses(total_w=11_040), 300) == 500


def test_swings_that_the_mass_evens_out_do_not_move_the_fans():
    unit, sense = cooler(), Senses()
    run(unit, sense, 300)
    seen = set()
    for i in range(400):
        sense.total_w = 11_500 if i // 10 & 1 else 8_500  # 30 % up and down every two seconds
        unit.step(sense, 0)
        seen.add(unit.out_permille)
    assert max(seen) - min(seen) <= 10


def test_a_new_level_of_power_is_followed_within_seconds():
    unit, sense = cooler(), Senses()
    run(unit, sense, 300)
    sense.total_w = 16_000
    assert run(unit, sense, 100) > 770
    assert run(unit, sense, 400) == pytest.approx(800, abs=8)


LOST = (  # outlet, inlet, duty
    (INVALID, 24_000, FULL),
    (38_000, INVALID, 700),
    (INVALID, INVALID, FULL),
)


@pytest.mark.parametrize(("outlet_mc", "inlet_mc", "duty"), LOST)
def test_a_lost_sensor_raises_its_floor_at_once_whatever_the_slew(outlet_mc, inlet_mc, duty):
    unit = cooler()
    run(unit, Senses(total_w=6_000), 300)
    assert run(unit, Senses(outlet_mc, inlet_mc, 6_000), 1) == duty
    assert unit.floored


def test_a_lost_outlet_drives_its_own_fans_only():
    unit = cooler(zones=[{}, {}], fans=SHARED)
    sense = Senses()
    run(unit, sense, 300)
    sense.zone_mc[1] = INVALID
    unit.step(sense, 0)
    assert list(unit.fan_permille[:3]) == [500, FULL, FULL]


def test_zones_have_their_own_setpoints():
    unit = cooler(zones=[{}, {"setpoint_mc": 34_000}], fans=[{"zones": [0]}, {"zones": [1]}])
    sense = Senses()
    sense.zone_mc[1] = 34_000
    run(unit, sense, 300)
    assert list(unit.fan_permille[:2]) == [500, 700]


def test_handing_a_shared_fan_from_zone_to_zone_makes_no_step():
    unit = cooler(zones=[{}, {}], fans=[{"zones": [0, 1]}])
    sense = Senses()
    sense.zone_mc[0] = 44_000
    run(unit, sense, 600)
    assert unit.out_permille > 700
    sense.zone_mc[0] = 30_000
    was = unit.out_permille
    for _ in range(300):
        now = run(unit, sense, 1)
        assert -10 <= now - was <= 50  # what is held back below the least step adds to the slew
        was = now
    assert now == pytest.approx(500, abs=10)


reading = st.one_of(st.just(INVALID), st.integers(-40_000, 125_000))
ticks = st.lists(
    st.tuples(reading, reading, reading, st.integers(0, 10**6), st.integers(0, 1000)), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(ticks)
def test_no_fan_is_ever_below_its_floors(profile):
    unit, sense = cooler(zones=[{}, {}], fans=SHARED), Senses()
    for first_mc, second_mc, sense.inlet_mc, sense.total_w, floor in profile:
        sense.zone_mc[0], sense.zone_mc[1] = first_mc, second_mc
        unit.step(sense, floor)
        lost = [FULL if mc == INVALID else 0 for mc in (first_mc, second_mc)]
        if sense.inlet_mc == INVALID:
            lost = [max(each, 700) for each in lost]
        for duty, mine in zip(unit.fan_permille, (lost[0], max(lost), lost[1]), strict=False):
            assert max(floor, mine, 200) <= duty <= FULL


@settings(max_examples=40, deadline=None)
@given(ticks, st.integers(30_000, 45_000), st.integers(0, 20_000))
def test_when_faults_and_floors_clear_the_fans_take_no_step_beyond_the_slew(profile, mc, watts):
    unit, sense = cooler(air=AIR | {"step_permille": 1}), Senses()
    for sense.zone_mc[0], _, sense.inlet_mc, sense.total_w, floor in profile:
        run(unit, sense, 5, floor)
    clear = Senses(mc, 24_000, watts)
    was = unit.out_permille
    for _ in range(100):
        now = run(unit, clear, 1)
        assert -5 <= now - was <= 50
        was = now


EXTREME = (
    {"kp_permille_k": 1000, "ki_ppm_k": 5000, "setpoint_mc": 10_000, "deadband_mc": 0},
    {"kp_permille_k": 1000, "ki_ppm_k": 5000, "setpoint_mc": 50_000, "spike_mc": 100_000},
)
corner_mc = st.sampled_from([INVALID, -40_000, 10_000, 51_000, 125_000])


def test_every_tick_stays_in_small_ints(monkeypatch):
    monkeypatch.setattr(fans, "array", SmallArray)

    @settings(max_examples=15, deadline=None)
    @given(
        st.sampled_from([100, 22_000, 1_000_000]),
        st.sampled_from([2_000, 60_000]),
        st.sampled_from([100, 60_000]),
        st.lists(
            st.tuples(corner_mc, corner_mc, st.sampled_from([0, 1, 1_000_000]), st.integers(1, 60)),
            min_size=1,
            max_size=6,
        ),
    )
    def run_all(design_w, rise_mc, max_rpm, profile):
        air = {"design_w": design_w, "design_rise_mc": rise_mc, "retry_ms": 600_000}
        config = parse(air=air, zones=list(EXTREME), fans=[{"max_rpm": max_rpm}] * 8)
        for part in (config.air, *config.zones, *config.fans):
            for key, value in vars(part).items():
                setattr(part, key, Small(value))
        unit = Cooler(config, Events())
        for outlet_mc, inlet_mc, total_w, n in profile:
            sense = SimpleNamespace(
                zone_mc=[Small(outlet_mc)] * 4,
                inlet_mc=Small(inlet_mc),
                total_w=Small(total_w),
                fan_rpm=[Small(rpm) for rpm in (0, 60_000, INVALID, 1, 0, 100, 6_000, 30_000)],
            )
            for _ in range(n):
                unit.step(sense, Small(0))

    run_all()


def test_design_power_of_the_largest_feed_is_a_small_int():
    feed = SimpleNamespace(rating_ma=Small(250_000), nominal_mv=Small(500_000))
    assert cool._design_w(feed) == 375_000
    assert cool._design_w(SimpleNamespace(rating_ma=Small(10), nominal_mv=Small(10_000))) == 100


def test_a_tick_allocates_nothing_and_decides_on_the_vm_as_on_cpython():
    vm_path()
    measured = run_script("tests/firmware/vm_cool.py")
    assert measured["bytes_per_tick"] == 0
    assert measured["events"] > 5
    from tests.firmware.vm_cool import decide

    assert measured["crc"] == decide()[0]
