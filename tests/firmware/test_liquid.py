# SPDX-License-Identifier: Apache-2.0
"""Liquid as a whole: on the emulated loop, in its properties, and on the VM."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide import interlocks
from firmware_py.link.messages import INVALID
from firmware_py.store.compile import compile_json
from firmware_py.store.cross_liquid import notes
from firmware_py.store.schema_liquid import LIQUID
from hil.plant.liquid import LiquidSpec
from tests.firmware import vm_liquid
from tests.firmware.liquid_rig import Board, Closed
from tests.firmware.rig import RACK
from tests.firmware.small import Small, SmallArray
from tests.firmware.vm import run_script

SPEC = LiquidSpec()
PLATE_LIMIT_C = 85.0
"""Where a chip's own protection begins to throttle."""


class Driest:
    """Least distance between supply pipe and dew point seen, K."""

    def __init__(self):
        self.least_k = 99.0

    def __call__(self, closed):
        self.least_k = min(self.least_k, closed.loop.supply_c - closed.loop.dew_c)


def off_target_k(closed):
    return closed.loop.supply_c - closed.board.unit.valve.target_mc / 1000


def scaled(**factors):
    return replace(SPEC, **{name: getattr(SPEC, name) * k for name, k in factors.items()})


def test_load_steps_settle_on_the_setpoint_without_an_interlock():
    closed = Closed()
    for heat_w in (20e3, 80e3, 40e3):
        closed.run(420, heat_w)
        assert abs(off_target_k(closed)) < 0.5
        assert closed.loop.flow_lpm == pytest.approx(heat_w * 1.2e-3, abs=2.0)
    assert closed.board.journal.rows == []
    assert not closed.board.unit.fault


def test_facility_water_from_18_to_30_degrees_is_followed():
    closed = Closed(setpoint_mc=36_000)
    for facility_c in (18.0, 24.0, 30.0, 18.0):
        closed.loop.facility_c = facility_c
        closed.run(420, 60e3)
        assert abs(off_target_k(closed)) < 0.6
    assert closed.board.journal.rows == []


def test_a_humid_day_lifts_the_supply_before_the_pipes_sweat():
    closed, driest = Closed(setpoint_mc=18_000), Driest()
    closed.loop.facility_c = 12.0
    closed.run(420, 40e3)
    assert off_target_k(closed) < 0.5
    assert closed.loop.supply_c < 19.0
    for minute in range(20):  # dew point 9 to 22 degC
        closed.loop.rh = 0.40 + 0.026 * minute
        closed.run(30, 40e3, driest)
    assert closed.loop.dew_c > 22.0
    closed.run(200, 40e3, driest)
    assert driest.least_k > 1.2
    assert 24.2 < closed.loop.supply_c < 25.4


CORNERS = [
    {"exchanger_w_k": a, "water_lpm": a, "supply_j_k": 0.7, "travel_s": b, "system_pa_lpm2": c}
    for a, b, c in itertools.product((0.7, 1.3), repeat=3)
]


@pytest.mark.parametrize("factors", CORNERS, ids=lambda f: "-".join(map(str, f.values())))
def test_no_condensation_on_a_humid_day_whatever_the_plant(factors):
    closed, driest = Closed(scaled(**factors), setpoint_mc=18_000), Driest()
    closed.loop.facility_c = 12.0
    closed.loop.rh = 0.9
    for heat_w in (40e3, 80e3, 20e3):
        closed.run(320, heat_w, driest)
        assert abs(off_target_k(closed)) < 1.0
    assert driest.least_k > 0.3
    assert closed.loop.condensed_s == 0.0
    assert not closed.board.unit.hazard


@pytest.mark.parametrize("factor", [0.7, 1.3])
@pytest.mark.parametrize("name", ["plate_j_k", "return_j_k", "head_pa", "pump_tau_s", "loop_l"])
def test_settles_on_the_setpoint_whatever_the_plant(name, factor):
    closed = Closed(scaled(**{name: factor}))
    for heat_w in (80e3, 40e3):
        closed.run(400, heat_w)
        assert abs(off_target_k(closed)) < 0.6
    assert closed.board.journal.rows == []


