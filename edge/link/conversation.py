# SPDX-License-Identifier: Apache-2.0
"""What is said between host and board: states, frames, answers and their consequences.

`Session` is its public face. Each frame and each silence leads through `TRANSITIONS`; each answer
to a request of our own leads through the table `ANSWERED` at the end.
"""

from collections.abc import Callable
from typing import Any

from edge.core import Frame, FrameDecoder
from edge.errors import LinkAuthError, LinkError, LinkTimeout
from edge.link import events as ev
from edge.link import fields
from edge.link.auth import Authenticator
from edge.link.clock import DeviceClock
from edge.link.diagnosis import Diagnosis
from edge.link.dictionary import DictionaryCache
from edge.link.events import Trouble
from edge.link.greeting import HELLO_PERIOD_MS, Greeting
from edge.link.inbox import Inbox
from edge.link.lease import RETRY_MS, Lease
from edge.link.messages import OWN, Dictionary
from edge.link.refusals import refusal_text
from edge.link.requests import Request, Requests
from edge.link.states import TRANSITIONS, Cause, State
from edge.link.stats import Totals
from firmware_py.link import messages as m

SESSION_GONE = (m.AUTH_NEEDED, m.AUTH_NO_SESSION, m.AUTH_WRONG_MAC, m.AUTH_REPLAY)
"""Details of ERR_AUTH after which only a new CHALLENGE helps."""

SILENCE_MS = 1000
"""Time without a valid frame after which the link counts as lost: ten ticks of telemetry."""

TIME_PERIOD_MS = 9839
"""Time between TIME exchanges; no multiple of the lease beat, so the two drift apart."""


POLL_PERIOD_MS = 100
"""Longest time without a request to a board on a bus, which speaks only when asked: its tick."""


