# SPDX-License-Identifier: Apache-2.0
"""A whole bench for one fault: real plant, firmware, line and host in virtual time."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from edge.config import load_config
from edge.core import FrameDecoder
from hil.drivers.inprocess import CpythonBoard
from hil.engine.control import HostControl
from hil.engine.hosts import RIVAL, DaemonHost, Listener
from hil.engine.mcu import Mcu
from hil.engine.virtual import VirtualBench
from hil.faults.schedule import Injector
from hil.frontends.redfish import RedfishServer, rack_service
from hil.observe import RunObserver
from hil.plant.air import AirSpec, FanSpec
from hil.plant.bbu import BbuSpec
from hil.plant.demand import SettableDemand
from hil.plant.liquid import LiquidSpec
from hil.plant.rack import Rack
from hil.plant.relays import RelaySpec
from hil.plant.server import LoadSpec
from hil.plant.spec import FeedSpec, RackSpec
from hil.ports import Ports
from hil.rackfile import board_json, rack_toml
from hil.record import Recorder
from hil.scenario.model import FaultSpec, Where

TICK_MS = 100
NOWHERE = Where("faults.yaml", 1)


def spec_of(kind, at_s=3, for_s=3, **values):
    for_ms = None if for_s is None else round(for_s * 1000)
    return FaultSpec(kind, values, NOWHERE, at_ms=round(at_s * 1000), for_ms=for_ms)


def rack_spec(noise=0.0):
    """Four loads in two groups on two feeds, two fans, coolant, battery: all that can break."""
    loads = tuple(LoadSpec(f"s{i}", 300.0, 3000.0 + i, 900.0, 0.5, group=i // 2) for i in range(4))
    return RackSpec(
        loads,
        (FeedSpec("A", 40.0), FeedSpec("B", 40.0)),
        fans=FanSpec(max_w=200.0, flow_m3_s=0.8, leak_m3_s=0.03, count=2),
        air=AirSpec(heat_capacity_j_k=4000.0),  # seconds, not minutes
        relays=RelaySpec(feedback=True),
        noise=noise,
        frequency_hz=50.0,
        bbu=BbuSpec(),
        liquid=LiquidSpec(),
        liquid_share=0.5,
    )


class Daemon(DaemonHost):
    """A process that is killed takes its sockets with it; in this process they stay open."""

    def kill(self):
        super().kill()
        self.daemon._shelf.close()


class Seen(NamedTuple):
    """The bench after one tick."""

    t_ms: int
    inputs: tuple
    commands: tuple
    board_ms: int
    resets: int
    rack: dict
    up: bytes
    down: bytes


def of_rack(rack):
    """What of the plant a fault may change, by name."""
    return {
        "feed_v": tuple(rack.feed_v),
        "feed_w": tuple(rack.feed_w),
        "feed_a": tuple(rack.feed_a),
        "peak_a": tuple(rack.feeds.peak_a),
        "theta": tuple(rack.theta),
        "tripped": tuple(rack.tripped),
        "load_w": tuple(rack.load_w),
        "cap_w": tuple(rack.cap_enforced_w),
        "asked_w": tuple(rack.cap_requested_w),
        "closed": rack.relays.closed,
        "rpm": tuple(rack.fan_rpms),
        "room_c": rack.air.room_c,
        "inlet_c": rack.inlet_c,
        "outlet_c": rack.outlet_c,
        "flow_lpm": rack.liquid.flow_lpm,
        "pump_rpm": rack.liquid.pump_rpm,
        "valve": rack.liquid.valve,
        "facility_c": rack.liquid.facility_c,
        "dew_c": rack.liquid.dew_c,
        "leak_l": rack.liquid.leak_l,
        "air": rack.liquid.air,
        "freq_hz": rack.freq_hz,
        "bbu": rack.bbu.charge,
        "bbu_w": rack.bbu.power_w,
    }


@dataclass
class Options:
    host: str = "watch"
    noise: float = 0.0
    seed: int = 1
    demand: float = 0.5
    prepare: dict = field(default_factory=dict)
    """Tick number -> function of the rig, for what a fault needs to show itself."""


class Rig:
    """One run. `host`: watch, lease (a host with the lease), daemon, bmc (watch, and BMCs)."""

    def __init__(self, directory, options, specs=(), board=None):
        self.options = options
        self.stack = ExitStack()
        spec = rack_spec(options.noise)
        self.rack = rack = Rack(spec, SettableDemand(spec.loads))
        rack.set("demand_ratio", options.demand)
        config = directory / "board.json"
        config.write_text(board_json(spec), encoding="utf-8")
        self.board = CpythonBoard(config) if board is None else board(config)
        self.stack.callback(self.board.close)
        self.mcu = Mcu(self.board)
        self._up, self._down = bytearray(), bytearray()
        self.bench = bench = VirtualBench(rack, self.mcu, self._heard)
        self.service = rack_service(rack)
        self.control = HostControl(bench, self._rival, self.service)
        self.ports = Ports(
            rack, self.mcu, self.control, bench.up, bench.down, bench.cable,
            bench.sensors, bench.actuators,
        )  # fmt: skip
        self.events, self.rival_events, self.answers = [], [], []
        bench.host = self._host(directory)
        self.stack.callback(bench.host.close)
        self.injector = Injector(specs, options.seed, self.ports)
        self.seen = []
        self.now_ms = 0

    def _heard(self, up, data, _now_ms):
        (self._up if up else self._down).extend(data)

    def _host(self, directory):
        bench = self.bench
        if self.options.host in ("daemon", "bmc"):
            self.server = self.stack.enter_context(RedfishServer(self.service))
        if self.options.host == "daemon":
            path = directory / "rack.toml"
            text = rack_toml(self.rack.spec, "virtual", self.server.url)
            path.write_text(text, encoding="utf-8")
            observer = RunObserver(Recorder(()), ("s0", "s1", "s2", "s3"), ("A", "B"))
            return Daemon(load_config(path), bench.clock, bench.open, observer, 1)
        lease = self.options.host == "lease"
        return Listener(bench.clock, bench.open, self._event, 1, lease=lease)

    def _event(self, event, now_ms):
        self.events.append((now_ms, event))

    def _rival(self):
        bench = self.bench
        note = lambda event, now_ms: self.rival_events.append((now_ms, event))  # noqa: E731
        return Listener(bench.clock, bench.open_rival, note, 1, lease=True, owner=RIVAL)

    def tick(self):
        self.now_ms += TICK_MS
        action = self.options.prepare.get(self.now_ms // TICK_MS)
        if action is not None:
            action(self)
        self.injector.step(self.now_ms, ())
        self.bench.run_to(self.now_ms)
        self.seen.append(
            Seen(
                self.now_ms,
                tuple(self.bench.inputs),
                tuple(self.bench.commands),
                self.mcu.board_ms(self.now_ms),
                self.mcu.resets,
                of_rack(self.rack),
                bytes(self._up),
                bytes(self._down),
            )
        )
        self._up.clear()
        self._down.clear()

    def run(self, seconds):
        for _ in range(round(seconds * 1000 / TICK_MS)):
            self.tick()
        return self

    def close(self):
        self.stack.close()

    # What tests ask of a run; [from, to) in seconds.

    def during(self, from_s, to_s):
        return [each for each in self.seen if from_s * 1000 <= each.t_ms < to_s * 1000]

    def series(self, channel, from_s, to_s):
        """Readings of one input channel."""
        return [each.inputs[channel] for each in self.during(from_s, to_s)]

    def plant(self, name, from_s, to_s):
        return [each.rack[name] for each in self.during(from_s, to_s)]

    def bytes_up(self, from_s, to_s):
        return b"".join(each.up for each in self.during(from_s, to_s))

    def frames(self, from_s, to_s):
        """Sound frames that the host got."""
        return FrameDecoder().feed(b"\0" + self.bytes_up(from_s, to_s))


def run(directory, options, specs=(), seconds=9.0, board=None):
    """A finished run, closed."""
    rig = Rig(directory, options, specs, board)
    try:
        rig.run(seconds)
        rig.host_stats = rig.bench.host.stats()
        return rig
    finally:
        rig.close()