def test_all_loads_shed_at_once_on_a_humid_day_leaves_the_pipes_dry():
    closed, driest = Closed(setpoint_mc=18_000), Driest()
    closed.loop.facility_c = 6.0
    closed.loop.rh = 0.9
    closed.run(400, 80e3, driest)
    closed.run(300, 0.0, driest)
    assert driest.least_k > 0.5


def test_humidity_lost_keeps_the_worst_dew_point_away_from_the_pipes():
    closed, driest = Closed(setpoint_mc=18_000, dew_worst_mc=24_000), Driest()
    closed.loop.facility_c = 12.0
    closed.loop.rh = 0.9
    closed.run(300, 40e3, driest)
    for lost in ("rh_permille", "dew_air_mc"):
        closed.lost = (lost,)
        unit = closed.run(300, 40e3, driest)
        assert unit.dew_mc == INVALID
        assert unit.fault
        assert unit.valve.target_mc == 26_500
        assert abs(off_target_k(closed)) < 0.5
    assert driest.least_k > 0.5


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, False),
        ({"supply_mc": INVALID}, True),
        ({"rh_permille": INVALID}, True),
        ({"dew_air_mc": INVALID}, True),
        ({"supply_mc": 9_000}, True),  # below the dew point
        ({"supply_mc": 12_000}, False),
        ({"reservoir_permille": 200}, True),
    ],
)
def test_what_is_a_fault(changes, fault):
    board = Board()
    assert not board.run(100).fault
    assert board.run(31, **changes).fault == fault
    assert not board.unit.hazard


@pytest.mark.parametrize(("pump_on", "lost"), [(0, "flow_mlm"), (1, "dp_pa")])
def test_a_pump_that_goes_by_the_other_reading_is_a_fault(pump_on, lost):
    board = Board(pump_on=pump_on)
    assert not board.run(100).fault
    board.follow = False
    assert board.run(1, **{lost: INVALID}).fault


def test_a_humidity_sensor_that_reads_nothing_is_not_a_dry_day():
    board = Board(dew_worst_mc=24_000, setpoint_mc=18_000)
    assert board.run(10, rh_permille=0).valve.target_mc == 26_500
    assert board.run(10, rh_permille=100).valve.target_mc == 18_000


def test_empty_pipes_prime_slowly_and_a_hurried_pump_would_not():
    spec = replace(SPEC, reservoir_l=60.0)
    closed = Closed(spec, air=1.0)
    closed.run(60, 0.0)
    assert closed.board.unit.pump.flowing
    closed.run(400, 60e3)
    assert closed.loop.air < 0.01
    assert closed.board.unit.latched == 0
    hurried = Closed(spec, air=1.0).loop
    hurried.set_pump(1000)
    hurried.step(5.0, 0.0)
    share = hurried.flow_lpm / (150.0 * hurried.speed)
    assert share < 0.5  # cavitates


def test_a_pump_that_stops_sheds_long_before_the_plates_are_too_hot():
    closed = Closed()
    closed.run(400, 80e3)
    closed.loop.pump_failed = True
    while not closed.board.unit.shed_request:
        closed.run(0.1, 80e3)
        assert closed.loop.plate_c < PLATE_LIMIT_C - 10
    asked_s = closed.t_s
    closed.run(1.0, 80e3)  # relays and loads take their time
    assert closed.loop.plate_c < PLATE_LIMIT_C - 5
    assert asked_s < 403.0


def test_a_pump_that_fails_for_good_latches_and_stays_off():
    closed = Closed()
    closed.run(100, 20e3)
    closed.loop.pump_failed = True
    closed.run(200, 0.0)
    unit = closed.board.unit
    assert unit.latched >> 5 & 1
    assert unit.pump_permille == 0
    assert unit.shed_request


def test_a_leak_stops_the_pump_and_nothing_but_clear_starts_it_again():
    closed = Closed()
    closed.run(100, 40e3)
    closed.loop.leak_lpm = 0.5
    closed.run(10, 40e3)
    unit = closed.board.unit
    assert (unit.latched, unit.pump_permille) == (1 << 1, 0)
    assert closed.loop.leak_l < 0.1
    closed.loop.leak_lpm = closed.loop.leak_l = 0.0  # mended and mopped up
    closed.run(60, 0.0)
    assert unit.pump_permille == 0
    assert unit.clear()
    closed.run(60, 20e3)
    assert unit.pump.flowing


