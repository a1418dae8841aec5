# SPDX-License-Identifier: Apache-2.0
"""Devices by name: where a session gets the board of each case from."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

from hil.drivers.device import VirtualDevice
from hil.drivers.inprocess import CpythonBoard
from hil.drivers.vm import VmBoard
from hil.engine.run import Run
from hil.engine.virtual_run import KEY, VirtualRun
from hil.ports import STORE
from hil.scenario.model import Case


class DeviceSource(AbstractContextManager["DeviceSource"]):
    """One device for a whole session."""

    name: str
    clock: str
    capabilities: frozenset[str]
    destructive: bool
    """Whether steps that may damage it are allowed by who owns it."""

    @abstractmethod
    def make_run(self, case: Case, directory: Path) -> Run:
        """A run of one case on it."""

    def __exit__(self, *_: object) -> None:
        """End of the session: most have nothing to give back."""


class VirtualSource(DeviceSource):
    """Firmware in virtual time: a fresh board for each case."""

    clock = "virtual"
    destructive = True

    def __init__(self, board: type[CpythonBoard | VmBoard], firmware: Path | None = None) -> None:
        """`firmware`: a folder with another `firmware_py/`, for the VM."""
        self.name = board.name
        self.capabilities = board.capabilities | {STORE}
        self._board = board
        self._firmware = firmware

    def make_run(self, case: Case, directory: Path) -> Run:
        """See DeviceSource. Raises ConfigError, RuntimeMissing."""
        return VirtualRun(case, directory, self._open)

    def _open(self, config: Path, case: Case, flash: Path) -> VirtualDevice:
        return self._board(
            config,
            store=flash if case.board.store else None,
            key=KEY if case.board.key else None,
            firmware=self._firmware,
        )


def source_of(name: str, bench: Path | None = None, firmware: Path | None = None) -> DeviceSource:
    """The device of that name. Raises ConfigError with the names that there are."""
    if name in VIRTUAL:
        return VirtualSource(VIRTUAL[name], firmware)
    raise NotImplementedError(bench)


VIRTUAL = {"micropython": VmBoard, "cpython": CpythonBoard}
