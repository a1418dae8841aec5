# SPDX-License-Identifier: Apache-2.0
import pytest

from firmware_py.decide import interlocks as i
from firmware_py.link.messages import EV_INTERLOCK, INVALID
from tests.firmware.liquid_rig import Board

LEAK, FLOW, LEVEL, HEAT, PUMP = range(1, 6)
ON, LATCHED, CLEARED = i.REASON_ON, i.REASON_LATCHED, i.REASON_CLEARED


def running(**config):
    board = Board(**config)
    board.run(200)
    assert board.unit.pump_permille > 0
    assert not board.unit.fault
    assert not board.unit.shed_request
    assert board.journal.rows == []
    return board


def stall(board, ticks):
    """No flow, whatever the pump does; pressure neither."""
    board.follow = False
    board.run(ticks, flow_mlm=0, dp_pa=0)


def told(board):
    assert all(row[0] == EV_INTERLOCK for row in board.journal.rows)
    return [row[1:3] for row in board.journal.rows]


@pytest.mark.parametrize(
    ("flow_mlm", "demand_mlm", "low"),
    [
        (90_000, 100_000, 0),
        (89_999, 100_000, 1),
        (INVALID, 100_000, 0),
        (0, 0, 0),
        (1 << 29, 10, 0),
    ],
)
def test_flow_is_low_below_its_share_of_the_demand(flow_mlm, demand_mlm, low):
    assert i.flow_low(flow_mlm, demand_mlm, 900) == low


@pytest.mark.parametrize(
    ("level", "on", "low"),
    [(249, False, 1), (250, False, 0), (269, True, 1), (270, True, 0), (INVALID, True, 0)],
)
def test_a_level_that_was_low_must_rise_further_to_be_well(level, on, low):
    assert i.level_low(level, 250, on) == low


@pytest.mark.parametrize(
    ("mc", "on", "hot"),
    [(45_001, False, 1), (45_000, False, 0), (43_001, True, 1), (43_000, True, 0), (INVALID, 1, 0)],
)
def test_heat_that_was_too_much_must_fall_further_to_be_well(mc, on, hot):
    assert i.too_hot(mc, 45_000, on) == hot


def test_the_table_says_what_latches():
    rows = [i.TABLE[at : at + 3] for at in range(0, len(i.TABLE), 3)]
    latching = {row[0] for row in rows if row[1]}
    assert latching == {LEAK, FLOW, LEVEL, PUMP}
    assert {row[0] for row in rows} == {LEAK, FLOW, LEVEL, HEAT, PUMP}


def test_a_leak_is_confirmed_for_three_ticks_and_stops_the_pump_in_the_third():
    board = running()
    board.run(2, leak=True)
    assert board.unit.pump_permille > 0
    board.run(1)
    unit = board.unit
    assert (unit.pump_permille, unit.latched, unit.hazard) == (0, 1 << LEAK, True)
    assert unit.shed_request
    assert board.journal.rows == [(EV_INTERLOCK, LEAK, LATCHED, 1)]


def test_two_wet_ticks_are_no_leak():
    board = running()
    for _ in range(20):
        board.run(2, leak=True)
        board.run(1, leak=False)
    assert board.journal.rows == []


def test_a_leak_keeps_the_pump_where_the_configuration_says_so():
    board = running(leak_stop=0)
    board.run(20, leak=True)
    assert board.unit.hazard
    assert board.unit.pump_permille > 0
    assert not board.unit.shed_request


def test_a_latched_leak_outlasts_its_cause_and_ends_by_clear_only_when_dry():
    board = running()
    board.run(10, leak=True)
    assert board.unit.clear() is False
    board.run(1000, leak=False)
    assert board.unit.latched == 1 << LEAK
    assert board.unit.pump_permille == 0
    assert board.unit.clear() is True
    assert not board.unit.hazard
    board.run(200)
    assert board.unit.pump_permille > 0
    assert told(board) == [(LEAK, LATCHED), (LEAK, CLEARED)]


def test_a_leak_between_the_last_tick_and_clear_is_not_let_go():
    board = running()
    board.run(10, leak=True)
    board.run(1, leak=False)
    board.sense.leak = True
    assert board.unit.clear() is False


