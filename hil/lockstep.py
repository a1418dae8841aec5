# SPDX-License-Identifier: Apache-2.0
"""rackedge in virtual time: plant, firmware, serial line and host daemon in one clock.

Nothing here looks at a real clock. Time jumps from one event to the next: a plant step, a
wake-up of the board, the last bit of a frame, a deadline of the daemon. While one of them
computes, time stands still, also while a cap travels over a real HTTP connection. So the same
seed gives the same record, bit for bit.
"""

from contextlib import ExitStack
from pathlib import Path

from edge.actuate import make_actuators
from edge.config import load_config
from edge.control import Daemon
from edge.executor import InlineExecutor
from hil.drivers.vm import RX_BYTES
from hil.frontends.redfish import RedfishServer, rack_service
from hil.observe import RunObserver
from hil.pipe import PipeTransport, SerialPipe, VirtualClock
from hil.plant import io
from hil.plant.rack import Rack
from hil.policies import TICK_MS, Board, PolicyRun
from hil.rackfile import rack_toml
from hil.result import LinkCounters


class LockstepRun(PolicyRun):
    """The plant under the real daemon and the real firmware, in lockstep."""

    name = "rackedge"

    def __init__(
        self, rack: Rack, board: Board, directory: Path, seed: int, control: str = ""
    ) -> None:
        """`control`: lines of rack.toml's [control] section."""
        super().__init__(rack)
        self._board = board
        self._clock = VirtualClock()
        self._up, self._down = SerialPipe(), SerialPipe()
        self._next_plant_ms = TICK_MS
        with ExitStack() as stack:
            stack.callback(board.close)
            service = rack_service(rack, patch_reply=200)
            server = stack.enter_context(RedfishServer(service))
            config_path = directory / "rack.toml"
            text = rack_toml(rack.spec, "virtual", server.url, control)
            config_path.write_text(text, encoding="utf-8")
            config = load_config(config_path)
            names = tuple(load.name for load in config.loads)
            feeds = tuple(feed.name for feed in config.feeds)
            self._daemon = Daemon(
                config,
                clock=self._clock,
                open_transport=lambda: PipeTransport(self._clock, self._up, self._down),
                executor=InlineExecutor(make_actuators(config)),
                observer=RunObserver(self.record, names, feeds),
                seed=seed,
            )
            self._daemon.start()
            stack.callback(self._daemon.close)
            self._stack = stack.pop_all()

    @property
    def caps_written(self) -> int:
        """Caps that the front-end acknowledged."""
        return self._daemon.stats.caps_written

    def link_counters(self) -> LinkCounters:
        """The serial line as the daemon saw it."""
        link = self._daemon.stats.link
        return LinkCounters(link.frames, link.crc_errors, link.gaps, link.retries)

    def step_to(self, now_ms: int) -> None:
        """Process every event up to and including `now_ms`, then record a row."""
        while (due_ms := self._next_event_ms()) <= now_ms:
            self._clock.advance_to(due_ms)
            if due_ms >= self._next_plant_ms:
                self._next_plant_ms += TICK_MS
                self.plant_step()
            if due_ms >= self._board.until_ms or _due(self._down, due_ms):
                self._run_board(due_ms)
            if due_ms >= self._daemon.next_wakeup_ms() or _due(self._up, due_ms):
                self._daemon.step()
        self._clock.advance_to(now_ms)
        self.observe(now_ms)

    def _next_event_ms(self) -> int:
        times = [self._next_plant_ms, self._board.until_ms, self._daemon.next_wakeup_ms()]
        times += [due for due in (self._up.due_ms(), self._down.due_ms()) if due is not None]
        return max(min(times), self._clock.now_ms())

    def _run_board(self, now_ms: int) -> None:
        rx = self._down.receive(now_ms, RX_BYTES)
        tx = self._board.exchange(now_ms, self.inputs, rx)
        io.apply_outputs(self.rack, self._board.outputs)
        if tx:
            self._up.send(tx, now_ms)

    def close(self) -> None:
        """Stop the daemon, the front-end and the board."""
        self._stack.close()


def _due(pipe: SerialPipe, now_ms: int) -> bool:
    due_ms = pipe.due_ms()
    return due_ms is not None and due_ms <= now_ms
