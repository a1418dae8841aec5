# SPDX-License-Identifier: Apache-2.0
"""Emulated GPUs behind NVML: one state file per load, and a library that reads it.

`answers`: error makes the load's GPUs lost, slow lets each call take `slow_s`, ignore leaves the
draw as it is under a new limit. Without power the GPUs of a server are lost too.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from edge.errors import PortError
from hil.frontends.base import INLET_C, Frontend, file_name
from hil.frontends.nvml_build import build_library
from hil.frontends.nvml_gpu import GPUS, MEMORY_MHZ, cap_w, gpu_states, split
from hil.frontends.nvml_state import READ_ONLY, ROOT_ONLY, TEXT, Gpu, StateFile
from hil.plant.server import LoadSpec

NAME = "Emulated H100 80GB"
DRIVER = "580.00.rackedge"

Setters = Literal["anyone", "root", "nobody"]
"""Who may set limits; the driver lets root. Others get NVML_ERROR_NO_PERMISSION."""

FLAGS: dict[Setters, int] = {"anyone": 0, "root": ROOT_ONLY, "nobody": READ_ONLY}


class Server:
    """The GPUs of one load."""

    def __init__(self, load: LoadSpec, path: Path, persistence: bool) -> None:
        """Raises OSError."""
        self._split = split(load)
        self._limits_mw = [self._split.gpu_max_mw] * GPUS
        first = [self._first(load, i, persistence) for i in range(GPUS)]
        self.state = StateFile(path, load.name, DRIVER, first)
        self.cap_w: float | None = None

    def take_limits(self) -> bool:
        """Load what tools have set, and let go of clients that died; whether the cap changed."""
        self.state.mend()
        last_went = self.state.drop_dead_clients()
        for i, gpu in enumerate(self.state.gpus):
            limit_mw = gpu.limit_mw
            if last_went and gpu.persistence == 0:
                limit_mw = self._split.gpu_max_mw
            if self._split.gpu_min_mw <= limit_mw <= self._split.gpu_max_mw:
                self._limits_mw[i] = limit_mw
            if gpu.limit_mw != self._limits_mw[i]:
                gpu.limit_mw = self._limits_mw[i]
        asked_w = cap_w(self._split, self._limits_mw)
        changed = asked_w != self.cap_w
        self.cap_w = asked_w
        return changed

    def publish(self, watts: float, dt_ms: int, inlet_c: float, lost: bool) -> None:
        """Store what is true now, and the heartbeat."""
        states = gpu_states(self._split, watts, self._limits_mw, inlet_c)
        for gpu, now, limit_mw in zip(self.state.gpus, states, self._limits_mw, strict=True):
            gpu.power_mw, gpu.temperature_c = now.power_mw, now.temperature_c
            gpu.gpu_percent, gpu.memory_percent = now.percent, now.percent // 2
            gpu.graphics_mhz, gpu.reasons = now.graphics_mhz, now.reasons
            gpu.energy_mj += round(now.power_mw * dt_ms / 1000)
            gpu.enforced_mw, gpu.lost = limit_mw, int(lost)
            gpu.default_mw = gpu.max_mw = self._split.gpu_max_mw
            gpu.min_mw = self._split.gpu_min_mw
        self.state.beat()

    def _first(self, load: LoadSpec, index: int, persistence: bool) -> Gpu:
        top_mw = self._split.gpu_max_mw
        known_by = f"{load.name}/{index}"
        gpu = Gpu(limit_mw=top_mw, enforced_mw=top_mw, default_mw=top_mw, max_mw=top_mw)
        gpu.min_mw = self._split.gpu_min_mw
        gpu.name = NAME.encode()
        gpu.uuid = f"GPU-{uuid.uuid5(uuid.NAMESPACE_URL, known_by)}".encode()
        gpu.serial = known_by.encode()[-(TEXT - 1) :]
        gpu.memory_mhz = MEMORY_MHZ
        gpu.persistence = int(persistence)
        return gpu


class NvmlGpus(Frontend):
    """Eight GPUs per load; a tool sees those of the load whose file RACKEDGE_NVML names."""

    name: ClassVar[str] = "nvml"

    def __init__(
        self,
        loads: Sequence[LoadSpec],
        directory: Path,
        *,
        persistence: bool = True,
        setters: Setters = "anyone",
        slow_s: float = 5.0,
    ) -> None:
        """`persistence`: the mode at the start; `directory` gets the library and the files."""
        super().__init__(loads)
        self.directory = directory.absolute()
        self.slow_s = slow_s
        self._persistence = persistence
        self._flags = FLAGS[setters]
        self._servers: list[Server] = []

    def state_path(self, load: int) -> Path:
        """What RACKEDGE_NVML is to name."""
        return self.directory / f"{file_name(self.loads[load].name, load)}.nvml"

    def start(self) -> None:
        """See Frontend. Raises PortError; RuntimeMissing without a C compiler."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            build_library(self.directory)
            for i, load in enumerate(self.loads):
                self._servers.append(Server(load, self.state_path(i), self._persistence))
        except OSError as error:
            self.close()
            raise PortError(
                f"cannot write NVML state to {self.directory} ({error.strerror}): choose a "
                "directory that you may write"
            ) from error
        self._store_heads()

    def refresh(self, now_ms: int, loads_w: Sequence[float], inlet_c: float = INLET_C) -> None:
        """See Frontend; without it for 5 s of real time, tools find the GPUs lost."""
        dt_ms = 0 if self.now_ms is None else now_ms - self.now_ms
        for load, server in enumerate(self._servers):
            if server.take_limits():
                self.ask(load, server.cap_w)
            lost = self.answers[load] == "error" or loads_w[load] <= 0.0
            server.publish(loads_w[load], dt_ms, inlet_c, lost)
        self._store_heads()
        super().refresh(now_ms, loads_w, inlet_c)

    def describe(self) -> list[str]:
        """See Frontend."""
        use = f"LD_LIBRARY_PATH={self.directory} RACKEDGE_NVML={self.state_path(0)}"
        code = (
            "from pynvml import *; nvmlInit(); g = nvmlDeviceGetHandleByIndex(0); "
            "print(nvmlDeviceGetName(g), nvmlDeviceGetPowerUsage(g), 'mW'); "
            "nvmlDeviceSetPowerManagementLimit(g, nvmlDeviceGetPowerManagementLimit(g) // 2)"
        )
        return [
            f"NVML: {GPUS} GPUs per load; choose the load by its file in {self.directory}",
            f'{use} python3 -c "{code}"',
        ]

    def close(self) -> None:
        """See Frontend. The library stays: somebody may have it loaded."""
        while self._servers:
            self._servers.pop().state.close()

    def _store_heads(self) -> None:
        for answer, server in zip(self.answers, self._servers, strict=True):
            head = server.state.head
            head.flags = self._flags
            head.delay_ms = int(self.slow_s * 1000) if answer == "slow" else 0
