# SPDX-License-Identifier: Apache-2.0
"""The serial line of virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.pipe import PipeTransport, SerialPipe, VirtualClock

BLOCKS = st.lists(st.tuples(st.integers(0, 50), st.binary(min_size=1, max_size=80)), max_size=12)


def test_a_block_is_delivered_whole_when_its_last_stop_bit_has_passed():
    pipe = SerialPipe(baud=115_200)
    pipe.send(bytes(100), now_ms=10)
    assert pipe.due_ms() == 19  # 100 x 10 bits at 115200 Bd: 8.68 ms
    assert pipe.receive(18) == b""
    assert pipe.receive(19) == bytes(100)
    assert pipe.due_ms() is None


def test_a_block_waits_for_the_one_before_it():
    pipe = SerialPipe(baud=10_000)  # a byte is 1 ms
    pipe.send(b"0123456789", now_ms=0)
    pipe.send(b"ab", now_ms=1)
    assert pipe.receive(11) == b"0123456789"
    assert pipe.due_ms() == 12
    assert pipe.receive(12) == b"ab"


def test_a_line_that_was_quiet_starts_at_once():
    pipe = SerialPipe(baud=10_000)
    pipe.send(b"a", now_ms=0)
    pipe.send(b"b", now_ms=500)
    pipe.receive(1)
    assert pipe.due_ms() == 501


def test_what_does_not_fit_the_reader_stays():
    pipe = SerialPipe()
    pipe.send(b"abcdef", now_ms=0)
    assert pipe.receive(1000, limit=4) == b"abcd"
    assert pipe.due_ms() is not None
    assert pipe.receive(1000, limit=4) == b"ef"


@settings(max_examples=100, deadline=None)
@given(blocks=BLOCKS, limit=st.integers(1, 200))
def test_every_byte_arrives_once_in_order_and_not_faster_than_the_line(blocks, limit):
    pipe = SerialPipe(baud=115_200)
    now_ms, sent, got = 0, b"", b""
    for wait_ms, data in blocks:
        now_ms += wait_ms
        pipe.send(data, now_ms)
        sent += data
        got += pipe.receive(now_ms, limit)
        assert len(got) <= now_ms * 11.52
    while (due_ms := pipe.due_ms()) is not None:
        now_ms = max(now_ms, due_ms)
        got += pipe.receive(now_ms, limit)
    assert got == sent
    assert pipe.sent_bytes == len(sent)
    assert len(sent) <= now_ms * 11.52


def test_the_transport_reads_one_pipe_and_writes_the_other_at_the_clocks_time():
    clock, rx, tx = VirtualClock(), SerialPipe(), SerialPipe()
    port = PipeTransport(clock, rx, tx)
    clock.advance_to(40)
    port.write(b"x")
    port.write(b"")
    assert tx.due_ms() == 41
    rx.send(b"y", 40)
    assert port.read(1.0) == b""
    clock.advance_to(41)
    assert port.read() == b"y"
    port.close()


def test_virtual_time_never_goes_back():
    clock = VirtualClock()
    clock.advance_to(5)
    clock.advance_to(5)
    with pytest.raises(ValueError, match="from 5 to 4"):
        clock.advance_to(4)
