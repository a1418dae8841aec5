# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM, of 64 or 32 bits, and is imported on CPython by the tests that
# compare:
#     vm_parity.py STEPS CONFIG.bin [OPTION VALUE]...      prints one JSON object
#
# Random readings and requests through the wrap of board time. Ticks without link bytes run with
# the heap locked: on 32 bits an intermediate value beyond a small int raises MemoryError there.
# It names no constant of firmware_py, so it runs on bytecode too, where those are inlined.

import json
import sys
from binascii import crc32

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython

    def heap_lock():
        pass

    heap_unlock = heap_lock


_MASK = (1 << 30) - 1
_INVALID = -(1 << 30)
_LOADS_AT = 31  # channels.IN_LOAD0_MW
_FANS_AT = 23  # channels.IN_FAN0_RPM
# Least and most of each channel before the fans, by channels.py.
_RANGES = (
    (0, 25_000_000),
    (0, 25_000_000),
    (0, 60_000),
    (0, 60_000),
    (0, 240_000),
    (220_000, 240_000),
    (18_000, 40_000),
    (25_000, 60_000),
    (0, 5_000),
    (0, 0),
    (25_000, 60_000),
    (25_000, 60_000),
    (25_000, 60_000),
    (15_000, 45_000),
    (20_000, 60_000),
    (0, 120_000),
    (0, 200_000),
    (100, 900),
    (15_000, 35_000),
    (0, 1000),
    (49_000, 51_000),
    (0, 1000),
    (0, 0xFF),
)
# Least and most drift in 100 ms stays below what trust.py takes for a jump.
_DRIFT = 16  # parts of the range
# kind and length of the payload: HELLO, LEASE, SHED, FAN_FLOOR, TIME, DICT_READ, PING
_KINDS = ((0, 10), (6, 6), (32, 2), (33, 2), (4, 8), (2, 3), (9, 20))


class Walk:
    def __init__(self, argv):
        from firmware_py.link.codec import Frame, encode
        from firmware_py.main import board

        self._encode = encode
        self._frames = [Frame(kind, n) for kind, n in _KINDS]
        self._board = board(argv)  # the app's buffers lie in its records
        self.app = self._board.app
        self._seed = 1
        self._rx = bytearray(300)
        self._seq = 0
        self.now_ms = _MASK - 100_000
        self.wraps = 0
        self.crc = 0
        self.locked = 0  # steps that have run with the heap locked
        self.states = 0  # bit per state seen
        self.offs = 0  # bit per number of groups off seen
        self.app.start(self.now_ms)
        for i in range(len(_RANGES)):
            self.app.raw[i] = (_RANGES[i][0] + _RANGES[i][1]) // 2

    def _next(self, n):
        self._seed = (self._seed * 1021 + 12_345) & 0xFFFFF
        return (self._seed >> 4) % n

    def _readings(self):
        raw = self.app.raw
        relays = self.app.act.outputs[1]
        for i in range(len(_RANGES)):
            low, high = _RANGES[i]
            if raw[i] < low or raw[i] > high:
                raw[i] = (low + high) // 2  # after a fault
            step = (high - low) // _DRIFT
            if step:
                raw[i] = min(max(raw[i] + self._next(2 * step + 1) - step, low), high)
        for i in range(_FANS_AT, _LOADS_AT):
            raw[i] = self._next(6000)
        loads = self.app.state.loads
        for i in range(loads):
            on = relays >> (i * self.app.state.groups // loads) & 1
            raw[_LOADS_AT + i] = self._next(8000) * 1000 * on
        if self._next(4) == 0:
            bad = (_INVALID, -1, _MASK)[self._next(3)]
            raw[self._next(_LOADS_AT + loads)] = bad
        raw[9] = 1 if self._next(300) == 0 else 0

    # A request into _rx, now and then a damaged one; its length.
    def _request(self):
        frame = self._frames[self._next(len(_KINDS))]
        body = frame.body
        for i in range(6, len(body) - 4):
            body[i] = self._next(256)
        if frame.kind in (0, 6):
            body[6:10] = b"\7\0\0\0"  # owner
        if frame.kind == 6:
            body[10] = 0x88
            body[11] = self._next(16)
        if frame.kind == 32 or frame.kind == 33:  # noqa: PLR1714
            body[7] = self._next(4) if frame.kind == 33 else 0
        self._seq = (self._seq + 1) & 0xFFFF
        frame.seal(0, self._seq, 0 if frame.kind == 0 else self.app.endpoint.session)
        n = self._encode(body, self._rx, 0)
        if self._next(12) == 0:
            self._rx[self._next(n)] ^= 0x10
        return n

    def step(self):
        app = self.app
        if self._next(5) == 0:
            self._readings()
        n = self._request() if self._next(3) == 0 else 0
        app.heap_free = 0
        if n:
            until_ms = app.step(self.now_ms, self._rx, n)
        else:
            now_ms = self.now_ms
            rx = self._rx
            heap_lock()
            try:
                until_ms = app.step(now_ms, rx, 0)
            finally:  # an error that leaves with the heap locked hangs the 32-bit VM
                heap_unlock()
            self.locked += 1
        self._note(until_ms)
        if self._next(40) == 0:
            app.slack()
        was_ms = self.now_ms
        self.now_ms = (was_ms + (30, 70, 100, 100, 100, 350)[self._next(6)]) & _MASK
        self.wraps += self.now_ms < was_ms

    def _note(self, until_ms):
        app = self.app
        box = app.outbox
        self.crc = crc32(app.act.outputs, crc32(b"%d" % until_ms, self.crc))
        self.crc = crc32(memoryview(box.buf)[: box.n], self.crc)
        box.clear()
        self.states |= 1 << app.act.outputs[2]
        off = app.shedder.groups.off_mask
        count = 0
        while off:
            count += off & 1
            off >>= 1
        self.offs |= 1 << count


def walk(steps, argv):
    made = Walk(argv)
    for _ in range(steps):
        made.step()
    return {
        "crc": made.crc,
        "locked": made.locked,
        "wraps": made.wraps,
        "states": made.states,
        "offs": made.offs,
    }


if __name__ == "__main__":
    print(json.dumps(walk(int(sys.argv[1]), sys.argv[2:])))
