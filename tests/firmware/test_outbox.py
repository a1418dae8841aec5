# SPDX-License-Identifier: Apache-2.0
import pytest

from firmware_py.link.codec import Frame
from firmware_py.link.messages import PING
from firmware_py.link.outbox import Outbox
from tests.firmware.rig import bodies


def body(seq, payload_bytes=20):
    one = Frame(PING, payload_bytes)
    one.seal(0, seq, 0)
    return one.body


def seqs(data):
    return [int.from_bytes(b[2:4], "little") for b in bodies(data)]


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
