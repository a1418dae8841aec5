# SPDX-License-Identifier: Apache-2.0
"""Somebody on the line who knows session, owner and format, and lacks the key."""

import random
from typing import Annotated, Literal

from pydantic import Field

from firmware_py.link.messages import AUTH, AUTH_BYTES
from hil.faults.base import Params, fault
from hil.faults.frames import IDS, Cutter, MessageName, body_of, frame_of
from hil.faults.link_base import Filter, OnLine, Out
from hil.ports import LINE, Line

COUNTER = 0x7FFF_FFFF
"""Above all that the host has used: only the MAC is wrong."""


class Forge(Params):
    """Requests that the host has not made."""

    message: MessageName = "SHED"
    """What is asked for."""
    payload: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")] = "0e00"
    """Its payload, hexadecimal, in the order of the wire."""
    mac: Literal["wrong", "none"] = "wrong"
    """`wrong`: with a counter and a random MAC; `none`: as from a host without a key."""
    period_ms: Annotated[int, Field(ge=100)] = 1000
    """How often."""


class Forging(Filter):
    """Listens for the session, then speaks in it."""

    def __init__(self, line: Line, params: Forge, rng: random.Random) -> None:
        super().__init__(line)
        self._params = params
        self._rng = rng
        self._cutter = Cutter()
        self._session: int | None = None
        self._due_ms = 0

    def disturb(self, data: bytes, _now_ms: int) -> Out:
        """Nothing is hurt; the newest session is noted."""
        for frame in self._cutter.cut(data):
            body = body_of(frame)
            if body is not None and body[1] != IDS["HELLO"]:
                self._session = int.from_bytes(body[4:6], "little")
        return [(0, data)]

    def alone(self, now_ms: int) -> Out:
        """A request each period, once there is a session."""
        if self._session is None or now_ms < self._due_ms:
            return ()
        self._due_ms = now_ms + self._params.period_ms
        self.count += 1
        payload = bytes.fromhex(self._params.payload)
        flags = 0
        if self._params.mac == "wrong":
            flags = AUTH
            payload += (COUNTER + self.count).to_bytes(4, "little")
            payload += self._rng.randbytes(AUTH_BYTES - 4)
        seq = 0x8000 | self.count & 0x7FFF
        return [(0, frame_of(IDS[self._params.message], flags, seq, self._session, payload))]


@fault("link.forge", "requests in the host's session without its key", Forge, LINE, forges=True)
def _forge(params: Forge, rng: random.Random) -> OnLine:
    return OnLine("down", rng, lambda line, own: Forging(line, params, own))