class Conversation:
    """All that is remembered of the conversation with one board. Used through `Session`."""

    def __init__(
        self,
        *,
        owner: int,
        nonce: int,
        lease_ttl_ms: int = 3000,
        want_lease: bool = True,
        cache: DictionaryCache | None = None,
        authenticator: Authenticator | None = None,
        address: int = 0,
    ) -> None:
        """`owner` (u32) names this host to the board, `nonce` (u32) is random for each session.

        `lease_ttl_ms` is 500..30000, else ValueError. Without `want_lease` the session listens
        and asks, but leaves the board to itself or to another host. With an `authenticator` every
        request that changes something carries a MAC. `address` is the board's on an RS-485 bus
        (1..247), else 0.
        """
        self.state = State.DOWN
        self.board: fields.HelloR | None = None
        """What the board said of itself in its last HELLO_R; kept while the link is lost."""
        self.lease = Lease(lease_ttl_ms, want=want_lease)
        self._owner = owner
        self._address = address
        self._authenticator = authenticator
        self._greeting = Greeting(owner, nonce, cache or DictionaryCache())
        self._out = bytearray()
        self._requests = Requests(nonce, self._out.extend, authenticator)
        self._requests.hello_session = address
        self._decoder = FrameDecoder()
        self._totals = Totals()
        self._inbox = Inbox(self._totals)
        self._events: list[ev.Event] = []
        self._id = 0  # session on the wire: low 16 bits of the board's boot id
        self._heard_ms = 0
        self._time_due_ms = 0
        self._poll_due_ms = 0
        self._token = 0

    @property
    def dictionary(self) -> Dictionary:
        """The messages of the connected board."""
        return self._inbox.dictionary

    @property
    def clock(self) -> DeviceClock:
        """Offset and drift of the board's clock against `now_ms`."""
        return self._inbox.clock

    # States

    def _go(self, cause: Cause, now_ms: int) -> None:
        self.state = TRANSITIONS[self.state][cause]
        if self.state in (State.HELLO, State.DOWN):
            self._abandon(cause)
        if self.state is State.HELLO and cause is not Cause.MISREAD:
            self._greeting.diagnosis = Diagnosis(now_ms)
            self._requests.add(self._greeting.hello())
            self._requests.pump(now_ms, 0)

    def _abandon(self, cause: Cause) -> None:
        self._out.clear()
        self._greeting.due_ms = None
        for request in self._requests.clear():
            text = f"{request.name} was not confirmed: link interrupted ({cause.value})"
            self._fail(request, LinkError(text))
        if self.lease.lost():
            self._emit(ev.LeaseLost())

    def _greet_again(self, now_ms: int) -> None:
        self._emit(self._greeting.diagnosis.finding(now_ms))
        if self._greeting.due_ms is not None and now_ms >= self._greeting.due_ms:
            self._requests.add(self._greeting.hello(slowly=True))

    def _check_silence(self, now_ms: int) -> None:
        silent_ms = now_ms - self._heard_ms
        if self.state in (State.DICT, State.READY) and silent_ms >= SILENCE_MS:
            self._totals.lost += 1
            self._emit(ev.Lost(silent_ms))
            self._go(Cause.SILENT, now_ms)

    def _understood(self, dictionary: Dictionary, now_ms: int) -> None:
        self._inbox.dictionary = dictionary
        self._time_due_ms = now_ms
        self._go(Cause.UNDERSTOOD, now_ms)
        if self.board is not None:
            self._emit(ev.Connected(self.board))
        self._upkeep(now_ms)
        self._challenge()

    def _challenge(self) -> None:
        """Ask for an authenticated session before anything else is sent."""
        keys = self._authenticator
        if keys is not None and not self._requests.waiting("CHALLENGE"):
            keys.forget()
            request = Request("CHALLENGE", m.CHALLENGE, keys.challenge())
            self._requests.add(request, urgent=True)

    def _upkeep(self, now_ms: int) -> None:
        if self.lease.expired(now_ms):
            self._emit(ev.LeaseLost())
        if self.lease.due(now_ms) and not self._requests.waiting("LEASE"):
            self._ask("LEASE", urgent=True, owner=self._owner, ttl_ms=self.lease.ttl_ms)
        if now_ms >= self._time_due_ms:
            self._time_due_ms = now_ms + TIME_PERIOD_MS
            if not self._requests.waiting("TIME"):
                self._ask("TIME", host_us=now_ms * 1000)
        if self._address and now_ms >= self._poll_due_ms and not self._requests.waiting("PING"):
            self._ask("PING")

    def _ask(self, name: str, *, urgent: bool = False, **values: int) -> None:
        type_, payload = OWN.pack(name, **values)
        self._requests.add(Request(name, type_, payload), urgent=urgent)

    # Frames

    def _frame(self, frame: Frame, now_ms: int) -> None:
        from_board = frame.flags & (m.EVENT | m.RESP)
        if self._address and not (from_board and frame.session & 0xFF == self._address):
            return  # another board on the bus, or our own echo, which many adapters give
        if frame.flags & m.EVENT:
            self._event_frame(frame, now_ms)
        elif frame.flags & m.RESP:
            self._answer_frame(frame, now_ms)
        else:
            self._totals.unexpected += 1
            self._greeting.diagnosis.echo_came()

    def _event_frame(self, frame: Frame, now_ms: int) -> None:
        if self.state is not State.READY:
            return
        if frame.session != self._id:
            self._totals.wrong_session += 1
            return
        self._heard_ms = now_ms
        self._emit(self._inbox.take(frame, now_ms))

    def _answer_frame(self, frame: Frame, now_ms: int) -> None:
        request = self._requests.answered_by(frame)
        message = None if request is None else self._inbox.unpack(frame)
        if request is None or message is None:
            return
        if not self._belongs(frame, request, message.values):
            self._totals.unexpected += 1
            return
        self._heard_ms = now_ms
        self._poll_due_ms = now_ms + POLL_PERIOD_MS
        self._requests.done(now_ms)
        if frame.type == m.ERR:
            self._refused(request, message.values, now_ms)
        elif request.token:
            self._executed(request, message.values)
        else:
            ANSWERED[request.name](self, request, message.values, now_ms)

    def _belongs(self, frame: Frame, request: Request, values: Any) -> bool:
        """True if the content of an answer with the right seq also fits request and session."""
        if frame.type == m.HELLO_R:
            return self._greeting.answered(frame, values)
        if frame.type in (m.ACK, m.ERR) and values.request != request.type:
            return False
        if frame.type == m.TIME_R and values.host_us.to_bytes(8, "little") != request.payload:
            return False
        rebooted = frame.type == m.ERR and values.code == m.ERR_SESSION
        return rebooted or request.type == m.HELLO or frame.session == self._id

    # Answers to what the session asked

    def _on_hello(self, _request: Request, board: fields.HelloR, now_ms: int) -> None:
        known, self.board = self.board, board
        self._id = board.boot_id & 0xFFFF
        if known is None or known.boot_id != board.boot_id:
            self._inbox.restart()
        if known is not None and known.boot_id != board.boot_id:
            self._totals.reboots += 1
            self._emit(ev.Rebooted(known.boot_id, board))
        dictionary = self._greeting.known(board)
        if dictionary is not None:
            self._understood(dictionary, now_ms)
        else:
            self._go(Cause.GREETED, now_ms)
            self._requests.add(self._greeting.read())

    def _on_dictionary(self, _request: Request, data: fields.DictData, now_ms: int) -> None:
        try:
            dictionary = self._greeting.chunk(data)
        except ValueError as bad:
            self._misread(str(bad), now_ms)
            return
        if dictionary is None:
            self._requests.add(self._greeting.read())
        else:
            self._understood(dictionary, now_ms)

    def _misread(self, why: str, now_ms: int) -> None:
        text = f"the board's dictionary cannot be used: {why}; update the firmware"
        self._emit(self._greeting.diagnosis.report(Trouble.DICTIONARY, text))
        self._go(Cause.MISREAD, now_ms)
        self._greeting.due_ms = now_ms + HELLO_PERIOD_MS

    def _on_time(self, request: Request, values: fields.TimeR, now_ms: int) -> None:
        if request.sent == 1:  # else the answer may belong to either copy
            self.clock.exchange(values.host_us, values.rx_us, values.tx_us, now_ms * 1000)

    def _on_lease(self, request: Request, _values: fields.Ack, _now_ms: int) -> None:
        if self.lease.granted(request.first_sent_ms):
            self._emit(ev.LeaseHeld())

    def _on_poll(self, _request: Request, _values: fields.Ack, _now_ms: int) -> None:
        """Nothing: what the board had to say came before its answer."""

    def _on_challenge(self, _request: Request, values: fields.ChallengeR, _now_ms: int) -> None:
        if self._authenticator is None or self.board is None:
            return
        try:
            self._authenticator.answered(self.board.boot_id, values.tail)
        except LinkAuthError as other_key:
            self._emit(ev.KeyRefused(other_key))
        else:
            self._emit(ev.KeyAccepted())

    # Ends of commands

    def _executed(self, request: Request, values: Any) -> None:
        if request.name == "LEASE" and not self.lease.want and self.lease.lost():
            self._emit(ev.LeaseLost())
        self._emit(ev.Reply(request.token, request.name, values))

    def _refused(self, request: Request, err: fields.Err, now_ms: int) -> None:
        kind = LinkAuthError if err.code == m.ERR_AUTH else LinkError
        error = kind(refusal_text(request.name, err.code, err.detail))
        self._fail(request, error, err.code, err.detail)
        if err.code == m.ERR_AUTH and err.detail in SESSION_GONE:
            self._challenge()
        if request.type == m.HELLO:
            version = err.code == m.ERR_VERSION
            trouble = Trouble.VERSION if version else Trouble.REFUSED
            self._emit(self._greeting.diagnosis.report(trouble, str(error)))
            self._greeting.due_ms = now_ms + HELLO_PERIOD_MS
        elif err.code == m.ERR_SESSION:
            self._go(Cause.FORGOTTEN, now_ms)
        elif request.type == m.DICT_READ:
            self._misread(str(error), now_ms)
        elif request.type == m.CHALLENGE:
            self._emit(ev.KeyRefused(error))
        elif request.type == m.LEASE and not request.token:
            self._lease_refused(error, err, now_ms)
        elif err.code == m.ERR_NO_LEASE and self.lease.lost():
            self._emit(ev.LeaseLost())

    def _lease_refused(self, error: LinkError, err: fields.Err, now_ms: int) -> None:
        if self.lease.lost():
            self._emit(ev.LeaseLost())
        busy = err.code == m.ERR_BUSY
        news = self.lease.refused(now_ms, err.detail if busy else RETRY_MS)
        if news and busy:
            self._emit(ev.LeaseBusy(err.detail))
        elif news:
            self._emit(ev.CommandFailed(0, "LEASE", error, err.code, err.detail))

    def _unanswered(self, request: Request, now_ms: int) -> None:
        if request.type == m.HELLO:
            self._emit(self._greeting.diagnosis.unanswered())
            self._requests.add(self._greeting.hello(slowly=True))
        elif request.type == m.DICT_READ:
            self._totals.lost += 1
            self._emit(ev.Lost(now_ms - self._heard_ms))
            self._go(Cause.SILENT, now_ms)
        elif request.type == m.CHALLENGE:
            self._challenge()
        text = (
            f"{request.name}: no answer in {request.sent} tries ({now_ms - request.first_sent_ms} "
            "ms); it may have been executed: read the state before repeating it"
        )
        self._fail(request, LinkTimeout(text))

    def _fail(self, request: Request, error: LinkError, code: int = 0, detail: int = 0) -> None:
        if request.token:
            self._emit(ev.CommandFailed(request.token, request.name, error, code, detail))

    def _emit(self, event: ev.Event | None) -> None:
        if event is not None:
            self._events.append(event)

    def _take_events(self) -> list[ev.Event]:
        taken, self._events = self._events, []
        return taken


ANSWERED: dict[str, Callable[[Conversation, Request, Any, int], None]] = {
    "HELLO": Conversation._on_hello,
    "DICT_READ": Conversation._on_dictionary,
    "TIME": Conversation._on_time,
    "LEASE": Conversation._on_lease,
    "CHALLENGE": Conversation._on_challenge,
    "PING": Conversation._on_poll,
}
"""What to do with the answer to a request the session made for itself."""
