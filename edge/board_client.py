# SPDX-License-Identifier: Apache-2.0
"""One board for a command that asks, waits for the answer and ends.

    with BoardClient(partial(open_transport, target), key=key, want_lease=True) as board:
        board.command("RESET", reason=0)

Leaving the block gives the lease back, also after Ctrl-C and errors. The daemon has its own loop
(edge/control.py); both speak through the same Session.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from edge.errors import EdgeError, LinkAuthError, LinkError, LinkTimeout, PortError
from edge.link import events as ev
from edge.link import fields
from edge.link.auth import NONCE_BYTES, Authenticator
from edge.link.dictionary import DictionaryCache, cache_directory
from edge.link.serial import Transport
from edge.link.session import Session
from edge.link.states import State
from firmware_py.link import messages as m

READ_S = 0.02
"""Longest wait for bytes in one step."""
CONNECT_S = 10.0
"""A board that lives answers its second HELLO, 1 s after the first, at the latest."""
TELEMETRY_S = 2.0
"""Telemetry comes each 100 ms."""
COMMAND_S = 30.0
"""The session's own tries end far earlier; a bound for what it cannot see."""
REBOOT_S = 30.0
"""Until a board that has reset answers again: a USB port comes back within some seconds."""
RELEASE_S = 1.0
"""How long the end of the lease is waited for; without, it ends by itself."""
REOPEN_S = 0.2

E = TypeVar("E")


class BoardRefusal(LinkError):
    """The board answered with ERR: nothing was executed."""

    def __init__(self, text: str, code: int = 0, detail: int = 0) -> None:
        super().__init__(text)
        self.code = code
        """ERR_* of firmware_py.link.messages."""
        self.detail = detail


