# SPDX-License-Identifier: Apache-2.0
# The board's end of the link, without I/O: bodies in, frames into the outbox. PROTOCOL.md has
# the rules. Requests may allocate; telemetry (link/telemetry.py) may not.

from struct import calcsize, pack_into, unpack_from

from ..compat import const
from . import commands
from . import wire as m
from .codec import Decoder, Frame

_AUTH_BYTES = const(12)  # messages.AUTH_BYTES
_AUTH_NO_KEY = const(1)
_CHALLENGE = const(0x23)  # first and last of the requests that need a key
_CONFIG_READ = const(0x2A)


class Endpoint:
    # state: what the commands act on, a BoardState (link/commands.py).
    def __init__(self, state, outbox):
        self.state = state
        self.outbox = outbox
        self.served = [commands]  # modules with REQUESTS and COMMANDS; a board appends its own
        self.session = state.info.boot_id & 0xFFFF
        self.greeted = False  # silent until the first HELLO
        self._address = state.info.address
        self._decoder = Decoder()
        self._refused = 0
        self._last = None  # (seq, crc) of the last request
        self._reply = None  # and the body that answered it

    # Frames that came damaged, that no v1 host sends, or whose MAC is not good.
    def rx_errors(self):
        return self._decoder.errors + self._refused

    # Take link bytes data[:n] that arrived at now_ms.
    def receive(self, data, n, now_ms):
        self.state.now_ms = now_ms
        self._decoder.feed(data, n, self._on_body)

    def _on_body(self, body, n):
        first, kind, seq, session = unpack_from("<BBHH", body, 0)
        flags = first & 0x0F
        if self._address and (flags & (m.RESP | m.EVENT) or session & 0xFF != self._address):
            return  # on a bus: our echo, another board, or a request to one
        if flags & (m.RESP | m.EVENT):  # not a request: our own echo, or another board
            self._refused += 1
        elif first >> 4 != m.VERSION:
            self._other_version(kind, seq)
        elif kind != m.HELLO and session != self.session:
            self._send(self._error(kind, m.ERR_SESSION, 0), seq)
        else:
            self._request(kind, seq, flags, memoryview(body)[:n])

    # A host of another major version learns which one we speak; the rest is noise to us.
    def _other_version(self, kind, seq):
        self._refused += 1
        if kind == m.HELLO:
            self._send(self._error(kind, m.ERR_VERSION, m.VERSION), seq)

    # The same bytes again are a retry: answer as before, execute nothing. A MAC that is not good
    # is refused without forgetting the last request: a forger cannot have it executed twice.
    def _request(self, kind, seq, flags, body):
        end = len(body) - m.CRC_BYTES
        key = (seq, unpack_from("<I", body, end)[0])
        if key != self._last:
            state = self.state
            state.authentic = False
            if flags & m.AUTH:
                why = _AUTH_NO_KEY if state.auth is None else state.auth.refusal(body, state.now_ms)
                if why >= 0:
                    self._refused += 1
                    self._send(self._error(kind, m.ERR_AUTH, why), seq)
                    return
                state.authentic = True
                end -= _AUTH_BYTES
            self._reply = self._execute(kind, body[m.HEADER_BYTES : end])
            state.authentic = False
            self._last = key
            self.greeted = self.greeted or kind == m.HELLO
        self._send(self._reply, seq)

    def _execute(self, kind, payload):
        for module in self.served:
            if kind in module.COMMANDS:
                return self._run(module, kind, payload)
        if _CHALLENGE <= kind <= _CONFIG_READ and self.state.auth is None:
            return self._error(kind, m.ERR_AUTH, _AUTH_NO_KEY)
        return self._error(kind, m.ERR_UNKNOWN, 0)

    def _run(self, module, kind, payload):
        fmt = module.REQUESTS[kind]
        fixed = calcsize(fmt)
        if len(payload) < fixed:  # longer is fine: a newer host has appended fields
            return self._error(kind, m.ERR_LENGTH, 0)
        try:
            answer, data = module.COMMANDS[kind](
                self.state, unpack_from(fmt, payload, 0), payload[fixed:]
            )
        except commands.CommandError as refused:
            return self._error(kind, refused.code, refused.detail)
        frame = Frame(answer, len(data))
        frame.body[m.HEADER_BYTES : m.HEADER_BYTES + len(data)] = data
        return frame

    def _error(self, kind, code, detail):
        frame = Frame(m.ERR, 6)
        pack_into("<BBi", frame.body, m.HEADER_BYTES, kind, code, detail)
        return frame

    def _send(self, frame, seq):
        frame.seal(m.RESP, seq, self.session)
        self.outbox.put(frame.body)
        self.outbox.turn = self.outbox.n  # a half-duplex port may send up to this answer
