# SPDX-License-Identifier: Apache-2.0
"""A case in real time: a board on a port, a host as a process of its own, the plant at wall pace.

A tick that begins late is counted; too many, and the run is INCONCLUSIVE whatever was found.
"""

import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from edge.errors import ConfigError, LinkError
from firmware_py.channels import N_IN, N_OUT, OUT_RELAYS
from firmware_py.link import messages as m
from hil.drivers.device import RealDevice
from hil.engine.mcu import ALL_RELAYS
from hil.engine.probe import Channels, Probe
from hil.engine.real_board import SILENT_LINK_MS, SILENT_MS, LinkProbe, RealBoard, RealProbe, Watch
from hil.engine.real_hosts import HostProcess, ListenerThread, NoHost
from hil.engine.run import Run
from hil.engine.unavailable import Unavailable
from hil.engine.virtual import TICK_MS
from hil.frontends.base import LowestCap
from hil.frontends.rack_frontends import start_frontends
from hil.frontends.redfish_bmcs import RedfishBmcs
from hil.frontends.shelf import shelf_of
from hil.plant import io
from hil.plant.rack import Sampler
from hil.ports import STIMULUS, Ports, Transform
from hil.rackfile import rack_toml
from hil.scenario.check import check_names
from hil.scenario.model import Case

FIRST_S = 5.0
"""Longest wait for the first outputs of a board that has been given readings."""
LATE_MS = 50
"""A tick that begins so much later than planned counts as late."""
LATE_SHARE = 0.01
"""Share of late ticks above which a run says nothing."""
LINE_FAULTS = {"link", "host", "mcu", "power"}
"""Layers of faults after which a board may have nothing to say, or nobody to say it to."""

