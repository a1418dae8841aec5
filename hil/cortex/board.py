# SPDX-License-Identifier: Apache-2.0
"""A board `sim` in virtual time on the emulated Cortex-M3, its firmware in place from ROMFS."""

from pathlib import Path

from edge.errors import LinkError
from hil.cortex.machine import Machine, find_machine
from hil.drivers import image
from hil.drivers.vm import VmBoard
from hil.ports import HEAP_SIZE

_CONFIG = "/given/board.bin"


class CortexProcess:
    """What VmBoard asks of a VM."""

    def __init__(self, arguments: list[str], rom: bytes, store: Path | None) -> None:
        """Boot it with firmware_py.main's arguments. Raises RuntimeMissing, LinkError."""
        memory = None if store is None else store / "memory"
        self._machine = Machine(
            rom, {_CONFIG.rsplit("/", 1)[1]: Path(arguments[0]).read_bytes()}, memory
        )
        self._config = arguments[0]
        argv = [_CONFIG, *arguments[1:]]
        try:
            if store is not None:
                argv[argv.index("--store") + 1] = "/flash"
                self._machine.execute("mount_flash()")
            self._machine.begin(f"run({argv!r})")
        except BaseException:
            self._machine.close()
            raise
        self.send = self._machine.send
        self.close = self._machine.end

    def receive(self) -> bytes:
        """See hil.drivers.vm.Bus."""
        try:
            return self._machine.receive()
        except LinkError as error:
            raise LinkError(str(error).replace(_CONFIG, self._config)) from None


class CortexBoard(VmBoard):
    """As VmBoard, which see; always bytecode, and its heap is that of the build."""

    name = "cortex-m3"
    capabilities = VmBoard.capabilities - {HEAP_SIZE}

    def _prepare(self, firmware: Path, compiled: bool) -> None:
        del compiled
        find_machine()
        self._rom = image.romfs(firmware).read_bytes()

    def _start(self, arguments: list[str], heap_kib: int) -> CortexProcess:
        del heap_kib
        return CortexProcess(arguments, self._rom, self._store)
