# SPDX-License-Identifier: Apache-2.0
"""A case in real time: a board on a port, a host as a process of its own, the plant at wall pace.

A tick that begins late is counted; too many, and the run is INCONCLUSIVE whatever was found.
"""

import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from edge.link.serial import open_transport
from firmware_py.channels import N_IN, N_OUT
from firmware_py.link import messages as m
from hil.drivers.device import RealDevice
from hil.engine.hosts import Listener
from hil.engine.probe import Channels, Probe
from hil.engine.run import Run
from hil.engine.virtual import TICK_MS
from hil.engine.virtual_run import KEY
from hil.frontends.base import Answer, LowestCap
from hil.frontends.rack_frontends import start_frontends
from hil.frontends.redfish_bmcs import RedfishBmcs
from hil.frontends.shelf import shelf_of
from hil.plant import io
from hil.plant.rack import Sampler
from hil.ports import STIMULUS, Ports, Transform, Unsupported
from hil.rackfile import rack_toml
from hil.scenario.model import Case

LATE_MS = 50
"""A tick that begins so much later than planned counts as late."""
LATE_SHARE = 0.01
"""Share of late ticks above which a run says nothing."""
READ_S = 0.02
STOP_S = 8.0
"""Longest wait for a host that was told to end: it lowers caps and gives the lease back."""

OpenReal = Callable[[Path, Case, Path], RealDevice]
"""`open(board.json, case, directory)`. Raises PortError, LinkError, ConfigError."""


