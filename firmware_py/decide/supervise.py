# SPDX-License-Identifier: Apache-2.0
# The board's states, as a table. MAINT comes with the service commands (not in v1).
#
# Each tick has one event, the first that holds of: hazard, clear, fault, leased, alone. A state
# that a row does not name stays.

from ..link.wire import (
    EV_STATE,
    STATE_BOOT,
    STATE_DEGRADED,
    STATE_HOSTED,
    STATE_LOCAL,
    STATE_SAFE,
    STATE_SELFTEST,
)

SELFTEST_TICKS = 5  # readings settle, fans spin up at full

HAZARD = 0  # leak, or no temperature left: latched
CLEAR = 1  # the host asked to leave SAFE and the hazard is gone
FAULT = 2  # a sensor is lost
LEASED = 3  # a host holds the lease
ALONE = 4

# (state, event, next state)
TABLE = (
    (STATE_BOOT, HAZARD, STATE_SAFE),
    (STATE_BOOT, FAULT, STATE_SELFTEST),
    (STATE_BOOT, LEASED, STATE_SELFTEST),
    (STATE_BOOT, ALONE, STATE_SELFTEST),
    (STATE_SELFTEST, HAZARD, STATE_SAFE),
    (STATE_SELFTEST, FAULT, STATE_DEGRADED),
    (STATE_SELFTEST, LEASED, STATE_HOSTED),
    (STATE_SELFTEST, ALONE, STATE_LOCAL),
    (STATE_LOCAL, HAZARD, STATE_SAFE),
    (STATE_LOCAL, FAULT, STATE_DEGRADED),
    (STATE_LOCAL, LEASED, STATE_HOSTED),
    (STATE_HOSTED, HAZARD, STATE_SAFE),
    (STATE_HOSTED, FAULT, STATE_DEGRADED),
    (STATE_HOSTED, ALONE, STATE_LOCAL),
    (STATE_DEGRADED, HAZARD, STATE_SAFE),
    (STATE_DEGRADED, LEASED, STATE_HOSTED),
    (STATE_DEGRADED, ALONE, STATE_LOCAL),
    (STATE_SAFE, CLEAR, STATE_SELFTEST),
)
_EVENTS = 5
_STATES = 7


class Supervisor:
    def __init__(self, events):
        self.state = STATE_BOOT
        self._events = events
        self._ticks = 0  # in this state
        self._next = bytearray(_STATES * _EVENTS)
        for state in range(_STATES):
            for event in range(_EVENTS):
                self._next[state * _EVENTS + event] = state
        for state, event, after in TABLE:
            self._next[state * _EVENTS + event] = after

    # One tick; clear is taken only in SAFE without a hazard. Allocates nothing.
    def step(self, hazard, fault, leased, clear):
        self._ticks += self._ticks < SELFTEST_TICKS
        if hazard:
            event = HAZARD
        elif self.state == STATE_SELFTEST and self._ticks < SELFTEST_TICKS:
            return
        elif self.state == STATE_SAFE:
            if not clear:
                return
            event = CLEAR
        elif fault:
            event = FAULT
        else:
            event = LEASED if leased else ALONE
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
