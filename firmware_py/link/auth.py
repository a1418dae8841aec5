# SPDX-License-Identifier: Apache-2.0
# Who may give privileged commands: HMAC-SHA256 (RFC 2104) with the board's own key. Needs only
# hashlib.sha256, which every port has. Requests only: no tick comes here.
#
#     session key = HMAC(board key, LABEL | boot id u32 | board nonce 16 | host nonce 16)
#     mac         = HMAC(session key, header | payload | counter u32)[:8]
#     proof       = HMAC(session key, "board")[:8]: shows a host that the keys are the same
#
# A CHALLENGE draws a new board nonce, so nothing recorded under an old one is good again. Its
# session replaces the one in use only with the first good MAC under it: whoever can only
# challenge cannot end the session of another.

from hashlib import sha256
from struct import pack, unpack_from

from ..compat import const, ticks_add, ticks_diff
from . import wire as m
from . import wire_privileged as w

KEY_BYTES = 32
NONCE_BYTES = 16
MAC_BYTES = 8
LABEL = b"rackedge link v1"
_BLOCK = const(64)  # of SHA-256
_TRIES = const(8)  # wrong MACs in a row before the first lock-out
_LOCK_MIN_MS = const(1000)  # doubles with each further wrong MAC
_LOCK_MAX_MS = const(64_000)
_QUIET_MS = const(10_000)  # between two EV_AUTH of one reason or another
_DETAIL_MS_MIN = const(16)  # below lie the AUTH_* details


def _padded(key, pad):
    block = bytearray(_BLOCK)
    for i in range(_BLOCK):
        block[i] = pad ^ (key[i] if i < len(key) else 0)
    return block


# HMAC-SHA256 under one key of at most 64 bytes. The loops over the pads run once a key, not once a
# frame: whoever floods the board with forged frames must not cost it its tick.
class Hmac:
    def __init__(self, key):
        self._inner = _padded(key, 0x36)
        self._outer = _padded(key, 0x5C)

    def digest(self, message):
        inner = sha256(self._inner)
        inner.update(message)
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()


# mac[:8] against the 8 bytes at `at`, in a time that does not tell where they differ.
def _same(mac, body, at):
    differ = 0
    for i in range(MAC_BYTES):
        differ |= mac[i] ^ body[at + i]
    return differ == 0


class _Session:
    def __init__(self, hmac):
        self.hmac = hmac
        self.counter = 0


class Auth:
    # key: KEY_BYTES, of this board alone; info: BoardInfo with a nonce of at least 16 random bytes.
    def __init__(self, key, info, events):
        if len(key) != KEY_BYTES or len(info.nonce) < NONCE_BYTES:
            raise ValueError("a key has 32 bytes and needs a nonce of 16")
        self.failures = 0  # requests refused since boot
        self._key = Hmac(key)
        self._info = info
        self._events = events
        self._challenges = 0
        self._active = None
        self._pending = None
        self._wrong = 0  # wrong MACs in a row
        self._until_ms = 0  # end of the lock-out, while _wrong >= _TRIES
        self._quiet_ms = -_QUIET_MS

    # Payload of CHALLENGE_R for the host's nonce.
    def challenge(self, host_nonce):
        self._challenges += 1
        nonce = sha256(self._info.nonce + pack("<I", self._challenges)).digest()[:NONCE_BYTES]
        boot_id = pack("<I", self._info.boot_id)
        hmac = Hmac(self._key.digest(LABEL + boot_id + nonce + bytes(host_nonce)))
        self._pending = _Session(hmac)
        return nonce + hmac.digest(b"board")[:MAC_BYTES]

    # Why this request body (header | payload | counter | mac | crc) is refused: detail of
    # ERR_AUTH; -1 if it is good, and then its counter is used up.
    def refusal(self, body, now_ms):
        locked_ms = self._locked_ms(now_ms)
        if locked_ms:
            self.failures += 1
            return max(_DETAIL_MS_MIN, locked_ms)
        why = self._judge(body)
        if why >= 0:
            self._failed(why, now_ms)
        return why

    def _judge(self, body):
        if self._active is None and self._pending is None:
            return w.AUTH_NO_SESSION
        at = len(body) - m.CRC_BYTES - MAC_BYTES
        if at < m.HEADER_BYTES + 4:
            return w.AUTH_WRONG_MAC
        for session in (self._active, self._pending):
            if session is not None and _same(session.hmac.digest(body[:at]), body, at):
                return self._accept(session, unpack_from("<I", body, at - 4)[0])
        return w.AUTH_WRONG_MAC

    def _accept(self, session, counter):
        if counter <= session.counter:
            return w.AUTH_REPLAY
        session.counter = counter
        self._wrong = 0
        if session is self._pending:
            self._active = session
            self._pending = None
        return -1

    # ms left of a lock-out. Longer than any is one whose end the clock has long passed.
    def _locked_ms(self, now_ms):
        if self._wrong < _TRIES:
            return 0
        left_ms = ticks_diff(self._until_ms, now_ms)
        return left_ms if 0 < left_ms <= _LOCK_MAX_MS else 0

    def _failed(self, why, now_ms):
        self.failures += 1
        if why == w.AUTH_WRONG_MAC:
            self._wrong += 1
            if self._wrong >= _TRIES:
                doubled = min(self._wrong - _TRIES, 6)
                self._until_ms = ticks_add(now_ms, min(_LOCK_MIN_MS << doubled, _LOCK_MAX_MS))
                why = w.AUTH_LOCKED
        if why == w.AUTH_LOCKED or not 0 <= ticks_diff(now_ms, self._quiet_ms) < _QUIET_MS:
            self._quiet_ms = now_ms
            self._events.put(m.EV_AUTH, 0, why, self.failures)
