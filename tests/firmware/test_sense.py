# SPDX-License-Identifier: Apache-2.0
import pytest

from firmware_py import channels as ch
from firmware_py.link import messages as m
from firmware_py.sense.trust import LOST_TICKS, STUCK_TICKS
from tests.firmware.rig import Rig


@pytest.mark.parametrize(
    ("channel", "reading"),
    [
        (ch.IN_OUTLET_MC, m.INVALID),
        (ch.IN_OUTLET_MC, 126_000),
        (ch.IN_INLET_MC, -41_000),
        (ch.IN_FEED_A_MA, -1),
        (ch.IN_FEED_B_MV, 700_000),
        (ch.IN_LEAK, 2),
    ],
)
def test_a_bad_reading_is_lost_after_three_ticks_and_said_once(channel, reading):
    rig = Rig().hosted()
    rig.faults = {channel: reading}
    rig.run(LOST_TICKS - 1)
    assert not any(rig.app.sense.trust.lost)
    rig.run(20)
    assert [i for i, lost in enumerate(rig.app.sense.trust.lost) if lost] == [channel]
    assert rig.sent("TELEMETRY")[-1]["flags"] & m.FLAG_SENSOR_FAULT
    rig.faults = {}
    rig.run(20)
    assert [(e["group"], e["reason"]) for e in rig.events(m.EV_SENSOR)] == [
        (channel, 1),
        (channel, 0),
    ]


def test_one_bad_sample_keeps_the_last_good_value():
    rig = Rig().hosted()
    rig.faults = {ch.IN_OUTLET_MC: m.INVALID}
    rig.run(1)
    assert rig.app.sense.outlet_mc == 36_000
    assert rig.app.state.state == m.STATE_HOSTED


def test_a_lost_current_is_replaced_by_its_usual_share_of_the_loads():
    rig = Rig().hosted()
    rig.load_w = [4000] * 8
    rig.run(5)
    true_ma = rig.feed_ma()[1][0]
    rig.faults = {ch.IN_FEED_A_MA: m.INVALID}
    rig.run(5)
    assert true_ma <= rig.app.sense.feed_ma[0] <= true_ma + 50
    rig.load_w = [6000] * 8
    rig.run(1)
    assert rig.app.sense.feed_ma[0] == pytest.approx(true_ma * 1.5, rel=0.01)
    assert not rig.app.sense.measured[0]


def test_a_lost_current_still_sheds_before_the_breaker_would_trip():
    rig = Rig().hosted()
    rig.load_w = [4000] * 8
    rig.run(5)
    rig.faults = {ch.IN_FEED_A_MA: m.INVALID, ch.IN_FEED_B_MA: m.INVALID}
    rig.load_w = [8000] * 8
    rig.run(60)
    assert rig.off == 0b1000


def test_nothing_known_counts_as_the_rated_current():
    rig = Rig()
    rig.faults = {ch.IN_FEED_A_MA: m.INVALID}
    rig.faults |= {ch.IN_LOAD0_MW + i: m.INVALID for i in range(8)}
    rig.run(10)
    assert rig.app.sense.feed_ma[0] == 32_000
    assert rig.app.state.state == m.STATE_DEGRADED


def test_a_frozen_outlet_sensor_is_found_when_the_power_has_moved():
    rig = Rig().hosted()
    rig.run(STUCK_TICKS + 10)
    assert not rig.app.sense.faulty()  # constant power may well mean constant temperature
    rig.load_w = [3000] * 8
    rig.run(STUCK_TICKS - 1)
    assert not rig.app.sense.faulty()
    rig.run(1)
    assert rig.app.state.state == m.STATE_DEGRADED
    assert rig.app.act.outputs[ch.OUT_FAN_PERMILLE] == 1000
    rig.outlet_mc = 41_000
    rig.run(2)
    assert rig.app.state.state == m.STATE_LOCAL or not rig.app.sense.faulty()


