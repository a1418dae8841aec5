# SPDX-License-Identifier: Apache-2.0
# The board's end of the link, without I/O: bodies in, frames into the outbox. PROTOCOL.md has
# the rules. Requests may allocate; telemetry (link/telemetry.py) may not.

from struct import calcsize, pack_into, unpack_from

from . import wire as m
from .codec import Decoder, Frame
from .commands import COMMANDS, CommandError


class Endpoint:
    # state: what the commands act on, a BoardState (link/commands.py).
    def __init__(self, state, outbox):
        self.state = state
        self.outbox = outbox
        self.session = state.info.boot_id & 0xFFFF
        self.greeted = False  # silent until the first HELLO
        self._decoder = Decoder()
        self._refused = 0
        self._last = None  # (seq, crc) of the last request
        self._reply = None  # and the body that answered it

    # Frames that came damaged or that no v1 host sends.
    def rx_errors(self):
        return self._decoder.errors + self._refused

    # Take link bytes data[:n] that arrived at now_ms.
    def receive(self, data, n, now_ms):
        self.state.now_ms = now_ms
        self._decoder.feed(data, n, self._on_body)

    def _on_body(self, body, n):
        first, kind, seq, session = unpack_from("<BBHH", body, 0)
        flags = first & 0x0F
        if flags & (m.RESP | m.EVENT):  # not a request: our own echo, or another board
            self._refused += 1
        elif first >> 4 != m.VERSION:
            self._other_version(kind, seq)
        elif flags & m.AUTH:
            self._send(self._error(kind, m.ERR_AUTH, 0), seq)
        elif kind != m.HELLO and session != self.session:
            self._send(self._error(kind, m.ERR_SESSION, 0), seq)
        else:
            self._request(kind, seq, memoryview(body)[:n])

    # A host of another major version learns which one we speak; the rest is noise to us.
    def _other_version(self, kind, seq):
        self._refused += 1
        if kind == m.HELLO:
            self._send(self._error(kind, m.ERR_VERSION, m.VERSION), seq)

    # The same bytes again are a retry: answer as before, execute nothing.
    def _request(self, kind, seq, body):
        key = (seq, unpack_from("<I", body, len(body) - m.CRC_BYTES)[0])
        if key != self._last:
            self._reply = self._execute(kind, body[m.HEADER_BYTES : -m.CRC_BYTES])
            self._last = key
            self.greeted = self.greeted or kind == m.HELLO
        self._send(self._reply, seq)

    def _execute(self, kind, payload):
        if kind not in m.REQUESTS:
            return self._error(kind, m.ERR_UNKNOWN, 0)
        fmt = m.REQUESTS[kind]
        fixed = calcsize(fmt)
        if len(payload) < fixed:  # longer is fine: a newer host has appended fields
            return self._error(kind, m.ERR_LENGTH, 0)
        try:
            answer, data = COMMANDS[kind](self.state, unpack_from(fmt, payload, 0), payload[fixed:])
        except CommandError as refused:
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
