# SPDX-License-Identifier: Apache-2.0
"""A board with a key and nothing behind its endpoint, and the host that knows the key."""

import struct

from firmware_py.decide.lease import Lease
from firmware_py.link import messages as m
from firmware_py.link import privileged, stored
from firmware_py.link.auth import Auth
from firmware_py.link.codec import Frame
from firmware_py.link.commands import BoardInfo, BoardState
from firmware_py.link.endpoint import Endpoint
from firmware_py.link.events import Events
from firmware_py.link.outbox import Outbox
from tests.reference import auth as reference

KEY = bytes(range(32))
HOST_NONCE = bytes(range(100, 116))
BOOT_NONCE = bytes(range(200, 216))


class Host:
    """The host's side of one authenticated session, by the standard library."""

    def __init__(self, key=KEY, nonce=HOST_NONCE):
        self.key = key
        self.nonce = nonce
        self.session_key = bytes(32)
        self.counter = 0

    def opened(self, boot_id, answer):
        """Take the payload of CHALLENGE_R; True if it proves the key."""
        board, shown = answer[:16], answer[16:]
        self.session_key = reference.session_key(self.key, boot_id, board, self.nonce)
        self.counter = 0
        return shown == reference.proof(self.session_key)

    def seal(self, kind, seq, payload, session, counter=None):
        """One authenticated body, with its crc."""
        self.counter = self.counter + 1 if counter is None else counter
        header = struct.pack("<BBHH", m.VERSION << 4 | m.AUTH, kind, seq, session)
        tail = reference.seal(self.session_key, header, payload, self.counter)
        built = Frame(kind, len(payload) + len(tail))
        built.body[m.HEADER_BYTES : -m.CRC_BYTES] = payload + tail
        built.seal(m.AUTH, seq, session)
        return bytes(built.body)


def give_key(state, endpoint, key=KEY, nonce=BOOT_NONCE):
    """What a board does at boot if it has a key."""
    state.info.nonce = nonce
    state.auth = Auth(key, state.info, state.events)
    endpoint.served.append(privileged)
    endpoint.served.append(stored)


class Board:
    """An endpoint whose requests and answers are bodies; events are taken off as they come."""

    def __init__(self, boot_id=0x1234_5678, key=KEY, nonce=BOOT_NONCE, address=0):
        self.lease = Lease()
        self.events = Events()
        info = BoardInfo("bare 0001", boot_id, address=address)
        self.state = BoardState(info, self.lease, self.events, groups=4, never=1)
        self.state.state = m.STATE_HOSTED
        self.outbox = Outbox(bytearray(1024))
        self.endpoint = Endpoint(self.state, self.outbox)
        if key is not None:
            give_key(self.state, self.endpoint, key, nonce)
        self.session = self.endpoint.session
        self.now_ms = 1000
        self.seq = 0

    def hear(self, data):
        """Wire bytes in, wire bytes out."""
        self.lease.expire(self.now_ms)
        self.endpoint.receive(data, len(data), self.now_ms)
        out = bytes(self.outbox.buf[: self.outbox.n])
        self.outbox.clear()
        return out

    def note(self):
        """(code, reason, arg) of every event since the last call."""
        found = []
        body = bytearray(12)
        while self.events.waiting:
            self.events.take(body, 0)
            _t, code, _group, reason, _count, arg = struct.unpack("<IBBBBi", body)
            found.append((code, reason, arg))
        return found
