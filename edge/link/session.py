# SPDX-License-Identifier: Apache-2.0
"""One host's conversation with one board, without I/O.

    session = Session(owner=..., nonce=...)
    session.start(now_ms)                     each time the transport was opened or reopened
    while running:
        events = session.receive(transport.read(0.02), now_ms) + session.poll(now_ms)
        transport.write(session.data_to_send())

`now_ms` is any clock that never goes back. Call `receive` with what has arrived before `poll`:
poll draws conclusions from silence. The states are the table in `states.py`.

The session says HELLO until a board answers, reads its dictionary if that is unknown, keeps the
lease, compares the clocks, and starts over by itself when the board reboots or falls silent.
Each command is executed at most once and ends in exactly one Reply or CommandFailed.
"""

from typing import Any

from edge.core import FrameDecoder
from edge.errors import LinkError
from edge.link import events as ev
from edge.link.conversation import SILENCE_MS, Conversation
from edge.link.messages import UnknownMessageError
from edge.link.requests import Request
from edge.link.states import Cause, State
from edge.link.stats import LinkStats


class Session(Conversation):
    """`Session(*, owner, nonce, lease_ttl_ms=3000, want_lease=True, cache=None)`.

    Attributes to read: `state`, `board`, `lease`, `dictionary`, `clock`, `stats`. Holds no
    thread, no clock and no file handle.
    """

    def start(self, now_ms: int) -> None:
        """The transport has been opened or reopened: say HELLO. Statistics are kept."""
        self._totals.retire(self._decoder)
        self._decoder = FrameDecoder()
        self._inbox.counter.restart()
        self._go(Cause.START, now_ms)

    def stop(self, now_ms: int) -> None:
        """The transport is closed on purpose: what is queued fails, nothing more is sent."""
        self._go(Cause.STOP, now_ms)

    def receive(self, data: bytes, now_ms: int) -> list[ev.Event]:
        """Take bytes from the transport, any number in any pieces; returns what they mean."""
        if data and self.state is not State.DOWN:
            other_versions = self._decoder.version_errors
            frames = self._decoder.feed(data)
            if self.state is State.HELLO:
                other_versions = self._decoder.version_errors - other_versions
                self._greeting.diagnosis.bytes_came(data, len(frames), other_versions)
            for frame in frames:
                self._frame(frame, now_ms)
            self._requests.pump(now_ms, self._id)
        return self._take_events()

    def poll(self, now_ms: int) -> list[ev.Event]:
        """Do what is due: retries, silence, lease, time. May be called at any rate."""
        if self.state is not State.DOWN:
            self._check_silence(now_ms)
            expired = self._requests.expire(now_ms)
            if expired is not None:
                self._unanswered(expired, now_ms)
            if self.state is State.HELLO:
                self._greet_again(now_ms)
            elif self.state is State.READY:
                self._upkeep(now_ms)
            self._requests.pump(now_ms, self._id)
        return self._take_events()

    def data_to_send(self) -> bytes:
        """Bytes for the transport; the caller has them from now on."""
        data = bytes(self._out)
        self._out.clear()
        return data

    # On a bus (edge/link/bus.py)

    @property
    def address(self) -> int:
        """The board's address on a bus; 0 if it has the line for itself."""
        return self._address

    @property
    def waits_for_answer(self) -> bool:
        """True while a request is on the line."""
        return self._requests.current is not None

    def yield_line(self) -> None:
        """Put nothing on the line until `take_line`."""
        self._requests.allowed = False

    def take_line(self, now_ms: int) -> bytes:
        """The line is free: the bytes of one request or of its retry, b"" if there is none."""
        self._requests.allowed = True
        expired = self._requests.expire(now_ms)
        if expired is not None:
            self._unanswered(expired, now_ms)
        self._requests.pump(now_ms, self._id)
        self._requests.allowed = not self._out
        return self.data_to_send()

    def next_deadline_ms(self) -> int | None:
        """When `poll` has something to do even if nothing arrives; None if never."""
        due = [self._requests.deadline_ms, self._greeting.due_ms]
        if self.state in (State.DICT, State.READY):
            due.append(self._heard_ms + SILENCE_MS)
        if self.state is State.READY:
            asking = self._requests.waiting("LEASE")
            due += [self.lease.deadline_ms(self._heard_ms, asking=asking), self._time_due_ms]
            due += [self._poll_due_ms] if self._address else []
        return min((at for at in due if at is not None), default=None)

    def command(self, name: str, now_ms: int, **values: Any) -> int:
        """Queue a request, for example `command("SHED", now_ms, off=0b10)`; returns its token.

        One Reply or CommandFailed with that token follows. While not READY it fails at the next
        `receive` or `poll`: a command is never kept for a later connection. Raises ValueError
        for a name or values that the board's dictionary does not take.
        """
        try:
            type_, payload = self.dictionary.pack(name, **values)
        except UnknownMessageError:
            known = ", ".join(self.dictionary.names())
            raise ValueError(f"the board has no message {name}; it has {known}") from None
        self._token += 1
        request = Request(name, type_, payload, token=self._token)
        if self.state is State.READY:
            self._requests.add(request)
            self._requests.pump(now_ms, self._id)
        else:
            self._fail(request, LinkError(f"{name} was not sent: no board is connected"))
        return self._token

    def release(self, now_ms: int) -> int:
        """Give the lease back and want it no more: the board goes LOCAL. Returns a token."""
        self.lease.want = False
        return self.command("LEASE", now_ms, owner=self._owner, ttl_ms=0)

    def authenticate(self, now_ms: int) -> None:
        """Try again after KeyRefused: the key may have been written to the board meanwhile."""
        if self.state is State.READY:
            self._challenge()
            self._requests.pump(now_ms, self._id)

    def telemetry_age_ms(self, now_ms: int) -> int | None:
        """Time since the newest telemetry came, ms; None before the first."""
        came_ms = self._inbox.telemetry_ms
        return None if came_ms is None else now_ms - came_ms

    @property
    def stats(self) -> LinkStats:
        """Counters since the session was made."""
        return self._totals.snapshot(self._decoder, self._inbox.counter, self._requests)
