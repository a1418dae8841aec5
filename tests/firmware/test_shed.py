# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import channels as ch
from firmware_py.decide import groups
from firmware_py.link import messages as m
from tests.firmware.rig import Rig

ROWS = list(zip(*[iter(groups.TABLE)] * 3, strict=True))
QUICK = {"min_off_ms": 1000, "stagger_ms": 500, "lockout_count": 200}


def overload(rig, watts):
    rig.load_w = [watts] * len(rig.load_w)


def warm(rig, outlet_mc):
    """As fast as a probe in air can follow."""
    while rig.outlet_mc < outlet_mc:
        rig.outlet_mc = min(rig.outlet_mc + 4_000, outlet_mc)
        rig.run(1)


def shed_events(rig):
    return [(e["group"], e["reason"]) for e in rig.events(m.EV_SHED)]


def test_rated_load_sheds_nothing():
    rig = Rig()
    overload(rig, 5500)  # 31.9 A of 32
    rig.run(3000)
    assert rig.off == 0


def test_overload_sheds_the_last_group_before_the_breaker_trips():
    rig = Rig().hosted()
    overload(rig, 8000)  # 46 A: m = 1.28
    for _ in range(100):
        rig.run(1)
        assert rig.app.ttt_ms[0] > 300
        if rig.off:
            break
    rig.run(40)
    assert shed_events(rig) == [(3, m.SHED_BREAKER)]
    assert rig.off == 0b1000
    assert rig.app.ttt_ms[0] == m.NEVER_MS


def test_a_short_time_to_trip_arms_first_and_sheds_on_the_next_tick():
    rig = Rig().hosted()
    overload(rig, 8000)
    while not rig.app.shedder.armed:
        rig.run(1)
    assert rig.off == 0
    assert rig.app.shedder.groups.state[3] == groups._ARMED
    assert rig.sent("TELEMETRY")[-1]["flags"] & m.FLAG_ARMED
    rig.run(1)
    assert rig.off == 0b1000


def test_a_spike_of_one_tick_stands_down():
    rig = Rig().hosted()
    overload(rig, 8000)
    while not rig.app.shedder.armed:
        rig.run(1)
    overload(rig, 1500)
    rig.run(5)
    assert rig.off == 0
    assert set(rig.app.shedder.groups.state) == {groups._ON}


def test_whole_lowest_groups_go_in_one_tick_when_one_is_not_enough():
    rig = Rig().hosted()
    overload(rig, 11_000)  # 64 A: half must go
    while not rig.off:
        rig.run(1)
    assert rig.off == 0b1100
    rig.run(20)
    assert rig.off == 0b1100


def test_a_shed_is_given_time_to_show_before_the_next():
    rig = Rig(shed={"settle_ms": 300}).hosted()
    overload(rig, 8000)
    while not rig.app.shedder.armed:
        rig.run(1)
    rig.faults = {ch.IN_FEED_A_MA: 46_400, ch.IN_FEED_B_MA: 46_400}  # the relay is slow
    rig.run(3)
    assert rig.off == 0b1000
    rig.run(2)
    assert rig.off == 0b1100  # it does not open at all: the next group


def near_the_gate(power_agrees):
    faults = {ch.IN_FEED_A_MA: 130_000, ch.IN_FEED_B_MA: 20_000}  # gate at 160 A
    return faults | ({ch.IN_FEED_A_MW: 130_000 * 690} if power_agrees else {})


def test_current_and_power_near_the_magnetic_gate_shed_without_confirmation():
    rig = Rig().hosted()
    rig.faults = near_the_gate(power_agrees=True)
    rig.run(1)
    assert rig.off != 0
    rig.run(20)
    assert {reason for _, reason in shed_events(rig)} == {m.SHED_HARD_OVERCURRENT}


@pytest.mark.parametrize("power", [None, m.INVALID])
def test_current_near_the_magnetic_gate_sheds_within_two_ticks_whatever_the_power(power):
    rig = Rig().hosted()
    rig.faults = near_the_gate(power_agrees=False)
    if power is not None:
        rig.faults[ch.IN_FEED_A_MW] = power
    rig.run(2)
    assert rig.off != 0


