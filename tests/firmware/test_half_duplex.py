# SPDX-License-Identifier: Apache-2.0
"""Two boards and one host on one pair of wires: nobody speaks out of turn."""

import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link import half_duplex as hd
from firmware_py.link import messages as m
from firmware_py.link.codec import Decoder, Frame
from firmware_py.link.commands import BoardInfo
from firmware_py.link.half_duplex import HalfDuplex
from tests.firmware.keyed import Board
from tests.firmware.rig import OWNER, bodies, frame, unpack

BAUD = 115_200
BYTE_US = 10_000_000 // BAUD
STEP_US = 200
CIRCLE = (1 << 30) - 1


class Wire:
    """The pair: every byte takes its time, everybody hears it, two at once are garbage."""

    def __init__(self):
        self.now_us = CIRCLE - 50_000  # the wrap of the clock is on the way
        self.talkers = []
        self.listeners = []
        self.collisions = 0
        self.log = []  # (name, byte)

    def pass_byte(self):
        sending = [t for t in self.talkers if t.fifo]
        for talker in self.talkers:
            talker.shifting = False
        if not sending:
            return
        byte = sending[0].fifo.pop(0)
        for other in sending[1:]:
            byte ^= other.fifo.pop(0) | 1
        self.collisions += len(sending) > 1
        for talker in sending:
            talker.shifting = True
            if hasattr(talker, "driving"):
                assert talker.driving, "a board sent without its driver on"
        self.log.append((sending[0].name, byte))
        for listener in self.listeners:
            listener.rx.append(byte)


class Uart:
    """A board's UART and transceiver: takes some bytes at a time, hears its own echo."""

    def __init__(self, wire, name, takes=16):
        self.name = name
        self.fifo = []
        self.rx = []
        self.takes = takes
        self.driving = False
        self.shifting = False
        self.dead = False
        wire.talkers.append(self)
        wire.listeners.append(self)

    def write(self, buf, n):
        taken = max(0, min(n, self.takes - len(self.fifo)))
        self.fifo += bytes(buf[:taken])
        return taken

    def idle(self):
        return not self.fifo and not self.shifting and not self.dead

    def drive(self, on):
        assert on != self.driving
        self.driving = on


class Station:
    """A board on the pair; each tick it queues telemetry, asked or not."""

    def __init__(self, wire, address, takes=16):
        self.board = Board(boot_id=0x5555_0000, key=None, address=address)
        self.uart = Uart(wire, f"board {address}", takes)
        self.driver = HalfDuplex(self.board.outbox, self.uart, BAUD)
        self.event = Frame(m.BOARD_EVENT, 12)
        self.ticks = 0
        self.deaf_until_us = None

    def tick(self):
        self.ticks += 1
        if self.board.endpoint.greeted:
            self.event.seal(m.EVENT, self.ticks & 0xFFFF, self.board.session)
            self.board.outbox.put(self.event.body)

    def step(self, now_us):
        data = bytes(self.uart.rx)
        self.uart.rx.clear()
        self.driver.heard(len(data))
        self.board.endpoint.receive(data, len(data), self.board.now_ms)
        self.driver.step(now_us)


class Host:
    """Asks one board at a time and notes what it hears."""

    name = "host"

    def __init__(self, wire):
        self.fifo = []
        self.rx = []
        self.shifting = False
        self.decoder = Decoder()
        self.seq = 0
        wire.talkers.append(self)
        wire.listeners.append(self)

    def heard(self):
        data = bytes(self.rx)
        self.rx.clear()
        return [b for b in bodies(data, self.decoder) if b[0] & (m.RESP | m.EVENT)]


