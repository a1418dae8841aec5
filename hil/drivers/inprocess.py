# SPDX-License-Identifier: Apache-2.0
"""The firmware in this process, on CPython: for baselines and --runtime cpython."""

import contextlib
import os
import time
from array import array
from pathlib import Path

from edge.errors import ConfigError
from firmware_py.app import App
from firmware_py.channels import N_IN
from firmware_py.link.commands import BoardInfo
from firmware_py.store import config as store
from hil.drivers.boardfile import read_binary

RX_BYTES = 512
"""Link bytes taken at once."""
TICKS_MASK = (1 << 30) - 1
"""Board time is a 30-bit counter of milliseconds."""


def load_app(config: Path, boot_id: int, boot_count: int) -> App:
    """The firmware's App for a board configuration, JSON or compiled.

    ConfigError names the file and the key.
    """
    try:
        parsed = store.parse(read_binary(config))
    except store.ConfigError as error:
        raise ConfigError(f"{config}: {error}") from error
    return App(parsed, BoardInfo("sim 0001", boot_id, boot_count))


class CpythonBoard:
    """A board in virtual time; same interface as hil.drivers.vm.VmBoard."""

    def __init__(self, config: Path, boot_id: int = 1, boot_count: int = 1) -> None:
        self._app = load_app(config, boot_id, boot_count)
        self._started = False
        self.until_ms = 0
        self.outputs: array[int] = self._app.act.outputs

    def exchange(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Let the board run at `now_ms` on `inputs` (int32[N_IN]); returns its link bytes."""
        app = self._app
        if not self._started:
            self._started = True
            app.start(now_ms)
        app.raw[:N_IN] = inputs
        self.until_ms = app.step(now_ms, rx, len(rx))
        outbox = app.outbox
        tx = bytes(outbox.buf[: outbox.n])
        outbox.clear()
        return tx

    def close(self) -> None:
        """Nothing to give back."""


class CpythonLive:
    """A board in real time; same interface as hil.drivers.vm.LiveVm, but it runs in `push`."""

    def __init__(self, config: Path, link: str, boot_id: int = 1, boot_count: int = 1) -> None:
        self._board = CpythonBoard(config, boot_id, boot_count)
        self.outputs = self._board.outputs
        self._fd = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._fresh = False

    def push(self, inputs: "array[int]") -> bool:
        """Give the board new readings and let it run once."""
        try:
            rx = os.read(self._fd, RX_BYTES)
        except BlockingIOError:
            rx = b""
        now_ms = time.monotonic_ns() // 1_000_000 & TICKS_MASK
        tx = self._board.exchange(now_ms, inputs, rx)
        with contextlib.suppress(BlockingIOError):  # a full line loses bytes, as a UART does
            os.write(self._fd, tx)
        self._fresh = True
        return True

    def pull(self) -> bool:
        """Whether there are new outputs since the last call."""
        fresh, self._fresh = self._fresh, False
        return fresh

    def kill(self) -> None:
        """Cut the power."""
        self.close()

    def close(self) -> None:
        """Give the tty back."""
        os.close(self._fd)