@pytest.mark.parametrize("spike_ma", [80_000, 130_000, 1_000_000])
def test_one_bad_sample_of_a_current_sheds_nothing(spike_ma):
    rig = Rig()
    overload(rig, 2500)
    rig.run(300)
    rig.faults = {ch.IN_FEED_A_MA: spike_ma}
    rig.run(1)
    rig.faults = {}
    rig.run(20)
    assert rig.off == 0


def test_a_trip_that_is_two_ticks_away_is_not_waited_for():
    rig = Rig().hosted()
    overload(rig, 5500)
    rig.run(600)
    overload(rig, 11_000)  # m = 1.76 on a warm breaker
    rig.app.breakers[0].theta_ppm = 950_000
    rig.run(1)
    assert 0 < rig.app.ttt_ms[0] <= 200
    assert rig.off != 0


def test_a_breaker_that_the_next_step_would_trip_is_relieved_before_it():
    rig = Rig(shed={"ttt_ms": 200}).hosted()
    overload(rig, 6500)  # 37.7 A: just above what is carried for ever
    while not rig.off:
        theta_ppm = rig.app.breakers[0].theta_ppm
        left_ms = rig.app.ttt_ms[0]
        rig.run(1)
    assert rig.off == 0b1000
    assert left_ms > 1000
    assert theta_ppm < 1_000_000


def test_feed_loss_sheds_at_once_what_the_survivor_cannot_carry():
    rig = Rig().hosted()
    overload(rig, 5500)
    rig.run(20)
    rig.feed_mv[0] = 0
    rig.run(1)
    assert rig.off == 0b1100  # 64 A on one feed of 32 A
    rig.run(50)
    assert {reason for _, reason in shed_events(rig)} == {m.SHED_FEED_LOSS}
    assert rig.app.ttt_ms[1] == m.NEVER_MS


def test_feed_loss_that_the_survivor_can_carry_sheds_nothing():
    rig = Rig().hosted()
    overload(rig, 2700)  # 31 A on one
    rig.feed_mv[1] = 0
    rig.run(100)
    assert rig.off == 0


def test_a_voltmeter_that_reads_zero_on_a_loaded_feed_is_not_a_feed_loss():
    rig = Rig().hosted()
    overload(rig, 5500)
    rig.run(20)
    rig.faults = {ch.IN_FEED_A_MV: 0}
    rig.run(20)
    assert rig.off == 0


def test_over_temperature_sheds_one_group_per_step():
    rig = Rig(shed={"overtemp_step_ms": 2000}).hosted()
    warm(rig, 54_000)
    assert rig.off == 0
    rig.outlet_mc = 58_000
    rig.run(1)
    assert rig.off == 0
    rig.run(1)
    assert rig.off == 0b1000
    rig.run(18)
    assert rig.off == 0b1000
    rig.run(30)
    assert rig.off == 0b1110
    assert {reason for _, reason in shed_events(rig)} == {m.SHED_OVERTEMP}


def test_a_leak_never_presses_the_pump_up_before_it_stops():
    rig = Rig(liquid={})
    flowing = {ch.IN_FLOW_MLM: 30_000, ch.IN_DP_PA: 30_000, ch.IN_SUPPLY_MC: 30_000}
    rig.faults = flowing | {ch.IN_RH_PERMILLE: 400, ch.IN_DEW_AIR_MC: 24_000}
    rig.run(100)
    before = rig.app.act.outputs[ch.OUT_PUMP_PERMILLE]
    rig.leak = 1
    for _ in range(2):
        rig.run(1)
        assert rig.app.act.outputs[ch.OUT_PUMP_PERMILLE] <= before + 20
    rig.run(1)
    assert rig.app.act.outputs[ch.OUT_PUMP_PERMILLE] == 0


def test_leak_sheds_all_but_never_and_latches_safe():
    rig = Rig(shed=QUICK).hosted()
    rig.leak = 1
    rig.run(1)
    assert rig.off == 0b1110
    rig.leak = 0
    rig.run(100)
    assert rig.off == 0b1110
    assert rig.app.state.state == m.STATE_SAFE
    assert rig.app.act.outputs[ch.OUT_FAN_PERMILLE] == 1000
    assert rig.request(m.CLEAR_SAFE, "B", 1)[0] == "ACK"
    rig.run(60)
    assert rig.app.state.state == m.STATE_HOSTED
    assert rig.off == 0


