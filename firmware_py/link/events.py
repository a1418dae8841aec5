# SPDX-License-Identifier: Apache-2.0
# BOARD_EVENTs that wait for their tick: a ring of 16, the oldest gives way. A host sees a lost
# one as a jump of `count`.

from array import array
from struct import pack_into

from .wire import EV_LEASE

_SLOTS = 16
_FIELDS = 7  # t low, t high (16 bits each), code, group, reason, count, arg


class Events:
    # journal: store.journal.Journal, or None.
    def __init__(self, journal=None):
        self._journal = journal
        self._ring = array("i", [0] * (_SLOTS * _FIELDS))
        self._head = 0
        self.waiting = 0
        self._count = 0
        self._t_low = 0  # board time of this tick, u32 ms as two halves
        self._t_high = 0

    # Board time from now on.
    def set_time(self, low, high):
        self._t_low = low
        self._t_high = high
        if self._journal is not None:
            self._journal.t_low = low
            self._journal.t_high = high

    # Note an event. Allocates nothing.
    def put(self, code, group, reason, arg):
        if self._journal is not None and code != EV_LEASE:  # each host would fill it with these
            self._journal.put(code, group, reason, arg)
        self._count = (self._count + 1) & 0xFF
        if self.waiting == _SLOTS:
            self._head = (self._head + 1) % _SLOTS
            self.waiting -= 1
        at = (self._head + self.waiting) % _SLOTS * _FIELDS
        ring = self._ring
        ring[at] = self._t_low
        ring[at + 1] = self._t_high
        ring[at + 2] = code
        ring[at + 3] = group
        ring[at + 4] = reason
        ring[at + 5] = self._count
        ring[at + 6] = arg
        self.waiting += 1

    # Write the oldest into a BOARD_EVENT payload at body[at:] and forget it.
    def take(self, body, at):
        ring = self._ring
        i = self._head * _FIELDS
        pack_into(
            "<HHBBBBi",
            body,
            at,
            ring[i],
            ring[i + 1],
            ring[i + 2],
            ring[i + 3],
            ring[i + 4],
            ring[i + 5],
            ring[i + 6],
        )
        self._head = (self._head + 1) % _SLOTS
        self.waiting -= 1
