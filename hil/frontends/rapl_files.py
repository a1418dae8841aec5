# SPDX-License-Identifier: Apache-2.0
"""Files that look like sysfs attributes: one value, a newline, always whole for a reader.

Values are written in place, since tools keep such files open and read from the start again. A
shorter text is first padded with newlines and then cut: at no instant stands a wrong number there.
"""

import os
from contextlib import suppress
from pathlib import Path

READ_MAX = 64
"""Bytes that are looked at; no value of ours is longer."""


def write_value(path: Path, text: str) -> None:
    """Replace the content by `text` and a newline; makes the file if it is not there."""
    data = f"{text}\n".encode("ascii")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        old = os.fstat(handle).st_size
        os.pwrite(handle, data.ljust(min(old, READ_MAX), b"\n"), 0)
        if old > len(data):
            os.ftruncate(handle, len(data))
    finally:
        os.close(handle)


class Setting:
    """A number that tools may write. A text that is no number is put back.

    It is read whole at each poll: a time stamp is too coarse to tell two writes of one tick apart.
    """

    __slots__ = ("_empty", "_path", "_text", "value")

    def __init__(self, path: Path, value: int) -> None:
        """Make the file. Raises OSError."""
        self._path = path
        self._empty = False
        self.value = value
        self._text = b""
        self._write(value)

    def put(self, value: int) -> None:
        """Set the value, and its text as well as that can be done."""
        self.value = value
        with suppress(OSError):  # somebody rearranges the tree; the next poll tries again
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._write(value)

    def poll(self) -> int | None:
        """The number that was written since the last call; None if there is none.

        An empty file is what a shell leaves between truncation and write: it has one more call
        until its value is put back.
        """
        text = self._read()
        if text == self._text:
            return None
        if text == b"" and not self._empty:
            self._empty = True
            return None
        self._empty = False
        number = parse(text)
        if number is None:
            self.put(self.value)
        return number

    def _write(self, value: int) -> None:
        write_value(self._path, str(value))
        self._text = f"{value}\n".encode("ascii")

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                return file.read(READ_MAX + 1)
        except OSError:
            return None


def parse(data: bytes | None) -> int | None:
    """A decimal number as kstrtoull takes it; None for anything else."""
    if data is None or len(data) > READ_MAX:
        return None
    text = data.removesuffix(b"\n").removeprefix(b"+")
    return int(text) if text.isdigit() and int(text) < 1 << 64 else None