def test_clear_while_the_hazard_lasts_is_refused():
    rig = Rig().hosted()
    rig.leak = 1
    rig.run(5)
    name, values, _ = rig.request(m.CLEAR_SAFE, "B", 1)
    assert (name, values["code"], values["detail"]) == ("ERR", m.ERR_STATE, m.STATE_SAFE)


def test_restore_waits_for_rest_and_headroom_then_returns_in_order_of_priority():
    rig = Rig(shed=QUICK | {"margin_permille": 100}).hosted()
    overload(rig, 11_000)
    while rig.off != 0b1100:
        rig.run(1)
    rig.run(100)
    assert rig.off == 0b1100  # the same load would come back
    overload(rig, 4000)
    order = []
    for _ in range(900):
        before = rig.off
        rig.run(1)
        order += [g for g in range(4) if before & ~rig.off & 1 << g]
    assert order == [2]  # last draw 2 x 11 kW: room for one, not for two
    restored = rig.events(m.EV_RESTORE)
    assert [e["group"] for e in restored] == [2]
    assert restored[0]["arg"] > 0


def test_shed_too_often_locks_the_group_out_until_cleared():
    config = {"min_off_ms": 200, "stagger_ms": 100, "lockout_count": 2, "margin_permille": 0}
    rig = Rig(shed=config).hosted()
    for _ in range(2):
        overload(rig, 8000)
        while not rig.off:
            rig.run(1)
        overload(rig, 2000)
        rig.run(400)
    assert rig.off == 0b1000
    assert rig.app.shedder.groups.state[3] == groups._LOCKED
    (lockout,) = rig.events(m.EV_LOCKOUT)
    assert (lockout["group"], lockout["arg"]) == (3, 2)
    rig.lease(30_000)
    assert rig.request(m.CLEAR_SAFE, "B", 0)[0] == "ACK"
    rig.run(10)
    assert rig.off == 0


def test_no_restore_while_a_current_is_only_guessed():
    rig = Rig(shed=QUICK).hosted()
    rig.request(m.SHED, "H", 0b1000)
    rig.run(2)
    rig.request(m.SHED, "H", 0)
    rig.faults = {ch.IN_FEED_A_MA: m.INVALID}
    rig.run(100)
    assert rig.off == 0b1000
    rig.faults = {}
    rig.run(10)
    assert rig.off == 0


def test_timers_survive_the_wrap_of_board_time():
    rig = Rig(start_ms=(1 << 30) - 2500, shed=QUICK).hosted()
    rig.request(m.SHED, "H", 0b1110)
    rig.run(10)
    rig.request(m.SHED, "H", 0)
    rig.run(40)
    assert rig.off == 0
    assert rig.now_ms < 100_000
    t_ms = [e["t_ms"] for e in rig.sent("TELEMETRY")]
    assert t_ms == sorted(t_ms)  # u32 goes on where 30 bits end
    assert t_ms[-1] > 1 << 30


def test_table_reaches_every_state_and_has_one_row_per_cause():
    assert len({(state, event) for state, event, _ in ROWS}) == len(ROWS)
    reached, todo = set(), [groups._ON]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += [after for before, _, after in ROWS if before == state]
    assert reached == {
        groups._ON,
        groups._ARMED,
        groups._OFF,
        groups._MIN_OFF,
        groups._RESTORE_WAIT,
        groups._LOCKED,
    }


def test_only_a_trip_opens_and_only_a_fit_closes():
    opens = [(s, e) for s, e, after in ROWS if after == groups._OFF]
    closes = [(s, e) for s, e, after in ROWS if after == groups._ON and s != groups._ARMED]
    assert {e for _, e in opens} == {groups._TRIP}
    assert closes == [(groups._RESTORE_WAIT, groups._FIT)]


