# SPDX-License-Identifier: Apache-2.0
"""The lease is taken, kept, given back and lost as the board sees it."""

import pytest

from edge.link import Session, State
from edge.link import events as ev
from firmware_py.link import messages as m

from .fake_board import kinds, only, rig


def test_first_contact_connects_and_then_holds_the_lease():
    bench = rig()
    events = bench.run(3)
    assert kinds(events) == [ev.Connected, ev.LeaseHeld]
    assert events[0].board.tail == "fake 0001"
    assert bench.session.state is State.READY
    assert bench.board.lease.held
    assert bench.board.lease.owner == 7


def test_lease_is_renewed_each_third_of_its_ttl_and_never_runs_out():
    bench = rig()
    bench.run(2)
    for _ in range(500):
        bench.run(1)
        assert bench.board.lease.left_ms(bench.now_ms) > 1500
        assert bench.session.lease.left_ms(bench.now_ms) <= bench.board.lease.left_ms(bench.now_ms)
    assert kinds(bench.events).count(ev.LeaseHeld) == 1


def test_lease_ends_at_the_board_when_the_host_dies():
    bench = rig()
    bench.run(10)
    for now_ms in range(bench.now_ms, bench.now_ms + 3200, 100):
        bench.board.exchange(b"", now_ms)
    assert not bench.board.lease.held


def test_release_frees_the_lease_and_it_is_not_asked_for_again():
    bench = rig()
    bench.run(5)
    token = bench.session.release(bench.now_ms)
    events = bench.run(200)
    assert only(events, ev.LeaseLost) == [ev.LeaseLost()]
    assert [reply.token for reply in only(events, ev.Reply)] == [token]
    assert not bench.board.lease.held


def test_listening_session_never_takes_the_lease():
    bench = rig(want_lease=False)
    bench.run(200)
    assert bench.session.state is State.READY
    assert not bench.board.lease.held


def test_lease_of_another_host_is_reported_once_and_taken_when_it_ends():
    bench = rig()
    bench.board.lease.grant(0, 99, 2500)
    events = bench.run(200)
    busy = only(events, ev.LeaseBusy)
    assert len(busy) == 1
    assert 2000 < busy[0].remaining_ms <= 2500
    assert kinds(events).count(ev.LeaseHeld) == 1
    assert bench.board.lease.owner == 7


@pytest.mark.parametrize("ttl_ms", [0, 499, 30001])
def test_lease_no_board_grants_is_refused_at_once(ttl_ms):
    with pytest.raises(ValueError, match=r"500\.\.30000"):
        Session(owner=1, nonce=1, lease_ttl_ms=ttl_ms)


def test_lease_the_board_denies_is_reported_lost_and_asked_for_again():
    bench = rig()
    bench.run(5)
    bench.board.lease.release()
    bench.session.command("SHED", bench.now_ms, off=1)
    events = bench.run(5)
    assert only(events, ev.CommandFailed)[0].code == m.ERR_NO_LEASE
    lease = [kind for kind in kinds(events) if kind in (ev.LeaseLost, ev.LeaseHeld)]
    assert lease == [ev.LeaseLost, ev.LeaseHeld]
    assert bench.board.lease.held
