# SPDX-License-Identifier: Apache-2.0
"""The state file of the emulated NVML, from the bench's side: native/nvml/rackedge_nvml.h.

Fields of a ctypes structure are loaded and stored by one aligned access, as the header asks for.
"""

import ctypes
import mmap
import os
import time
from collections.abc import Sequence
from ctypes import c_char, c_uint32, c_uint64
from pathlib import Path

MAGIC = 0x314C4D564E455223
VERSION = 1
CLIENTS = 64
TEXT = 64
ROOT_ONLY, READ_ONLY, CLOSED = 1, 2, 4
PID_TOP = 1 << 22
"""PID_MAX_LIMIT of Linux: what is above is no process."""


class Head(ctypes.Structure):
    """struct rackedge_nvml_head."""

    _fields_ = (
        ("magic", c_uint64),
        ("version", c_uint32),
        ("gpu_count", c_uint32),
        ("heartbeat_ms", c_uint64),
        ("flags", c_uint32),
        ("delay_ms", c_uint32),
        ("driver", c_char * TEXT),
        ("server", c_char * TEXT),
        ("clients", c_uint32 * CLIENTS),
    )


class Gpu(ctypes.Structure):
    """struct rackedge_nvml_gpu."""

    _fields_ = (
        ("name", c_char * TEXT),
        ("uuid", c_char * TEXT),
        ("serial", c_char * TEXT),
        ("energy_mj", c_uint64),
        ("reasons", c_uint64),
        ("power_mw", c_uint32),
        ("limit_mw", c_uint32),
        ("enforced_mw", c_uint32),
        ("default_mw", c_uint32),
        ("min_mw", c_uint32),
        ("max_mw", c_uint32),
        ("temperature_c", c_uint32),
        ("gpu_percent", c_uint32),
        ("memory_percent", c_uint32),
        ("graphics_mhz", c_uint32),
        ("memory_mhz", c_uint32),
        ("persistence", c_uint32),
        ("lost", c_uint32),
        ("spare", c_uint32),
    )


class StateFile:
    """One file, mapped. It mends its own head; what a GPU holds is its owner's to check."""

    def __init__(self, path: Path, server: str, driver: str, gpus: Sequence[Gpu]) -> None:
        """Make it, then let it appear at `path`. Raises OSError."""
        self.path = path
        self._first = list(gpus)
        self._names = (driver.encode()[: TEXT - 1], server.encode()[: TEXT - 1])
        self._bytes = ctypes.sizeof(Head) + len(gpus) * ctypes.sizeof(Gpu)
        fresh = path.with_name(f"{path.name}.new")
        self._file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            os.ftruncate(self._file, self._bytes)
            self._map = mmap.mmap(self._file, self._bytes)
        except OSError:
            os.close(self._file)
            raise
        self.head = Head.from_buffer(self._map)
        kind = Gpu * len(gpus)
        self.gpus = kind.from_buffer(self._map, ctypes.sizeof(Head))
        self._fill()
        fresh.replace(path)

    def mend(self) -> bool:
        """Put back what makes the file what it is; False if it was cut, and all is as at first.

        To be called before each use: pages that were cut off cannot be touched.
        """
        if os.fstat(self._file).st_size != self._bytes:
            os.ftruncate(self._file, self._bytes)
            self._fill()
            return False
        self._stamp()
        return True

    def beat(self) -> None:
        """Say that the bench is there."""
        self.head.heartbeat_ms = time.monotonic_ns() // 1_000_000

    def drop_dead_clients(self) -> bool:
        """Free the slots of processes that have died; whether the last client went by that."""
        clients = self.head.clients
        died = False
        for slot, pid in enumerate(clients):
            if pid != 0 and not is_alive(pid):
                clients[slot] = 0
                died = True
        return died and not any(clients)

    def close(self) -> None:
        """Say that the bench has ended, and remove the file; who has it mapped keeps it."""
        if self.mend():
            self.head.flags |= CLOSED
        self.path.unlink(missing_ok=True)
        del self.head, self.gpus  # they hold the map
        self._map.close()
        os.close(self._file)

    def _fill(self) -> None:
        self._stamp()
        self.head.driver, self.head.server = self._names
        for slot in range(CLIENTS):
            self.head.clients[slot] = 0
        for i, gpu in enumerate(self._first):
            ctypes.memmove(ctypes.byref(self.gpus[i]), ctypes.byref(gpu), ctypes.sizeof(Gpu))
        self.beat()

    def _stamp(self) -> None:
        self.head.magic = MAGIC
        self.head.version = VERSION
        self.head.gpu_count = len(self._first)


def is_alive(pid: int) -> bool:
    """Whether there is such a process, as far as we may know."""
    if pid >= PID_TOP:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
