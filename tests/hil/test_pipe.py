# SPDX-License-Identifier: Apache-2.0
"""The serial line of virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import PortError
from hil.engine.line import CableTransport, VirtualCable
from hil.pipe import SerialPipe, VirtualClock

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


def test_the_transport_reads_what_arrived_and_writes_at_the_clocks_time():
    clock, up, down = VirtualClock(), SerialPipe(), SerialPipe()
    cable, said = VirtualCable(clock, up, down), []
    port = CableTransport(cable, said.append)
    clock.advance_to(40)
    port.write(b"x")
    port.write(b"")
    assert down.due_ms() == 41
    assert said == [b"x"]
    assert port.read(1.0) == b""
    cable.arrive(b"y")
    assert port.read() == b"y"
    port.close()


def test_a_pulled_cable_is_a_lost_port_also_for_a_transport_of_before():
    clock, up, down = VirtualClock(), SerialPipe(), SerialPipe()
    cable = VirtualCable(clock, up, down)
    port = CableTransport(cable, lambda _data: None)
    down.send(b"under way", 0)
    cable.arrive(b"old")
    cable.unplug()
    assert down.due_ms() is None
    for use in (port.read, lambda: port.write(b"x"), lambda: CableTransport(cable, print)):
        with pytest.raises(PortError, match="plugged"):
            use()
    cable.plug()
    with pytest.raises(PortError):
        port.read()
    assert CableTransport(cable, print).read() == b""


def test_virtual_time_never_goes_back():
    clock = VirtualClock()
    clock.advance_to(5)
    clock.advance_to(5)
    with pytest.raises(ValueError, match="from 5 to 4"):
        clock.advance_to(4)


class Late:
    """A filter that holds each block whose first byte is a digit back by that many ms x 10."""

    def send(self, data, now_ms):
        return [(int(chr(data[0])) * 10 if chr(data[0]).isdigit() else 0, data)]

    def idle(self, now_ms):
        return [(0, b"!")] if now_ms % 1000 == 0 else []


class Upper:
    def send(self, data, now_ms):
        return [(1, data.upper())]

    def idle(self, now_ms):
        return []


def test_a_delayed_block_may_arrive_behind_a_later_one():
    pipe = SerialPipe()
    pipe.filters.append(Late())
    pipe.send(b"9a", 0)
    pipe.send(b"b", 5)
    assert pipe.receive(10) == b"b"
    assert pipe.due_ms() == 91
    assert pipe.receive(91) == b"9a"


def test_filters_apply_in_order_and_their_delays_add_up():
    pipe = SerialPipe()
    pipe.filters += [Late(), Upper()]
    pipe.send(b"2x", 0)
    assert pipe.due_ms() == 22
    assert pipe.receive(22) == b"2X"


def test_what_a_filter_says_by_itself_goes_through_the_filters_behind_it():
    pipe = SerialPipe()
    pipe.filters += [Late(), Upper()]
    pipe.tick(900)
    assert pipe.due_ms() is None
    pipe.tick(1000)
    assert pipe.due_ms() == 1002
    assert pipe.receive(1002) == b"!"


def test_the_baud_rate_can_change_while_a_block_is_on_the_line():
    pipe = SerialPipe(baud=10_000)
    pipe.send(b"0123456789", 0)
    pipe.baud = 1_000
    pipe.send(b"a", 0)
    assert pipe.receive(10) == b"0123456789"
    assert pipe.due_ms() == 20
    with pytest.raises(ValueError, match="baud is 0"):
        pipe.baud = 0


def test_hanging_up_loses_what_is_under_way_and_frees_the_line():
    pipe = SerialPipe(baud=10_000)
    pipe.send(bytes(50), 0)
    assert pipe.hang_up() == 50
    assert pipe.due_ms() is None
    pipe.send(b"a", 1)
    assert pipe.due_ms() == 2


class Vanishing:
    """Takes itself off the line when it is asked to."""

    def __init__(self, pipe):
        self._pipe = pipe

    def send(self, data, now_ms):
        self._pipe.filters = [f for f in self._pipe.filters if f is not self]
        return [(0, data)]

    def idle(self, now_ms):
        return []


def test_a_filter_that_goes_while_it_works_hides_no_other():
    pipe = SerialPipe()
    pipe.filters += [Vanishing(pipe), Upper()]
    pipe.send(b"a", 0)
    assert pipe.receive(9) == b"A"
    assert len(pipe.filters) == 1


class Delay:
    """Holds everything back by what is left to a moment."""

    def __init__(self, until_ms):
        self._until_ms = until_ms
        self.asked_ms = []

    def send(self, data, now_ms):
        self.asked_ms.append(now_ms)
        return [(max(self._until_ms - now_ms, 0), data)]

    def idle(self, _now_ms):
        return []


def test_a_filter_is_asked_at_the_time_that_the_one_before_it_lets_go():
    pipe = SerialPipe()
    first, second = Delay(300), Delay(500)
    pipe.filters += [first, second]
    pipe.send(b"a", 0)
    pipe.send(b"b", 400)
    assert (first.asked_ms, second.asked_ms) == ([0, 400], [300, 400])
    assert pipe.receive(500) == b""
    assert pipe.receive(502) == b"ab"


def test_what_is_delayed_takes_its_place_on_the_line_when_it_enters():
    pipe = SerialPipe(baud=10_000)  # a byte is 1 ms
    pipe.filters.append(Late())
    pipe.send(b"1" + bytes(9), 0)  # enters at 10 ms, complete at 20 ms
    pipe.send(bytes(4), 8)  # complete at 12 ms: the line is still free
    assert pipe.due_ms() == 12
    assert pipe.receive(12) == bytes(4)
    assert pipe.due_ms() == 22
    pipe.send(b"x", 13)
    assert pipe.receive(23) == b"1" + bytes(9) + b"x"
    pipe.send(b"9", 30)
    assert pipe.hang_up() == 1
    assert pipe.due_ms() is None