class RealClock:
    """Real milliseconds since this clock was made."""

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since the start of the run."""
        return (time.monotonic_ns() - self._start_ns) // 1_000_000


class RealRun(Run):
    """Paced; every tick at its time or counted as late."""

    clock = "real"

    def __init__(
        self,
        case: Case,
        directory: Path,
        open_device: OpenReal,
        channels: Channels | None = None,
        serve: Iterable[str] = (),
        demand: Sampler | None = None,
    ) -> None:
        """`channels`: logical signals that this board offers by its telemetry. `serve`: names of
        front-ends that stand open to tools of others; `demand`: in place of idle loads."""
        self._channels = channels or {}
        self._serve = tuple(serve)
        super().__init__(case, directory, demand)
        try:
            self._build(open_device)
        except BaseException:
            self.stack.close()
            raise

    def _build(self, open_device: OpenReal) -> None:
        self.device = device = open_device(self.config, self.case, self.directory / "flash")
        self.stack.callback(device.close)
        self.device_name, self.identity = device.name, device.identity
        self._stimulated = STIMULUS in device.capabilities
        self.inputs = array("i", bytes(4 * N_IN))
        self.outputs = array("i", bytes(4 * N_OUT))
        """int32[N_OUT] as the board has written them."""
        self.commands = array("i", bytes(4 * N_OUT))
        """int32[N_OUT] as the plant is given them."""
        self._sensors: list[Transform] = []
        self._actuators: list[Transform] = []
        self._late_ms: list[float] = []
        probe = Probe(
            self.rack,
            self.inputs,
            self.outputs,
            self.groups,
            self.telemetry,
            stimulated=self._stimulated,
            channels=self._channels,
        )
        self._clock = RealClock()
        daemon = ("redfish",) if self.case.host.kind == "daemon" else ()
        self.frontends = start_frontends(
            self.rack.spec, self.directory, {*self._serve, *daemon}, shelf_of(self.rack)
        )
        for frontend in self.frontends:
            self.stack.callback(frontend.close)
        self._caps = LowestCap(self.frontends)
        self._host = self._make_host()
        ports = Ports(
            self.rack,
            RealBoard(device),
            self._host,
            device.up,
            device.down,
            device.cable,
            self._sensors,
            self._actuators,
        )
        self.prepare(probe, ports)
        self._push()
        self.stack.callback(self._host.close)
        self._host.start()
        self._started_ms = self._clock.now_ms()

    def _make_host(self) -> "HostProcess | ListenerThread | NoHost":
        kind = self.case.host.kind
        if kind == "none":
            return NoHost()
        port = self.device.port
        if kind == "daemon":
            return HostProcess(self.write_toml(port), self.directory, self._bmcs().answers)
        return ListenerThread(self.case, port, self._clock, self._told)

    def _told(self, event: object, now_ms: int) -> None:
        """What a listener's session says; the frames tell the same, decoded by the bench."""

    def _bmcs(self) -> RedfishBmcs:
        return next(each for each in self.frontends if isinstance(each, RedfishBmcs))

    def write_toml(self, port: str) -> Path:
        """A rack.toml for `rackedge run`, with the rack's Redfish front-end in it."""
        path = self.directory / "rack.toml"
        text = rack_toml(
            self.rack.spec,
            port,
            self._bmcs().url,
            control=self.case.host.control,
            limits=self.case.host.limits,
            priority=self.case.host.priority,
            state_file=str(self.directory.absolute() / "rack.state"),
        )
        path.write_text(text, encoding="utf-8")
        return path

    def advance(self, now_ms: int) -> None:
        """See Run: wait for the tick's time, then one tick of physics."""
        due_ms = self._started_ms + now_ms
        while (left_ms := due_ms - self._clock.now_ms()) > 0:
            time.sleep(left_ms / 1000)
        self._late_ms.append(float(-left_ms))
        for cap in self._caps.take():
            self.rack.set_cap(cap.load, cap.watts)
        if self._stimulated:
            if self.device.pull():
                self.outputs[:] = self.device.outputs
                self.commands[:] = self.outputs
                for transform in self._actuators:
                    transform(now_ms, self.commands)
                io.apply_outputs(self.rack, self.commands)
            self.rack.step(TICK_MS)
            for frontend in self.frontends:
                frontend.refresh(now_ms, self.rack.load_w, self.rack.inlet_c)
            self._push()
        for t_ms, up, data in self.device.frames():
            self.heard(up, data, max(0, t_ms))

    def _push(self) -> None:
        if self._stimulated:
            io.fill_inputs(self.rack, self.inputs, self._sensors)
            self.device.push(self.inputs)

    def note_facts(self) -> None:
        """See Run."""
        facts, board = self.probe.host, self.probe.board
        facts.up = self._host.up
        told = self.sniffer.telemetry
        facts.lease = told is not None and bool(told.flags & m.FLAG_LEASE)
        facts.caps = float(sum(cap is not None for cap in self.rack.cap_requested_w))
        facts.frames = float(self.sniffer.frames)
        facts.crc_errors = float(self.sniffer.crc_errors)
        board.boots = max(1, self.boots)
        board.lockouts = self.lockouts

    def late_ticks(self) -> int:
        """See Run."""
        return sum(late > LATE_MS for late in self._late_ms)

    def bench_trouble(self) -> str | None:
        """See Run."""
        late = self.late_ticks()
        if late <= LATE_SHARE * len(self._late_ms):
            return None
        return (
            f"{late} of {len(self._late_ms)} ticks began more than {LATE_MS} ms late: "
            "run it on a machine with less to do"
        )

    def metrics(self) -> dict[str, float]:
        """See Run."""
        found = super().metrics()
        late = sorted(self._late_ms)
        if late:
            found["late_ms_p99"] = late[len(late) * 99 // 100]
            found["late_ms_max"] = late[-1]
        return found


class RealBoard:
    """`hil.ports.BoardPort` of a device that runs by itself."""

    def __init__(self, device: RealDevice) -> None:
        self._device = device

    def reset(self, cause: int, dark_ms: int = 0) -> None:
        """See BoardPort."""
        del dark_ms  # it takes what it takes
        self._device.restart(cause)

    def hang(self, hung: bool) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: nobody can hang a real board's loop")

    def drift(self, ppm: int) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: its clock is its own")

    def jump(self, ms: int) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: its clock is its own")

    def heap(self, kib: int | None) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: its heap is its own")


class NoHost:
    """`hil.ports.HostPort` where nobody is."""

    up = False

    def kill(self) -> None:
        """See HostPort."""

    def start(self) -> None:
        """See HostPort."""

    def pause(self, paused: bool) -> None:
        """See HostPort."""

    def step_wall(self, ms: int) -> None:
        """See HostPort."""
        raise Unsupported("in real time nobody steps this machine's clock")

    def second_master(self, present: bool) -> None:
        """See HostPort."""
        raise Unsupported("a port on this machine belongs to one process")

    def refuse_caps(self, load: int, how: Answer | None) -> None:
        """See HostPort."""
        raise Unsupported("no BMCs here: a host of kind `daemon` has them")

    def close(self) -> None:
        """End of the run."""


class HostProcess(NoHost):
    """`rackedge run` as a process: SIGKILL and SIGSTOP are real."""

    def __init__(self, config: Path, directory: Path, answers: list[Answer | None]) -> None:
        """`answers` of the BMCs, as RedfishService has them."""
        self._config = config
        self._answers = answers
        self._log: IO[bytes] = (directory / "rackedge.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def up(self) -> bool:  # type: ignore[override]
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """See HostPort."""
        if self.up:
            return
        command = [sys.executable, "-c", "from edge.cli import main; main()"]
        self._process = subprocess.Popen(  # noqa: S603 - this package's own command
            [*command, "run", "--config", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,
        )

    def kill(self) -> None:
        """See HostPort."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self, paused: bool) -> None:
        """See HostPort."""
        if self._process is not None and self.up:
            self._process.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def refuse_caps(self, load: int, how: Answer | None) -> None:
        """See HostPort."""
        self._answers[load] = how

    def close(self) -> None:
        """See NoHost: as a service manager ends it."""
        if self._process is not None and self.up:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


class ListenerThread(NoHost):
    """A session of the bench's own, for cases of kind `watch` and `script`."""

    def __init__(
        self, case: Case, port: str, clock: RealClock, on_event: Callable[[object, int], None]
    ) -> None:
        self._case = case
        self._port = port
        self._clock = clock
        self._on_event = on_event
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def up(self) -> bool:  # type: ignore[override]
        """Whether it listens."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """See HostPort."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        case = self._case
        listener = Listener(
            self._clock,
            lambda: open_transport(self._port),
            self._on_event,
            case.seed,
            commands=case.commands,
            lease=case.host.lease,
            key=KEY if case.board.key else None,
        )
        while not self._stop.is_set():
            listener.step(READ_S)
        listener.close()

    def kill(self) -> None:
        """See HostPort."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def close(self) -> None:
        """See NoHost."""
        self.kill()
