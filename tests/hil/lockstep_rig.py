# SPDX-License-Identifier: Apache-2.0
"""A whole rack in virtual time whose line, host and board can fail."""

from random import Random

from edge.config import load_config
from firmware_py.channels import OUT_RELAYS, OUT_STATE
from firmware_py.link import messages as m
from hil.demo import DemoOptions, workload
from hil.drivers.inprocess import CpythonBoard
from hil.engine import virtual
from hil.engine.hosts import Nobody
from hil.engine.virtual import TICK_MS
from hil.lockstep import LockstepRun
from hil.pipe import SerialPipe
from hil.plant.rack import Rack
from hil.plant.spec import RackSpec
from hil.rackfile import board_json
from hil.trace import Demand

TTL_MS = 3_000
"""Lease of `rack_toml`: the default of board.lease_ttl_s."""


def rack_of(options):
    """(plant, its spec) of a demo's command line."""
    demand, _ = workload(options)
    spec = RackSpec.for_trace(demand, options.oversubscription, seed=options.seed)
    return Rack(spec, Demand(demand)), spec


class NoisyPipe(SerialPipe):
    """Flips a bit of, or drops, each byte with the probability `share` while `noisy`."""

    def __init__(self):
        super().__init__()
        self.noisy = False
        self.share = 0.0
        self.hit = 0
        self._random = Random(5)

    def send(self, data, now_ms):
        if self.noisy:
            data = b"".join(self._damaged(byte) for byte in data)
        if data:
            super().send(data, now_ms)

    def _damaged(self, byte):
        if self._random.random() >= self.share:
            return bytes((byte,))
        self.hit += 1
        return (
            bytes((byte ^ 1 << self._random.randrange(8),)) if self._random.random() < 0.7 else b""
        )


class Bench:
    """LockstepRun of the default workload, and what may go wrong with it."""

    def __init__(self, directory, monkeypatch, options=None):
        monkeypatch.setattr(virtual, "SerialPipe", NoisyPipe)
        self.options = options or DemoOptions(seconds=120, virtual=True, runtime="cpython")
        rack, spec = rack_of(self.options)
        self.rack = rack
        self.config = directory / "board.json"
        self.config.write_text(board_json(spec), encoding="utf-8")
        self.run = LockstepRun(rack, CpythonBoard(self.config), directory, self.options.seed)
        self.toml = load_config(directory / "rack.toml")
        self.daemon = self.run.host.daemon
        self.now_ms = 0
        self.relays_seen = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.close()

    @property
    def state(self):
        return self.run.bench.mcu.outputs[OUT_STATE]

    @property
    def relays(self):
        return self.run.bench.mcu.outputs[OUT_RELAYS]

    @property
    def lines(self):
        """Both directions of the serial line: up to the host, down to the board."""
        return self.run.bench.up, self.run.bench.down

    def tick(self):
        self.now_ms += TICK_MS
        self.run.step_to(self.now_ms)
        self.relays_seen.append(self.relays)

    def go(self, seconds):
        for _ in range(round(seconds * 1000 / TICK_MS)):
            self.tick()

    def until(self, state, seconds):
        """Run until the board is in `state`; returns the ms it took, fails after `seconds`."""
        start_ms = self.now_ms
        while self.state != state:
            assert self.now_ms - start_ms < seconds * 1000, f"state {self.state}, not {state}"
            self.tick()
        return self.now_ms - start_ms

    def noise(self, share):
        for line in self.lines:
            line.noisy, line.share = share > 0, share

    def kill_host(self):
        """Nobody reads and nobody writes any more."""
        self.run.bench.host = Nobody()

    def wake_host(self):
        """The same daemon again."""
        self.run.bench.host = self.run.host

    def reboot(self, boot_id):
        """A fresh board in the old one's place; bytes that were on the line are lost."""
        mcu = self.run.bench.mcu
        mcu.device = CpythonBoard(self.config, boot_id=boot_id, boot_count=boot_id)
        mcu.outputs[OUT_STATE] = m.STATE_BOOT
        mcu.drift(0)  # it runs at once

    def hosted(self):
        """Bring it up: the board is led by the host and every load has a cap."""
        self.until(m.STATE_HOSTED, 10)
        self.go(3)
        assert None not in self.rack.cap_requested_w
        return self

    def commanded_w(self):
        """What the caps in force may sum to on each feed, W."""
        caps = self.rack.cap_requested_w
        loads = self.rack.spec.loads
        a_w = sum(c * load.share_a for c, load in zip(caps, loads, strict=True))
        return a_w, sum(caps) - a_w
