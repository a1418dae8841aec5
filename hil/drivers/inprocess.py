# SPDX-License-Identifier: Apache-2.0
"""The firmware in this process, on CPython: for baselines and --runtime cpython."""

import contextlib
import math
import os
import time
from array import array
from pathlib import Path

from edge.errors import ConfigError
from firmware_py import boot
from firmware_py.channels import N_IN
from firmware_py.store.reset import CAUSE_POWER_ON, CAUSE_SOFT
from hil.drivers.heard import MCU_HEAP_FREE, Heard
from hil.drivers.launch import Launch
from hil.ports import HOST, HOSTS, LINE, MCU, POWER, RESET, STIMULUS, STORE, Unsupported

RX_BYTES = 512
"""Link bytes taken at once."""
TICKS_MASK = (1 << 30) - 1
"""Board time is a 30-bit counter of milliseconds."""


class CpythonBoard:
    """A board in virtual time; same interface as hil.drivers.vm.VmBoard."""

    name = "cpython"
    capabilities = frozenset({STIMULUS, RESET, MCU, LINE, POWER, HOST, HOSTS})

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
    ) -> None:
        """Boot it; store: a folder as its flash. Raises ConfigError, Unsupported."""
        if firmware is not None:
            raise Unsupported(
                f"firmware from {firmware} cannot run in this process, which has loaded its own: "
                "use the MicroPython VM"
            )
        if store is not None:
            self.capabilities = CpythonBoard.capabilities | {STORE}
        self._launch = Launch(
            config, store=store, key=key, uid=uid, boot_id=boot_id, boot_count=boot_count
        )
        self._heard = Heard()
        self._now_ms = 0
        self._started = False
        self.until_ms = 0
        try:
            self._boot(CAUSE_POWER_ON)
        except BaseException:
            self._launch.close()
            raise
        self.outputs: array[int] = array("i", self._app.act.outputs)
        """int32[N_OUT], as of the last exchange."""

    @property
    def boots(self) -> int:
        """Boots so far, those that the board did by itself among them."""
        return self._launch.boots

    def exchange(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Let the board run at `now_ms` on `inputs` (int32[N_IN]); returns its link bytes.

        A reset that it was asked for over the link is done on return.
        """
        start_s = time.perf_counter()
        app = self._app
        if not self._started:
            self._started = True
            app.start(now_ms)
        self._now_ms = now_ms
        app.raw[:N_IN] = inputs
        self.until_ms = app.step(now_ms, rx, len(rx))
        outbox = app.outbox
        tx = bytes(outbox.buf[: outbox.n])
        outbox.clear()
        self.outputs[:] = app.act.outputs
        if self._records.ends():
            self.restart(CAUSE_SOFT)
        elif app.keeper is not None:
            app.keeper.slack(app)  # the rest of App.slack is for the VM's heap
        self._heard.exchanged(tx, start_s)
        return tx

    def restart(self, cause: int, heap_kib: int | None = None) -> None:
        """Reset; outputs stay as they were until the next exchange. See hil.drivers.device."""
        if heap_kib is not None:
            raise Unsupported("CPython has no heap of fixed size: use the MicroPython VM")
        self._heard.forget()
        self._boot(cause)
        self.until_ms = self._now_ms

    def measure(self) -> dict[str, float]:
        """`mcu_heap_free` (NaN: CPython has none), `mcu_tick_ms` (wall time of an exchange)."""
        return self._heard.measure() | {MCU_HEAP_FREE: math.nan}

    def _boot(self, cause: int) -> None:
        try:
            self._records = boot.make(self._launch.arguments(cause))
        except (ValueError, OSError) as error:
            raise ConfigError(self._launch.named(f"{self._launch.binary}: {error}")) from error
        self._app = self._records.app
        self._started = False

    def close(self) -> None:
        """Give the scratch folder back."""
        self._launch.close()


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
        self._board.close()
        os.close(self._fd)
