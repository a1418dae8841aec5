# SPDX-License-Identifier: Apache-2.0
"""The board's clock as seen from the host."""

from collections import deque
from typing import NamedTuple

SAMPLES = 16
"""TIME exchanges that are remembered: some minutes at one every 10 s."""

WRAP_MS = 1 << 32
"""Period of the board's u32 millisecond counter, 49.7 days."""


class Sample(NamedTuple):
    """One TIME exchange."""

    host_ms: float
    """Host clock in the middle of the exchange, ms."""
    offset_ms: float
    """Board clock minus host clock, ms."""
    rtt_ms: float
    """Time on the line, without the board's own handling, ms."""


class DeviceClock:
    """Extends the board's time over its wrap and estimates its offset and drift."""

    def __init__(self) -> None:
        self._device_ms: int | None = None
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)

    def extend(self, t_ms: int) -> int:
        """Board time on the u32 counter → ms since boot that never jumps back by a wrap."""
        if self._device_ms is None:
            self._device_ms = t_ms
            return t_ms
        ahead = (t_ms - self._device_ms) % WRAP_MS
        if ahead >= WRAP_MS // 2:
            # A little older than the newest: an event that waited in the board's queue.
            return max(0, self._device_ms + ahead - WRAP_MS)
        self._device_ms += ahead
        return self._device_ms

    def exchange(self, sent_us: int, rx_us: int, tx_us: int, received_us: int) -> None:
        """Take one TIME exchange (RFC 5905, 8): host times outside, board times inside, us."""
        rtt_us = (received_us - sent_us) - (tx_us - rx_us)
        if rtt_us < 0 or tx_us < rx_us:
            return  # the two clocks contradict each other; nothing follows from it
        offset_us = ((rx_us - sent_us) + (tx_us - received_us)) / 2
        middle_us = (sent_us + received_us) / 2
        self._samples.append(Sample(middle_us / 1000, offset_us / 1000, rtt_us / 1000))

    @property
    def offset_ms(self) -> float | None:
        """Board clock minus host clock, ms; None before the first exchange.

        Of the sample with the shortest time on the line: its error is at most half of that.
        """
        best = min(self._samples, key=lambda s: (s.rtt_ms, -s.host_ms), default=None)
        return None if best is None else best.offset_ms

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the board's clock runs, ppm; None before three exchanges.

        Slope of the least-squares line through the samples.
        """
        n = len(self._samples)
        if n < 3:
            return None
        mean_t = sum(s.host_ms for s in self._samples) / n
        mean_o = sum(s.offset_ms for s in self._samples) / n
        spread = sum((s.host_ms - mean_t) ** 2 for s in self._samples)
        if spread == 0:
            return None
        slope = sum((s.host_ms - mean_t) * (s.offset_ms - mean_o) for s in self._samples) / spread
        return slope * 1e6
