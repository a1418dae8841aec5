# SPDX-License-Identifier: Apache-2.0
# The event journal: records of 24 bytes in a ring of segment files NAME.0, NAME.1, ...; the oldest
# segment gives way. put() is for the tick: RAM only, allocates nothing. flush() is for the slack,
# never while a shed is under way: it allocates, and a flash erase stops everything.
#
#     seq u32 | board time u32 ms | arg i32 | boot count u16 | code, group, reason, 0 |
#     count u16 | crc32 over these 20 bytes
#
# One append costs a block erase however few its records are, so appends are what is rationed
# (wear.py). An event that is still waiting when it comes again is only counted: while a sensor
# chatters, `count` grows instead of the journal. `count` is how often it came since `time`, `arg`
# is the newest.

from array import array
from binascii import crc32
from struct import pack_into

from ..compat import const
from .wear import Wear

RECORD = 24
GAP = 0  # code of a record that says: `arg` events were lost here
FIRST_BURST = 16  # appends at once ...
REFILL_MS = 300_000  # ... and 288 a day: see test_journal for the erases that this is

_SLOTS = const(32)
_FIELDS = const(5)  # t low, t high (16 bits each), arg, key (code, group, reason), count
_COUNT_MAX = const(0xFFFF)
_ARG_MAX = (1 << 30) - 1
_SEQ = 0xFFFFFFFF


class Journal:
    def __init__(self, files, boot_count, segments=8, segment_bytes=4096, name="journal"):
        self.files = files
        self._boot_count = boot_count & 0xFFFF
        self.name = name
        self.per = segment_bytes // RECORD
        self._ring = array("i", [0] * (_SLOTS * _FIELDS))
        self._head = 0
        self.waiting = 0
        self.errors = 0  # appends that failed
        self.t_low = 0  # board time of this tick, u32 ms as two halves; set by the app
        self.t_high = 0
        self._wear = Wear(FIRST_BURST, REFILL_MS)
        self.first = array("I", [0] * segments)  # seq of a segment's first record
        self.count = array("H", [0] * segments)  # its records
        self.segment = 0  # where the next append goes ...
        self.fresh = True  # ... from the start
        self.next_seq = 1
        from .journal_scan import mount  # noqa: PLC0415 - needed once, costs heap

        mount(self)

    # Note an event. Allocates nothing.
    def put(self, code, group, reason, arg):
        ring = self._ring
        key = code | group << 8 | reason << 16
        for i in range(self.waiting):
            at = (self._head + i) % _SLOTS * _FIELDS
            if ring[at + 3] == key:
                ring[at + 2] = arg
                ring[at + 4] += ring[at + 4] < _COUNT_MAX
                return
        at = (self._head + self.waiting) % _SLOTS * _FIELDS
        if self.waiting >= _SLOTS - 1:  # the first ones tell more of a cause than the last
            if self.waiting == _SLOTS:  # the last one is the gap
                at = (self._head + _SLOTS - 1) % _SLOTS * _FIELDS
                ring[at + 2] += ring[at + 2] < _ARG_MAX
                return
            key = GAP
            arg = 1
        ring[at] = self.t_low
        ring[at + 1] = self.t_high
        ring[at + 2] = arg
        ring[at + 3] = key
        ring[at + 4] = 1
        self.waiting += 1

    # Append up to `budget` of the waiting events if wear allows it now; returns how many. The
    # rest, and all if the append fails, stay for the next call. Idle, it allocates nothing.
    def flush(self, now_ms, budget=_SLOTS):
        if not self.waiting or not self._wear.take(now_ms):
            return 0
        used = 0 if self.fresh else self.count[self.segment]
        n = min(self.waiting, budget, self.per - used)
        try:
            self._append(n)
        except OSError:
            self.errors += 1
            self.turn()  # what this segment ends with now is not known
            return 0
        self.next_seq = (self.next_seq + n) & _SEQ
        if used + n == self.per:
            self.turn()
        self._head = (self._head + n) % _SLOTS
        self.waiting -= n
        return n

    def path(self, segment):
        return "%s.%d" % (self.name, segment)

    def _append(self, n):
        data = bytearray(n * RECORD)
        for i in range(n):
            self._pack(data, i)
        with self.files.open(self.path(self.segment), "wb" if self.fresh else "ab") as file:
            if file.write(data) != len(data):
                raise OSError(28)  # ENOSPC
        if self.fresh:
            self.fresh = False
            self.first[self.segment] = self.next_seq
            self.count[self.segment] = 0
        self.count[self.segment] += n

    def _pack(self, data, i):
        ring = self._ring
        at = (self._head + i) % _SLOTS * _FIELDS
        where = i * RECORD
        key = ring[at + 3]
        pack_into(
            "<IHHiHBBBBH",
            data,
            where,
            (self.next_seq + i) & _SEQ,
            ring[at],
            ring[at + 1],
            ring[at + 2],
            self._boot_count,
            key & 0xFF,
            key >> 8 & 0xFF,
            key >> 16,
            0,
            ring[at + 4],
        )
        pack_into("<I", data, where + 20, crc32(memoryview(data)[where : where + 20]))

    # The next append starts the next segment.
    def turn(self):
        self.segment = (self.segment + 1) % len(self.first)
        self.fresh = True
