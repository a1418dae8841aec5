# SPDX-License-Identifier: Apache-2.0
"""What a bench measures of a board in passing."""

import math
import time

from edge.core import FrameDecoder
from edge.link.messages import OWN
from firmware_py.link.messages import TELEMETRY

MCU_HEAP_FREE = "mcu_heap_free"
MCU_TICK_MS = "mcu_tick_ms"
KEPT_BYTES = 2048
"""Newest link bytes kept: a tick of telemetry and what a board answers within it."""


class Heard:
    """The newest telemetry, decoded only when someone asks, and the time an exchange took."""

    def __init__(self) -> None:
        self._tx = b""
        self._heap_free = math.nan
        self._exchange_ms = math.nan

    def came(self, tx: bytes) -> None:
        """Book link bytes."""
        if tx:
            self._tx = (self._tx + tx)[-KEPT_BYTES:]

    def exchanged(self, tx: bytes, start_s: float) -> None:
        """Book the link bytes of an exchange that began at `start_s` (perf_counter)."""
        self.came(tx)
        self._exchange_ms = (time.perf_counter() - start_s) * 1000.0

    def forget(self) -> None:
        """The board begins anew."""
        self._tx = b""
        self._heap_free = math.nan

    def measure(self) -> dict[str, float]:
        """`mcu_heap_free` (B) and `mcu_tick_ms`; NaN where nothing is known."""
        if self._tx:
            for frame in FrameDecoder().feed(b"\0" + self._tx):
                if frame.type == TELEMETRY:
                    self._heap_free = float(OWN.unpack(frame.type, frame.payload).values.heap_free)
            self._tx = self._tx[self._tx.rfind(b"\0") + 1 :]  # of a frame that is still coming
        return {MCU_HEAP_FREE: self._heap_free, MCU_TICK_MS: self._exchange_ms}
