# SPDX-License-Identifier: Apache-2.0
"""A case in virtual time: in-process firmware or the MicroPython VM."""

from collections.abc import Callable
from pathlib import Path

from edge.config import load_config
from hil.drivers.device import VirtualDevice
from hil.engine.control import HostControl
from hil.engine.hosts import RIVAL, DaemonHost, Host, Listener, Nobody
from hil.engine.mcu import Mcu
from hil.engine.probe import Probe
from hil.engine.run import Run
from hil.engine.virtual import VirtualBench
from hil.frontends.redfish import RedfishServer, RedfishService, rack_service
from hil.frontends.shelf import shelf_of
from hil.observe import RunObserver
from hil.ports import Ports
from hil.rackfile import rack_toml
from hil.scenario.model import Case

KEY = bytes(range(32))
"""Of emulated boards; it protects nothing."""

OpenDevice = Callable[[Path, Case, Path], VirtualDevice]
"""`open(board.json, case, directory for its flash)`. Raises RuntimeMissing, ConfigError."""


class VirtualRun(Run):
    """Bit for bit the same each time."""

    clock = "virtual"

    def __init__(self, case: Case, directory: Path, open_device: OpenDevice) -> None:
        super().__init__(case, directory)
        try:
            self._build(open_device)
        except BaseException:
            self.stack.close()
            raise

    def _build(self, open_device: OpenDevice) -> None:
        case = self.case
        device = open_device(self.config, case, self.directory / "flash")
        self.stack.callback(device.close)
        self.device_name = device.name
        bistable = case.board.relays == "bistable"
        self.mcu = Mcu(device, case.board.start_ms, bistable=bistable)
        self.bench = bench = VirtualBench(self.rack, self.mcu, self.heard)
        probe = Probe(self.rack, bench.inputs, self.mcu.outputs, self.groups, self.telemetry)
        service = self._start_redfish() if case.host.kind == "daemon" else None
        control = HostControl(bench, self._rival, service)
        ports = Ports(
            self.rack,
            self.mcu,
            control,
            bench.up,
            bench.down,
            bench.cable,
            bench.sensors,
            bench.actuators,
        )
        self.prepare(probe, ports)
        names = tuple(load.name for load in self.rack.spec.loads)
        self._observer = RunObserver(self.record, names, ("A", "B"))
        bench.host = self._host()
        self.stack.callback(bench.host.close)

    def _start_redfish(self) -> RedfishService:
        service = rack_service(self.rack, patch_reply=200, shelf=shelf_of(self.rack))
        server = self.stack.enter_context(RedfishServer(service))
        text = rack_toml(
            self.rack.spec,
            "virtual",
            server.url,
            control=self.case.host.control,
            limits=self.case.host.limits,
            priority=self.case.host.priority,
        )
        (self.directory / "rack.toml").write_text(text, encoding="utf-8")
        return service

    def _host(self) -> Host:
        case, bench = self.case, self.bench
        key = KEY if case.board.key else None
        if case.host.kind == "none":
            return Nobody()
        if case.host.kind == "daemon":
            config = load_config(self.directory / "rack.toml")
            return DaemonHost(config, bench.clock, bench.open, self._observer, case.seed, key=key)
        return Listener(
            bench.clock,
            bench.open,
            self._observer.on_link_event,
            case.seed,
            commands=case.commands,
            lease=case.host.lease,
            key=key,
        )

    def _rival(self) -> Host:
        """A second master; what it says is in the frames, what it thinks in nobody's record."""
        bench = self.bench
        return Listener(
            bench.clock,
            bench.open_rival,
            lambda _event, _now_ms: None,
            self.case.seed,
            lease=True,
            owner=RIVAL,
        )

    def advance(self, now_ms: int) -> None:
        """See Run."""
        self.bench.run_to(now_ms)

    def note_facts(self) -> None:
        """See Run."""
        host, facts, board = self.bench.host, self.probe.host, self.probe.board
        facts.up = host.alive and not host.paused
        facts.lease = host.lease_held()
        facts.caps = float(sum(cap is not None for cap in self.rack.cap_requested_w))
        facts.frames = float(self.sniffer.frames)
        facts.crc_errors = float(self.sniffer.crc_errors)
        stats = host.stats()
        facts.gaps = 0.0 if stats is None else float(stats.gaps)
        board.on = self.mcu.on
        self.tick_ms.append(self.mcu.device.measure()["mcu_tick_ms"])
        board.boots = 1 + self.mcu.resets
        board.lockouts = self.lockouts
