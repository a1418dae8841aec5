# SPDX-License-Identifier: Apache-2.0
"""What a session does with a healthy board, a rebooting one, a silent one and a wrong one."""

import pytest

from edge.core import FrameDecoder, encode_frame
from edge.errors import LinkError, LinkTimeout
from edge.link import Session, State, fields
from edge.link import events as ev
from edge.link.messages import OWN
from firmware_py.link import messages as m

from .fake_board import FakeBoard, Rig, expected_loads, expected_telemetry


def rig(**session) -> Rig:
    return Rig(Session(**({"owner": 7, "nonce": 1} | session)), FakeBoard())


def kinds(events) -> list[type]:
    return [type(event) for event in events]


def only(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_first_contact_connects_and_then_holds_the_lease():
    bench = rig()
    events = bench.run(3)
    assert kinds(events) == [ev.Connected, ev.LeaseHeld]
    assert events[0].board.tail == "fake 0001"
    assert bench.session.state is State.READY
    assert bench.board.lease.held
    assert bench.board.lease.owner == 7


def test_telemetry_and_loads_arrive_with_their_exact_values():
    bench = rig()
    events = bench.run(60)
    telemetry, loads = only(events, ev.Telemetry), only(events, ev.Loads)
    boot = bench.board.boot_ids[0]
    assert len(telemetry) == len(loads) == 11
    for tick, (main, power) in enumerate(zip(telemetry, loads, strict=True), start=1):
        assert main.values._asdict() == expected_telemetry(boot, 100 * tick)
        assert main.device_ms == 100 * tick
        assert list(power.power_mw) == expected_loads(boot, 100 * tick)


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


def test_reboot_is_noticed_and_the_session_goes_on():
    bench = rig()
    bench.run(30)
    bench.board.reboot(bench.now_ms)
    events = [event for event in bench.run(100) if not isinstance(event, ev.Telemetry | ev.Loads)]
    assert ev.Rebooted(bench.board.boot_ids[0], bench.session.board) in events
    assert kinds(events)[-2:] == [ev.Connected, ev.LeaseHeld]
    assert bench.session.board.boot_id == bench.board.boot_ids[1]
    assert bench.session.stats.reboots == 1


def test_command_in_flight_at_a_reboot_fails_and_is_never_executed():
    bench = rig()
    bench.run(30)
    bench.board.reboot(bench.now_ms)
    token = bench.session.command("SHED", bench.now_ms, off=3)
    failed = only(bench.run(100), ev.CommandFailed)
    assert [(event.token, event.code) for event in failed] == [(token, m.ERR_SESSION)]
    assert bench.board.executed == []


def test_silence_of_a_second_is_a_lost_link_and_hello_goes_on():
    bench = rig()
    bench.run(30)
    events = []
    for now_ms in range(bench.now_ms, bench.now_ms + 5000, 20):
        events += bench.session.poll(now_ms)
        bench.session.data_to_send()
    assert kinds(events) == [ev.Lost, ev.LeaseLost, ev.Problem]
    assert 1000 <= events[0].silent_ms <= 1100
    assert bench.session.state is State.HELLO
    assert bench.session.telemetry_age_ms(bench.now_ms) < 120
    assert bench.session.lease.left_ms(bench.now_ms) == 0


def test_session_recovers_after_any_silence_without_a_new_start():
    bench = rig()
    bench.run(30)
    bench.now_ms += 20_000
    bench.run(100)
    assert bench.session.state is State.READY
    assert bench.board.lease.held


def test_reopened_transport_keeps_the_counters():
    bench = rig()
    bench.run(30)
    bench.session.receive(b"\0garbage\0", bench.now_ms)
    before = bench.session.stats
    bench.session.start(bench.now_ms)
    bench.run(30)
    after = bench.session.stats
    assert before.frame_errors + before.crc_errors == 1
    assert after.frame_errors + after.crc_errors == 1
    assert after.frames > before.frames
    assert after.gaps == 0


def test_stopped_session_says_and_hears_nothing():
    bench = rig()
    bench.run(30)
    token = bench.session.command("SHED", bench.now_ms, off=1)
    bench.session.stop(bench.now_ms)
    assert [event.token for event in only(bench.session.poll(bench.now_ms), ev.CommandFailed)] == [
        token
    ]
    assert bench.session.data_to_send() == b""
    assert bench.run(20) == []
    assert bench.session.next_deadline_ms() is None


def test_log_and_board_event_are_delivered():
    bench = rig()
    bench.run(20)
    board = bench.board
    type_, payload = OWN.pack("LOG", level=3, tail="fan 2 slow")
    data = board.event(type_, payload)
    type_, payload = OWN.pack(
        "BOARD_EVENT", t_ms=300, code=m.EV_SHED, group=2, reason=m.SHED_BREAKER, count=1, arg=900
    )
    data += board.event(type_, payload)
    log, shed = bench.session.receive(data, bench.now_ms)
    assert log == ev.Log(bench.now_ms, 3, "fan 2 slow")
    assert (shed.device_ms, shed.values.group, shed.values.arg) == (300, 2, 900)


def test_unknown_and_short_messages_are_counted_and_change_nothing():
    bench = rig()
    bench.run(20)
    data = bench.board.event(0x7F, b"x") + bench.board.event(m.TELEMETRY, b"short")
    assert bench.session.receive(data, bench.now_ms) == []
    stats = bench.session.stats
    assert (stats.unknown_messages, stats.short_payloads) == (1, 1)


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


def test_deadline_is_never_in_the_past_after_poll():
    bench = rig()
    for _ in range(400):
        bench.run(1)
        deadline = bench.session.next_deadline_ms()
        polled_ms = bench.now_ms - 20
        assert deadline is not None
        assert deadline > polled_ms


def test_problem_can_be_raised():
    assert isinstance(ev.Problem(ev.Trouble.SILENT, "x").error(), LinkTimeout)
    assert not isinstance(ev.Problem(ev.Trouble.ECHO, "x").error(), LinkTimeout)


def test_board_record_is_typed_and_carries_units_in_names():
    assert fields.Telemetry._fields[:5] == ("t_ms", "state", "flags", "shed", "feed_a_mw")


def test_events_of_another_session_are_counted_and_not_delivered():
    bench = rig()
    bench.run(20)
    type_, payload = OWN.pack("LOG", level=1, tail="from before the reboot")
    stale = encode_frame(m.EVENT, type_, 0, bench.board.endpoint.session ^ 1, payload)
    assert bench.session.receive(stale, bench.now_ms) == []
    assert bench.session.stats.wrong_session == 1


def test_hello_answer_with_the_right_seq_but_another_nonce_is_not_taken():
    session, board = Session(owner=7, nonce=1), FakeBoard()
    session.start(0)
    (frame,) = FrameDecoder().feed(board.exchange(session.data_to_send(), 0))
    other = bytes([frame.payload[0] ^ 1]) + frame.payload[1:]
    data = encode_frame(frame.flags, frame.type, frame.seq, frame.session, other)
    assert session.receive(data, 0) == []
    assert session.stats.unexpected == 1


def test_reboot_counts_no_gap_and_restarts_the_boards_time():
    bench = rig()
    bench.run(300)
    bench.board.reboot(bench.now_ms)
    bench.run(100)
    assert bench.session.stats.gaps == 0
    assert only(bench.events, ev.Telemetry)[-1].device_ms < 2100
