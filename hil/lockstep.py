# SPDX-License-Identifier: Apache-2.0
"""rackedge in virtual time, as `demo` runs it: plant, firmware, line and daemon in one clock."""

from contextlib import ExitStack
from pathlib import Path

from edge.config import load_config
from hil.drivers.device import VirtualDevice
from hil.engine.hosts import DaemonHost
from hil.engine.mcu import Mcu
from hil.engine.virtual import VirtualBench
from hil.frontends.redfish import RedfishServer, rack_service
from hil.observe import RunObserver
from hil.plant.rack import Rack
from hil.policies import PolicyRun
from hil.rackfile import rack_toml
from hil.result import LinkCounters


class LockstepRun(PolicyRun):
    """The plant under the real daemon and the real firmware, in lockstep."""

    name = "rackedge"

    def __init__(
        self, rack: Rack, board: VirtualDevice, directory: Path, seed: int, control: str = ""
    ) -> None:
        """`control`: lines of rack.toml's [control] section."""
        super().__init__(rack)
        self.bench = bench = VirtualBench(rack, Mcu(board))
        self.inputs = bench.inputs
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
            observer = RunObserver(self.record, names, feeds)
            self.host = DaemonHost(config, bench.clock, bench.open, observer, seed)
            bench.host = self.host
            stack.callback(self.host.close)
            self._stack = stack.pop_all()

    @property
    def caps_written(self) -> int:
        """Caps that the front-end acknowledged."""
        return self.host.daemon.stats.caps_written

    def link_counters(self) -> LinkCounters:
        """The serial line as the daemon saw it."""
        link = self.host.stats()
        return LinkCounters(link.frames, link.crc_errors, link.gaps, link.retries)

    def step_to(self, now_ms: int) -> None:
        """Process every event up to and including `now_ms`, then record a row."""
        self.bench.run_to(now_ms)
        self.observe(now_ms)

    def close(self) -> None:
        """Stop the daemon, the front-end and the board."""
        self._stack.close()
