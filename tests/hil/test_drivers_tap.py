# SPDX-License-Identifier: Apache-2.0
"""Between board and host: lanes with filters, ports that come back, records that align."""

import os
import select
import time
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.link import serial
from edge.link.serial import open_transport
from firmware_py.channels import N_IN, N_OUT
from hil.drivers.bus import Bus
from hil.drivers.lane import Lane
from hil.drivers.pty import HostEnd, open_raw
from hil.drivers.records import (
    IN_RECORD_BYTES,
    OUT_RECORD_BYTES,
    REAL_TIME,
    RX_BYTES,
    TX_BYTES,
    RecordStream,
    pack_inputs,
    stamped,
)
from hil.drivers.tap import Tap
from tests.hil.pty_rig import wait_for


class Late:
    """Everything `ms` later."""

    def __init__(self, ms):
        self.ms = ms

    def send(self, data, _now_ms):
        return [(self.ms, data)]

    def idle(self, _now_ms):
        return []


class Twice(Late):
    def send(self, data, _now_ms):
        return [(0, data), (self.ms, data)]


class Noise(Late):
    """Speaks for itself, once a tick."""

    def idle(self, _now_ms):
        return [(0, b"!")]


class Upper(Late):
    def send(self, data, _now_ms):
        return [(0, data.upper())]


# Lanes, in a time of their own


def test_a_lane_without_filters_is_a_wire():
    lane = Lane(115200)
    lane.put(b"abc", 10)
    assert lane.due_ms(10) == 10
    assert lane.take(10) == b"abc"
    assert lane.due_ms(10) is None


def test_filters_are_applied_in_order_and_their_delays_add_up():
    lane = Lane(115200)
    lane.filters += [Twice(50), Late(20), Upper(0)]
    lane.put(b"a", 1000)
    assert lane.take(1019) == b""
    assert lane.take(1020) == b"A"
    assert lane.take(1069) == b""
    assert lane.take(1070) == b"A"


def test_what_overtakes_comes_first():
    lane = Lane(115200)
    lane.filters.append(Late(100))
    lane.put(b"slow", 1000)
    lane.filters.clear()
    lane.put(b"fast", 1010)
    assert lane.take(1010) == b"fast"
    assert lane.take(1100) == b"slow"


def test_a_filter_may_speak_once_a_tick_and_those_behind_it_hear_that():
    lane = Lane(115200)
    lane.filters += [Noise(0), Twice(5)]
    said = b"".join(lane.take(now_ms) for now_ms in range(1000, 2000, 10))
    assert said == b"!!" * 10


def test_pacing_is_that_of_a_uart():
    lane = Lane(9600, paced=True)
    lane.put(bytes(48), 1000)
    lane.put(bytes(48), 1000)
    assert len(lane.take(1025)) == 24  # 9600 baud: 0.96 bytes a ms
    assert len(lane.take(1099)) == 71
    assert len(lane.take(1100)) == 1
    lane.put(b"x", 2000)
    assert lane.take(2001) == b""
    assert lane.take(2002) == b"x"


def test_a_line_with_wires_is_paced_only_once_its_baud_is_changed():
    lane = Lane(115200)
    lane.put(bytes(200), 0)
    assert len(lane.take(0)) == 200
    lane.baud = 1200
    lane.put(bytes(200), 0)
    assert len(lane.take(100)) == 12
    lane.drop()
    assert lane.take(10_000) == b""


@given(
    st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=20)), max_size=20),
    st.integers(300, 1_000_000),
)
def test_a_paced_lane_loses_and_reorders_nothing(blocks, baud):
    lane, now_ms, sent, got = Lane(baud, paced=True), 0, b"", b""
    for pause_ms, data in blocks:
        now_ms += pause_ms
        lane.put(data, now_ms)
        sent += data
        got += lane.take(now_ms)
        assert sent.startswith(got)
    assert got + lane.take(now_ms + 60_000) == sent


# Records on a stream


def record_in(seed):
    return pack_inputs(REAL_TIME, array("i", [(seed * 7919 + i * 31) % 5 for i in range(N_IN)]))


def record_out(seed):
    words = [seed * 100, 0, *((seed + i) % 3 for i in range(N_OUT))]
    return stamped(array("i", words).tobytes() + bytes(TX_BYTES))


CASES = {
    "in": (record_in, IN_RECORD_BYTES, RX_BYTES),
    "out": (record_out, OUT_RECORD_BYTES, TX_BYTES),
}


@pytest.mark.parametrize("case", CASES)
@given(st.data())
def test_a_torn_stream_of_records_loses_no_whole_record(case, data):
    make, size, tail = CASES[case]
    records = [make(seed) for seed in range(1, 7)]
    lost = data.draw(st.integers(0, size - 1))
    stream = b"".join(records)[lost:]
    pieces = data.draw(st.lists(st.integers(1, 3000), min_size=10, max_size=10))
    reader, found = RecordStream(size, tail), []
    for piece in [*pieces, len(stream)]:
        found += reader.feed(stream[:piece])
        stream = stream[piece:]
    assert found == records[1 if lost else 0 :]


