# SPDX-License-Identifier: Apache-2.0
# The board's states, as a table. MAINT comes with the service commands (not in v1).
#
# Each tick has one event, the first that holds of: hazard, clear, fault, leased, alone. A state
# that a row does not name stays.

from ..compat import const
from ..link.wire import (
    EV_STATE,
    STATE_BOOT,
    STATE_DEGRADED,
    STATE_HOSTED,
    STATE_LOCAL,
    STATE_SAFE,
    STATE_SELFTEST,
)

_SELFTEST_TICKS = const(5)  # readings settle, fans spin up at full

_HAZARD = const(0)  # leak, or no temperature left: latched
_CLEAR = const(1)  # the host asked to leave SAFE and the hazard is gone
_FAULT = const(2)  # a sensor is lost
_LEASED = const(3)  # a host holds the lease
_ALONE = const(4)

# state, event, next state; in bytes, as tuples cost heap
# fmt: off
TABLE = bytes((
    STATE_BOOT, _HAZARD, STATE_SAFE,
    STATE_BOOT, _FAULT, STATE_SELFTEST,
    STATE_BOOT, _LEASED, STATE_SELFTEST,
    STATE_BOOT, _ALONE, STATE_SELFTEST,
    STATE_SELFTEST, _HAZARD, STATE_SAFE,
    STATE_SELFTEST, _FAULT, STATE_DEGRADED,
    STATE_SELFTEST, _LEASED, STATE_HOSTED,
    STATE_SELFTEST, _ALONE, STATE_LOCAL,
    STATE_LOCAL, _HAZARD, STATE_SAFE,
    STATE_LOCAL, _FAULT, STATE_DEGRADED,
    STATE_LOCAL, _LEASED, STATE_HOSTED,
    STATE_HOSTED, _HAZARD, STATE_SAFE,
    STATE_HOSTED, _FAULT, STATE_DEGRADED,
    STATE_HOSTED, _ALONE, STATE_LOCAL,
    STATE_DEGRADED, _HAZARD, STATE_SAFE,
    STATE_DEGRADED, _LEASED, STATE_HOSTED,
    STATE_DEGRADED, _ALONE, STATE_LOCAL,
    STATE_SAFE, _CLEAR, STATE_SELFTEST,
))
# fmt: on
_EVENTS = const(5)
_STATES = const(7)


class Supervisor:
    def __init__(self, events):
        self.state = STATE_BOOT
        self._events = events
        self._ticks = 0  # in this state
        self._next = bytearray(_STATES * _EVENTS)
        for state in range(_STATES):
            for event in range(_EVENTS):
                self._next[state * _EVENTS + event] = state
        for i in range(0, len(TABLE), 3):
            self._next[TABLE[i] * _EVENTS + TABLE[i + 1]] = TABLE[i + 2]

    # One tick; clear is taken only in SAFE without a hazard. Allocates nothing.
    def step(self, hazard, fault, leased, clear):
        self._ticks += self._ticks < _SELFTEST_TICKS
        if hazard:
            event = _HAZARD
        elif self.state == STATE_SELFTEST and self._ticks < _SELFTEST_TICKS:
            return
        elif self.state == STATE_SAFE:
            if not clear:
                return
            event = _CLEAR
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
