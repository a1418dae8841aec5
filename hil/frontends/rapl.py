# SPDX-License-Identifier: Apache-2.0
"""A RAPL tree in a plain directory, laid out as below /sys: one package domain per load.

    ROOT/class/powercap/intel-rapl:0            -> ../../devices/...   (as node_exporter looks)
    ROOT/devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:0/energy_uj

A plain directory cannot refuse a write: what the kernel answers with EINVAL is taken by the file
system here, and put back at the next refresh. Nor does a limit act before that refresh.
`answers`: error takes the load's counters and limits away (a reader gets ENOENT), ignore leaves
the draw as it is; slow is not possible, and nothing happens.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from edge.errors import PortError
from hil.frontends.base import INLET_C, Frontend
from hil.frontends.rapl_zone import Zone
from hil.plant.server import LoadSpec

CONTROL = "intel-rapl"


class RaplTree(Frontend):
    """Package N is load N; refreshed and read by the bench's thread alone."""

    name: ClassVar[str] = "rapl"

    def __init__(self, loads: Sequence[LoadSpec], root: Path) -> None:
        """`root` stands for /sys: an empty directory, or none yet. What is made is removed."""
        super().__init__(loads)
        self.root = root.absolute()
        self._class = self.root / "class" / "powercap"
        self._devices = self.root / "devices" / "virtual" / "powercap" / CONTROL
        self._zones: list[Zone] = []

    def start(self) -> None:
        """See Frontend. Raises PortError if the tree cannot be made."""
        try:
            self._class.mkdir(parents=True)
            self._devices.mkdir(parents=True)
            self._zones = [
                Zone(self._devices / f"{CONTROL}:{i}", i, load) for i, load in enumerate(self.loads)
            ]
            for i in range(len(self._zones)):
                self._link(i)
        except OSError as error:
            raise PortError(
                f"cannot make a RAPL tree in {self.root} ({error.strerror}): choose an empty "
                "directory that you may write"
            ) from error

    def refresh(self, now_ms: int, loads_w: Sequence[float], inlet_c: float = INLET_C) -> None:
        """See Frontend: the counters move on by the power since the last call."""
        dt_ms = 0 if self.now_ms is None else now_ms - self.now_ms
        for load, zone in enumerate(self._zones):
            hidden = zone.path.with_name(f".{zone.path.name}")
            if self._hide(load, zone.path, hidden):
                continue
            try:
                zone.count(loads_w[load], dt_ms)
            except OSError:
                self._mend(load)
            if zone.poll():
                self.ask(load, zone.cap_w)
        super().refresh(now_ms, loads_w, inlet_c)

    def describe(self) -> list[str]:
        """See Frontend."""
        zone = f"{self._class}/{CONTROL}:0"
        return [
            f"RAPL: package N is load N, below {self._class}",
            f"cat {zone}/energy_uj",
            f"echo {int(self.loads[0].max_w / 2)}000000 > {zone}/constraint_0_power_limit_uw",
            f"node_exporter --path.sysfs={self.root} --collector.rapl",
        ]

    def close(self) -> None:
        """See Frontend: the tree goes, as a module's does that is unloaded."""
        if self._zones:
            self._zones = []
            shutil.rmtree(self._class, ignore_errors=True)
            shutil.rmtree(self.root / "devices", ignore_errors=True)

    def _hide(self, load: int, path: Path, hidden: Path) -> bool:
        """Move a load's zone out of sight while its answer is `error`, and back."""
        if self.answers[load] != "error":
            if hidden.exists():
                hidden.replace(path)
            return False
        if path.exists():
            path.replace(hidden)
        return True

    def _mend(self, load: int) -> None:
        """Put a zone back that somebody has removed; if that fails, the next refresh tries."""
        with suppress(OSError):
            self._class.mkdir(parents=True, exist_ok=True)
            self._zones[load].mend()
            self._link(load)

    def _link(self, load: int) -> None:
        zone = self._zones[load].path
        dram = zone / f"{CONTROL}:{load}:0"
        for target in (self._devices, zone, dram):
            link = self._class / target.name
            if not link.is_symlink():
                link.symlink_to(os.path.relpath(target, self._class))
