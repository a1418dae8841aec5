# SPDX-License-Identifier: Apache-2.0
"""The serial line of virtual time: bytes arrive when a UART would have delivered them."""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from hil.ports import LineFilter

BITS_PER_BYTE = 10
"""8N1: one start bit, eight data bits, one stop bit."""


class SerialPipe:
    """One direction of a serial line at a baud rate, without loss of its own.

    A block sent at t is delivered whole when its last bit has left the line; a block sent
    while another is on the line waits for it. `filters` disturb what is sent: each block goes
    through all of them in order, each at the time that the one before lets go of it. What they
    delay enters the line that much later, behind later blocks if need be.
    """

    def __init__(self, baud: int = 115200) -> None:
        self.filters: list[LineFilter] = []
        self.baud = baud
        self._free_at_us = 0.0
        self._blocks: list[tuple[int, int, bytes]] = []
        """Heap of (due ms, number, bytes): equal times keep the order of sending."""
        self._waiting: list[tuple[int, int, bytes]] = []
        """Heap of (ms at which it enters the line, number, bytes)."""
        self._number = 0
        self.sent_bytes = 0

    @property
    def baud(self) -> int:
        """Bits per second; a change holds from the next block on. ValueError below 1."""
        return self._baud

    @baud.setter
    def baud(self, baud: int) -> None:
        if baud < 1:
            raise ValueError(f"baud is {baud}: give 1 or more")
        self._baud = baud
        self._us_per_byte = BITS_PER_BYTE * 1_000_000 / baud

    def send(self, data: bytes, now_ms: int) -> None:
        """Put `data` on the line at `now_ms`."""
        if self._waiting:
            self._enter(now_ms)
        if self.filters:
            self._put_all(self._through(tuple(self.filters), [(0, data)], now_ms), now_ms)
        else:
            self._put(data, now_ms)

    def tick(self, now_ms: int) -> None:
        """Let each filter send what it sends by itself; once per tick of the run."""
        filters = tuple(self.filters)
        for i, each in enumerate(filters):
            said = list(each.idle(now_ms))
            if said:
                self._enter(now_ms)
                self._put_all(self._through(filters[i + 1 :], said, now_ms), now_ms)

    def due_ms(self) -> int | None:
        """When the next block is complete; None if the line is quiet."""
        if not self._waiting:
            return self._blocks[0][0] if self._blocks else None
        enter_ms, _, data = self._waiting[0]
        free_at_us = max(self._free_at_us, enter_ms * 1000) + len(data) * self._us_per_byte
        due_ms = int(-(-free_at_us // 1000))
        return min(due_ms, self._blocks[0][0]) if self._blocks else due_ms

    def receive(self, now_ms: int, limit: int = 1 << 30) -> bytes:
        """All bytes complete at `now_ms`, at most `limit` of them."""
        if self._waiting:
            self._enter(now_ms)
        out = b""
        blocks = self._blocks
        while blocks and blocks[0][0] <= now_ms and len(out) < limit:
            due, number, block = heappop(blocks)
            room = limit - len(out)
            if len(block) > room:
                heappush(blocks, (due, number, block[room:]))
            out += block[:room]
        return out

    def hang_up(self) -> int:
        """Drop everything under way; returns how many bytes that were."""
        lost = sum(len(block) for _, _, block in (*self._blocks, *self._waiting))
        self._blocks.clear()
        self._waiting.clear()
        self._free_at_us = 0.0
        return lost

    def _through(
        self, filters: Sequence[LineFilter], blocks: Iterable[tuple[int, bytes]], now_ms: int
    ) -> Iterable[tuple[int, bytes]]:
        """`blocks` as they leave `filters`; delays add up."""
        for each in filters:
            blocks = [
                (delay_ms + extra_ms, part)
                for delay_ms, block in blocks
                for extra_ms, part in each.send(block, now_ms + delay_ms)
            ]
        return blocks

    def _put_all(self, blocks: Iterable[tuple[int, bytes]], now_ms: int) -> None:
        for delay_ms, block in blocks:
            if block and delay_ms > 0:
                heappush(self._waiting, (now_ms + delay_ms, self._number, block))
                self._number += 1
            elif block:
                self._put(block, now_ms)

    def _enter(self, now_ms: int) -> None:
        """Put onto the line what was delayed until now, at its own time."""
        while self._waiting and self._waiting[0][0] <= now_ms:
            enter_ms, _, block = heappop(self._waiting)
            self._put(block, enter_ms)

    def _put(self, data: bytes, now_ms: int) -> None:
        start_us = max(self._free_at_us, now_ms * 1000)
        self._free_at_us = start_us + len(data) * self._us_per_byte
        # The next whole millisecond: never earlier than the last stop bit.
        heappush(self._blocks, (int(-(-self._free_at_us // 1000)), self._number, data))
        self._number += 1
        self.sent_bytes += len(data)


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
