# SPDX-License-Identifier: Apache-2.0
"""The small parts of a session: gap counter, retransmission time, clock, state table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.link import conversation
from edge.link.clock import WRAP_MS, DeviceClock
from edge.link.gaps import Arrival, EventCounter
from edge.link.refusals import refusal_text
from edge.link.rtt import RTO_MAX_MS, RTO_MIN_MS, RTO_START_MS, RoundTrip
from edge.link.states import TRANSITIONS, Cause, State, diagram
from firmware_py.link import messages as m


@given(start=st.integers(0, 0xFFFF), order=st.permutations(range(1, 30)), keep=st.integers(1, 29))
def test_gaps_are_what_never_came_in_any_order(start, order, keep):
    counter = EventCounter()
    came = order[:keep]
    for number in [0, *came]:
        counter.note((start + number) & 0xFFFF)
    assert counter.gaps == max(came) - len(came)
    for number in came:
        assert counter.note((start + number) & 0xFFFF) is Arrival.DUPLICATE
    assert counter.duplicates == len(came)
    assert counter.gaps == max(came) - len(came)


def test_counter_wraps_without_a_gap():
    counter = EventCounter()
    assert [counter.note(number) for number in (0xFFFE, 0xFFFF, 0, 1)] == [Arrival.NEW] * 4
    assert counter.gaps == 0


def test_frame_from_before_the_first_is_stale_but_no_gap():
    counter = EventCounter()
    counter.note(100)
    assert counter.note(99) is Arrival.DUPLICATE
    assert counter.note(100 - 64) is Arrival.LATE
    assert counter.gaps == 0


def test_long_outage_is_one_long_gap():
    counter = EventCounter()
    counter.note(10)
    counter.note(1011)
    assert counter.gaps == 1000


def test_restart_begins_a_new_series_and_keeps_the_totals():
    counter = EventCounter()
    counter.note(0)
    counter.note(5)
    counter.restart()
    assert counter.note(40000) is Arrival.NEW
    assert counter.gaps == 4


def test_wait_follows_rfc_6298():
    trip = RoundTrip()
    assert trip.rto_ms == RTO_START_MS
    trip.sample(100)
    assert trip.rto_ms == 300  # srtt 100, rttvar 50
    trip.sample(140)
    assert trip.rto_ms == 295  # srtt 105, rttvar 47.5


@given(st.lists(st.floats(0, 10_000), max_size=30), st.integers(0, 80))
def test_wait_stays_within_its_bounds(samples, timeouts):
    trip = RoundTrip()
    for sample in samples:
        trip.sample(sample)
    for _ in range(timeouts):
        trip.back_off()
    assert RTO_MIN_MS <= trip.rto_ms <= RTO_MAX_MS


def test_wait_doubles_at_each_timeout_until_a_clean_answer():
    trip = RoundTrip()
    trip.sample(10)
    waits = []
    for _ in range(6):
        waits.append(trip.rto_ms)
        trip.back_off()
    assert waits == [50, 100, 200, 400, 800, 1000]
    trip.sample(10)
    assert trip.rto_ms == RTO_MIN_MS


@given(st.integers(0, WRAP_MS - 1), st.lists(st.integers(0, 10_000_000), max_size=30))
def test_device_time_never_wraps(start_ms, advances):
    clock = DeviceClock()
    true_ms = start_ms
    assert clock.extend(start_ms) == start_ms
    for advance in advances:
        true_ms += advance * 100
        assert clock.extend(true_ms % WRAP_MS) == true_ms


def test_older_device_time_is_not_taken_for_a_wrap():
    clock = DeviceClock()
    clock.extend(WRAP_MS - 10)
    clock.extend(90)
    assert clock.extend(WRAP_MS - 50) == WRAP_MS - 50
    assert clock.extend(190) == WRAP_MS + 190


def test_offset_comes_from_the_exchange_that_was_shortest_on_the_line():
    clock = DeviceClock()
    assert clock.offset_ms is None
    clock.exchange(0, 7_000_000, 7_001_000, 41_000)  # 40 ms on the line, most of it on the way back
    clock.exchange(100_000, 7_102_000, 7_102_000, 104_000)  # 4 ms, symmetric
    clock.exchange(200_000, 7_230_000, 7_230_000, 232_000)
    assert clock.offset_ms == pytest.approx(7000)


def test_exchange_that_contradicts_itself_is_ignored():
    clock = DeviceClock()
    clock.exchange(0, 100, 5_000_000, 1000)
    clock.exchange(0, 100, 50, 1000)
    assert clock.offset_ms is None


@pytest.mark.parametrize("drift_ppm", [-80, 0, 120])
def test_drift_is_found(drift_ppm):
    clock = DeviceClock()
    for second in range(0, 100, 10):
        host_us = second * 1_000_000
        device_us = round(host_us * (1 + drift_ppm / 1e6)) + 5_000_000
        clock.exchange(host_us - 1000, device_us, device_us, host_us + 1000)
    assert clock.drift_ppm == pytest.approx(drift_ppm, abs=0.5)


def test_drift_needs_three_exchanges():
    clock = DeviceClock()
    clock.exchange(0, 0, 0, 2)
    clock.exchange(10, 11, 11, 12)
    assert clock.drift_ppm is None


def test_every_state_can_be_reached_started_and_stopped():
    reached = {after for row in TRANSITIONS.values() for after in row.values()}
    assert reached == set(State) == set(TRANSITIONS)
    for row in TRANSITIONS.values():
        assert row[Cause.START] is State.HELLO
        assert row[Cause.STOP] is State.DOWN


def test_diagram_draws_every_transition():
    assert len(diagram().splitlines()) == sum(len(row) for row in TRANSITIONS.values())
    assert "hello --greeted--> dict" in diagram()


def test_every_error_code_has_a_text_and_names_the_command():
    codes = [getattr(m, name) for name in dir(m) if name.startswith("ERR_")]
    for code in [*codes, 99]:
        text = refusal_text("SHED", code, 3)
        assert "SHED" in text
        assert "{" not in text
    assert "HOSTED" in refusal_text("CLEAR_SAFE", m.ERR_STATE, m.STATE_HOSTED)


def test_session_answers_all_that_it_asks():
    asked = {"HELLO", "DICT_READ", "TIME", "LEASE", "CHALLENGE", "PING"}
    assert set(conversation.ANSWERED) == asked
