# SPDX-License-Identifier: Apache-2.0
"""One direction of a line in real time: filters, delays, pacing. No I/O, no clock."""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count

from hil.pipe import BITS_PER_BYTE
from hil.ports import LineFilter

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
Blocks = Iterable[tuple[int, bytes]]
"""(extra delay ms, bytes)"""
TICK_MS = 100
"""How often filters may put something of their own onto the line."""


class Lane:
    """Bytes in at one end, out at the other when they are due. See hil.ports.Line."""

    def __init__(self, baud: int, *, paced: bool = False) -> None:
        """`paced`: deliver as slowly as a UART at `baud`; else only once `baud` has been changed.

        A line that has real wires is slow by itself.
        """
        self.filters: list[LineFilter] = []
        self.baud = baud
        self._own_baud = 0 if paced else baud
        self._order = count()
        self._waiting: list[tuple[float, int, bytes]] = []
        self._free_ns = 0
        self._idle_ms = 0
        self._on_line: deque[tuple[float, bytes]] = deque()

    def put(self, data: bytes, now_ms: int) -> None:
        """Bytes enter at `now_ms` and go through the filters."""
        self._through([(0, data)], tuple(self.filters), now_ms)

    def take(self, now_ms: int) -> bytes:
        """All that has come out by `now_ms`. Filters speak for themselves in here, each tick."""
        if self.filters and now_ms - self._idle_ms >= TICK_MS:
            self._idle_ms = now_ms
            chain = tuple(self.filters)
            for place, each in enumerate(chain):
                self._through(each.idle(now_ms), chain[place + 1 :], now_ms)
        while self._waiting and self._waiting[0][0] <= now_ms:
            due_ms, _, data = heapq.heappop(self._waiting)
            self._enter(data, due_ms)
        out = b""
        while self._on_line and self._on_line[0][0] <= now_ms:
            out += self._on_line.popleft()[1]
        return out

    def due_ms(self, now_ms: int) -> float | None:
        """When `take` has something to do; None: not before something is put in."""
        due = [self._waiting[0][0]] if self._waiting else []
        if self._on_line:
            due.append(self._on_line[0][0])
        if self.filters:
            due.append(float(max(self._idle_ms + TICK_MS, now_ms)))
        return min(due, default=None)

    def drop(self) -> None:
        """What is under way is lost: the cable was pulled."""
        self._waiting.clear()
        self._on_line.clear()
        self._free_ns = 0

    def _through(self, blocks: Blocks, filters: Sequence[LineFilter], now_ms: int) -> None:
        if not filters:
            for delay_ms, data in blocks:
                entry = (float(now_ms + delay_ms), next(self._order), data)
                heapq.heappush(self._waiting, entry)
            return
        for delay_ms, data in blocks:
            made = filters[0].send(data, now_ms + delay_ms)
            later = [(delay_ms + more_ms, out) for more_ms, out in made]
            self._through(later, filters[1:], now_ms)

    def _enter(self, data: bytes, due_ms: float) -> None:
        """Onto the line: at once, or byte by byte at the pace of a UART."""
        if self.baud == self._own_baud or not self.baud:
            self._on_line.append((due_ms, data))
            return
        byte_ns = BITS_PER_BYTE * NS_PER_S // self.baud
        at_ns = max(self._free_ns, round(due_ms * NS_PER_MS))
        for place in range(len(data)):
            at_ns += byte_ns
            self._on_line.append((at_ns / NS_PER_MS, data[place : place + 1]))
        self._free_ns = at_ns
