# SPDX-License-Identifier: Apache-2.0
"""What a session does with a healthy board, a rebooting one and a silent one."""

from edge.core import encode_frame
from edge.errors import LinkTimeout
from edge.link import State, fields
from edge.link import events as ev
from edge.link.messages import OWN
from firmware_py.link import messages as m

from .fake_board import expected_loads, expected_telemetry, kinds, only, rig


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


def test_reboot_is_noticed_and_the_session_goes_on():
    bench = rig()
    bench.run(30)
    bench.board.reboot(bench.now_ms)
    events = [event for event in bench.run(100) if not isinstance(event, ev.Telemetry | ev.Loads)]
    assert ev.Rebooted(bench.board.boot_ids[0], bench.session.board) in events
    assert kinds(events)[-2:] == [ev.Connected, ev.LeaseHeld]
    assert bench.session.board.boot_id == bench.board.boot_ids[1]
    assert bench.session.stats.reboots == 1


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


def test_reboot_counts_no_gap_and_restarts_the_boards_time():
    bench = rig()
    bench.run(300)
    bench.board.reboot(bench.now_ms)
    bench.run(100)
    assert bench.session.stats.gaps == 0
    assert only(bench.events, ev.Telemetry)[-1].device_ms < 2100
