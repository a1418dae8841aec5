# SPDX-License-Identifier: Apache-2.0
"""Readings to, and outputs from, a board `sim` in real time, over a port of its own."""

import contextlib
import threading
from array import array
from collections.abc import Callable

from edge.link.serial import Transport
from firmware_py.channels import N_OUT
from hil.drivers.lasting import LastingPort
from hil.drivers.records import (
    OUT_RECORD_BYTES,
    REAL_TIME,
    TX_BYTES,
    RecordStream,
    pack_inputs,
    unpack_outputs,
)

READ_S = 0.1
"""Longest wait of the reader, and so of an end."""


class Bus:
    """A reader's and a writer's thread: a board that takes nothing does not stop its bench."""

    def __init__(self, first: Transport, open_port: Callable[[], Transport]) -> None:
        self.outputs: array[int] = array("i", bytes(4 * N_OUT))
        """int32[N_OUT], as of the last `pull`."""
        self._port = LastingPort(first, open_port)
        self._stream = RecordStream(OUT_RECORD_BYTES, TX_BYTES)
        self._newest: bytes | None = None
        self._pending: bytes | None = None
        self._ready = threading.Condition()
        self._running = True
        self._threads = [
            threading.Thread(target=run, name=f"bus-{part}", daemon=True)
            for part, run in (("reader", self._read), ("writer", self._write))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def gone_s(self) -> float:
        """Time since its port went away; 0 while it is there."""
        return self._port.gone_s

    @property
    def why(self) -> str:
        """Why it could not be opened again, the last time."""
        return self._port.why

    def push(self, inputs: "array[int]") -> bool:
        """New readings, int32[N_IN]; False, and nothing done, if the last ones still wait."""
        with self._ready:
            if self._pending is not None:
                return False
            self._pending = pack_inputs(REAL_TIME, inputs)
            self._ready.notify()
        return True

    def pull(self) -> bool:
        """Take the newest outputs; True if there were new ones."""
        block, self._newest = self._newest, None
        if block is None:
            return False
        self.outputs = unpack_outputs(block)[1]
        return True

    def close(self) -> None:
        """End both threads, give the port back."""
        with self._ready:
            self._running = False
            self._ready.notify()
        for thread in self._threads:
            thread.join(timeout=5)
        self._port.close()

    def _read(self) -> None:
        while self._running:
            with contextlib.suppress(IndexError):
                self._newest = self._stream.feed(self._port.read(READ_S))[-1]

    def _write(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._pending is not None or not self._running)
                record = self._pending
            if not self._running:
                return
            if record is not None:
                self._port.write(record)
            with self._ready:
                self._pending = None
