# SPDX-License-Identifier: Apache-2.0
"""Relays that do not do what they are told."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide import contacts
from firmware_py.link import messages as m

SETTLE, CONFIRM, FLOW, FLOW_MW = 3, 4, 30, 20_000
ALL = 0b1111


class Log(list):
    def put(self, code, group, reason, arg):
        assert code == m.EV_RELAY
        self.append((group, reason, arg))


class Bench:
    """Four groups of 2 kW each; `fitted` of them have an auxiliary contact."""

    def __init__(self, fitted=ALL):
        self.log = Log()
        self.contacts = contacts.Contacts(4, self.log, fitted, SETTLE, CONFIRM, FLOW, FLOW_MW)
        self.off = 0
        self.welded = 0
        self.stuck_open = 0
        self.lying = 0  # auxiliary contacts that show the opposite
        self.feedback = True
        self.metered = True
        self.draw_mw = 2_000_000

    def closed(self):
        return (ALL & ~self.off | self.welded) & ~self.stuck_open

    def run(self, ticks=50):
        for _ in range(ticks):
            closed = self.closed()
            power = [self.draw_mw * (closed >> g & 1) for g in range(4)]
            self.contacts.step(
                self.off,
                closed ^ self.lying if self.feedback else m.INVALID,
                power if self.metered else [m.INVALID] * 4,
            )
        return self.contacts


@pytest.fixture(params=[ALL, 0])
def fitted(request):
    return request.param


def test_healthy_relays_say_nothing(fitted):
    bench = Bench(fitted)
    for off in (0, 0b1000, 0b1111, 0b0101, 0):
        bench.off = off
        state = bench.run()
        assert (state.welded, state.stuck_open) == (0, 0)
    assert bench.log == []


def test_a_welded_relay_is_found_by_its_contact_within_settle_and_confirm():
    bench = Bench()
    bench.run()
    bench.off, bench.welded = 0b1100, 0b1000
    assert bench.run(SETTLE + CONFIRM - 1).welded == 0
    assert bench.run(1).welded == 0b1000
    bench.run()
    assert bench.log == [(3, contacts.WELDED, 2_000_000)]


def test_a_welded_relay_without_contact_is_found_by_its_power():
    bench = Bench(fitted=0)
    bench.off, bench.welded = 0b1100, 0b1000
    assert bench.run(SETTLE + FLOW - 1).welded == 0
    assert bench.run(1).welded == 0b1000
    assert bench.log == [(3, contacts.WELDED, 2_000_000)]


def test_power_overrules_a_contact_that_says_open():
    bench = Bench()
    bench.off, bench.welded, bench.lying = 0b1000, 0b1000, 0b1000
    assert bench.run(SETTLE + FLOW).welded == 0b1000


def test_a_contact_needs_no_power_to_be_believed():
    bench = Bench()
    bench.draw_mw = 0
    bench.off, bench.welded = 0b1000, 0b1000
    assert bench.run(SETTLE + CONFIRM).welded == 0b1000
    assert bench.log == [(3, contacts.WELDED, 0)]


def test_power_that_fades_after_opening_is_no_welded_contact():
    """PSU capacitors, and a meter that lags a second behind."""
    bench = Bench(fitted=0)
    bench.off = 0b1000
    for mw in [2_000_000] * 12 + [500_000] * 8 + [15_000] * 50:
        bench.contacts.step(bench.off, m.INVALID, [0, 0, 0, mw])
    assert bench.log == []


def test_a_stuck_open_relay_is_found_and_back_again():
    bench = Bench()
    bench.off = 0b0010
    bench.run()
    bench.off, bench.stuck_open = 0, 0b0010
    assert bench.run(SETTLE + CONFIRM).stuck_open == 0b0010
    bench.stuck_open = 0
    assert bench.run(CONFIRM - 1).stuck_open == 0b0010  # back takes as long as the fault
    assert bench.run(1).stuck_open == 0
    assert [entry[:2] for entry in bench.log] == [(1, contacts.STUCK_OPEN), (1, contacts.BACK)]


def test_without_a_contact_a_stuck_open_relay_cannot_be_told_from_an_idle_group():
    bench = Bench(fitted=0)
    bench.stuck_open = 0b0010
    assert bench.run(200).stuck_open == 0


def test_a_welded_relay_stays_known_while_it_is_on_and_is_said_once(fitted):
    bench = Bench(fitted)
    bench.off, bench.welded = 0b1000, 0b1000
    bench.run()
    for off in (0, 0b1000, 0, 0b1000):
        bench.off = off
        for _ in range(50):
            assert bench.run(1).welded == 0b1000
    assert len(bench.log) == 1
    bench.welded = 0  # replaced
    assert bench.run().welded == 0
    assert bench.log[1] == (3, contacts.BACK, 0)


def test_a_contact_that_opens_at_last_is_believed_as_slowly_as_one_that_stays_closed():
    bench = Bench()
    bench.off, bench.welded = 0b1000, 0b1000
    bench.run(SETTLE + CONFIRM)
    bench.welded = 0
    assert bench.run(CONFIRM - 1).welded == 0b1000
    assert bench.run(50).welded == 0


def test_evidence_that_is_lost_changes_no_verdict(fitted):
    bench = Bench(fitted)
    bench.off, bench.welded = 0b1000, 0b1000
    bench.run()
    bench.feedback = bench.metered = False
    bench.off = 0
    bench.run()
    bench.off = 0b1000
    assert bench.run(300).welded == 0b1000
    assert len(bench.log) == 1


def test_one_bounce_or_a_short_flow_is_no_verdict():
    bench = Bench()
    bench.off = 0b1000
    bench.run()
    for _ in range(20):
        bench.lying = 0b1010
        bench.run(CONFIRM - 1)
        bench.lying = 0
        bench.run(CONFIRM)
    assert bench.log == []


def test_commands_faster_than_the_relay_settles_judge_nothing():
    bench = Bench()
    bench.lying = ALL  # as while the relay moves
    for n in range(100):
        bench.off = ALL * (n & 1)
        bench.run(SETTLE)
    assert bench.log == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, ALL),
            st.one_of(st.integers(0, ALL), st.just(m.INVALID)),
            st.sampled_from([0, 2_000_000, m.INVALID]),
            st.integers(1, 40),
        ),
        max_size=20,
    ),
    st.integers(0, ALL),
)
def test_events_alternate_and_verdicts_fit_the_commands(steps, fitted):
    bench = Bench(fitted)
    ever_off = 0
    ever_on = 0
    for off, feedback, mw, ticks in steps:
        ever_off |= off
        ever_on |= ~off
        for _ in range(ticks):
            before = len(bench.log)
            state = bench.contacts
            seen = state.welded, state.stuck_open
            state.step(off, feedback, [mw] * 4)
            moved = (state.welded ^ seen[0]) | (state.stuck_open ^ seen[1])
            assert len(bench.log) - before == moved.bit_count()
            assert state.welded & ~ever_off == 0
            assert state.stuck_open & ~(ever_on & fitted) == 0
    for group in range(4):
        reasons = [reason for g, reason, _ in bench.log if g == group]
        assert reasons[:1] != [contacts.BACK]
        assert all(a != b or a == contacts.BACK for a, b in pairwise(reasons))
