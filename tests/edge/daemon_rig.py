# SPDX-License-Identifier: Apache-2.0
"""A whole daemon in virtual time: real session, real firmware endpoint, fake rack and BMCs."""

from collections.abc import Callable

from edge.actuate.base import Applied, Reading
from edge.config import Config
from edge.control import Daemon
from edge.errors import ActuatorError, PortError
from edge.executor import CapResult, InlineExecutor
from edge.link.messages import OWN
from edge.observer import DaemonObserver
from edge.reason import Decision
from edge.shelf import Shelf
from tests.edge.fake_rack import FakeRack
from tests.edge.link.fake_board import TICK_MS, FakeBoard


class RackBoard(FakeBoard):
    """Measures a FakeRack; `edit` may damage the values of a tick."""

    def __init__(self, rack: FakeRack, boot_id: int = 0x1234_5678) -> None:
        self.rack = rack
        self.edit: Callable[[dict[str, int], list[int]], None] = lambda _values, _loads: None
        super().__init__(boot_id)

    def _tick(self, t_ms: int) -> bytes:
        self.rack.off = self.lease.shed_off
        self.rack.step()
        if not self.endpoint.greeted:
            return b""
        snapshot = self.rack.snapshot(0)
        feeds, loads = snapshot.feed_mw, list(snapshot.load_mw)
        values = {field.name: 0 for field in OWN.layout("TELEMETRY").fields}
        values |= {"t_ms": t_ms, "feed_a_mw": feeds[0], "feed_b_mw": feeds[1]}
        values["shed"] = self.rack.off
        self.edit(values, loads)
        frames = [OWN.pack("TELEMETRY", **values), OWN.pack("LOADS", tail=loads)]
        return b"".join(self.event(type_, payload) for type_, payload in frames)


class RackActuator:
    """One load's BMC; `broken` makes it fail."""

    def __init__(self, rack: FakeRack, load: int) -> None:
        self.rack = rack
        self.load = load
        self.broken = False
        self.closed = False

    def apply(self, watts: float) -> Applied:
        if self.broken:
            raise ActuatorError(f"n{self.load}: no answer; check the BMC")
        self.rack.set_cap(self.load, watts)
        return Applied(watts, None)

    def read(self) -> Reading:
        return Reading(self.rack.draw_w[self.load], self.rack.requested_w[self.load], None)

    def verify(self, watts: float) -> Applied:
        return Applied(watts, None)

    def close(self) -> None:
        self.closed = True


class Log(DaemonObserver):
    """Keeps everything the daemon tells."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.results: list[CapResult] = []
        self.events: list[object] = []

    def on_decision(self, decision: Decision) -> None:
        self.decisions.append(decision)

    def on_cap_result(self, result: CapResult) -> None:
        self.results.append(result)

    def on_link_event(self, event: object, now_ms: int) -> None:
        self.events.append(event)


class DaemonRig:
    """Clock, wire, board and daemon; `plugged` is the cable."""

    def __init__(self, config: Config, rack: FakeRack, shelf: Shelf | None = None) -> None:
        self.rack = rack
        self.board = RackBoard(rack)
        self.time_ms = 0
        self.plugged = True
        self.mute = False
        self.opened = 0
        self.closed = 0
        self._to_board = b""
        self._to_host = b""
        self.log = Log()
        self.actuators = [RackActuator(rack, load) for load in range(len(config.loads))]
        self.daemon = Daemon(
            config,
            clock=self,
            open_transport=self.open,
            executor=InlineExecutor(self.actuators),
            observer=self.log,
            shelf=shelf,
            seed=7,
        )

    def now_ms(self) -> int:
        return self.time_ms

    def open(self) -> "DaemonRig":
        if not self.plugged:
            raise PortError("/dev/ttyACM0: no such port; plug the board in")
        self.opened += 1
        return self

    def read(self, timeout_s: float) -> bytes:
        if not self.plugged:
            raise PortError("/dev/ttyACM0: hung up; plug the board in")
        data, self._to_host = self._to_host, b""
        return b"" if self.mute else data

    def write(self, data: bytes) -> None:
        if not self.plugged:
            raise PortError("/dev/ttyACM0: hung up; plug the board in")
        self._to_board += data

    def close(self) -> None:
        self.closed += 1

    def tick(self, step_ms: int = TICK_MS // 5) -> None:
        """Let `step_ms` pass on the board and on the wire."""
        self.time_ms += step_ms
        data, self._to_board = self._to_board, b""
        self._to_host += self.board.exchange(data, self.time_ms)
        if not self.plugged:
            self._to_host = b""

    def run_rack(self, seconds: float) -> None:
        """Let the rack go on without a daemon."""
        for _ in range(round(seconds * 10)):
            self.rack.step()

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.tick()
            self.daemon.step()
