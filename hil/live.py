# SPDX-License-Identifier: Apache-2.0
"""rackedge in real time: the VM behind a pty, the daemon in a thread with pyserial and httpx.

The plant is stepped by the caller's pace. Caps come from the front-end's thread through a queue,
readings go to it through a list that is replaced whole; the daemon's thread only appends events to
the record, which is read after `finish`.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from edge.actuate import make_actuators
from edge.config import load_config
from edge.control import Daemon
from edge.executor import ThreadedExecutor
from edge.link.serial import open_transport
from hil.drivers.inprocess import CpythonLive
from hil.drivers.pty import PtyCable
from hil.drivers.vm import LiveVm
from hil.engine.real_run import RealClock
from hil.frontends.redfish import RedfishServer, RedfishService, chassis_of
from hil.observe import RunObserver
from hil.plant import io
from hil.plant.rack import Rack
from hil.policies import PolicyRun
from hil.rackfile import rack_toml
from hil.result import LinkCounters

STOP_S = 5.0
"""Longest wait for the daemon's thread at the end."""


class LiveRack(PolicyRun):
    """A plant with the firmware behind a serial port and a Redfish front-end, for any daemon."""

    name = "rackedge"

    def __init__(
        self, rack: Rack, board_config: Path, runtime: str, directory: Path, control: str = ""
    ) -> None:
        """`control`: lines of rack.toml's [control] section."""
        super().__init__(rack)
        self._control = control
        self._state_file = directory.absolute() / "rack.state"
        self._caps: queue.SimpleQueue[tuple[int, float | None]] = queue.SimpleQueue()
        self._published_w = list(rack.load_w)
        with ExitStack() as stack:
            service = RedfishService(
                chassis_of(rack.spec),
                read=lambda load: self._published_w[load],
                on_cap=lambda load, watts: self._caps.put((load, watts)),
                patch_reply=200,
            )
            self.redfish = stack.enter_context(RedfishServer(service))
            self.cable = PtyCable(directory / "board")
            stack.callback(self.cable.close)
            live = LiveVm if runtime == "micropython" else CpythonLive
            self._make_board: Callable[[int], LiveVm | CpythonLive] = lambda boot: live(
                board_config, self.cable.board_path, boot_id=1000 + boot, boot_count=boot
            )
            self.boots = 1
            self.board = self._start_board()
            self._stack = stack.pop_all()

    def step_to(self, now_ms: int) -> None:
        """One tick of physics under the newest caps and outputs, then the meters."""
        while not self._caps.empty():
            self.rack.set_cap(*self._caps.get_nowait())
        if self.board.pull():
            io.apply_outputs(self.rack, self.board.outputs)
        self.plant_step()
        self._published_w = list(self.rack.load_w)
        self.board.push(self.inputs)
        self.observe(now_ms)

    def reboot_board(self) -> None:
        """Cut the board's power and give it back: a new boot id, relays as they were."""
        self.board.kill()
        self.boots += 1
        self.board = self._start_board()

    def _start_board(self) -> LiveVm | CpythonLive:
        board = self._make_board(self.boots)
        # Readings wait for its first tick: without any it would find every sensor lost, also
        # those for leaks, and switch all loads off.
        board.push(self.inputs)
        return board

    def toml(self) -> str:
        """A rack.toml that fits this rack."""
        port = str(self.cable.host_path)
        return rack_toml(
            self.rack.spec, port, self.redfish.url, self._control, str(self._state_file)
        )

    def close(self) -> None:
        """Stop the board, the cable and the front-end."""
        self.board.close()
        self._stack.close()


class LiveRun(LiveRack):
    """The live rack together with the daemon, in a thread of its own."""

    def __init__(
        self,
        rack: Rack,
        board_config: Path,
        runtime: str,
        directory: Path,
        seed: int,
        control: str = "",
    ) -> None:
        super().__init__(rack, board_config, runtime, directory, control)
        try:
            self._start_daemon(directory, seed)
        except BaseException:
            super().close()
            raise

    def _start_daemon(self, directory: Path, seed: int) -> None:
        path = directory / "rack.toml"
        path.write_text(self.toml(), encoding="utf-8")
        config = load_config(path)
        names = tuple(load.name for load in config.loads)
        feeds = tuple(feed.name for feed in config.feeds)
        self._daemon = Daemon(
            config,
            clock=RealClock(),
            open_transport=lambda: open_transport(config.board.port, config.board.baud),
            executor=ThreadedExecutor(make_actuators(config)),
            observer=RunObserver(self.record, names, feeds),
            seed=seed,
        )
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run_daemon, name="daemon", daemon=True)
        self._thread.start()

    def _run_daemon(self) -> None:
        try:
            self._daemon.start()
            try:
                self._daemon.run(self._stop)
            finally:
                self._daemon.close()
        except BaseException as error:
            self._failure = error

    def step_to(self, now_ms: int) -> None:
        """One tick; raises what stopped the daemon, if anything did."""
        if self._failure is not None:
            raise self._failure
        super().step_to(now_ms)

    @property
    def caps_written(self) -> int:
        """Caps that the front-end acknowledged."""
        return self._daemon.stats.caps_written

    def link_counters(self) -> LinkCounters:
        """The serial line as the daemon saw it."""
        link = self._daemon.stats.link
        return LinkCounters(link.frames, link.crc_errors, link.gaps, link.retries)

    def finish(self) -> None:
        """Stop the daemon cleanly."""
        self._stop.set()
        self._thread.join(STOP_S)

    def close(self) -> None:
        """Stop the daemon, then the rack."""
        self.finish()
        super().close()
