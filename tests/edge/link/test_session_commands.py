# SPDX-License-Identifier: Apache-2.0
"""Commands and their answers: one at a time, matched exactly, never taken twice."""

import pytest

from edge.core import FrameDecoder, encode_frame
from edge.errors import LinkError, LinkTimeout
from edge.link import Session, State
from edge.link import events as ev
from edge.link.messages import OWN
from firmware_py.link import messages as m

from .fake_board import FakeBoard, kinds, only, rig


def test_commands_go_one_after_the_other_and_each_is_answered():
    bench = rig()
    bench.run(5)
    tokens = [bench.session.command("SHED", bench.now_ms, off=off) for off in (1, 2, 3)]
    replies = only(bench.run(10), ev.Reply)
    assert [reply.token for reply in replies] == tokens
    assert [reply.values.detail for reply in replies] == [1, 2, 3]
    assert bench.board.executed == [1, 2, 3]


def test_refused_command_says_why():
    bench = rig(want_lease=False)
    bench.run(5)
    bench.session.command("SHED", bench.now_ms, off=1)
    (failed,) = only(bench.run(5), ev.CommandFailed)
    assert (failed.name, failed.code) == ("SHED", m.ERR_NO_LEASE)
    assert isinstance(failed.error, LinkError)
    assert "needs the lease" in str(failed.error)


def test_command_before_the_connection_fails_instead_of_waiting():
    session = Session(owner=7, nonce=1)
    token = session.command("SHED", 0, off=1)
    (failed,) = session.poll(0)
    assert (failed.token, failed.code) == (token, 0)
    assert "no board is connected" in str(failed.error)


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("SHED", {"of": 1}, "off"),
        ("SHED", {"off": 70000}, "SHED"),
        ("SHED", {}, "off"),
        ("SHREDD", {"off": 1}, "no message SHREDD"),
    ],
)
def test_command_with_wrong_values_is_the_callers_mistake(name, values, says):
    with pytest.raises(ValueError, match=says):
        Session(owner=7, nonce=1).command(name, 0, **values)


def test_unanswered_command_fails_after_three_tries_with_a_timeout():
    bench = rig()
    bench.run(200)
    token = bench.session.command("SHED", bench.now_ms, off=5)
    sent, events = b"", []
    for now_ms in range(bench.now_ms, bench.now_ms + 900, 10):
        sent += bench.session.data_to_send()
        events += bench.session.poll(now_ms)
    (failed,) = only(events, ev.CommandFailed)
    assert failed.token == token
    assert isinstance(failed.error, LinkTimeout)
    frame = b"\0" + sent.split(b"\0")[1] + b"\0"
    assert sent.count(frame) == 3, "a retry repeats the identical bytes"


def test_command_in_flight_at_a_reboot_fails_and_is_never_executed():
    bench = rig()
    bench.run(30)
    bench.board.reboot(bench.now_ms)
    token = bench.session.command("SHED", bench.now_ms, off=3)
    failed = only(bench.run(100), ev.CommandFailed)
    assert [(event.token, event.code) for event in failed] == [(token, m.ERR_SESSION)]
    assert bench.board.executed == []


def answer(bench, *, seq=0, session=0, kind=m.ACK, request=m.SHED) -> bytes:
    """The answer to the command on the line, wrong by the given amounts."""
    (frame,) = FrameDecoder().feed(bench.session.data_to_send())
    fixed = {"request": request, "detail": 0} | ({"code": 7} if kind == m.ERR else {})
    type_, payload = OWN.pack("ERR" if kind == m.ERR else "ACK", **fixed)
    return encode_frame(m.RESP, type_, (frame.seq + seq) & 0xFFFF, frame.session ^ session, payload)