def test_a_slow_leak_that_no_rope_sees_warns_and_then_stops_an_empty_loop():
    closed = Closed()
    closed.loop.leak_lpm = 2.0
    seen = set()

    def watch(closed):
        closed.loop.leak_l = 0.0  # runs down the outside of the rack
        seen.add(tuple(row[1:3] for row in closed.board.journal.rows))

    closed.run(500, 20e3, watch)
    unit = closed.board.unit
    assert unit.latched >> 3 & 1
    assert unit.pump_permille == 0
    assert ((3, interlocks.REASON_ON),) in seen


def test_full_speed_on_an_idle_rack_is_not_taken_for_low_flow_while_coolant_gathers_way():
    closed = Closed(scaled(pump_tau_s=2.0))
    closed.run(60, 2e3)
    closed.board.unit.full = True
    closed.run(30, 2e3)
    assert closed.loop.flow_lpm > 140
    assert closed.board.journal.rows == []


def test_a_blocked_filter_is_a_fault_and_a_blocked_loop_sheds():
    closed = Closed()
    closed.run(200, 80e3)
    closed.loop.blocked = 0.6
    closed.run(150, 80e3)
    unit = closed.board.unit
    assert unit.pump_permille > 950  # it has done what it could
    assert unit.fault
    closed.loop.blocked = 0.97
    closed.run(5, 80e3)
    assert unit.shed_request


def test_a_valve_that_is_stuck_shut_sheds_before_the_plates_are_too_hot():
    closed = Closed()
    closed.run(200, 20e3)
    closed.loop.valve_stuck = True
    while not closed.board.unit.shed_request:
        closed.run(0.1, 80e3)
        assert closed.loop.plate_c < PLATE_LIMIT_C


@pytest.mark.parametrize(
    "lost", [("flow_mlm",), ("dp_pa",), ("flow_mlm", "dp_pa"), ("pump_rpm",), ("supply_mc",)]
)
def test_a_lost_sensor_leaves_the_plates_cool(lost):
    closed = Closed()
    closed.run(300, 60e3)
    closed.lost = lost
    unit = closed.run(400, 60e3)
    assert unit.latched == 0
    assert not unit.shed_request
    assert closed.loop.plate_c < PLATE_LIMIT_C - 10
    assert closed.loop.condensed_s == 0.0


@pytest.mark.parametrize("row", LIQUID, ids=lambda row: row[0])
def test_defaults_are_within_their_range(row):
    _, default, least, most = row
    assert least <= default <= most or default == 0


def test_the_defaults_need_no_note_and_a_swapped_range_gets_one():
    defaults = {row[0]: row[1] for row in LIQUID}
    assert notes(defaults) == []
    swapped = notes(defaults | {"pump_max_permille": 100, "dew_worst_mc": 43_000})
    assert [note.split(":")[0] for note in swapped] == [
        "liquid.pump_max_permille",
        "liquid.dew_worst_mc",
    ]
    text = json.dumps(RACK | {"liquid": {"valve_min_permille": 600, "valve_max_permille": 500}})
    assert "liquid.valve_max_permille" in compile_json(text.encode())[1][-1]


def test_a_board_that_restarts_under_full_load_keeps_the_plates_cool():
    closed = Closed()
    closed.run(400, 80e3)
    before_c = closed.loop.plate_c
    fresh = Board(follow=False, pump_rpm_full=4000)
    fresh.sense, closed.board = closed.board.sense, fresh
    hottest = [0.0]
    closed.run(60, 80e3, lambda c: hottest.append(c.loop.plate_c))
    assert max(hottest) < before_c + 10
    assert fresh.journal.rows == []


