# SPDX-License-Identifier: Apache-2.0
"""`rackedge run` as a process of its own against an emulated rack in real time."""

import os
import subprocess
import sys
import time
from pathlib import Path

from firmware_py.channels import OUT_STATE
from hil.demo import DemoOptions
from hil.engine.virtual import TICK_MS
from hil.live import LiveRack
from hil.rackfile import board_json
from tests.hil.lockstep_rig import rack_of

ROOT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, "-c", "from edge.cli import main; main()"]
ENV = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error::ResourceWarning"}


class LiveBench:
    """Steps the rack in real time while the test waits for something."""

    def __init__(self, directory):
        rack, spec = rack_of(DemoOptions(seconds=60))
        config = directory / "board.json"
        config.write_text(board_json(spec), encoding="utf-8")
        self._directory = directory
        self._log = (directory / "daemon.log").open("w+", encoding="utf-8")
        self._daemons = []
        self.rack = LiveRack(rack, config, "micropython", directory)
        self.plant = rack
        self.now_ms = 0
        self._next_s = time.monotonic()
        (directory / "rack.toml").write_text(self.rack.toml(), encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for daemon in self._daemons:
            if daemon.poll() is None:
                daemon.kill()
            daemon.wait()
        self.rack.close()
        self._log.close()

    @property
    def state(self):
        return self.rack.board.outputs[OUT_STATE]

    @property
    def log(self):
        return Path(self._log.name).read_text(encoding="utf-8")

    def start(self):
        command = [*MAIN, "run", "--config", str(self._directory / "rack.toml")]
        daemon = subprocess.Popen(command, env=ENV, stderr=self._log, stdout=subprocess.DEVNULL)
        self._daemons.append(daemon)
        return daemon

    def tick(self):
        self._next_s += TICK_MS / 1000
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self.now_ms += TICK_MS
        self.rack.step_to(self.now_ms)

    def until(self, condition, seconds, what):
        """Step until `condition()`; returns the seconds it took, fails after `seconds`."""
        start_s = time.monotonic()
        while not condition():
            assert time.monotonic() - start_s < seconds, f"no {what} in {seconds} s: {self.log}"
            self.tick()
        return time.monotonic() - start_s

    def until_state(self, state, seconds):
        return self.until(lambda: self.state == state, seconds, f"state {state}")

    def go(self, seconds):
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.tick()

    @property
    def capped(self):
        """How many loads stand under a cap."""
        return sum(cap is not None for cap in self.plant.cap_requested_w)
