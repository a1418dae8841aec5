# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.codec import Decoder, Frame
from firmware_py.link.messages import ACK, EVENT, PING, RESP, TELEMETRY
from firmware_py.link.outbox import Outbox
from tests.firmware.rig import Rig, bodies, frame, unpack


def body(seq, payload_bytes=20):
    one = Frame(PING, payload_bytes)
    one.seal(0, seq, 0)
    return one.body


def seqs(data, decoder=None):
    return [int.from_bytes(b[2:4], "little") for b in bodies(data, decoder)]


def test_frames_leave_in_order():
    box = Outbox(bytearray(1024))
    for seq in (1, 2, 3):
        box.put(body(seq))
    assert seqs(bytes(box.buf[: box.n])) == [1, 2, 3]
    assert box.dropped == 0


@pytest.mark.parametrize("buf", [bytearray(100), memoryview(bytearray(100))])
def test_a_full_box_drops_the_oldest_whole_frames_and_counts_them(buf):
    box = Outbox(buf)
    for seq in range(1, 8):
        box.put(body(seq))
    assert seqs(bytes(box.buf[: box.n])) == [5, 6, 7]
    assert box.dropped == 4


@pytest.mark.parametrize("taken", range(1, 33))
def test_a_frame_partly_on_the_wire_is_finished_whatever_is_dropped(taken):
    box = Outbox(bytearray(100))
    for seq in (1, 2, 3):
        box.put(body(seq))
    on_wire = bytes(box.buf[:taken])
    box.sent(taken)
    for seq in (4, 5, 6):
        box.put(body(seq))
    on_wire += bytes(box.buf[: box.n])
    found = seqs(on_wire)
    assert found[0] == 1
    assert found[-1] == 6
    assert found == sorted(set(found))
    assert len(found) + box.dropped == 6


def test_head_walks_the_frames_one_by_one():
    box = Outbox(bytearray(200))
    for seq in (1, 2):
        box.put(body(seq))
    out = []
    while box.n:
        n = box.head()
        out.append(seqs(bytes(box.buf[:n])))
        box.sent(n)
    assert out == [[1], [2]]
    assert box.head() == 0


def answer(seq, payload_bytes=20):
    one = Frame(ACK, payload_bytes)
    one.seal(RESP, seq, 0)
    return one.body


def event(seq, payload_bytes=20):
    one = Frame(TELEMETRY, payload_bytes)
    one.seal(EVENT, seq, 0)
    return one.body


def test_telemetry_gives_way_to_answers_and_never_drives_one_out():
    box = Outbox(bytearray(100))
    for one in (answer(1), event(2), event(3), answer(4), event(5), answer(6), event(7), event(8)):
        box.put(one)
    assert seqs(bytes(box.buf[: box.n])) == [1, 4, 6]
    assert box.dropped == 5
    assert box.answers == 3


def test_oldest_telemetry_goes_first_wherever_it_stands():
    box = Outbox(bytearray(100))
    for one in (answer(1), event(2), event(3), event(4)):
        box.put(one)
    assert seqs(bytes(box.buf[: box.n])) == [1, 3, 4]


def test_answers_alone_drop_the_oldest_answer():
    box = Outbox(bytearray(100))
    for seq in range(1, 6):
        box.put(answer(seq))
    assert seqs(bytes(box.buf[: box.n])) == [3, 4, 5]


class Port:
    """Takes as many bytes at a write as the test says, from none to all."""

    def __init__(self, takes):
        self.takes = iter(takes)
        self.wire = b""

    def drain(self, box):
        n = min(next(self.takes, box.n), box.n)
        self.wire += bytes(box.buf[:n])
        box.sent(n)


def answers_of(port, box):
    """Seqs of the answers that have left or wait."""
    whole = bodies(port.wire + bytes(box.buf[: box.n]))
    return [b[2:4] for b in whole if b[0] & RESP]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 130)), max_size=60),
)
def test_whatever_a_port_takes_frames_leave_whole_in_order_and_are_accounted_for(steps):
    box = Outbox(bytearray(120))
    port = Port([])
    for seq, (is_answer, size, taken) in enumerate(steps):
        answers = answers_of(port, box)
        box.put(answer(seq, size) if is_answer else event(seq, size))
        assert is_answer or answers_of(port, box) == answers
        port.takes = iter([taken])
        port.drain(box)
        assert box.n <= 120
    while box.n:
        port.takes = iter([7])
        port.drain(box)
    decoder = Decoder()
    left = seqs(port.wire, decoder)
    assert decoder.errors == 0
    assert left == sorted(left)
    assert len(left) + box.dropped == len(steps)


def test_a_host_that_stops_reading_costs_old_telemetry_and_no_time():
    rig = Rig()
    rig.run(10)
    rig.hello()
    box = rig.app.outbox
    box.clear = lambda: None  # the port takes nothing more
    wires = len(box.buf)
    for _ in range(50):
        rig.fill()
        rig.app.step(rig.now_ms, b"", 0)
        rig.now_ms += 100
        assert box.n <= wires
    ping = frame(PING, 500, b"x")
    rig.app.step(rig.now_ms, ping, len(ping))
    for _ in range(50):
        rig.fill()
        rig.app.step(rig.now_ms, b"", 0)
        rig.now_ms += 100
    held = bodies(bytes(box.buf[: box.n]))
    assert 500 in [int.from_bytes(b[2:4], "little") for b in held if b[0] & RESP]
    newest = [unpack(b)[1]["t_ms"] for b in held if b[1] == TELEMETRY]
    assert newest[-1] == rig.now_ms - 100
    assert rig.app.missed == 0


def test_a_stalled_box_is_moved_about_once_a_tick():
    box = Outbox(bytearray(1024))
    moved = []
    cut = box._cut
    box._cut = lambda to, start: (moved.append(start - to), cut(to, start))
    for seq in range(300):  # a hundred ticks of three frames
        box.put(event(seq, (56, 128, 12)[seq % 3]))
    assert 1 <= len(moved) <= 110
    assert seqs(bytes(box.buf[: box.n]))[-1] == 299
    assert len(seqs(bytes(box.buf[: box.n]))) + box.dropped == 300