config = st.builds(
    lambda picks: {row[0]: row[pick] for row, pick in zip(LIQUID, picks, strict=True)},
    st.lists(st.sampled_from([1, 1, 2, 3]), min_size=len(LIQUID), max_size=len(LIQUID)),
)
BIG = 2_000_000
readings = st.fixed_dictionaries(
    {
        "supply_mc": st.sampled_from([-40_000, 0, 22_000, 30_000, 46_000, 125_000, INVALID]),
        "return_mc": st.sampled_from([-40_000, 40_000, 66_000, 125_000, INVALID]),
        "flow_mlm": st.sampled_from([0, 1, 50_000, 120_000, BIG, INVALID]),
        "dp_pa": st.sampled_from([0, 1, 90_000, 250_000, BIG, INVALID]),
        "rh_permille": st.sampled_from([0, 1, 400, 900, 1000, INVALID]),
        "dew_air_mc": st.sampled_from([-40_000, 0, 24_000, 60_000, 125_000, INVALID]),
        "reservoir_permille": st.sampled_from([0, 60, 200, 800, 1000, INVALID]),
        "pump_rpm": st.sampled_from([0, 1000, 60_000, 1_000_000, INVALID]),
        "leak": st.sampled_from([False, False, False, True]),
        "total_w": st.sampled_from([0, 1, 50_000, 1_000_000]),
    }
)
story = st.lists(
    st.tuples(
        readings,
        st.sampled_from([1, 4, 40]),
        st.booleans(),
        st.sampled_from(["", "", "clear", "full"]),
    ),
    min_size=1,
    max_size=10,
)


def act(board, what):
    if what == "clear":
        board.unit.clear()
    board.unit.full = what == "full"


@settings(max_examples=80, deadline=None)
@given(config, story)
def test_whatever_is_configured_and_read_the_three_promises_hold(given_config, steps):
    board = Board(**given_config)
    c = board.config
    for values, ticks, follow, what in steps:
        act(board, what)
        board.follow = follow
        latched = board.unit.latched
        for _ in range(ticks):
            unit = board.run(1, **values)
            dew_mc = unit.dew_mc if unit.dew_mc != INVALID else c.dew_worst_mc
            assert unit.valve.target_mc >= max(dew_mc + c.dew_margin_mc, c.setpoint_mc)
            assert unit.pump_permille == 0 or c.pump_min_permille <= unit.pump_permille <= 1000
            assert 0 <= unit.valve_permille <= 1000
            assert unit.latched & latched == latched  # only clear() lets go
            latched = unit.latched
            assert unit.hazard == (latched != 0)
            if latched >> 5 & 1 or latched >> 3 & 1 or (c.leak_stop and latched >> 1 & 1):
                assert unit.pump_permille == 0
            if unit.pump_permille == 0:
                assert unit.shed_request


def small(part):
    for name, value in vars(part).items():
        if type(value) is int:
            setattr(part, name, Small(value))


def test_every_tick_stays_in_small_ints(monkeypatch):
    monkeypatch.setattr(interlocks, "array", SmallArray)

    @settings(max_examples=50, deadline=None)
    @given(config, story)
    def ticks(given_config, steps):
        board = Board(start_ms=(1 << 30) - 2_000, **given_config)
        unit = board.unit
        small(unit.pump._c)
        for values, n, follow, what in steps:
            act(board, what)
            board.follow = follow
            for _ in range(min(n, 8)):
                parts = (unit, unit.pump, unit.valve, unit.interlocks)
                for part in (*parts, unit.pump._pi, unit.valve._pi):
                    small(part)
                board.run(1, **{name: Small(value) for name, value in values.items()})

    ticks()


def test_a_tick_allocates_nothing_on_the_vm():
    measured = run_script("tests/firmware/vm_liquid.py", "heap", 4000)
    assert measured["allocated"] == 0
    assert measured["latched"] == 0b101010 | 1 << 2  # every interlock that can latch has
    assert measured["live"] < 6_000  # on 64 bit; a board needs half


def test_the_vm_and_cpython_decide_alike_over_20_000_steps():
    here = vm_liquid.walk(20_000)
    assert here["seen"] == 0xFF  # both outcomes of everything
    assert run_script("tests/firmware/vm_liquid.py", "walk", 20_000) == here