def test_a_second_opinion_that_is_gone_is_not_held_and_not_told():
    rig = Rig(liquid={})
    rig.faults = {ch.IN_DP_PA: 20_000}
    rig.run(10)
    rig.faults = {ch.IN_DP_PA: m.INVALID}
    rig.run(LOST_TICKS - 1)
    assert rig.app.sense.dp_pa == 20_000
    rig.run(1)
    assert rig.app.sense.dp_pa == m.INVALID
    assert not rig.app.sense.trust.lost[ch.IN_DP_PA]
    rig.run(300)
    rig.faults = {ch.IN_DP_PA: 30_000}
    rig.run(1)
    assert rig.app.sense.dp_pa == 30_000


def test_unknown_loads_are_told_as_invalid():
    rig = Rig().hosted()
    rig.faults = {ch.IN_LOAD0_MW + 2: m.INVALID, ch.IN_LOAD0_MW + 3: -5}
    rig.run(2)
    body = [b for b in rig.frames if b[1] == m.LOADS][-1][m.HEADER_BYTES :]
    values = [
        int.from_bytes(body[i : i + 4], "little", signed=True) for i in range(0, len(body), 4)
    ]
    assert values == [1_500_000] * 2 + [m.INVALID] * 2 + [1_500_000] * 4


def test_a_rack_with_one_feed_does_not_miss_the_other():
    rig = Rig(feeds=[{"rating_ma": 63_000}])
    rig.feed_mv[1] = 0
    rig.faults = {
        ch.IN_FEED_B_MA: m.INVALID,
        ch.IN_FEED_B_MV: m.INVALID,
        ch.IN_FEED_B_MW: m.INVALID,
    }
    rig.hosted()
    assert rig.app.state.state == m.STATE_HOSTED
    last = rig.sent("TELEMETRY")[-1]
    assert (last["feed_b_mw"], last["ttt_b_ms"], last["theta_b_ppm"]) == (m.INVALID, m.NEVER_MS, 0)


def test_a_lost_current_takes_over_the_share_of_a_feed_that_dies():
    rig = Rig().hosted()
    rig.load_w = [2500] * 8
    rig.run(20)
    rig.faults = {ch.IN_FEED_B_MA: m.INVALID}
    rig.run(10)
    rig.feed_mv[0] = 0
    rig.run(2)
    true_ma = rig.feed_ma()[1][1]
    assert rig.off == 0
    assert true_ma <= rig.app.sense.feed_ma[1] <= true_ma + 50


def test_a_current_lost_long_after_the_other_feed_died_is_not_counted_twice():
    rig = Rig().hosted()
    rig.load_w = [2500] * 8
    rig.run(20)
    rig.feed_mv[0] = 0
    rig.run(100)
    rig.faults = {ch.IN_FEED_B_MA: m.INVALID}
    rig.run(10)
    true_ma = rig.feed_ma()[1][1]
    assert true_ma <= rig.app.sense.feed_ma[1] <= true_ma + 50


def test_a_stand_in_does_not_fall_with_the_load_readings():
    rig = Rig().hosted()
    rig.load_w = [4500] * 8
    rig.run(20)
    true_ma = rig.feed_ma()[1][0]
    rig.faults = {ch.IN_FEED_A_MA: m.INVALID}
    rig.faults |= {ch.IN_LOAD0_MW + i: m.INVALID for i in range(4)}
    rig.run(10)
    assert rig.app.sense.feed_ma[0] >= true_ma


def test_an_open_current_transformer_is_found_by_the_power_it_should_carry():
    rig = Rig()
    rig.run(100)
    true_ma = rig.feed_ma()[1][0]
    rig.faults[ch.IN_FEED_A_MA] = 0
    rig.run(29)
    assert not rig.app.sense.faulty()
    rig.run(1)
    assert rig.app.sense.faulty()
    assert rig.app.sense.feed_ma[0] >= true_ma  # its usual share of the loads
    rig.faults.clear()
    rig.run(2)
    assert not rig.app.sense.faulty()
