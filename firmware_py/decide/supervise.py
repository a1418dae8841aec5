# SPDX-License-Identifier: Apache-2.0
# The board's states, as a table; make_diagram.py draws README.md's diagram from it.
#
# Each tick has one event, the first that holds of: hazard, clear, maint, fault, leased, alone. A
# state that a row does not name stays.

from ..compat import const, ticks_add, ticks_diff
from ..link.wire import (
    EV_MAINT,
    EV_STATE,
    STATE_BOOT,
    STATE_DEGRADED,
    STATE_HOSTED,
    STATE_LOCAL,
    STATE_MAINT,
    STATE_SAFE,
    STATE_SELFTEST,
)

_SELFTEST_TICKS = const(5)  # readings settle, fans spin up at full

_HAZARD = const(0)  # leak, no temperature left, a latched interlock: SAFE until it is cleared
_CLEAR = const(1)  # the host asked, with its key, to leave SAFE, and the hazard is gone
_MAINT = const(2)  # somebody works on the rack, under a lease
_FAULT = const(3)  # a sensor is lost, or an actuator does not follow
_LEASED = const(4)  # a host holds the lease
_ALONE = const(5)

# state, event, next state; in bytes, as tuples cost heap
# fmt: off
TABLE = bytes((
    STATE_BOOT, _HAZARD, STATE_SAFE,
    STATE_BOOT, _MAINT, STATE_SELFTEST,
    STATE_BOOT, _FAULT, STATE_SELFTEST,
    STATE_BOOT, _LEASED, STATE_SELFTEST,
    STATE_BOOT, _ALONE, STATE_SELFTEST,
    STATE_SELFTEST, _HAZARD, STATE_SAFE,
    STATE_SELFTEST, _MAINT, STATE_MAINT,
    STATE_SELFTEST, _FAULT, STATE_DEGRADED,
    STATE_SELFTEST, _LEASED, STATE_HOSTED,
    STATE_SELFTEST, _ALONE, STATE_LOCAL,
    STATE_LOCAL, _HAZARD, STATE_SAFE,
    STATE_LOCAL, _MAINT, STATE_MAINT,
    STATE_LOCAL, _FAULT, STATE_DEGRADED,
    STATE_LOCAL, _LEASED, STATE_HOSTED,
    STATE_HOSTED, _HAZARD, STATE_SAFE,
    STATE_HOSTED, _MAINT, STATE_MAINT,
    STATE_HOSTED, _FAULT, STATE_DEGRADED,
    STATE_HOSTED, _ALONE, STATE_LOCAL,
    STATE_DEGRADED, _HAZARD, STATE_SAFE,
    STATE_DEGRADED, _MAINT, STATE_MAINT,
    STATE_DEGRADED, _LEASED, STATE_HOSTED,
    STATE_DEGRADED, _ALONE, STATE_LOCAL,
    STATE_SAFE, _CLEAR, STATE_SELFTEST,
    STATE_MAINT, _HAZARD, STATE_SAFE,
    STATE_MAINT, _FAULT, STATE_SELFTEST,
    STATE_MAINT, _LEASED, STATE_SELFTEST,
    STATE_MAINT, _ALONE, STATE_SELFTEST,
))
# fmt: on
_EVENTS = const(6)
_STATES = const(7)


class Supervisor:
    # latched: the board went down in SAFE, and comes up in it.
    def __init__(self, events, latched=False):
        self.state = STATE_SAFE if latched else STATE_BOOT
        self._events = events
        self._ticks = 0  # in this state
        self._maint = False
        self._maint_until_ms = 0
        self._next = bytearray(_STATES * _EVENTS)
        for state in range(_STATES):
            for event in range(_EVENTS):
                self._next[state * _EVENTS + event] = state
        for i in range(0, len(TABLE), 3):
            self._next[TABLE[i] * _EVENTS + TABLE[i + 1]] = TABLE[i + 2]

    # Begin or renew MAINT for ms from now, or end it (0).
    def maintain(self, now_ms, ms):
        self._maint = ms > 0
        self._maint_until_ms = ticks_add(now_ms, ms)
        self._events.put(EV_MAINT, 0, self._maint, ms)

    # One tick; clear is taken only in SAFE without a hazard. Allocates nothing.
    def step(self, now_ms, hazard, fault, leased, clear):
        self._ticks += self._ticks < _SELFTEST_TICKS
        if self._maint and not (leased and ticks_diff(self._maint_until_ms, now_ms) > 0):
            self._maint = False  # its time is over, or its host has gone
            self._events.put(EV_MAINT, 0, 0, 0)
        if hazard:
            event = _HAZARD
        elif self.state == STATE_SELFTEST and self._ticks < _SELFTEST_TICKS:
            return
        elif self.state == STATE_SAFE:
            if not clear:
                return
            event = _CLEAR
        elif self._maint:
            event = _MAINT
        elif fault:
            event = _FAULT
        else:
            event = _LEASED if leased else _ALONE
        after = self._next[self.state * _EVENTS + event]
        if after != self.state:
            self._events.put(EV_STATE, self.state, after, 0)
            self.state = after
            self._ticks = 0

    # Loads may be restored: the sensors that show headroom are all there.
    def may_restore(self):
        return STATE_LOCAL <= self.state <= STATE_HOSTED

    # Only the controller's own states leave the fans to the controller.
    def fans_full(self):
        return not (STATE_LOCAL <= self.state <= STATE_DEGRADED)
