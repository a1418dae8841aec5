# SPDX-License-Identifier: Apache-2.0
"""Devices by name: where a session gets the board of each case from."""

import subprocess
import time
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import IO

from edge.errors import ConfigError, EdgeError, LinkError, RuntimeMissing
from hil.bench import file as bench_file
from hil.bench.connect import connect
from hil.bench.lock import Lock
from hil.cortex.board import CortexBoard
from hil.drivers.boardfile import read_binary
from hil.drivers.device import RealDevice, VirtualDevice
from hil.drivers.inprocess import CpythonBoard
from hil.drivers.vm import VmBoard
from hil.engine.real_run import RealRun
from hil.engine.run import Run
from hil.engine.unavailable import Unavailable
from hil.engine.virtual_run import KEY, VirtualRun
from hil.leash import leashed
from hil.plant.rack import Sampler
from hil.ports import HOST, LINE, POWER, STIMULUS, STORE
from hil.scenario.model import Case

VIRTUAL = {board.name: board for board in (VmBoard, CpythonBoard, CortexBoard)}
PTY = "pty"
PTY_STARTS_S = 60.0
"""Longest wait for the ports of a pty board: it may have to compile its firmware first."""
PTY_ENDS_S = 1.0
"""Longest wait for the last words of one whose port has gone away."""
PTY_BENCH = """\
bench: pty
devices:
  pty:
    transport: {{ url: "{folder}/link" }}
    bus: {{ url: "{folder}/bus" }}
    identity: {{ machine: sim, uid: "pty" }}
    features: [store]
"""


class DeviceSource(AbstractContextManager["DeviceSource"]):
    """One device for a whole session."""

    name: str
    clock: str
    capabilities: frozenset[str]
    real = False
    """It can be damaged."""
    destructive = False
    """Who owns it allows steps that may damage it."""
    met = False
    """It has been there for at least one case."""

    @abstractmethod
    def make_run(self, case: Case, directory: Path) -> Run:
        """A run of one case on it. Raises Unavailable, EdgeError."""

    def __exit__(self, *_: object) -> None:
        """End of the session: most have nothing to give back."""


class VirtualSource(DeviceSource):
    """Firmware in virtual time: a fresh board for each case."""

    clock = "virtual"

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


class BenchSource(DeviceSource):
    """A board of a bench file; the bench and the device are locked meanwhile."""

    clock = "real"
    real = True

    def __init__(self, path: Path, name: str) -> None:
        """Raises ConfigError, PortError."""
        self._bench = bench_file.load(path)
        entry = self._bench.device(name)
        self.name = name
        self.destructive = entry.destructive
        self._stimulated = entry.bus is not None
        more = ({STIMULUS} if entry.bus else set()) | ({POWER} if entry.power else set())
        self.capabilities = frozenset({LINE, HOST} | more | set(entry.features))
        self.channels = {logical: (c.source, c.scale) for logical, c in entry.channels.items()}
        self._lock = Lock("bench", self._bench.file.bench)

    def make_run(self, case: Case, directory: Path) -> Run:
        """See DeviceSource. Raises ConfigError, PortError, LinkError."""

        def check_channels(signals: frozenset[str]) -> None:
            self._bench.check_channels(self.name, signals)

        return RealRun(case, directory, self._open, self.channels, check_channels)

    def _open(self, config: Path, case: Case, flash: Path) -> RealDevice:
        del flash  # its own
        if case.board.key:
            raise Unavailable(f"{self.name}: the bench does not know its key")
        device = connect(self._bench, self.name)
        wanted = int.from_bytes(read_binary(config)[8:12], "little")
        carried = device.identity.config_crc
        if self._stimulated and carried != wanted:
            device.close()
            raise Unavailable(
                f"{self.name} runs on configuration {carried:08x}, this case needs {wanted:08x}: "
                "`rackedge hil list --what config` writes it, `rackedge config push` sends it"
            )
        return device

    def __exit__(self, *_: object) -> None:
        """Give the bench back."""
        self._lock.release()


