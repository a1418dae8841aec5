# SPDX-License-Identifier: Apache-2.0
"""QEMU's Cortex-M3 with MicroPython on it, which runs what it is told over its raw REPL.

16 MiB of its memory are a file that both sides see: images, files and flash lie there.
"""

import mmap
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from edge.errors import LinkError, RuntimeMissing
from edge.link.dictionary import cache_directory
from hil.drivers.records import IN_RECORD_BYTES, OUT_RECORD_BYTES
from hil.leash import leashed

VARIABLE = "RACKEDGE_CORTEX_M3"
"""Environment: the folder that `hil/cortex/build FOLDER` has filled; else one of the caches."""
PROGRAM = "qemu-system-arm"
HEAP_KIB = 192
"""Of the build."""
ANSWER_S = 60.0
"""Longest silence; everything takes longer here, and once more on a busy computer."""
_BASE = 0x2100_0000
_BYTES = 16 << 20
_INBOUND = 0
_OUTBOUND = 8 << 10
_FILES = 64 << 10
_ROM = 1 << 20
_FLASH = 2 << 20
FLASH_BYTES = 256 << 10
_GUEST = Path(__file__).with_name("guest.py")
_START = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def find_machine() -> Path:
    """MicroPython, built for the machine. Raises RuntimeMissing with what is to be done."""
    folder = Path(os.environ.get(VARIABLE) or cache_directory() / "cortex-m3")
    elf = folder / "firmware.elf"
    if shutil.which(PROGRAM) is None:
        raise RuntimeMissing(
            f"no emulated Cortex-M3: {PROGRAM} is missing; run `apt-get install {PROGRAM}` (Debian)"
        )
    if not elf.is_file():
        build = Path(__file__).with_name("build")
        raise RuntimeMissing(
            f"no MicroPython for the Cortex-M3: {elf} is not there; run `bash {build} {folder}` "
            "(Debian; the script's head says what it needs)"
        )
    return elf


