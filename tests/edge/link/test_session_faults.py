# SPDX-License-Identifier: Apache-2.0
"""Whatever the line does: no wrong value, no command twice, and recovery once it is clean."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.link import Session, State
from edge.link import events as ev

from .fake_board import KINDS, FakeBoard, Fault, Rig, expected_loads, expected_telemetry

DIRTY_STEPS = 100
CLEAN_STEPS = 200  # 4 s: the longest stall, the silence, the slow HELLO and a lease request

faults = st.lists(
    st.builds(
        Fault,
        step=st.integers(0, DIRTY_STEPS - 1),
        kind=st.sampled_from(KINDS),
        seed=st.integers(0, 0xFFFF),
    ),
    max_size=40,
)
steps = st.lists(st.integers(0, DIRTY_STEPS - 1), max_size=3, unique=True)
command_steps = st.lists(st.integers(0, DIRTY_STEPS - 1), max_size=20, unique=True)


def outcomes(events) -> Counter:
    ends = (ev.Reply, ev.CommandFailed)
    return Counter(event.token for event in events if isinstance(event, ends) and event.token)


def run_dirty(down, up, reboots, commands):
    """The rig after the dirty steps, and the SHED value of each token."""
    bench = Rig(Session(owner=7, nonce=5), FakeBoard(), down, up)
    sent = {}
    for step in range(DIRTY_STEPS):
        if step in reboots:
            bench.board.reboot(bench.now_ms)
        if step in commands:
            off = len(sent) + 1
            sent[bench.session.command("SHED", bench.now_ms, off=off)] = off
        bench.run(1)
    return bench, sent


@settings(max_examples=120, deadline=None)
@given(down=faults, up=faults, reboots=steps, commands=command_steps)
def test_commands_are_executed_at_most_once_and_end_exactly_once(down, up, reboots, commands):
    bench, sent = run_dirty(down, up, reboots, commands)
    bench.run(CLEAN_STEPS)
    executed = Counter(bench.board.executed)
    assert all(count == 1 for count in executed.values())
    assert outcomes(bench.events) == Counter(dict.fromkeys(sent, 1))
    replies = [event for event in bench.events if isinstance(event, ev.Reply)]
    assert all(executed[sent[reply.token]] == 1 for reply in replies)
    assert all(reply.values.detail == sent[reply.token] for reply in replies)


@settings(max_examples=120, deadline=None)
@given(down=faults, up=faults, reboots=steps)
def test_no_wrong_value_is_ever_delivered_and_time_never_runs_back(down, up, reboots):
    bench, _ = run_dirty(down, up, reboots, ())
    bench.run(20)
    boot, last_ms = None, 0
    for event in bench.events:
        if isinstance(event, ev.Connected):
            if event.board.boot_id != boot:
                boot, last_ms = event.board.boot_id, 0
            assert boot in bench.board.boot_ids
        elif isinstance(event, ev.Telemetry):
            assert event.values._asdict() == expected_telemetry(boot, event.device_ms)
            assert event.device_ms > last_ms
            last_ms = event.device_ms
        elif isinstance(event, ev.Loads):
            assert list(event.power_mw) in (
                expected_loads(boot, t_ms) for t_ms in range(0, bench.now_ms + 1, 100)
            )


@settings(max_examples=120, deadline=None)
@given(down=faults, up=faults, reboots=steps)
def test_session_recovers_once_the_line_is_clean(down, up, reboots):
    bench, _ = run_dirty(down, up, reboots, ())
    bench.run(CLEAN_STEPS)
    assert bench.session.state is State.READY
    assert bench.board.lease.held
    token = bench.session.command("SHED", bench.now_ms, off=0x8000)
    assert outcomes(bench.run(20)) == {token: 1}
    assert bench.board.executed[-1] == 0x8000
    assert bench.session.telemetry_age_ms(bench.now_ms) <= 120


losses = st.lists(
    st.builds(
        Fault,
        step=st.integers(10, 90),
        kind=st.sampled_from(("drop", "double", "swap")),
        seed=st.just(0),
    ),
    max_size=6,
    unique_by=lambda fault: fault.step,
)


@settings(max_examples=60, deadline=None)
@given(up=losses)
def test_every_event_frame_is_either_taken_or_counted_as_a_gap(up):
    bench = Rig(Session(owner=7, nonce=5), FakeBoard(), (), up)
    bench.run(DIRTY_STEPS + 20)
    stats = bench.session.stats
    taken = sum(isinstance(event, ev.Telemetry | ev.Loads) for event in bench.events)
    assert stats.lost == 0
    assert taken + stats.late + stats.gaps == bench.board.sent_events
    assert stats.crc_errors == stats.frame_errors == 0


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(st.binary(max_size=400), max_size=10))
def test_any_bytes_give_events_or_counts_never_an_exception(pieces):
    session = Session(owner=7, nonce=5)
    session.start(0)
    for step, piece in enumerate(pieces):
        events = session.receive(piece, step * 50) + session.poll(step * 50)
        assert all(isinstance(event, ev.Problem) for event in events)
    assert session.state is State.HELLO


def test_a_board_that_hears_nothing_never_makes_the_host_spin():
    bench = Rig(Session(owner=7, nonce=5), FakeBoard())
    bench.run(100)
    session = bench.session
    assert session.state is State.READY
    for _ in range(2000):  # 40 s: the lease ends, requests are given up, HELLO is said again
        bench.now_ms += 20
        session.receive(bench.board.exchange(b"", bench.now_ms), bench.now_ms)
        session.poll(bench.now_ms)
        session.data_to_send()
        assert session.next_deadline_ms() > bench.now_ms
