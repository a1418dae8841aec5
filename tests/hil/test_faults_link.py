# SPDX-License-Identifier: Apache-2.0
"""The link under any stack of line faults: no byte and no value that nobody has sent."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.core import FrameDecoder
from firmware_py.link import messages as m
from hil.faults import CATALOGUE
from hil.faults.frames import Cutter, body_of, frame_of
from hil.faults.schedule import make
from hil.faults.uart import heard
from hil.pipe import SerialPipe
from hil.ports import Ports
from tests.hil.faults_rig import spec_of

TICK_MS = 100
REST_TICKS = 250
"""Three doublings before a throttle leave it with 14 s to hand out."""
LINKS = sorted(
    kind
    for kind, of in CATALOGUE.items()
    if of.layer == "link" and kind != "link.unplug" and not of.forges
)
LOSSLESS = ("link.latency", "link.throttle", "link.stall", "link.reorder")
IN_ORDER = ("link.latency", "link.throttle", "link.stall")


def line_ports():
    return Ports(
        SimpleNamespace(), SimpleNamespace(), SimpleNamespace(), SerialPipe(), SerialPipe(),
        SimpleNamespace(),
    )  # fmt: skip


def frames(seed, n, up):
    """`n` different frames of one side."""
    rng = random.Random(f"{seed}/{up}")
    kinds = (m.TELEMETRY, m.LOADS, m.ACK) if up else (m.LEASE, m.PING, m.SHED)
    flags = m.EVENT if up else 0
    return [
        frame_of(rng.choice(kinds), flags, seq, 0xBEEF, rng.randbytes(rng.randrange(1, 80)))
        for seq in range(n)
    ]


def carry(kinds, seed=1, ticks=40, chunk=None, until=None):
    """Send frames both ways under faults from tick 3 to `until`; (sent, got) of each way, ports."""
    ports = line_ports()
    faults = [make(spec_of(kind), seed, i) for i, kind in enumerate(kinds)]
    sent = {up: frames(seed, ticks, up) for up in (True, False)}
    got = {True: b"", False: b""}
    for tick in range(ticks + REST_TICKS):
        now_ms = tick * TICK_MS
        if tick == 3:
            for fault in faults:
                fault.start(ports, now_ms)
        if tick == (ticks if until is None else until):
            for fault in faults:
                fault.stop(ports, now_ms)
        for up, line in ((True, ports.up), (False, ports.down)):
            line.tick(now_ms)
            if tick < ticks:
                frame = sent[up][tick]
                size = chunk or len(frame)
                for at in range(0, len(frame), size):
                    line.send(frame[at : at + size], now_ms + at // size)
            got[up] += line.receive(now_ms + TICK_MS - 1)
    return sent, got, ports


def bodies(data):
    return [tuple(f) for f in FrameDecoder().feed(b"\0" + data + b"\0")]


STACKS = st.lists(st.sampled_from(LINKS), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@example(kinds=["link.duplicate"] * 3 + ["link.throttle"], seed=0, chunk=None)
@given(kinds=STACKS, seed=st.integers(0, 1000), chunk=st.sampled_from([None, 7]))
def test_whatever_the_decoder_takes_for_a_frame_has_been_sent(kinds, seed, chunk):
    sent, got, ports = carry(kinds, seed, chunk=chunk)
    real = {tuple(f) for up in sent for frame in sent[up] for f in bodies(frame)}
    for up in (True, False):
        assert set(bodies(got[up])) <= real
    assert ports.up.filters == [] == ports.down.filters


@settings(max_examples=40, deadline=None)
@given(kinds=STACKS, seed=st.integers(0, 1000))
def test_the_same_seed_gives_the_same_bytes(kinds, seed):
    assert carry(kinds, seed)[1] == carry(kinds, seed)[1]


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(LOSSLESS), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    chunk=st.sampled_from([None, 5]),
)
def test_delays_neither_create_nor_lose_a_byte(kinds, seed, chunk):
    sent, got, _ = carry(kinds, seed, chunk=chunk)
    for up in (True, False):
        whole = b"".join(sent[up])
        assert sorted(got[up]) == sorted(whole)
        if set(kinds) <= set(IN_ORDER):
            assert got[up] == whole


@settings(max_examples=30, deadline=None)
@example(kinds=["link.reorder"] * 2, seed=1, chunk=3)
@given(kinds=STACKS, seed=st.integers(0, 1000), chunk=st.sampled_from([None, 3]))
def test_after_its_end_every_frame_comes_again_unharmed(kinds, seed, chunk):
    sent, got, _ = carry(kinds, seed, ticks=40, chunk=chunk, until=20)
    # What is under way comes late, each delay on top of the others, and may fall into a frame.
    settled = 20 + 3 * max(1, sum(kind in LOSSLESS for kind in kinds))
    for up in (True, False):
        late = {tuple(f) for frame in sent[up][settled:] for f in bodies(frame)}
        assert late <= set(bodies(got[up]))


@pytest.mark.parametrize("kind", LINKS)
def test_frames_that_are_not_chosen_cost_nothing(kind):
    if "only" not in CATALOGUE[kind].model.model_fields:
        pytest.skip("acts on bytes")
    ports = line_ports()
    fault = make(spec_of(kind, only=["LOG"]), 1, 0)
    fault.start(ports, 0)
    sent = frames(1, 30, up=True)
    got = b""
    for tick, frame in enumerate(sent):
        ports.up.send(frame, tick * TICK_MS)
        got += ports.up.receive(tick * TICK_MS + 20)  # no later than the line itself needs
        ports.up.tick(tick * TICK_MS + 50)
    assert got == b"".join(sent)


@pytest.mark.parametrize("kind", [k for k in LINKS if k not in ("link.babble", "link.stranger")])
def test_a_quiet_line_stays_quiet(kind):
    ports = line_ports()
    make(spec_of(kind), 1, 0).start(ports, 0)
    for now_ms in range(0, 3000, TICK_MS):
        ports.up.tick(now_ms)
        ports.down.tick(now_ms)
    assert ports.up.due_ms() is None
    assert ports.down.due_ms() is None


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("link.drop", {}, 0.0),
        ("link.duplicate", {"times": 3}, 3.0),
        ("link.silence", {"direction": "both"}, 0.0),
        ("link.flip", {"bits": 8}, 1.0),
    ],
)
def test_so_many_bytes_come_as_it_says(kind, values, expected):
    ports = line_ports()
    make(spec_of(kind, **values), 1, 0).start(ports, 0)
    whole = b"".join(frames(1, 10, up=True))
    ports.up.send(whole, 0)
    assert len(ports.up.receive(60_000)) == expected * len(whole)


def test_a_probability_hits_its_share():
    ports = line_ports()
    fault = make(spec_of("link.drop", probability=0.3, direction="up"), 1, 0)
    fault.start(ports, 0)
    for frame in frames(1, 1000, up=True):
        ports.up.send(frame, 0)
    assert 250 < fault.filters[0].count < 350


def test_directions_have_chance_of_their_own():
    def up_bytes(direction, talk_down):
        ports = line_ports()
        make(spec_of("link.flip", direction=direction), 1, 0).start(ports, 0)
        for up, down in zip(frames(1, 20, up=True), frames(1, 20, up=False), strict=True):
            ports.up.send(up, 0)
            if talk_down:
                ports.down.send(down, 0)
        return ports.up.receive(60_000)

    assert up_bytes("both", talk_down=True) == up_bytes("both", talk_down=False)
    assert up_bytes("up", talk_down=True) == up_bytes("both", talk_down=True)


@settings(max_examples=100, deadline=None)
@given(data=st.lists(st.binary(max_size=30), max_size=10))
def test_cutting_into_frames_loses_nothing(data):
    cutter = Cutter()
    out = b"".join(b"".join(cutter.cut(block)) for block in data) + cutter.take()
    assert out == b"".join(data)


def test_a_rest_that_never_becomes_a_frame_is_let_go_after_a_tick():
    cutter = Cutter()
    assert cutter.cut(b"\0abc") == []
    assert cutter.overdue() == b""
    assert cutter.overdue() == b"\0abc"
    assert cutter.overdue() == b""


@settings(max_examples=60, deadline=None)
@given(kind=st.integers(0, 255), seq=st.integers(0, 65535), payload=st.binary(max_size=200))
def test_a_frame_that_is_made_here_is_what_both_decoders_read(kind, seq, payload):
    frame = frame_of(kind, m.EVENT, seq, 7, payload)
    assert bodies(frame) == [(m.EVENT, kind, seq, 7, payload)]
    assert body_of(frame)[1] == kind
    assert body_of(frame[:-2] + b"\0") is None


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60), ratio=st.floats(0.97, 1.03))
def test_a_uart_that_is_off_by_three_percent_reads_everything(data, ratio):
    assert heard(data, ratio) == data


@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=60), ratio=st.floats(0.05, 20))
def test_a_uart_at_any_rate_reads_as_many_bytes_as_there_can_be(data, ratio):
    assert len(heard(data, ratio)) <= max(len(data) * ratio * 1.2 + 1, 1) * 2


def test_at_half_the_rate_it_reads_garbage():
    text = b"telemetry of rack 7"
    assert heard(text, 0.5) != text
    assert 5 <= len(heard(text, 0.5)) <= len(text)
