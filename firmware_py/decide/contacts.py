# SPDX-License-Identifier: Apache-2.0
# Relays that do not do what they are told. Commanded off but closed: welded. Commanded on but
# open: stuck open. Two kinds of evidence: the auxiliary contact, and, for a welded one, power that
# still flows, which also overrules an auxiliary contact that says "open". Each has to last; a
# command gives the relay its time to move first. A verdict stands until the opposite is seen under
# the same command, so a welded relay stays known while it is on. step() allocates nothing.

from array import array

from ..compat import const
from ..link.wire import EV_RELAY, INVALID

BACK = const(0)  # EV_RELAY.reason
WELDED = const(1)
STUCK_OPEN = const(2)


class Contacts:
    # fitted: groups that have an auxiliary contact; settle_ticks: after a command; confirm_ticks:
    # of a contact that disagrees; flow_mw for flow_ticks: power of an open group that proves a
    # closed contact (longer than the meters' delay and the PSUs' capacitors).
    def __init__(self, groups, events, fitted, settle_ticks, confirm_ticks, flow_ticks, flow_mw):
        self._n = groups
        self._events = events
        self._fitted = fitted
        self._settle_ticks = settle_ticks
        self._confirm_ticks = confirm_ticks
        self._flow_ticks = flow_ticks
        self._flow_mw = flow_mw
        self._off_mask = 0  # commanded at the last tick
        self._settle = bytearray([settle_ticks] * groups)  # ticks left
        self._count = bytearray(groups)  # up while the contact disagrees, down while it agrees
        self._flow = array("h", [0] * groups)  # the same for power of an open group
        self.welded = 0  # bit g
        self.stuck_open = 0

    # One tick. feedback: bit g, contact g seen closed, or INVALID; group_mw: measured power of
    # each group, INVALID if unknown.
    def step(self, off_mask, feedback, group_mw):
        moved = off_mask ^ self._off_mask
        self._off_mask = off_mask
        for g in range(self._n):
            bit = 1 << g
            off = off_mask >> g & 1
            if moved & bit:
                self._restart(g, (self.welded if off else self.stuck_open) & bit)
            if self._settle[g]:
                self._settle[g] -= 1
            elif off:
                self._is_off(g, feedback, group_mw[g])
            else:
                self._is_on(g, feedback, group_mw[g])

    # A command: what is known under it holds until as many ticks say otherwise.
    def _restart(self, g, known):
        fitted = self._fitted >> g & 1
        self._settle[g] = self._settle_ticks
        self._count[g] = self._confirm_ticks if known and fitted else 0
        self._flow[g] = self._flow_ticks if known and not fitted else 0

    def _is_off(self, g, feedback, mw):
        self._contact(g, feedback, 1)
        if mw != INVALID:
            step = 1 if mw > self._flow_mw else -1
            self._flow[g] = min(max(self._flow[g] + step, 0), self._flow_ticks)
        bad = self._count[g] == self._confirm_ticks or self._flow[g] == self._flow_ticks
        good = self._count[g] == 0 and self._flow[g] == 0
        if bad != self.welded >> g & 1 and (bad or good):
            self.welded ^= 1 << g
            self._say(g, WELDED if bad else BACK, mw)

    def _is_on(self, g, feedback, mw):
        self._contact(g, feedback, 0)
        bad = self._count[g] == self._confirm_ticks
        good = self._count[g] == 0
        if bad != self.stuck_open >> g & 1 and (bad or good):
            self.stuck_open ^= 1 << g
            self._say(g, STUCK_OPEN if bad else BACK, mw)

    # Count the contact; wrong: the position, 1 closed, that it must not have. Unseen it stays.
    def _contact(self, g, feedback, wrong):
        if feedback != INVALID and self._fitted >> g & 1:
            step = 1 if feedback >> g & 1 == wrong else -1
            self._count[g] = min(max(self._count[g] + step, 0), self._confirm_ticks)

    def _say(self, g, reason, mw):
        self._events.put(EV_RELAY, g, reason, mw if mw != INVALID else 0)
