# SPDX-License-Identifier: Apache-2.0
"""Stop-and-wait: one request on the line, retried with the same bytes, answered once.

The board repeats its cached answer to a request that it has seen, so a retry never executes a
command twice. A later request always has the next seq, so an answer that comes too late matches
nothing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.core import Frame, encode_frame
from edge.link.auth import OPEN, Authenticator
from edge.link.rtt import RoundTrip
from firmware_py.link import messages as m

TRIES = 3
"""Times a request is sent before it counts as unanswered."""

ANSWERS = {
    m.HELLO: m.HELLO_R,
    m.DICT_READ: m.DICT_DATA,
    m.TIME: m.TIME_R,
    m.CHALLENGE: m.CHALLENGE_R,
    m.CONFIG_READ: m.CONFIG_R,
    m.JOURNAL_READ: m.JOURNAL_DATA,
}
"""Type of the answer, where it is not ACK."""


@dataclass(slots=True)
class Request:
    """One request from the moment it is queued."""

    name: str
    type: int
    payload: bytes
    token: int = 0
    """Of the caller; 0 for what the session asks on its own behalf."""
    tries: int = TRIES
    wait_ms: int | None = None
    """Fixed wait for the answer, ms; None: the RTO."""
    seq: int = 0
    sent: int = 0
    """Times it was sent."""
    first_sent_ms: int = 0
    deadline_ms: int = 0
    wire: bytes = field(default=b"", repr=False)

    def expects(self, type_: int) -> bool:
        """True if a frame of this type can answer it."""
        return type_ in (m.ERR, ANSWERS.get(self.type, m.ACK))


class Requests:
    """The queue, the request on the line, and its timer."""

    def __init__(
        self, seq: int, send: Callable[[bytes], None], authenticator: Authenticator | None = None
    ) -> None:
        self.allowed = True
        """False: nothing is put on the line; another session has it (edge/link/bus.py)."""
        self.hello_session = 0
        """What HELLO carries as session: the board's address on a bus."""
        self.round_trip = RoundTrip()
        self.retries = 0
        self.timeouts = 0
        self.strays = 0
        """Answers that matched no request on the line: late, doubled, or somebody else's."""
        self.current: Request | None = None
        self._queue: deque[Request] = deque()
        self._seq = seq
        self._send = send
        self._authenticator = authenticator

    def add(self, request: Request, *, urgent: bool = False) -> None:
        """Queue a request; an urgent one goes before all that wait."""
        if urgent:
            self._queue.appendleft(request)
        else:
            self._queue.append(request)

    def waiting(self, name: str) -> bool:
        """True if a request of that name is on the line or queued."""
        on_line = self.current is not None and self.current.name == name
        return on_line or any(request.name == name for request in self._queue)

    def clear(self) -> list[Request]:
        """Give up everything; returns it, oldest first."""
        dropped = ([self.current] if self.current else []) + list(self._queue)
        self.current = None
        self._queue.clear()
        return dropped

    def pump(self, now_ms: int, session: int) -> None:
        """Put the next request on the line if it is free."""
        if self.current is not None or not self._queue or not self.allowed:
            return
        request = self.current = self._queue.popleft()
        self._seq = (self._seq + 1) & 0xFFFF
        request.seq = self._seq
        request.wire = self._frame(request, session)
        request.first_sent_ms = now_ms
        self._transmit(request, now_ms)

    def _frame(self, request: Request, session: int) -> bytes:
        kind, seq, payload = request.type, request.seq, request.payload
        if kind == m.HELLO:
            session = self.hello_session
        keys = self._authenticator
        if keys is None or not keys.established or kind in OPEN:
            return encode_frame(0, kind, seq, session, payload)
        return encode_frame(m.AUTH, kind, seq, session, keys.seal(kind, seq, session, payload))

    def _transmit(self, request: Request, now_ms: int) -> None:
        request.sent += 1
        request.deadline_ms = now_ms + (request.wait_ms or self.round_trip.rto_ms)
        self._send(request.wire)

    def expire(self, now_ms: int) -> Request | None:
        """Retry what was not answered in time; returns it if that was its last try."""
        request = self.current
        if request is None or now_ms < request.deadline_ms or not self.allowed:
            return None
        if request.sent < request.tries:
            self.retries += 1
            self.round_trip.back_off()
            self._transmit(request, now_ms)
            return None
        self.timeouts += 1
        self.current = None
        return request

    def answered_by(self, frame: Frame) -> Request | None:
        """The request on the line, if `frame` answers it. The caller checks session and values."""
        request = self.current
        if request is None or frame.seq != request.seq or not request.expects(frame.type):
            self.strays += 1
            return None
        return request

    def done(self, now_ms: int) -> None:
        """The request on the line has its answer: measure, and free the line."""
        request = self.current
        if request is not None and request.sent == 1:
            self.round_trip.sample(now_ms - request.first_sent_ms)
        self.current = None

    @property
    def deadline_ms(self) -> int | None:
        """When `expire` has something to do, ms; None if nothing is on the line."""
        return None if self.current is None else self.current.deadline_ms