def test_ninety_percent_of_the_demand_is_borne_for_a_hundred_seconds():
    board = running()
    board.follow = False
    board.run(999, flow_mlm=board.unit.pump.demand_mlm * 89 // 100)
    assert board.journal.rows == []
    board.run(1)
    assert told(board) == [(FLOW, ON)]
    assert board.unit.fault
    assert not board.unit.shed_request  # heat still leaves
    assert not board.unit.hazard
    board.run(1, flow_mlm=board.unit.pump.demand_mlm)
    assert told(board) == [(FLOW, ON), (FLOW, CLEARED)]


def test_critical_flow_asks_for_shedding_within_two_ticks():
    board = running()
    stall(board, 1)
    assert not board.unit.shed_request
    stall(board, 1)
    assert board.unit.shed_request
    assert board.unit.fault
    assert not board.unit.hazard
    assert board.journal.rows[-1] == (EV_INTERLOCK, FLOW, ON, 0)


def test_critical_flow_three_times_within_the_window_latches_and_the_pump_goes_on():
    board = running(low_flow_repeats=3, low_flow_window_ms=200_000)
    board.run(3000)
    for _ in range(2):
        stall(board, 10)
        board.follow = True
        board.run(300)
        assert not board.unit.hazard
    stall(board, 10)
    assert board.unit.latched == 1 << FLOW
    assert board.unit.pump_permille > 0
    assert board.unit.clear() is False  # there is still no flow
    board.follow = True
    board.run(300)
    assert board.unit.latched == 1 << FLOW
    assert board.unit.clear() is True
    board.run(50)
    assert not board.unit.hazard


def test_low_flow_that_latched_needs_flow_to_be_let_go_even_after_a_leak():
    board = running(low_flow_repeats=1)
    stall(board, 10)
    board.run(10, leak=True)
    board.follow = True
    board.run(10, leak=False)
    assert board.unit.clear() is False  # the leak goes, the pump starts
    assert board.unit.latched == 1 << FLOW
    board.run(100)
    assert board.unit.clear() is True


def test_critical_flow_once_in_a_while_does_not_latch():
    board = running(low_flow_repeats=2, low_flow_window_ms=60_000)
    for _ in range(4):
        stall(board, 10)
        board.follow = True
        board.run(700)
    assert not board.unit.hazard


def test_a_rising_load_is_no_critical_flow():
    board = running()
    board.run(100, total_w=5_000)
    board.run(100, total_w=100_000)
    assert board.journal.rows == []


def test_a_low_reservoir_warns_and_an_empty_one_stops_for_good():
    board = running()
    board.run(40, reservoir_permille=200)
    assert told(board) == [(LEVEL, ON)]
    assert (board.unit.fault, board.unit.hazard) == (True, False)
    assert board.unit.pump_permille > 0
    board.run(30, reservoir_permille=40)
    assert told(board) == [(LEVEL, ON), (LEVEL, LATCHED)]
    assert board.unit.pump_permille == 0
    assert board.unit.shed_request
    for level in (40, 60, INVALID):
        board.run(50, reservoir_permille=level)
        assert board.unit.clear() is False
    board.run(50, reservoir_permille=800)
    assert board.unit.clear() is True
    assert told(board)[-1] == (LEVEL, CLEARED)


def test_sloshing_is_not_an_empty_reservoir():
    board = running()
    for _ in range(20):
        board.run(29, reservoir_permille=0)
        board.run(1, reservoir_permille=300)
    assert board.unit.pump_permille > 0


def test_a_rack_without_a_level_sensor_never_hears_of_it():
    board = Board(given={"reservoir_permille": INVALID})
    board.run(300)
    assert board.unit.pump_permille > 0
    assert board.journal.rows == []


@pytest.mark.parametrize(("name", "mc"), [("supply_mc", 45_100), ("return_mc", 65_100)])
def test_hot_coolant_sheds_while_it_is_hot_and_does_not_latch(name, mc):
    board = running()
    board.run(20, **{name: mc})
    assert board.unit.shed_request
    assert not board.unit.hazard
    assert board.journal.rows == [(EV_INTERLOCK, HEAT, ON, max(mc, board.sense.return_mc))]
    board.run(20, **{name: mc - 1_500})
    assert board.unit.shed_request
    board.run(20, **{name: mc - 5_000})
    assert not board.unit.shed_request
    assert told(board) == [(HEAT, ON), (HEAT, CLEARED)]


def test_a_pump_that_never_primes_latches_and_clear_lets_it_try_again():
    board = Board(follow=False, given={"flow_mlm": 0, "dp_pa": 0})
    board.run(1300)
    assert board.unit.latched >> PUMP & 1
    assert board.unit.pump_permille == 0
    board.follow = True
    board.run(600)
    assert board.unit.pump_permille == 0
    assert board.unit.clear() is True
    board.run(100)
    assert board.unit.pump_permille > 0
    assert not board.unit.shed_request


def test_a_leak_while_the_pump_has_given_up_leaves_both_to_clear():
    board = Board(follow=False, given={"flow_mlm": 0, "dp_pa": 0})
    board.run(1300)
    board.run(10, leak=True)
    board.run(10, leak=False)
    assert board.unit.latched == 1 << LEAK | 1 << PUMP
    board.follow = True
    assert board.unit.clear() is True
    board.run(100)
    assert board.unit.pump.flowing


def test_a_pump_that_its_tach_calls_slow_is_a_fault():
    board = running(pump_rpm_full=4000)
    board.run(31, pump_rpm=100)
    assert board.journal.rows == [(EV_INTERLOCK, PUMP, ON, 100)]
    assert board.unit.fault
    assert not board.unit.shed_request  # the flow meter is believed
    board.run(1, pump_rpm=4000)
    assert told(board) == [(PUMP, ON), (PUMP, CLEARED)]


def test_a_start_sheds_nothing_for_its_grace_and_then_it_does():
    board = Board(follow=False, prime_grace_ms=8_000, given={"flow_mlm": 0, "dp_pa": 0})
    board.run(80)
    assert not board.unit.shed_request
    board.run(4)
    assert board.unit.shed_request


def test_late_ticks_and_the_wrap_of_time_do_not_hurry_a_confirmation():
    board = running(start_ms=(1 << 30) - 20_250)
    board.sense.leak = True
    for late_ms in (5_000, 1 << 29):
        board.now_ms = (board.now_ms + late_ms) & 0x3FFFFFFF
        board.run(1)
        assert not board.unit.hazard
    board.run(2)
    assert board.unit.hazard


def test_clear_before_the_first_tick_does_nothing():
    assert Board().unit.clear() is True