@pytest.mark.parametrize(
    "wrong",
    [{"seq": 1}, {"seq": -1}, {"session": 1}, {"request": m.LEASE}, {"session": 1, "kind": m.ERR}],
    ids=str,
)
def test_answer_that_does_not_fit_is_ignored_and_counted(wrong):
    bench = rig()
    bench.run(5)
    bench.session.command("SHED", bench.now_ms, off=1)
    before = bench.session.stats
    assert bench.session.receive(answer(bench, **wrong), bench.now_ms) == []
    after = bench.session.stats
    assert after.strays + after.unexpected == before.strays + before.unexpected + 1
    assert only(bench.run(20), ev.Reply), "the right answer is still taken"


def test_answer_that_comes_twice_is_taken_once():
    bench = rig()
    bench.run(5)
    bench.session.command("SHED", bench.now_ms, off=1)
    right = answer(bench)
    assert kinds(bench.session.receive(right + right, bench.now_ms)) == [ev.Reply]
    assert bench.session.stats.strays == 1


def test_hello_answer_to_an_older_hello_is_not_taken():
    session, board = Session(owner=7, nonce=1), FakeBoard()
    session.start(0)
    old = board.exchange(session.data_to_send(), 0)
    session.start(10)
    assert session.receive(old, 10) == []
    assert session.state is State.HELLO


def test_clocks_are_compared():
    bench = rig()
    bench.board.state.up_ms = 5000
    bench.run(600)
    assert bench.session.clock.offset_ms == pytest.approx(5000, abs=20)


def test_hello_answer_with_the_right_seq_but_another_nonce_is_not_taken():
    session, board = Session(owner=7, nonce=1), FakeBoard()
    session.start(0)
    (frame,) = FrameDecoder().feed(board.exchange(session.data_to_send(), 0))
    other = bytes([frame.payload[0] ^ 1]) + frame.payload[1:]
    data = encode_frame(frame.flags, frame.type, frame.seq, frame.session, other)
    assert session.receive(data, 0) == []
    assert session.stats.unexpected == 1


def ping_answered_after_retry(bench) -> float | None:
    """Smoothed round trip after a PING whose answer came 60 ms after its second copy."""
    bench.run(100)
    before = bench.session.stats.srtt_ms
    bench.session.command("PING", bench.now_ms)
    wire = bench.session.data_to_send()
    bench.now_ms += 60
    bench.session.poll(bench.now_ms)
    assert bench.session.data_to_send() == wire
    bench.now_ms += 40
    assert only(
        bench.session.receive(bench.board.exchange(wire, bench.now_ms), bench.now_ms), ev.Reply
    )
    assert bench.session.stats.retries == 1
    return before


def test_answer_to_a_retried_request_measures_nothing():
    bench = rig(want_lease=False)
    before = ping_answered_after_retry(bench)
    assert bench.session.stats.srtt_ms == before


def time_exchange(*, retried: bool, host_us_xor: int) -> Session:
    """A session whose first TIME was answered, after a retry or with another echo."""
    session, board = Session(owner=1, nonce=1, want_lease=False), FakeBoard()
    session.start(0)
    session.receive(board.exchange(session.data_to_send(), 0), 0)
    (time_request,) = FrameDecoder().feed(session.data_to_send())
    if retried:
        session.poll(400)
    now_ms = 410 if retried else 10
    host_us = OWN.unpack(m.TIME, time_request.payload).values.host_us ^ host_us_xor
    type_, payload = OWN.pack("TIME_R", host_us=host_us, rx_us=5_000_000, tx_us=5_000_000)
    answer = encode_frame(m.RESP, type_, time_request.seq, time_request.session, payload)
    session.receive(answer, now_ms)
    return session


@pytest.mark.parametrize(
    ("retried", "host_us_xor", "offset_ms"),
    [(False, 0, 4995), (True, 0, None), (False, 8, None)],
    ids=["clean", "retried", "of another request"],
)
def test_only_a_clean_time_exchange_sets_the_clock(retried, host_us_xor, offset_ms):
    session = time_exchange(retried=retried, host_us_xor=host_us_xor)
    assert session.clock.offset_ms == offset_ms
