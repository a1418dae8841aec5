# SPDX-License-Identifier: Apache-2.0
"""Several boards on one RS-485 pair: who may speak next.

A board speaks only when asked and ends with its answer, so the pair is free as soon as the answer
is there, or when none has come for so long that none will. Sessions take turns; each keeps its own
retries, lease and clock.

    bus = Bus([Session(owner=7, nonce=1, address=3), Session(owner=7, nonce=2, address=9)])
    bus.start(now_ms)
    while running:
        for session, events in bus.exchange(transport.read(0.005), now_ms): ...
        transport.write(bus.data_to_send())
"""

from collections.abc import Sequence

from edge.link.events import Event
from edge.link.session import Session

LINE_MS = 150
"""Time after which an unanswered request has lost the pair, ms: a turn of 512 bytes at 115200 baud
(44 ms), a garbage collection and a tick on the board, and the host's own delays."""


class Bus:
    """Sessions that share one half-duplex pair. Holds no thread, no clock and no file handle."""

    def __init__(self, sessions: Sequence[Session], line_ms: int = LINE_MS) -> None:
        """Raises ValueError unless every session has a bus address of its own."""
        addresses = {session.address for session in sessions}
        if 0 in addresses or len(addresses) != len(sessions):
            raise ValueError(f"addresses on a bus are 1..247 and differ; got {sorted(addresses)}")
        self.sessions = tuple(sessions)
        self._line_ms = line_ms
        self._holder: Session | None = None
        self._until_ms = 0
        self._next = 0
        self._out = b""

    def start(self, now_ms: int) -> None:
        """The transport has been opened or reopened."""
        self._holder = None
        for session in self.sessions:
            session.yield_line()
            session.start(now_ms)

    def exchange(self, data: bytes, now_ms: int) -> list[tuple[Session, list[Event]]]:
        """Take what came, give the pair to whoever is next; what it means, session by session."""
        found = []
        for session in self.sessions:
            events = session.receive(data, now_ms) + session.poll(now_ms)
            if events:
                found.append((session, events))
        if self._free(now_ms):
            self._give(now_ms)
        return found

    def data_to_send(self) -> bytes:
        """Bytes for the transport; the caller has them from now on."""
        data, self._out = self._out, b""
        return data

    def _free(self, now_ms: int) -> bool:
        holder = self._holder
        if holder is not None and holder.waits_for_answer and now_ms < self._until_ms:
            return False
        if holder is not None:
            holder.yield_line()
            self._holder = None
        return True

    def _give(self, now_ms: int) -> None:
        for i in range(len(self.sessions)):
            session = self.sessions[(self._next + i) % len(self.sessions)]
            data = session.take_line(now_ms)
            if data:
                self._out += data
                self._holder, self._until_ms = session, now_ms + self._line_ms
                self._next = (self._next + i + 1) % len(self.sessions)
                return
            session.yield_line()