class PtySource(DeviceSource):
    """The VM behind two ptys, in a process of its own: a board for all that the bench can tell."""

    name = PTY
    clock = "real"
    capabilities = frozenset({LINE, HOST, STIMULUS, STORE})

    def __init__(self, firmware: Path | None = None) -> None:
        self._firmware = firmware

    def make_run(self, case: Case, directory: Path) -> Run:
        """See DeviceSource."""
        return RealRun(case, directory, self._open)

    def make_served(
        self, case: Case, directory: Path, serve: Iterable[str], demand: Sampler | None
    ) -> RealRun:
        """A run whose front-ends stand open to others."""
        return RealRun(case, directory, self._open, serve=serve, demand=demand)

    def _open(self, config: Path, case: Case, flash: Path) -> RealDevice:
        folder = config.parent
        board = PtyProcess(config, case, flash, self._firmware)
        later = ExitStack()  # for the device to close, once it is there
        with ExitStack() as stack:
            stack.callback(board.close)
            bench = folder / "bench.yaml"
            bench.write_text(PTY_BENCH.format(folder=folder), encoding="utf-8")
            try:
                device = connect(bench_file.load(bench), PTY, closed=later.close)
            except EdgeError:
                board.check(wait_s=PTY_ENDS_S)
                raise
            later.callback(stack.pop_all().close)
            return device


_PTY_ERRORS: dict[int, type[EdgeError]] = {
    kind.exit_code: kind for kind in (ConfigError, RuntimeMissing)
}
"""What the exit code of a pty board that does not start means."""


class PtyProcess:
    """`python -m hil.drivers.pty_board`."""

    def __init__(self, config: Path, case: Case, flash: Path, firmware: Path | None) -> None:
        """Raises RuntimeMissing, ConfigError, LinkError if it does not come up."""
        folder = config.parent
        code = "import sys; from hil.drivers.pty_board import main; sys.exit(main(sys.argv[1:]))"
        command = leashed(code, "--uid", PTY)
        command += ["--link", str(folder / "link"), "--bus", str(folder / "bus")]
        command += ["--config", str(config)]
        command += ["--store", str(flash)] if case.board.store else []
        command += ["--key", KEY.hex()] if case.board.key else []
        command += ["--firmware", str(firmware)] if firmware else []
        self._said: IO[bytes] = (folder / "pty_board.log").open("w+b")
        self._process = subprocess.Popen(  # noqa: S603 - this package's own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            process_group=0,
        )
        try:
            self._wait(folder)
        except BaseException:
            self.close()
            raise

    def _wait(self, folder: Path) -> None:
        until_s = time.monotonic() + PTY_STARTS_S
        while not all((folder / port).exists() for port in ("link", "bus")):
            self.check()
            if time.monotonic() > until_s:
                raise LinkError(f"the pty board does not start within {PTY_STARTS_S:g} s")
            time.sleep(0.02)

    def check(self, wait_s: float = 0.0) -> None:
        """Raise what it has said if it has ended. RuntimeMissing, ConfigError, LinkError."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(wait_s)
            self._said.seek(0)
            words = self._said.read().decode(errors="replace").strip()
            kind = _PTY_ERRORS.get(code, LinkError)
            raise kind(f"the pty board does not start: {words or 'no message'}")

    def close(self) -> None:
        """End it."""
        try:
            self._process.terminate()
            self._process.wait(5)
        except BaseException as error:
            self._process.kill()
            self._process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        finally:
            self._said.close()


def check_device(name: str, bench: Path | None, firmware: Path | None) -> None:
    """Raise ConfigError for a device that there is not, or one that takes no other firmware."""
    known = ", ".join((*VIRTUAL, PTY))
    if firmware is not None:
        if name == CpythonBoard.name or name not in {*VIRTUAL, PTY}:
            raise ConfigError(f"--firmware is for the VM: {name} runs its own")
        if not (firmware / "firmware_py").is_dir():
            raise ConfigError(f"{firmware} has no folder firmware_py: give the folder above it")
    if name in VIRTUAL or name == PTY:
        return
    if bench is None:
        raise ConfigError(f"no device {name!r}: give one of {known}, or --bench with its file")
    bench_file.load(bench).device(name)


def source_of(name: str, bench: Path | None = None, firmware: Path | None = None) -> DeviceSource:
    """The device of that name; a board of a bench file is locked. Raises ConfigError, PortError."""
    check_device(name, bench, firmware)
    if name in VIRTUAL:
        return VirtualSource(VIRTUAL[name], firmware)
    return PtySource(firmware) if bench is None or name == PTY else BenchSource(bench, name)
