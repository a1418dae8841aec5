# SPDX-License-Identifier: Apache-2.0
# The relay groups as state machines: which are off, since when, and which stay off. Groups move
# by TABLE; nothing here allocates in a tick.

from array import array

from ..compat import const, ticks_diff
from ..link import wire as m

_ON = const(0)
_ARMED = const(1)  # first to go if the trigger is still there next tick
_OFF = const(2)  # relay just opened
_MIN_OFF = const(3)
_RESTORE_WAIT = const(4)
_LOCKED = const(5)  # shed too often: waits for CLEAR_SAFE

_ARM = const(0)
_STAND_DOWN = const(1)
_TRIP = const(2)
_OPENED = const(3)
_RESTED = const(4)
_FIT = const(5)
_LOCK = const(6)
_CLEAR = const(7)

# state, event, next state; in bytes, as tuples cost heap; what is not here stays.
# fmt: off
TABLE = bytes((
    _ON, _ARM, _ARMED,
    _ON, _TRIP, _OFF,
    _ARMED, _STAND_DOWN, _ON,
    _ARMED, _TRIP, _OFF,
    _OFF, _OPENED, _MIN_OFF,
    _MIN_OFF, _RESTED, _RESTORE_WAIT,
    _RESTORE_WAIT, _FIT, _ON,
    _RESTORE_WAIT, _LOCK, _LOCKED,
    _LOCKED, _CLEAR, _RESTORE_WAIT,
))
# fmt: on
_EVENTS = const(8)
_STATES = const(6)


class Groups:
    def __init__(self, config, events):
        self._c = config.shed
        self.n = config.groups
        self.never = config.never
        self._events = events
        self.off_mask = 0  # bit g: group g is off
        self.locked_mask = 0
        self.booting = 0  # bit g: group g was closed less than boot_ms ago
        self.state = bytearray(self.n)
        self._since_ms = array("i", [0] * self.n)  # of the last opening or closing
        self.sheds = bytearray(self.n)  # by a breaker, within the window
        self._next = bytearray(_STATES * _EVENTS)
        for state in range(_STATES):
            for event in range(_EVENTS):
                self._next[state * _EVENTS + event] = state
        for i in range(0, len(TABLE), 3):
            self._next[TABLE[i] * _EVENTS + TABLE[i + 1]] = TABLE[i + 2]

    # Before the first tick: these groups were off, or locked out, when the board went down.
    def resume(self, now_ms, off_mask, locked_mask):
        for g in range(self.n):
            bit = 1 << g
            if (off_mask | locked_mask) & bit & ~self.never:
                self._move(g, _TRIP)
                self._since_ms[g] = now_ms
                self.off_mask |= bit
                if locked_mask & bit:
                    self.sheds[g] = self._c.lockout_count
                    self.locked_mask |= bit  # known as such to a next reset within min_off_ms

    def _move(self, g, event):
        self.state[g] = self._next[self.state[g] * _EVENTS + event]

    # Groups that are on and may be shed.
    def sheddable(self):
        mask = 0
        for g in range(self.n):
            if self.state[g] <= _ARMED:
                mask |= 1 << g
        return mask & ~self.never

    # The one to go first, as a mask; 0 if none may go.
    def lowest(self):
        mask = self.sheddable()
        for g in range(self.n - 1, -1, -1):
            if mask >> g & 1:
                return 1 << g
        return 0

    # The first group in order that waits to come back and is not held off; -1 if there is none.
    def waiting(self, held_off):
        for g in range(self.n):
            if self.state[g] == _RESTORE_WAIT and not held_off >> g & 1:
                return g
        return -1

    def arm(self, mask):
        for g in range(self.n):
            if mask >> g & 1:
                self._move(g, _ARM)

    def stand_down(self):
        for g in range(self.n):
            self._move(g, _STAND_DOWN)

    # Open group g; it was sheddable.
    def open(self, g, now_ms, reason, group_mw):
        bit = 1 << g
        self.booting &= ~bit
        self._move(g, _TRIP)
        self._since_ms[g] = now_ms
        self.off_mask |= bit
        self._events.put(m.EV_SHED, g, reason, group_mw)

    # Close group g, which waits.
    def close(self, g, now_ms, headroom_mw):
        self._move(g, _FIT)
        self._since_ms[g] = now_ms
        self.off_mask &= ~(1 << g)
        self.booting |= 1 << g
        self._events.put(m.EV_RESTORE, g, 0, headroom_mw)

    # Timers, looked at every tick so that none outlives the wrap of board time. A group that has
    # stayed on for the window is forgiven.
    def age(self, now_ms):
        for g in range(self.n):
            state = self.state[g]
            age_ms = ticks_diff(now_ms, self._since_ms[g])
            if state == _ON:
                if age_ms >= self._c.boot_ms:
                    self.booting &= ~(1 << g)
                if self.sheds[g] and age_ms >= self._c.lockout_window_ms:
                    self.sheds[g] = 0
            elif state == _OFF:
                self._move(g, _OPENED)
            elif state == _MIN_OFF and age_ms >= self._c.min_off_ms:
                self._rested(g)

    def _rested(self, g):
        self._move(g, _RESTED)
        if self.sheds[g] >= self._c.lockout_count:
            self._move(g, _LOCK)
            self.locked_mask |= 1 << g
            self._events.put(m.EV_LOCKOUT, g, 0, self.sheds[g])

    # Lift every lock-out (CLEAR_SAFE).
    def clear(self):
        for g in range(self.n):
            self._move(g, _CLEAR)
            self.sheds[g] = 0
        self.locked_mask = 0
