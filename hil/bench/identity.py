# SPDX-License-Identifier: Apache-2.0
"""Which board is at a port, before anything is driven. Nothing but HELLO is sent for it."""

import secrets
import time
from dataclasses import dataclass

from edge.core import Frame, FrameDecoder
from edge.errors import LinkError, LinkTimeout
from edge.link import fields
from edge.link.diagnosis import LISTEN_MS, TEXTS
from edge.link.dictionary import DictionaryCache
from edge.link.events import Trouble
from edge.link.greeting import Greeting
from edge.link.messages import OWN
from edge.link.refusals import refusal_text
from edge.link.requests import Requests
from edge.link.serial import Transport
from firmware_py.link import messages as m
from hil.bench.file import Identity
from hil.verdict import BoardIdentity

HELLO_S = 3.0
"""A board that boots answers within it; one that runs, within milliseconds."""
TRY_MS = 400
"""Between two HELLOs."""
READ_S = 0.05


class WrongBoard(LinkError):
    """A board answers, but not the one of the bench file."""


@dataclass(frozen=True, slots=True)
class Greeted:
    """A board that has answered."""

    identity: BoardIdentity
    hello: fields.HelloR


def greet(transport: Transport, within_s: float = HELLO_S) -> Greeted:
    """Say HELLO until a board answers. Raises LinkTimeout or LinkError that says why none does."""
    hail = _Hail(transport)
    start_s = time.monotonic()
    while (spent_s := time.monotonic() - start_s) < within_s:
        found = hail.step(int(spent_s * 1000))
        if found is not None:
            return found
    raise hail.why()


def check(expected: Identity, found: BoardIdentity, where: str, port: str) -> None:
    """Raise WrongBoard unless the board at `port` is the one of the bench file, at `where`."""
    pairs = (
        ("machine", expected.machine, found.machine),
        ("uid", expected.uid, found.uid),
        ("firmware", expected.firmware, found.firmware),
        ("config_crc", expected.config_crc, found.config_crc),
    )
    wrong = [
        f"{name} is {_shown(name, is_)}, not {_shown(name, wanted)}"
        for name, wanted, is_ in pairs
        if wanted is not None and wanted != is_
    ]
    if wrong:
        raise WrongBoard(
            f"{where}: wrong board: at {port} is {found.machine} {found.uid}, the bench file "
            f"expects {expected.machine} {expected.uid} ({'; '.join(wrong)}): plug in the right "
            "one, or correct `identity`; `rackedge hil discover` shows what is there"
        )


def _shown(name: str, value: object) -> str:
    return f"{value:#010x}" if name == "config_crc" and isinstance(value, int) else str(value)


class _Hail:
    """HELLO and its answer, without a session: a session would go on to ask for more."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._out = bytearray()
        self._greeting = Greeting(secrets.randbits(32), secrets.randbits(32), DictionaryCache())
        self._requests = Requests(secrets.randbits(16), self._out.extend)
        self._decoder = FrameDecoder()

    def step(self, now_ms: int) -> Greeted | None:
        """Ask if it is time, listen for READ_S."""
        self._requests.expire(now_ms)
        if self._requests.current is None:
            request = self._greeting.hello()
            request.tries, request.wait_ms = 1, TRY_MS
            self._requests.add(request)
            self._requests.pump(now_ms, 0)
        if self._out:
            self._transport.write(bytes(self._out))
            self._out.clear()
        data = self._transport.read(READ_S)
        versions = self._decoder.version_errors
        frames = self._decoder.feed(data)
        versions = self._decoder.version_errors - versions
        diagnosis = self._greeting.diagnosis
        diagnosis.bytes_came(data, len(frames), versions)
        for frame in frames:
            if not frame.flags & (m.RESP | m.EVENT):
                diagnosis.echo_came()
            elif (found := self._answer(frame)) is not None:
                return found
        problem = diagnosis.finding(now_ms)
        if problem is not None:
            raise problem.error()
        return None

    def _answer(self, frame: Frame) -> Greeted | None:
        if not frame.flags & m.RESP or self._requests.answered_by(frame) is None:
            return None
        values = OWN.unpack(frame.type, frame.payload).values
        if frame.type == m.ERR:
            raise LinkError(refusal_text("HELLO", values.code, values.detail))
        if not self._greeting.answered(frame, values):
            return None
        machine, _, uid = values.tail.partition(" ")
        firmware = f"{values.fw_major}.{values.fw_minor}.{values.fw_patch}"
        return Greeted(BoardIdentity(machine, uid, firmware, values.config_crc), values)

    def why(self) -> LinkError:
        """Nobody has answered in time."""
        diagnosis = self._greeting.diagnosis
        problem = diagnosis.finding(LISTEN_MS) or diagnosis.unanswered()
        return problem.error() if problem is not None else LinkTimeout(TEXTS[Trouble.SILENT])
