# SPDX-License-Identifier: Apache-2.0
"""Fans, zones, recirculation, throttling and the coolant loop in the rack."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from hil.plant.air import AIR_J_M3_K, Air, AirSpec, FanSpec, flow_ratio, resistance
from hil.plant.zones import ZonedAir, parallel_flow
from tests.hil.plant_rig import balanced, rack_of, read, run, seen


def zoned(fans=4, zones=1, heat_w=40_000.0, duty=500):
    load_w = [5000.0] * 8
    zone_of = [i * zones // 8 for i in range(8)]
    return ZonedAir(AirSpec(zones=zones), FanSpec(count=fans), zone_of, load_w, (heat_w, duty))


@given(st.floats(0.05, 0.95), st.floats(0.2, 400.0))
def test_flow_is_where_fan_curve_and_resistance_meet(operating, ratio):
    flow = flow_ratio(operating, ratio)
    fan = 1.0 - (1.0 - operating) * flow
    assert fan == pytest.approx(ratio * operating * flow * flow, rel=1e-9, abs=1e-12)


@given(
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8), st.floats(0.1, 0.9), st.floats(1, 50)
)
def test_parallel_fans_obey_their_curves_and_dampers(speeds, operating, ratio):
    speeds = sorted(speeds, reverse=True)
    flow = parallel_flow(speeds, operating, ratio)
    pressure = ratio * operating * flow * flow
    slope = (1.0 - operating) * len(speeds)
    each = [max(s - pressure / s, 0.0) / slope for s in speeds]
    assert sum(each) == pytest.approx(flow, rel=1e-6)


@given(st.floats(0.05, 1.0), st.integers(1, 8), st.floats(1.0, 50.0))
def test_equal_fans_follow_the_affinity_law(speed, count, ratio):
    flow = parallel_flow([speed] * count, 0.5, ratio)
    assert flow == pytest.approx(speed * flow_ratio(0.5, ratio))


def test_a_clear_aisle_and_a_clean_filter_resist_as_sized():
    assert resistance(0.0, 0.0) == pytest.approx(1.0)
    assert flow_ratio(0.5, resistance(0.0, 0.0)) == pytest.approx(1.0)
    assert resistance(0.5, 0.0) == pytest.approx(1.3)


def test_one_zone_of_equal_fans_is_the_lumped_air():
    one, many = Air(AirSpec(), FanSpec(), 40_000.0, 500), zoned()
    for air in (one, many):
        for _ in range(600):
            air.step_fans(1.0, powered=True)
            air.step(1.0, 60_000.0)
    assert many.fan_rpm == pytest.approx(one.fan_rpm)
    assert many.fan_w == pytest.approx(one.fan_w)
    assert many.inlet_c == pytest.approx(one.inlet_c, abs=0.05)
    assert many.outlet_c == pytest.approx(one.outlet_c, abs=0.05)


def test_each_zone_settles_at_its_heat_over_its_flow():
    air = zoned(zones=2, duty=1000)
    air._load_w[:] = [9000.0] * 4 + [1000.0] * 4
    for _ in range(3000):
        air.step_fans(1.0, powered=True)
        air.step(1.0, 40_000.0)
    half_w_k = AIR_J_M3_K * (4.5 + 0.15) / 2
    rises = [celsius - air.inlet_c for celsius in air.zone_c]
    assert rises == pytest.approx([36_000 / half_w_k, 4_000 / half_w_k], rel=1e-6)
    mixed_c = sum(air.zone_c) / 2
    assert air.inlet_c == pytest.approx(24.0 + 0.08 * (mixed_c - 24.0))


def test_a_stalled_fan_stops_alone_and_the_others_blow_more():
    rack = rack_of(0.5, fans={"count": 4})
    rack.set_fans([1000] * 4)
    rack.set_fan_health(1, 0.0)
    rack.set_fan_health(2, 0.5)
    run(rack, 30)
    assert rack.fan_rpms == pytest.approx([6000.0, 0.0, 3000.0, 6000.0], abs=1.0)
    flow = parallel_flow([1.0, 1.0, 0.5, 1e-9], 0.5, 1.0)
    assert 0.5 < flow < 1.0
    inputs = read(rack)
    assert list(inputs[ch.IN_FAN0_RPM : ch.IN_FAN0_RPM + 3]) == [6000, 0, 3000]
    assert inputs[ch.IN_FAN0_RPM + 4] == INVALID
    rack.set_fan_health(1, 1.0)
    run(rack, 30)
    assert rack.fan_rpms[1] == pytest.approx(6000.0, abs=1.0)


@pytest.mark.parametrize("fans", [1, 4])
def test_a_blocked_aisle_heats_the_inlet_and_clears_again(fans):
    rack = rack_of(0.5, fans={"count": fans})
    run(rack, 600, dt_ms=1000)
    free_c, free_out_c = rack.inlet_c, rack.outlet_c
    rack.set("blocked_aisle", 0.8)
    run(rack, 1200, dt_ms=1000)
    assert rack.inlet_c > free_c + 3.0
    assert rack.outlet_c > free_out_c + 3.0
    assert rack.air.recirculation == pytest.approx(0.08 + 0.5 * 0.8)
    rack.set("blocked_aisle", 0.0)
    run(rack, 2400, dt_ms=1000)
    assert rack.inlet_c == pytest.approx(free_c, abs=0.05)
    balanced(rack)


@pytest.mark.parametrize("fans", [1, 4])
def test_slow_fans_follow_their_duty_with_the_time_constant_given(fans):
    rack = rack_of(fans={"count": fans})
    rack.set_fan_lag(20.0)
    rack.set_fan(0)
    run(rack, 20)
    assert rack.fan_rpms == pytest.approx([6000.0 / math.e] * fans)
    rack.set_fan_lag(None)
    run(rack, 1.5)
    assert rack.fan_rpms == pytest.approx([6000.0 / math.e**2] * fans)


def test_a_clogged_filter_costs_flow_and_not_recirculation():
    rack = rack_of(0.5)
    rack.set("filter_clog", 0.9)
    assert rack.air.recirculation == 0.08
    before_c = rack.outlet_c
    run(rack, 1200, dt_ms=1000)
    assert rack.outlet_c > before_c + 5.0


def test_recirculation_can_be_set():
    rack = rack_of(0.5)
    rack.set("recirculation", 0.4)
    run(rack, 1200, dt_ms=1000)
    assert rack.inlet_c == pytest.approx(24.0 + 0.4 * (rack.outlet_c - 24.0))


@pytest.mark.parametrize(("room_c", "depth"), [(35.0, 0.0), (46.0, 0.5), (60.0, 1.0)])
def test_hot_servers_throttle_in_their_band_down_to_the_floor(room_c, depth):
    rack = rack_of(1.0, recirculation=0.0, room_c=room_c, rating_a=200.0)
    run(rack, 5)
    floor_w = 0.3 * 10_200.0
    limit_w = 10_200.0 - depth * (10_200.0 - floor_w)
    assert rack.load_w == pytest.approx([limit_w] * 8)
    assert seen(rack)["throttled"] == (8 if depth else 0)
    rack.set("room_c", 30.0)
    run(rack, 5)
    assert rack.load_w == pytest.approx([10_200.0] * 8)
    assert rack.throttled == 0


def test_the_tighter_of_cap_and_heat_limits():
    rack = rack_of(1.0, recirculation=0.0, room_c=46.0, rating_a=200.0)
    rack.set_cap(0, 4000.0)
    run(rack, 5)
    assert rack.load_w[0] == pytest.approx(4000.0)
    assert rack.load_w[1] == pytest.approx(0.65 * 10_200.0)
    assert rack.throttled == 7


def cooled(**given):
    rack = rack_of(0.5, liquid={}, rating_a=200.0, **given)
    rack.liquid.set_pump(600)
    rack.liquid.set_valve(600)
    return rack


def test_the_loop_takes_its_share_of_the_dc_power():
    rack = cooled()
    run(rack, 4000)
    plates_w = 0.8 * rack.dc_j / 4000
    before_j, loop = rack.liquid.facility_j + rack.liquid.room_j, rack.liquid
    run(rack, 100)
    carried_w = (loop.facility_j + loop.room_j - before_j) / 100
    churn_w = loop.pump_w * loop.spec.pump_efficiency
    assert carried_w == pytest.approx(plates_w + churn_w, rel=0.01)
    assert sum(rack.feed_w) == pytest.approx(sum(rack.load_w) + rack.fan_w + loop.pump_w)
    balanced(rack)


def test_a_stopped_pump_throttles_the_servers_before_their_plates_burn():
    rack = cooled()
    run(rack, 300)
    assert rack.throttled == 0
    rack.liquid.pump_failed = True
    run(rack, 120)
    assert rack.liquid.flow_lpm < 1.0
    assert rack.throttled == 8
    assert sum(rack.load_w) == pytest.approx(8 * 3060.0, rel=0.01)
    balanced(rack)


def test_a_dark_rack_stops_its_pump_and_freezes_its_valve():
    rack = cooled()
    run(rack, 60)
    valve = rack.liquid.valve
    rack.liquid.set_valve(0)
    rack.fail_feed("A")
    rack.fail_feed("B")
    run(rack, 30)
    assert rack.liquid.flow_lpm < 1e-3
    assert rack.liquid.valve == valve
    assert rack.feed_w == [0.0, 0.0]
    balanced(rack)


def test_every_sensor_of_the_loop_reads_and_every_signal_is_there():
    rack = cooled()
    rack.set("facility_c", 8.0)
    rack.set("rh", 0.9)
    rack.set("room_c", 30.0)
    rack.set("leak_lpm", 1.0)
    run(rack, 60)
    inputs, loop, signals = read(rack), rack.liquid, seen(rack)
    expected = {
        ch.IN_SUPPLY_MC: loop.supply_c * 1000,
        ch.IN_RETURN_MC: loop.return_c * 1000,
        ch.IN_FLOW_MLM: loop.flow_lpm * 1000,
        ch.IN_DP_PA: loop.dp_pa,
        ch.IN_PUMP_RPM: loop.pump_rpm,
        ch.IN_RH_PERMILLE: 900,
        ch.IN_DEW_AIR_MC: 30_000,
        ch.IN_RESERVOIR_PERMILLE: loop.reservoir_permille,
        ch.IN_LEAK: 1,
    }
    for channel, value in expected.items():
        assert inputs[channel] == pytest.approx(value, abs=0.51), channel
    assert signals["leak_l"] == pytest.approx(1.0)
    assert signals["wet"] == 1.0
    assert signals["condensing"] == 1.0
    assert signals["dew_c"] == pytest.approx(28.2, abs=0.2)
    assert signals["plate_c"] == loop.plate_c
    assert math.isfinite(sum(signals.values()))