class BoardClient:
    """Connected from `__enter__` to `__exit__`. Every method may raise PortError or LinkError."""

    def __init__(
        self,
        open_port: Callable[[], Transport],
        *,
        key: bytes | None = None,
        owner: int | None = None,
        want_lease: bool = False,
        now_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        """`owner` None draws one of its own for this client, so that it passes for no other."""
        keys = None if key is None else Authenticator(key, secrets.token_bytes(NONCE_BYTES))
        self._open_port = open_port
        self._port: Transport | None = None
        self._now_ms = now_ms
        self._want_lease = want_lease
        self._guest = owner is None
        self.on_event: Callable[[ev.Event], None] = lambda _event: None
        """Gets every event, also those that come while another one is waited for."""
        self.keyed = keys is not None
        self.session = Session(
            owner=secrets.randbelow(0xFFFF_FFFF) + 1 if owner is None else owner,
            nonce=secrets.randbits(32),
            want_lease=False,
            cache=DictionaryCache(cache_directory()),
            authenticator=keys,
        )

    @property
    def board(self) -> fields.HelloR:
        """What the board said of itself."""
        if self.session.board is None:
            raise LinkError("no board has answered yet; connect first")
        return self.session.board

    @property
    def now_ms(self) -> int:
        """The clock that events' `received_ms` is on."""
        return self._now_ms()

    def __enter__(self) -> Self:
        """Open the port, greet the board, prove the key, take the lease: what was asked for."""
        try:
            self._port = self._open_port()
            self.session.start(self.now_ms)
            self._connect(CONNECT_S)
            if self._want_lease:
                self.take_lease()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Give lease and port back."""
        self._end()

    # Waiting

    def events(self, wait_s: float = READ_S) -> list[ev.Event]:
        """What has come within `wait_s`; keeps link and lease alive. For loops that go on."""
        if self._port is None:
            raise PortError("the port is closed; connect again")
        data = self._port.read(wait_s)
        events = self.session.receive(data, self.now_ms) + self.session.poll(self.now_ms)
        self._port.write(self.session.data_to_send())
        for event in events:
            self.on_event(event)
            if isinstance(event, ev.KeyRefused):
                raise LinkAuthError(str(event.error))
        return events

    def stream(self, seconds: float) -> Iterator[ev.Event]:
        """Events as they come, for `seconds`."""
        end_ms = self.now_ms + round(seconds * 1000)
        while self.now_ms < end_ms:
            yield from self.events()

    def wait_for(self, kind: type[E], seconds: float) -> E:
        """The next event of that kind. Raises LinkTimeout."""
        for event in self.stream(seconds):
            if isinstance(event, kind):
                return event
            if isinstance(event, ev.Lost):
                raise LinkTimeout(f"the board is silent for {event.silent_ms} ms: check its power")
        name = kind.__name__.lower()
        raise LinkTimeout(
            f"no {name} from the board in {seconds:g} s; check its power and try again"
        )

    def telemetry(self) -> fields.Telemetry:
        """The next one."""
        return self.wait_for(ev.Telemetry, TELEMETRY_S).values

    def command(self, name: str, **values: Any) -> Any:
        """The answer's record (fields.Ack, ...). Raises LinkError as the board refused it."""
        try:
            token = self.session.command(name, self.now_ms, **values)
        except ValueError as unknown:  # its dictionary is older than ours
            raise LinkError(f"{unknown}; update the firmware") from None
        for event in self.stream(COMMAND_S):
            if isinstance(event, ev.Reply) and event.token == token:
                return event.values
            if isinstance(event, ev.CommandFailed) and event.token == token:
                raise self._refusal(event)
        raise LinkTimeout(f"{name}: no answer in {COMMAND_S:g} s; check the cable and try again")

    def stored(self, name: str, **values: Any) -> Any:
        """As `command`, for what lies in the board's flash, which not every board has."""
        try:
            return self.command(name, **values)
        except BoardRefusal as refused:
            if refused.code != m.ERR_UNKNOWN:
                raise
            raise LinkError(
                f"the board has no store for this ({name}): its firmware is older than this host, "
                "or runs without flash of its own"
            ) from refused

    def _refusal(self, event: ev.CommandFailed) -> LinkError:
        if not event.code:
            return event.error
        text = str(event.error)
        if event.code == m.ERR_AUTH and event.detail == m.AUTH_NEEDED and not self.keyed:
            text += " (--key FILE)"
        return BoardRefusal(text, event.code, event.detail)

    def reboot(self, before: int) -> fields.HelloR:
        """Wait until the board whose boot id was `before` has come up again.

        Its port may vanish meanwhile, as USB does. Raises LinkTimeout. The lease is gone then.
        """
        self.session.lease.want = False
        end_ms = self.now_ms + round(REBOOT_S * 1000)
        while self.now_ms < end_ms:
            try:
                if self._port is None:
                    self._port = self._open_port()
                    self.session.start(self.now_ms)
                self.events()
            except PortError:
                self._close_port()
                time.sleep(REOPEN_S)
            if self.session.state is State.READY and self.board.boot_id != before:
                return self.board
        raise LinkTimeout(
            f"the board took the request, and has not started again within {REBOOT_S:g} s; "
            "look at it: its LED, its power, its console"
        )

    # Beginning and end

    def _connect(self, seconds: float) -> None:
        missing: set[type] = {ev.Connected, ev.KeyAccepted} if self.keyed else {ev.Connected}
        for event in self.stream(seconds):
            missing.discard(type(event))
            if not missing:
                return
            if isinstance(event, ev.Problem):
                raise event.error()
        raise LinkTimeout("the board does not answer reliably: check cable, baud rate and noise")

    def take_lease(self) -> None:
        """Raises LinkError that says for how long somebody else has it."""
        seen = self.telemetry()
        # With a key the board would let us take a lease over that its owner holds without one.
        if self._guest and seen.flags & m.FLAG_LEASE:
            raise _busy(seen.lease_left_ms)
        self.session.lease.want = True
        for event in self.stream(COMMAND_S):
            if isinstance(event, ev.LeaseHeld):
                return
            if isinstance(event, ev.LeaseBusy):
                raise _busy(event.remaining_ms)
            if isinstance(event, ev.CommandFailed):
                raise self._refusal(event)
        raise LinkTimeout("the board does not answer for its lease; check the cable and try again")

    def _end(self) -> None:
        try:
            if self._port is not None and self.session.lease.held:
                self._release()
        finally:  # also at a second Ctrl-C
            self._close_port()

    def _release(self) -> None:
        with suppress(EdgeError):  # it ends by itself within its time
            self.session.release(self.now_ms)
            for event in self.stream(RELEASE_S):
                if isinstance(event, ev.LeaseLost):
                    break

    def _close_port(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None


def _busy(left_ms: int) -> LinkError:
    return LinkError(
        f"another host holds the lease of this board, for {left_ms / 1000:.1f} s more unless it "
        "renews it: stop that host (`systemctl stop rackedge` where the daemon runs) and try again"
    )