class Bus:
    def __init__(self, addresses=(3, 9), takes=16):
        self.wire = Wire()
        self.stations = {a: Station(self.wire, a, takes) for a in addresses}
        self.host = Host(self.wire)
        self.sessions = dict.fromkeys(addresses, 0)
        self._sent_us = 0

    def run(self, us):
        for _ in range(us // STEP_US):
            for _ in range(STEP_US // BYTE_US):
                self.wire.pass_byte()
            self.wire.now_us = (self.wire.now_us + STEP_US) & CIRCLE
            for station in self.stations.values():
                station.step(self.wire.now_us)

    def ask(self, address, kind, payload=b"", wait_us=60_000):
        """One request; the frames that come back."""
        session = address if kind == m.HELLO else self.sessions[address]
        self.host.seq += 1
        self.host.fifo += frame(kind, self.host.seq, payload, session)
        self.run(wait_us)
        return self.host.heard()

    def hello(self, address):
        answer = self.ask(address, m.HELLO, struct.pack("<IIH", OWNER, 5, 240))
        self.sessions[address] = unpack(answer[-1])[1]["boot_id"] & 0xFFFF
        return answer


@pytest.fixture
def bus():
    bus = Bus()
    for address in bus.stations:
        bus.hello(address)
    return bus


def names(frames):
    return [unpack(body)[0] for body in frames]


def test_each_board_answers_for_its_own_address_only():
    bus = Bus()
    for address, station in bus.stations.items():
        (answer,) = bus.hello(address)
        assert unpack(answer)[1]["boot_id"] == station.board.state.info.boot_id
        assert bus.sessions[address] & 0xFF == address
    assert bus.wire.collisions == 0


def test_frames_wait_for_a_poll_and_the_answer_comes_last(bus):
    for _ in range(3):
        for station in bus.stations.values():
            station.tick()
        bus.run(20_000)
    assert bus.host.heard() == []  # nobody was asked
    frames = bus.ask(3, m.PING)
    assert names(frames) == ["BOARD_EVENT"] * 3 + ["ACK"]
    assert {body[4] for body in frames} == {3}
    assert names(bus.ask(9, m.PING)) == ["BOARD_EVENT"] * 3 + ["ACK"]
    assert bus.wire.collisions == 0


def test_nobody_answers_for_an_absent_board(bus):
    bus.sessions[77] = 77
    assert bus.ask(77, m.PING) == []
    assert bus.ask(77, m.HELLO, struct.pack("<IIH", OWNER, 5, 240)) == []


def test_own_echo_and_other_boards_are_neither_executed_nor_counted(bus):
    for _ in range(5):
        bus.ask(3, m.PING)
        bus.ask(9, m.PING)
    for station in bus.stations.values():
        assert station.board.endpoint.rx_errors() == 0


def test_driver_is_on_only_while_its_board_sends(bus):
    assert not any(s.uart.driving for s in bus.stations.values())
    bus.host.fifo += frame(m.PING, 500, bytes(40), bus.sessions[3])
    seen = set()
    for _ in range(150):
        bus.run(STEP_US)
        seen.add((bus.stations[3].uart.driving, bus.stations[9].uart.driving))
    assert seen == {(False, False), (True, False)}


def test_answer_waits_until_the_host_has_let_go(bus):
    bus.host.fifo += frame(m.PING, 500, b"", bus.sessions[3])
    while bus.host.fifo:
        bus.run(STEP_US)
    waited_us = 0
    while not bus.stations[3].uart.driving:
        bus.run(STEP_US)
        waited_us += STEP_US
    assert 400 <= waited_us <= 1000


def test_late_board_gives_up_its_turn_when_another_is_asked(bus):
    late = bus.stations[3]
    bus.host.fifo += frame(m.PING, 500, b"", bus.sessions[3])
    while late.driver.state != hd.WAIT:
        bus.run(STEP_US)
    late.driver._due_us = (bus.wire.now_us + 50_000) & CIRCLE  # as if a collection took that long
    assert names(bus.ask(9, m.PING)) == ["ACK"]
    assert late.driver.yielded == 1
    assert bus.wire.collisions == 0
    bus.host.seq = 499
    assert set(names(bus.ask(3, m.PING))) == {"ACK"}  # the retry has the kept answer


def test_frames_queued_during_a_turn_wait_for_the_next(bus):
    bus.host.fifo += frame(m.PING, 500, bytes(50), bus.sessions[3])
    station = bus.stations[3]
    while station.driver.state != hd.SEND:
        bus.run(STEP_US)
    station.tick()
    bus.run(50_000)
    assert names(bus.host.heard()) == ["ACK"]
    assert names(bus.ask(3, m.PING)) == ["BOARD_EVENT", "ACK"]


def test_a_uart_that_takes_nothing_does_not_hold_the_pair(bus):
    station = bus.stations[3]
    station.uart.takes = 0
    bus.ask(3, m.PING, wait_us=100_000)
    assert not station.uart.driving
    assert station.driver.stuck == 1
    assert names(bus.ask(9, m.PING)) == ["ACK"]
    station.uart.takes = 16
    assert names(bus.ask(3, m.PING))[-1] == "ACK"


def test_a_transmitter_that_never_falls_idle_is_cut_off(bus):
    station = bus.stations[3]
    station.uart.dead = True
    bus.ask(3, m.PING, wait_us=100_000)
    assert not station.uart.driving
    assert station.driver.stuck == 1


def test_session_differs_after_each_boot_of_a_board_on_a_bus():
    sessions = {Board(boot_id=7, key=None, address=3).session}
    for count in range(1, 256):
        sessions.add(BoardInfo("x", 7, count, address=3).boot_id & 0xFFFF)
    assert len(sessions) == 255
    assert {s & 0xFF for s in sessions} == {3}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([1, 7, 16, 300]))
def test_noise_costs_frames_but_never_the_bus(seed, takes):
    rng = Random(seed)
    bus = Bus(takes=takes)
    for address in bus.stations:
        bus.hello(address)
    for _ in range(6):
        for station in bus.stations.values():
            station.tick()
        if rng.random() < 0.6:
            bus.host.fifo += rng.randbytes(rng.randrange(1, 40))
            bus.run(rng.randrange(1000, 8000))
        bus.ask(rng.choice((3, 9)), rng.choice((m.PING, m.TIME)), bytes(8))
    bus.host.fifo += b"\0"
    bus.run(20_000)
    bus.host.heard()
    for address in bus.stations:
        assert names(bus.ask(address, m.PING))[-1] == "ACK"
        assert not bus.stations[address].uart.driving