CheckSignals = Callable[[frozenset[str]], None]
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
    slack_ms = 2 * TICK_MS  # what the board does in its tick is seen in a later one of the plant's

    def __init__(
        self,
        case: Case,
        directory: Path,
        open_device: OpenReal,
        channels: Channels | None = None,
        check_channels: CheckSignals = lambda _names: None,
        serve: Iterable[str] = (),
        demand: Sampler | None = None,
    ) -> None:
        """`channels`: logical signals that a board without stimulus offers by its telemetry;
        `check_channels` is given the names of all signals and raises ConfigError. `serve`: names of
        front-ends that stand open to tools of others; `demand`: in place of idle loads.

        Raises EdgeError; Unavailable if the case looks at what this board does not tell."""
        self._channels = channels or {}
        self._check_channels = check_channels
        self._serve = tuple(serve)
        super().__init__(case, directory, demand)
        try:
            self._build(open_device)
        except BaseException:
            self.stack.close()
            raise

    def _build(self, open_device: OpenReal) -> None:
        self.inputs = array("i", bytes(4 * N_IN))
        self.outputs = array("i", bytes(4 * N_OUT))
        """int32[N_OUT] as the board has written them; before that, relays are idle, which is on."""
        self.outputs[OUT_RELAYS] = ALL_RELAYS
        self.commands = array("i", bytes(4 * N_OUT))
        """int32[N_OUT] as the plant is given them."""
        self._sensors: list[Transform] = []
        self._actuators: list[Transform] = []
        self._late_ms: list[float] = []
        self._check_names()
        self.device = device = open_device(self.config, self.case, self.directory / "flash")
        self._clock = RealClock()  # as good as the device's own: it counts from its opening
        self.stack.callback(device.close)
        self.device_name, self.identity = device.name, device.identity
        self._stimulated = STIMULUS in device.capabilities
        daemon = ("redfish",) if self.case.host.kind == "daemon" else ()
        self.frontends = start_frontends(
            self.rack.spec, self.directory, {*self._serve, *daemon}, shelf_of(self.rack)
        )
        for frontend in self.frontends:
            self.stack.callback(frontend.close)
        self._caps = LowestCap(self.frontends)
        self._host = self._make_host()
        self.stack.callback(self._host.close)
        self._board = RealBoard(device)
        self.stack.callback(self._board.close)
        self._watch = Watch(SILENT_MS if self._stimulated else SILENT_LINK_MS)
        ports = Ports(
            self.rack,
            self._board,
            self._host,
            device.up,
            device.down,
            device.cable,
            self._sensors,
            self._actuators,
        )
        self._prepare(ports)
        self._push()
        self._first_outputs()
        self._started_ms = self._clock.now_ms()
        self._host.start()

    def _check_names(self) -> None:
        """Before anything is opened: mistakes of the case and of the bench file."""
        names = self._full_probe().names
        self._check_channels(frozenset(names))
        check_names(replace(self.case, params=self.constants()), names)

    def _full_probe(self) -> Probe:
        return RealProbe(self.rack, self.inputs, self.outputs, self.groups, self.telemetry)

    def _prepare(self, ports: Ports) -> None:
        if self._stimulated:
            self.prepare(self._full_probe(), ports)
            return
        probe = LinkProbe(self.rack, self.groups, self.telemetry, self._channels)
        try:
            self.prepare(probe, ports)
        except ConfigError as error:
            raise Unavailable(f"{self.device.name} has no bus, and no channel: {error}") from None

    def _make_host(self) -> NoHost:
        kind = self.case.host.kind
        if kind == "none":
            return NoHost()
        port = self.device.port
        if kind == "daemon":
            return HostProcess(self.write_toml(port), self.directory, self._bmcs().answers)
        return ListenerThread(self.case, port, self._run_ms)

    def _run_ms(self) -> int:
        return self._clock.now_ms() - self._started_ms

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
        """See Run: wait for the tick's time, then one tick of physics.

        Raises EdgeError once board, supply or host have failed for good."""
        due_ms = self._started_ms + now_ms
        while (left_ms := due_ms - self._clock.now_ms()) > 0:
            time.sleep(left_ms / 1000)
        self._late_ms.append(float(-left_ms))
        for cap in self._caps.take():
            self.rack.set_cap(cap.load, cap.watts)
        if self._stimulated:
            if self._take_outputs(now_ms):
                self._watch.heard(self._run_ms())
            self.rack.step(TICK_MS)
            for frontend in self.frontends:
                frontend.refresh(now_ms, self.rack.load_w, self.rack.inlet_c)
            self._push()
        for t_ms, up, data in self.device.frames():
            if up:
                self._watch.heard(self._run_ms())
            self.heard(up, data, max(0, t_ms - self._started_ms))
        self._check(self._run_ms())

    def _check(self, now_ms: int) -> None:
        self._host.check()
        self._board.check()
        quiet = not self._stimulated and (not self._host.up or LINE_FAULTS & self.fault_layers())
        if self._board.dark or quiet:
            self._watch.excuse(now_ms)
        self._watch.check(now_ms)

    def _push(self) -> None:
        if self._stimulated:
            io.fill_inputs(self.rack, self.inputs, self._sensors)
            self.device.push(self.inputs)

    def _first_outputs(self) -> None:
        """A run begins once the board has read this rack: what it held before is another's."""
        until_s = time.monotonic() + FIRST_S
        while self._stimulated and not self._take_outputs(0):
            if time.monotonic() > until_s:
                raise LinkError(f"{self.device.name} writes no outputs: check its bus")
            time.sleep(TICK_MS / 4000)
            self._push()

    def _take_outputs(self, now_ms: int) -> bool:
        """The newest outputs to the plant; False if there are none since the last call."""
        if not self.device.pull():
            return False
        self.outputs[:] = self.device.outputs
        self.commands[:] = self.outputs
        for transform in self._actuators:
            transform(now_ms, self.commands)
        io.apply_outputs(self.rack, self.commands)
        return True

    def note_facts(self) -> None:
        """See Run."""
        facts, board = self.probe.host, self.probe.board
        facts.up = self._host.up
        told = self.sniffer.telemetry
        facts.lease = told is not None and bool(told.flags & m.FLAG_LEASE)
        facts.caps = float(sum(cap is not None for cap in self.rack.cap_requested_w))
        facts.frames = float(self.sniffer.frames)
        facts.crc_errors = float(self.sniffer.crc_errors)
        facts.gaps = float(self.sniffer.gaps)
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