@given(st.binary(max_size=4000))
def test_noise_gives_no_record_that_has_link_bytes(noise):
    for block in RecordStream(IN_RECORD_BYTES, RX_BYTES).feed(noise):
        assert block.endswith(bytes(RX_BYTES))


# A tap between two ptys


class Far:
    """The board's end: a pty that can go away and come back, as one path."""

    def __init__(self, path):
        self.end = HostEnd(path)
        self.end.plug()

    def write(self, data):
        os.write(self.end.fd, data)

    def read(self):
        try:
            return os.read(self.end.fd, 4096)
        except BlockingIOError:
            return b""


@pytest.fixture
def far(tmp_path):
    far = Far(tmp_path / "far")
    yield far
    far.end.unplug()


@pytest.fixture
def tap(far):
    def opened():
        return open_transport(str(far.end.path))

    made = Tap(opened(), opened, 115200)
    yield made
    made.close()


def host_of(tap):
    return open_transport(tap.port)


def test_bytes_pass_both_ways_and_are_noted_as_the_host_saw_them(far, tap):
    host = host_of(tap)
    far.write(b"up\0\x11\x03")
    assert host.read(5) == b"up\0\x11\x03"
    host.write(b"down\r\n")
    assert wait_for(far.read) == b"down\r\n"
    assert [frame[1:] for frame in tap.frames()] == [(True, b"up\0\x11\x03"), (False, b"down\r\n")]
    assert tap.frames() == []
    host.close()


def test_filters_work_in_one_direction_and_in_real_time(far, tap):
    host = host_of(tap)
    tap.up.filters.append(Upper(0))
    tap.down.filters.append(Late(150))
    far.write(b"up")
    assert host.read(5) == b"UP"
    start_s = time.monotonic()
    host.write(b"down")
    assert wait_for(far.read) == b"down"
    assert 0.14 < time.monotonic() - start_s < 5
    host.close()


def test_a_paced_tap_is_as_slow_as_its_baud_rate(far):
    def opened():
        return open_transport(str(far.end.path))

    tap = Tap(opened(), opened, 9600, paced=True)
    host, start_s, got = host_of(tap), time.monotonic(), b""
    far.write(bytes(288))
    while len(got) < 288:
        got += host.read(1.0)
        spent_s = time.monotonic() - start_s + 0.001  # the tap counts whole milliseconds
        assert len(got) <= spent_s * 960
    assert spent_s >= 0.3
    host.close()
    tap.close()


def test_a_filter_that_fails_is_told_and_does_not_hide(far, tap):
    class Broken(Late):
        def send(self, _data, _now_ms):
            raise ZeroDivisionError

    tap.up.filters.append(Broken(0))
    far.write(b"x")

    def failed():
        try:
            tap.frames()
        except ZeroDivisionError:
            return True
        return False

    wait_for(failed)


def test_the_cable_is_pulled_and_plugged_in_again_as_a_new_device(far, tap):
    host = host_of(tap)
    first = Path(tap.port).resolve()
    tap.unplug()
    assert not Path(tap.port).exists()
    far.write(b"into the air")
    time.sleep(0.1)
    tap.plug()
    other = host_of(tap)
    far.write(b"fresh")
    assert other.read(5) == b"fresh"
    assert first != Path(tap.port).resolve() or not host.read(0)
    host.close()
    other.close()


def test_a_board_that_vanishes_takes_the_hosts_port_along_and_brings_it_back(far, tap):
    far.end.unplug()
    wait_for(lambda: not Path(tap.port).exists())
    assert tap.gone_s > 0
    far.end.plug()
    wait_for(lambda: Path(tap.port).exists())
    assert tap.gone_s == 0
    host = host_of(tap)
    far.write(b"again")
    assert host.read(5) == b"again"
    host.close()


def test_a_pulled_cable_stays_pulled_when_the_board_comes_back(far, tap):
    tap.unplug()
    far.end.unplug()
    wait_for(lambda: tap.gone_s > 0)
    far.end.plug()
    wait_for(lambda: tap.gone_s == 0)
    assert not Path(tap.port).exists()
    tap.plug()
    assert Path(tap.port).exists()


# A bus whose board takes nothing


def test_a_board_that_takes_nothing_does_not_stop_its_bench(monkeypatch):
    monkeypatch.setattr(serial, "WRITE_TIMEOUT_S", 60.0)
    master, slave = open_raw()
    path = os.ttyname(slave)
    bus = Bus(open_transport(path), lambda: open_transport(path))
    readings = array("i", bytes(4 * N_IN))
    wait_for(lambda: not bus.push(readings))  # the pty is full
    start_s = time.monotonic()
    assert not bus.pull()
    assert not bus.push(readings)
    assert time.monotonic() - start_s < 30.0  # a write that waits takes 60 s

    def taken():
        if select.select([master], [], [], 0.1)[0]:  # full, and yet nothing may have come over
            os.read(master, 4096)
        return bus.push(readings)

    wait_for(taken)
    bus.close()
    os.close(master)
    os.close(slave)