class Machine:
    """A running machine. Its flash is what lay in `memory` before, if that file was there."""

    def __init__(
        self,
        rom: bytes,
        files: Mapping[str, bytes] = {},
        memory: Path | None = None,
        *,
        counted: bool = False,
    ) -> None:
        """Start it with a ROMFS image as /rom and `files` in /given.

        With `counted` an instruction takes a nanosecond of its time, else its time is ours.
        Raises RuntimeMissing, LinkError.
        """
        elf = find_machine()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        if memory is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="rackedge-cortex-")
            memory = Path(self._scratch.name) / "memory"
        with memory.open("a+b") as file:
            file.truncate(_BYTES)
            self._memory = mmap.mmap(file.fileno(), _BYTES)
        self._process: subprocess.Popen[bytes] | None = None
        self._busy = False
        try:
            places = self._load(rom, files)
            self._process = self._start(elf, memory, counted)
            self._expect(b">>> ")
            self._write(b"\x01")
            self._expect(b"raw REPL; CTRL-B to exit\r\n>")
            self.execute(places + _GUEST.read_text(encoding="utf-8"))
        except BaseException:
            self.close()
            raise

    def execute(self, code: str) -> str:
        """Run code to its end; what it printed. Raises LinkError with its traceback."""
        self.begin(code)
        out = self._expect(b"\x04")[:-1]
        error = self._expect(b"\x04>")[:-2]
        self._busy = False
        if error:
            raise LinkError(f"the emulated Cortex-M3: {error.decode(errors='replace').strip()}")
        return out.decode(errors="replace")

    def begin(self, code: str) -> None:
        """Run code that then speaks by records."""
        self._write(code.encode() + b"\x04")
        self._expect(b"OK")
        self._busy = True

    def send(self, record: bytes) -> None:
        """Give it one record. Raises LinkError with its last words if it has stopped."""
        self._memory[_INBOUND : _INBOUND + len(record)] = record
        self._write(b"r")

    def receive(self) -> bytes:
        """Its next record. Raises LinkError with its last words if it has stopped."""
        first = self._read()
        if first == b"r":
            return self._memory[_OUTBOUND : _OUTBOUND + OUT_RECORD_BYTES]
        said = first + self._expect(b"\x04>")
        self._busy = False
        words = said.replace(b"\x04", b"")[:-1].decode(errors="replace").strip()
        raise LinkError(f"the emulated Cortex-M3 has stopped: {words[-600:] or 'no message'}")

    def end(self) -> None:
        """Let it finish what it does after a record, then close it."""
        try:
            if self._busy:
                self._write(b"q")
                self._expect(b"\x04>")
        except LinkError:  # it has gone already
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Cut its power."""
        self._busy = False
        if self._process is not None:
            self._process.kill()
            _stream(self._process.stdin).close()
            _stream(self._process.stdout).close()
            self._process.wait()
        self._memory.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def _load(self, rom: bytes, files: Mapping[str, bytes]) -> str:
        """Fill the memory; the line that tells the guest what lies where."""
        if len(rom) > _FLASH - _ROM:
            raise LinkError(f"the firmware's image has {len(rom)} B, the machine {_FLASH - _ROM}")
        self._memory[_ROM : _ROM + len(rom)] = rom
        at, places = _FILES, {}
        for name, data in files.items():
            if at + len(data) > _ROM:
                raise LinkError(f"{name}: no room for it in the machine's memory")
            self._memory[at : at + len(data)] = data
            places[name] = (_BASE + at, len(data))
            at += len(data)
        where = {
            "ROM": (_BASE + _ROM, len(rom)),
            "FLASH": (_BASE + _FLASH, FLASH_BYTES),
            "INBOUND": (_BASE + _INBOUND, IN_RECORD_BYTES),
            "OUTBOUND": (_BASE + _OUTBOUND, OUT_RECORD_BYTES),
            "FILES": places,
        }
        return "".join(f"{name} = {value!r}\n" for name, value in where.items())

    def _start(self, elf: Path, memory: Path, counted: bool) -> subprocess.Popen[bytes]:
        shared = f"memory-backend-file,id=ram,size={_BYTES},mem-path={memory},share=on"
        command = [
            PROGRAM,
            "-semihosting",
            "-machine",
            "mps2-an385,memory-backend=ram",
            "-object",
            shared,
        ]
        command += ["-display", "none", "-monitor", "none", "-kernel", str(elf)]
        command += ["-chardev", "stdio,id=uart,signal=off", "-serial", "chardev:uart"]
        command += ["-icount", "shift=0"] if counted else []
        process = subprocess.Popen(  # noqa: S603 - no shell; our own words and paths
            leashed(_START, *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            process_group=0,  # Ctrl-C is for the bench
        )
        self._poll = select.poll()
        self._poll.register(_stream(process.stdout), select.POLLIN)
        return process

    def _write(self, data: bytes) -> None:
        assert self._process is not None  # noqa: S101 - it was started
        stream = _stream(self._process.stdin)
        try:
            while data:
                data = data[stream.write(data) :]
        except BrokenPipeError:
            raise LinkError(f"{PROGRAM} has ended: {self._rest()}") from None

    def _read(self) -> bytes:
        assert self._process is not None  # noqa: S101 - it was started
        if not self._poll.poll(ANSWER_S * 1000):
            raise LinkError(f"the emulated Cortex-M3 has not answered for {ANSWER_S:g} s")
        data = _stream(self._process.stdout).read(1)
        if not data:
            raise LinkError(f"{PROGRAM} has ended: {self._rest()}")
        return data

    def _rest(self) -> str:
        assert self._process is not None  # noqa: S101 - it was started
        words = _stream(self._process.stdout).read().decode(errors="replace").strip()
        return words[-600:] or "no message"

    def _expect(self, end: bytes) -> bytes:
        """All up to and with `end`. QEMU's own words, of an end too soon, are in the error."""
        found = b""
        while not found.endswith(end):
            try:
                found += self._read()
            except LinkError as error:
                words = found.decode(errors="replace").strip()[-600:]
                raise LinkError(f"{error}{words and ': '}{words}") from None
        return found


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - Popen was given PIPE
    return stream
