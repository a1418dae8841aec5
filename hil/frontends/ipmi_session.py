# SPDX-License-Identifier: Apache-2.0
"""One RMCP+ session on the BMC's side: open request, RAKP, then sealed messages (13.14-24)."""

import hmac
import os
from typing import NamedTuple

from hil.frontends.ipmi_crypto import PROTECTED, SUITES, Keys, Suite
from hil.frontends.ipmi_packet import (
    IPMI_MESSAGE,
    OPEN_RESPONSE,
    RAKP2,
    RAKP4,
    Wrapped,
    wrap,
)

OPEN_BYTES = 32
RAKP1_BYTES = 28
NAME_MAX = 16
USER, OPERATOR, ADMINISTRATOR = 2, 3, 4
"""Privilege levels."""

BAD_AUTH, NO_SUITE, BAD_ROLE, BAD_NAME, BAD_CODE, ILLEGAL = 0x04, 0x11, 0x09, 0x0D, 0x0F, 0x12
"""RMCP+ status codes, table 13-15."""


class Account(NamedTuple):
    """The one user of a BMC."""

    name: bytes
    password: bytes
    privilege: int = ADMINISTRATOR


class Rejected(Exception):
    """An open request that gets a status instead of a session."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer)
        self.answer = answer


class Session:
    """From an open request on; `privilege` is 0 until RAKP has ended well."""

    def __init__(self, request: bytes, number: int, guid: bytes, account: Account) -> None:
        """Raises Rejected."""
        if len(request) < 8:
            raise Rejected(b"")
        self._client = request[4:8]
        suite = _suite(request) if len(request) >= OPEN_BYTES else None
        if suite is None:
            status = NO_SUITE if len(request) >= OPEN_BYTES else ILLEGAL
            answer = bytes((request[0], status, 0, 0)) + self._client
            raise Rejected(wrap(OPEN_RESPONSE, 0, 0, answer))
        self.number = number
        self.privilege = 0
        self.limit = ADMINISTRATOR
        self._suite: Suite = suite
        self._guid, self._account = guid, account
        self._random = os.urandom(16)
        self._client_random = b""
        self._role_name = b""
        self._keys: list[Keys] = []
        self._sequence = 0

    def opened(self, request: bytes) -> bytes:
        """The open session response."""
        suite = self._suite
        algorithms = b"".join(
            bytes((kind, 0, 0, 8, number, 0, 0, 0))
            for kind, number in enumerate((suite.auth, suite.integrity, suite.confidentiality))
        )
        head = bytes((request[0], 0, ADMINISTRATOR, 0))
        return wrap(OPEN_RESPONSE, 0, 0, head + self._client + self._own + algorithms)

    def rakp1(self, payload: bytes) -> bytes | None:
        """Answer with RAKP 2, which proves that we know the password."""
        if len(payload) < RAKP1_BYTES or self._keys:
            return None
        name_bytes = payload[27]
        name = payload[28 : 28 + name_bytes]
        if name != self._account.name or len(name) != name_bytes or name_bytes > NAME_MAX:
            return self._status(RAKP2, payload[0], BAD_NAME)
        self.limit = payload[24] & 0x0F or ADMINISTRATOR
        if not USER <= self.limit <= self._account.privilege:
            return self._status(RAKP2, payload[0], BAD_ROLE)
        self._client_random = payload[8:24]
        self._role_name = payload[24:25] + bytes((name_bytes,)) + name
        said = self._client + self._own + self._client_random + self._random + self._guid
        code = self._hmac(self._account.password, said + self._role_name)
        body = self._random + self._guid + code
        return self._status(RAKP2, payload[0], 0, body)

    def rakp3(self, payload: bytes) -> bytes | None:
        """Answer with RAKP 4 and open the session, if the client knows the password too."""
        if len(payload) < 8 or not self._role_name or self._keys or payload[1] != 0:
            return None
        password = self._account.password
        code = self._hmac(password, self._random + self._client + self._role_name)
        if not hmac.compare_digest(code, payload[8:]):
            return self._status(RAKP4, payload[0], BAD_CODE)
        both = self._client_random + self._random
        session_key = self._hmac(password, both + self._role_name)
        self._keys = [Keys(self._suite, session_key, n) for n in self._suite.constants]
        self.privilege = USER
        check = self._hmac(session_key, self._client_random + self._own + self._guid)
        return self._status(RAKP4, payload[0], 0, check[: self._suite.code_bytes])

    def unseal(self, packet: bytes, wrapped: Wrapped) -> bytes | None:
        """The message in a packet of this session; None if it is not genuine."""
        if wrapped.kind != IPMI_MESSAGE | PROTECTED:
            return None
        if len(wrapped.trailer) < self._suite.code_bytes:
            return None
        for keys in self._keys:
            if keys.is_genuine(packet):
                self._keys = [keys]
                return keys.decrypt(wrapped.payload)
        return None

    def seal(self, message: bytes) -> bytes:
        """A message as a packet of this session."""
        (keys,) = self._keys  # unseal has found out which
        self._sequence += 1
        number = int.from_bytes(self._client, "little")
        kind = IPMI_MESSAGE | PROTECTED
        return keys.seal(wrap(kind, number, self._sequence, keys.encrypt(message)))

    @property
    def _own(self) -> bytes:
        return self.number.to_bytes(4, "little")

    def _status(self, kind: int, tag: int, status: int, body: bytes = b"") -> bytes:
        return wrap(kind, 0, 0, bytes((tag, status, 0, 0)) + self._client + body)

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self._suite.digest)


def _suite(request: bytes) -> Suite | None:
    """The suite that an open request asks for; a payload of length 0 is a wildcard."""
    wanted = [request[at + 4] & 0x3F if request[at + 3] else None for at in range(8, OPEN_BYTES, 8)]
    for suite in reversed(SUITES):
        have = (suite.auth, suite.integrity, suite.confidentiality)
        if all(w is None or w == h for w, h in zip(wanted, have, strict=True)):
            return suite
    return None
