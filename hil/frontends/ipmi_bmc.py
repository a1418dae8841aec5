# SPDX-License-Identifier: Apache-2.0
"""A BMC on RMCP+ without I/O: a datagram in, an answer out."""

import secrets
from collections.abc import Callable

from hil.frontends.dcmi import GROUP, INVALID_COMMAND, OK, SETTING, TOO_SHORT, Dcmi, Reply
from hil.frontends.ipmi_crypto import SUITES
from hil.frontends.ipmi_packet import (
    IPMI_MESSAGE,
    OPEN_REQUEST,
    RAKP1,
    RAKP3,
    Message,
    Wrapped,
    parse,
    parse_message,
    pong,
    reply,
    wrap,
)
from hil.frontends.ipmi_session import OPERATOR, USER, Account, Rejected, Session

SESSIONS_MAX = 32
"""The one that was quiet for longest goes when another opens."""
IDLE_S = 60.0
"""Session inactivity time-out, section 6.12.15."""

CHASSIS, APP, GROUP_EXTENSION = 0x00, 0x06, 0x2C
"""Network functions."""
NODE_BUSY, NO_PRIVILEGE, NO_SUCH_LEVEL, NO_SUCH_SESSION = 0xC0, 0xD4, 0x81, 0x87

LAN_CHANNEL = 1
MANUFACTURER = b"\x00\x00\x00"
"""IANA number 0: reserved, ours is nobody's product."""


class Bmc:
    """One server's BMC; for one thread."""

    def __init__(self, dcmi: Dcmi, account: Account, guid: bytes) -> None:
        """`guid`: 16 bytes that tell it from all others."""
        self._dcmi = dcmi
        self._account = account
        self._guid = guid
        self._sessions: dict[int, Session] = {}
        self._heard_s: dict[int, float] = {}
        self.busy = False
        """Answer all commands on power with 'node busy'."""

    def answer(self, packet: bytes, now_s: float) -> bytes | None:
        """The datagram to send back; None for what BMCs do not answer."""
        wrapped = parse(packet)
        if wrapped is None:
            return pong(packet)
        if wrapped.session == 0 and wrapped.kind == IPMI_MESSAGE:
            return self._sessionless(wrapped)
        if wrapped.session == 0:
            return self._handshake(wrapped, now_s)
        session = self._session(wrapped.session, now_s)
        message = None if session is None else session.unseal(packet, wrapped)
        request = None if message is None else parse_message(message)
        if session is None or request is None:
            return None
        code, data = self._in_session(request, session)
        return session.seal(reply(request, code, data))

    def _session(self, number: int, now_s: float) -> Session | None:
        if number not in self._sessions or now_s - self._heard_s[number] > IDLE_S:
            return None
        self._heard_s[number] = now_s
        return self._sessions[number]

    def _sessionless(self, wrapped: Wrapped) -> bytes | None:
        request = parse_message(wrapped.payload)
        if request is None:
            return None
        command = SESSIONLESS.get(request.command) if request.netfn == APP else None
        code, data = Reply(NO_PRIVILEGE) if command is None else command(self, request.data)
        return wrap(IPMI_MESSAGE, 0, 0, reply(request, code, data), wrapped.old)

    def _handshake(self, wrapped: Wrapped, now_s: float) -> bytes | None:
        payload = wrapped.payload
        if wrapped.kind == OPEN_REQUEST:
            return self._open(payload, now_s)
        if wrapped.kind not in (RAKP1, RAKP3) or len(payload) < 8:
            return None
        session = self._session(int.from_bytes(payload[4:8], "little"), now_s)
        if session is None:
            return None
        return session.rakp1(payload) if wrapped.kind == RAKP1 else session.rakp3(payload)

    def _open(self, payload: bytes, now_s: float) -> bytes | None:
        number = secrets.randbelow(0xFFFFFFFE) + 1
        try:
            session = Session(payload, number, self._guid, self._account)
        except Rejected as rejected:
            return rejected.answer or None
        if len(self._sessions) >= SESSIONS_MAX:
            self._forget(min(self._heard_s, key=self._heard_s.__getitem__))
        self._sessions[number], self._heard_s[number] = session, now_s
        return session.opened(payload)

    def _forget(self, number: int) -> None:
        self._sessions.pop(number, None)
        self._heard_s.pop(number, None)

    def _in_session(self, request: Message, session: Session) -> Reply:
        if request.netfn == APP and request.command == 0x3B:
            return self._set_privilege(request.data, session)
        if request.netfn == APP and request.command == 0x3C:
            return self._close(request.data)
        if request.netfn == APP:
            command = SESSIONLESS.get(request.command) or APP_COMMANDS.get(request.command)
            return Reply(INVALID_COMMAND) if command is None else command(self, request.data)
        if request.netfn == CHASSIS and request.command == 0x01:
            return Reply(OK, b"\x01\x00\x00")  # power is on
        if request.netfn == GROUP_EXTENSION and request.data[:1] == bytes((GROUP,)):
            return self._power(request, session)
        return Reply(INVALID_COMMAND)

    def _power(self, request: Message, session: Session) -> Reply:
        group = request.data[:1]
        if self.busy:
            return Reply(NODE_BUSY, group)
        if request.command in SETTING and session.privilege < OPERATOR:
            return Reply(NO_PRIVILEGE, group)
        code, data = self._dcmi.answer(request.command, request.data[1:])
        return Reply(code, group + data)

    def _set_privilege(self, data: bytes, session: Session) -> Reply:
        if len(data) < 1:
            return Reply(TOO_SHORT)
        level = data[0] & 0x0F
        if level and not USER <= level <= session.limit:
            return Reply(NO_SUCH_LEVEL)
        session.privilege = level or session.privilege
        return Reply(OK, bytes((session.privilege,)))

    def _close(self, data: bytes) -> Reply:
        if len(data) < 4:
            return Reply(TOO_SHORT)
        number = int.from_bytes(data[:4], "little")
        if number not in self._sessions:
            return Reply(NO_SUCH_SESSION)
        self._forget(number)
        return Reply(OK)

    def _auth_capabilities(self, data: bytes) -> Reply:
        if len(data) < 2:
            return Reply(TOO_SHORT)
        # IPMI 2.0 alone, by a name that is not empty, no OEM way.
        return Reply(OK, bytes((LAN_CHANNEL, 0x80, 0x04, 0x02)) + bytes(4))

    def _cipher_suites(self, data: bytes) -> Reply:
        if len(data) < 3:
            return Reply(TOO_SHORT)
        records = b"".join(
            bytes((0xC0, suite.number, suite.auth, 0x40 | suite.integrity))
            + bytes((0x80 | suite.confidentiality,))
            for suite in SUITES
        )
        at = (data[2] & 0x3F) * 16
        return Reply(OK, bytes((LAN_CHANNEL,)) + records[at : at + 16])

    def _device_id(self, _data: bytes) -> Reply:
        # Device 0x20, firmware 1.0, IPMI 2.0, a chassis device; product 0.
        head = bytes((0x20, 0x01, 0x01, 0x00, 0x02, 0x80))
        return Reply(OK, head + MANUFACTURER + bytes(2))

    def _system_guid(self, _data: bytes) -> Reply:
        return Reply(OK, self._guid)


Command = Callable[[Bmc, bytes], Reply]

SESSIONLESS: dict[int, Command] = {
    0x37: Bmc._system_guid,
    0x38: Bmc._auth_capabilities,
    0x54: Bmc._cipher_suites,
}
APP_COMMANDS: dict[int, Command] = {0x01: Bmc._device_id}
