# SPDX-License-Identifier: Apache-2.0
"""Two real sessions and two real boards on one RS-485 pair that has collisions."""

import pytest

from edge.link import Session, State
from edge.link import events as ev
from edge.link.bus import LINE_MS, Bus
from firmware_py.link import messages as m
from tests.firmware.test_half_duplex import Bus as Pair


class Bench:
    """Sessions on a Bus, boards on a Wire; 1 ms a step."""

    def __init__(self, addresses=(3, 9), present=(3, 9)):
        self.pair = Pair(present)
        sessions = [Session(owner=7, nonce=a * 100, address=a) for a in addresses]
        self.sessions = {session.address: session for session in sessions}
        self.bus = Bus(sessions)
        self.now_ms = 0
        self.events = {address: [] for address in addresses}
        self.bus.start(0)

    def run(self, ms):
        for _ in range(ms):
            self.pair.run(1000)
            data = bytes(self.pair.host.rx)
            self.pair.host.rx.clear()
            self.now_ms += 1
            for session, events in self.bus.exchange(data, self.now_ms):
                self.events[session.address] += events
            self.pair.host.fifo += self.bus.data_to_send()
            for station in self.pair.stations.values():
                station.board.now_ms = 1000 + self.now_ms
                if self.now_ms % 100 == 0:
                    station.board.lease.expire(station.board.now_ms)
                    station.tick()

    def heard(self, address, kind):
        return [event for event in self.events[address] if isinstance(event, kind)]


def test_every_session_connects_holds_its_lease_and_hears_its_board():
    bench = Bench()
    bench.run(3000)
    for address, session in bench.sessions.items():
        assert session.state is State.READY
        assert session.lease.held
        assert not bench.heard(address, ev.LeaseLost)
        board_id = bench.pair.stations[address].board.state.info.boot_id
        assert session.board.boot_id == board_id
        assert len(bench.heard(address, ev.BoardEvent)) >= 20
        assert session.stats.gaps == session.stats.retries == 0
    assert bench.pair.wire.collisions == 0


def test_an_absent_board_costs_the_others_little():
    bench = Bench(addresses=(3, 77, 9), present=(3, 9))
    bench.run(3000)
    for address in (3, 9):
        assert bench.sessions[address].lease.held
        assert not bench.heard(address, ev.LeaseLost)
        assert len(bench.heard(address, ev.BoardEvent)) >= 15
    assert bench.sessions[77].state is State.HELLO
    assert bench.heard(77, ev.Problem)
    assert bench.pair.wire.collisions == 0


def test_a_board_that_dies_is_lost_and_found_and_the_other_goes_on():
    bench = Bench()
    bench.run(1000)
    station = bench.pair.stations.pop(3)
    bench.run(2500)
    assert bench.heard(3, ev.Lost)
    assert not bench.heard(9, ev.Lost)
    bench.pair.stations[3] = station
    station.uart.rx.clear()
    bench.run(2500)
    assert bench.sessions[3].state is State.READY
    assert bench.pair.wire.collisions == 0


def test_commands_go_to_the_board_they_are_for():
    bench = Bench()
    bench.run(1000)
    bench.sessions[9].command("SHED", bench.now_ms, off=2)
    bench.run(300)
    boards = {a: s.board for a, s in bench.pair.stations.items()}
    assert (boards[3].lease.shed_off, boards[9].lease.shed_off) == (0, 2)
    (reply,) = bench.heard(9, ev.Reply)
    assert reply.values.request == m.SHED


def test_the_pair_is_given_on_when_no_answer_comes():
    bench = Bench(addresses=(77, 9), present=(9,))
    asked_at = None
    for _ in range(2 * LINE_MS):
        bench.run(1)
        if bench.sessions[9].waits_for_answer:
            asked_at = bench.now_ms
            break
    assert asked_at is not None
    assert LINE_MS <= asked_at <= LINE_MS + 5


@pytest.mark.parametrize("addresses", [(0,), (3, 3), (3, 0)])
def test_addresses_must_differ(addresses):
    sessions = [Session(owner=7, nonce=1, address=a) for a in addresses]
    with pytest.raises(ValueError, match="differ"):
        Bus(sessions)
