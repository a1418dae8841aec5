# SPDX-License-Identifier: Apache-2.0
"""The serial line of virtual time: bytes arrive when a UART would have delivered them."""

from collections import deque

BITS_PER_BYTE = 10
"""8N1: one start bit, eight data bits, one stop bit."""


class SerialPipe:
    """One direction of a serial line at a baud rate, without loss.

    A block sent at t is delivered whole when its last bit has left the line; a block sent
    while another is on the line waits for it.
    """

    def __init__(self, baud: int = 115200) -> None:
        self._us_per_byte = BITS_PER_BYTE * 1_000_000 / baud
        self._free_at_us = 0.0
        self._blocks: deque[tuple[int, bytes]] = deque()
        self.sent_bytes = 0

    def send(self, data: bytes, now_ms: int) -> None:
        """Put `data` on the line at `now_ms`."""
        start_us = max(self._free_at_us, now_ms * 1000)
        self._free_at_us = start_us + len(data) * self._us_per_byte
        # The next whole millisecond: never earlier than the last stop bit.
        self._blocks.append((int(-(-self._free_at_us // 1000)), data))
        self.sent_bytes += len(data)

    def due_ms(self) -> int | None:
        """When the next block is complete; None if the line is quiet."""
        return self._blocks[0][0] if self._blocks else None

    def receive(self, now_ms: int, limit: int = 1 << 30) -> bytes:
        """All bytes complete at `now_ms`, at most `limit` of them."""
        out = b""
        while self._blocks and self._blocks[0][0] <= now_ms and len(out) < limit:
            due, block = self._blocks.popleft()
            room = limit - len(out)
            if len(block) > room:
                self._blocks.appendleft((due, block[room:]))
            out += block[:room]
        return out


class PipeTransport:
    """The host's end of two pipes: the transport that the daemon gets in virtual time."""

    def __init__(self, clock: "VirtualClock", rx: SerialPipe, tx: SerialPipe) -> None:
        self._clock = clock
        self._rx = rx
        self._tx = tx

    def read(self, timeout_s: float = 0.0) -> bytes:  # noqa: ARG002 - virtual time never waits
        """Bytes that have arrived by now."""
        return self._rx.receive(self._clock.now_ms())

    def write(self, data: bytes) -> None:
        """Send `data` to the board."""
        if data:
            self._tx.send(data, self._clock.now_ms())

    def close(self) -> None:
        """Nothing to give back."""


class VirtualClock:
    """Time that moves only when the bench says so."""

    def __init__(self) -> None:
        self._now_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the start of the run."""
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        """Move on; time never goes back."""
        if now_ms < self._now_ms:
            raise ValueError(f"time cannot go back from {self._now_ms} to {now_ms} ms")
        self._now_ms = now_ms