stimulus = st.lists(
    st.tuples(
        st.integers(0, 14_000),  # watts per load
        st.sampled_from([(1, 1), (1, 1), (0, 1), (1, 0)]),  # live feeds
        st.sampled_from([{}, {}, {ch.IN_FEED_A_MA: m.INVALID}, {ch.IN_LOAD0_MW: m.INVALID}]),
        st.integers(20_000, 60_000),  # outlet
        st.integers(0, 0b1111),  # host wants off
        st.integers(1, 25),  # ticks
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(stimulus)
@pytest.mark.parametrize("never", [(0,), (3,), (1, 2)])
def test_whatever_happens(never, steps):
    """Never-groups stay on; nothing returns without rest, stagger and headroom."""
    groups = [{"never": g in never} for g in range(4)]
    rig = Rig(groups=groups, shed=QUICK).hosted()
    never_mask = sum(1 << g for g in never)
    opened_ms, closed_ms = {}, -10_000
    for watts, live, faults, outlet_mc, host_off, ticks in steps:
        overload(rig, watts)
        rig.feed_mv = [230_000 * alive for alive in live]
        rig.faults, rig.outlet_mc = faults, outlet_mc
        rig.app.lease.shed_off = host_off
        for _ in range(ticks):
            before, (_, feed_ma) = rig.off, rig.feed_ma()
            rig.run(1)
            assert rig.off & never_mask == 0
            assert rig.relays == 0b1111 & ~rig.off
            assert host_off & ~never_mask & ~rig.off == 0
            for g in range(4):
                if rig.off & ~before & 1 << g:
                    opened_ms[g] = rig.now_ms
                if before & ~rig.off & 1 << g:
                    assert rig.now_ms - opened_ms[g] >= QUICK["min_off_ms"]
                    assert rig.now_ms - closed_ms >= QUICK["stagger_ms"]
                    assert max(feed_ma) < 32_000
                    closed_ms = rig.now_ms


@pytest.mark.parametrize("known_from_start", [True, False])
@pytest.mark.parametrize("watts", [6600, 8000, 11_000])
def test_lost_load_meters_do_not_cycle_groups_into_lock_out(known_from_start, watts):
    lost = {ch.IN_LOAD0_MW + i: m.INVALID for i in range(8)}
    rig = Rig(shed={"min_off_ms": 5000})
    rig.faults = {} if known_from_start else lost
    overload(rig, 2500)
    rig.run(100)
    rig.faults = lost
    overload(rig, watts)
    rig.hello()
    rig.run(1500)
    assert rig.off != 0
    assert max(rig.feed_ma()[1]) < 32_000 * 1.13
    assert rig.events(m.EV_LOCKOUT) == []


@pytest.mark.parametrize(("boot_ms", "order"), [(0, [2, 3]), (60_000, [2]), (10_000, [2, 3])])
def test_a_restored_group_keeps_its_room_while_its_servers_boot(boot_ms, order):
    config = {"min_off_ms": 1000, "stagger_ms": 1000, "boot_ms": boot_ms, "margin_permille": 0}
    rig = Rig(shed=config).hosted()
    overload(rig, 11_000)  # 16 A of each feed and group
    while rig.off != 0b1100:
        rig.run(1)
    rig.load_w = [2000] * 4 + [100] * 4  # what comes back idles first
    restored_ms = {}
    for _ in range(400):
        before = rig.off
        rig.run(1)
        restored_ms |= {g: rig.now_ms for g in range(4) if before & ~rig.off & 1 << g}
    assert list(restored_ms) == order
    if boot_ms and len(order) == 2:
        assert restored_ms[3] - restored_ms[2] >= boot_ms


def test_nothing_comes_back_while_its_feeds_are_dead():
    rig = Rig(shed={"min_off_ms": 500, "stagger_ms": 100})
    rig.hosted()
    rig.request(m.SHED, "H", 0b1110)
    rig.run(2)
    rig.feed_mv = [0, 0]
    rig.run(10)
    rig.request(m.SHED, "H", 0)
    rig.run(50)
    assert rig.off == 0b1110
    rig.feed_mv = [230_000, 230_000]
    rig.run(50)
    assert rig.off == 0
