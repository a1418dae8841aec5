# SPDX-License-Identifier: Apache-2.0
# Interlocks of the coolant loop: each cause is a small pure check, confirmed for its own time.
# What latches ends only by clear(), and only once the cause is gone.
#
# A leak stops the pump by default: the board may be alone for weeks, pressure feeds the leak, and
# a chip without flow throttles and switches itself off within seconds, wet live parts do not.

from array import array

from ..compat import const
from ..link.wire import (
    EV_INTERLOCK,
    INTERLOCK_LEAK,
    INTERLOCK_LOW_FLOW,
    INTERLOCK_PUMP,
    INTERLOCK_RESERVOIR,
    INTERLOCK_SUPPLY_TEMP,
    INVALID,
)

_LEAK = const(0)
_FLOW_LOW = const(1)
_FLOW_CRITICAL = const(2)
_FLOW_REPEATED = const(3)
_RESERVOIR_LOW = const(4)
_RESERVOIR_EMPTY = const(5)
_HOT = const(6)
_PUMP_SLOW = const(7)
_PUMP_GIVEN_UP = const(8)
_CAUSES = const(9)

# Of each cause: its interlock, whether it latches, for how many 100 ms it must last (0: config).
# fmt: off
TABLE = bytes((
    INTERLOCK_LEAK, 1, 3,
    INTERLOCK_LOW_FLOW, 0, 0,
    INTERLOCK_LOW_FLOW, 0, 2,
    INTERLOCK_LOW_FLOW, 1, 1,
    INTERLOCK_RESERVOIR, 0, 30,  # coolant sloshes
    INTERLOCK_RESERVOIR, 1, 30,
    INTERLOCK_SUPPLY_TEMP, 0, 20,
    INTERLOCK_PUMP, 0, 1,  # the pump has waited itself
    INTERLOCK_PUMP, 1, 1,
))
# fmt: on
_ROW = const(3)

REASON_CLEARED = 0  # BOARD_EVENT.reason
REASON_ON = 1
REASON_LATCHED = 2

_RESERVOIR_BACK_PERMILLE = const(20)
_HOT_BACK_MC = const(2_000)
_READING_MAX = const(1_000_000)
_MS_MAX = const(1 << 29)


def flow_low(flow_mlm, demand_mlm, permille):
    return 0 <= flow_mlm and min(flow_mlm, _READING_MAX) * 1000 < demand_mlm * permille


# on: it was, so it takes more to end.
def level_low(level_permille, least_permille, on):
    return 0 <= level_permille < least_permille + (_RESERVOIR_BACK_PERMILLE if on else 0)


# A reservoir that cannot be read is not known to be filled again.
def still_empty(level_permille, empty_permille):
    return level_permille == INVALID or level_low(level_permille, empty_permille, True)


def too_hot(mc, most_mc, on):
    return mc > most_mc - (_HOT_BACK_MC if on else 0)


class Interlocks:
    def __init__(self, c, events):
        self._c = c
        self._events = events
        self.active = 0  # bit per cause, confirmed
        self._held = 0  # bit per cause, latched
        self.latched = 0  # bit n: interlock n
        self._ms = array("i", [0] * _CAUSES)
        self._level = bytearray(INTERLOCK_PUMP + 1)  # REASON_* last told, by interlock
        self._told = 0
        self._repeats = 0
        self._window_ms = 0

    # The pump may run. Allocates nothing.
    def may_run(self):
        stop = 1 << _RESERVOIR_EMPTY | (1 << _LEAK if self._c.leak_stop else 0)
        return self._held & stop == 0

    # Heat is not carried away, or not well enough.
    def uncooled(self):
        return self.active & (1 << _FLOW_CRITICAL | 1 << _HOT) != 0

    # One tick, after pump.look().
    def step(self, elapsed_ms, sense, pump):
        now = self._find(sense, pump)
        ms = self._ms
        active = 0
        at = 2
        for i in range(_CAUSES):
            ms[i] = min(ms[i] + elapsed_ms, _MS_MAX) if now >> i & 1 else 0
            need_ms = 100 * TABLE[at] if TABLE[at] else self._c.low_flow_ms
            if ms[i] >= need_ms:
                active |= 1 << i
                if TABLE[at - 1]:
                    self._held |= 1 << i
            at += _ROW
        self._count(elapsed_ms, active & ~self.active)
        self.active = active
        if self._told != (active << _CAUSES | self._held):
            self._told = active << _CAUSES | self._held
            self._tell(sense)

    # Bit mask of the causes that hold now.
    def _find(self, sense, pump):
        c = self._c
        was = self.active
        now = 0
        if sense.leak:
            now |= 1 << _LEAK
        if self.may_run() and not pump.settling():  # a pump that was stopped has no flow to miss
            if not pump.flowing:
                now |= 1 << _FLOW_CRITICAL
            if flow_low(sense.flow_mlm, pump.demand_mlm, c.low_flow_permille):
                now |= 1 << _FLOW_LOW
        if self._repeats >= c.low_flow_repeats:
            now |= 1 << _FLOW_REPEATED
        level = sense.reservoir_permille
        if level_low(level, c.reservoir_low_permille, was >> _RESERVOIR_LOW & 1):
            now |= 1 << _RESERVOIR_LOW
        if level_low(level, c.reservoir_empty_permille, was >> _RESERVOIR_EMPTY & 1):
            now |= 1 << _RESERVOIR_EMPTY
        on = was >> _HOT & 1
        if too_hot(sense.supply_mc, c.supply_max_mc, on) or too_hot(
            sense.return_mc, c.return_max_mc, on
        ):
            now |= 1 << _HOT
        if pump.slow:
            now |= 1 << _PUMP_SLOW
        if pump.given_up():
            now |= 1 << _PUMP_GIVEN_UP
        return now

    # Critical flow that comes again and again is air or a blockage: a person must look.
    def _count(self, elapsed_ms, begun):
        self._window_ms = min(self._window_ms + elapsed_ms, _MS_MAX)
        if begun >> _FLOW_CRITICAL & 1:
            if self._window_ms > self._c.low_flow_window_ms:
                self._repeats = 0
            if self._repeats == 0:
                self._window_ms = 0
            self._repeats += 1

    def _tell(self, sense):
        self.latched = 0
        present = self.active | self._held
        for n in range(INTERLOCK_LEAK, INTERLOCK_PUMP + 1):
            level = REASON_CLEARED
            for i in range(_CAUSES):
                if TABLE[i * _ROW] == n and present >> i & 1:
                    level = max(level, REASON_LATCHED if self._held >> i & 1 else REASON_ON)
            if level == REASON_LATCHED:
                self.latched |= 1 << n
            if level != self._level[n]:
                self._level[n] = level
                self._events.put(EV_INTERLOCK, n, level, _reading(n, sense))

    # Before the first tick: bit n, interlock n was latched when the board went down.
    def resume(self, latched, pump):
        for i in range(_CAUSES):
            if TABLE[i * _ROW + 1] and latched >> TABLE[i * _ROW] & 1:
                self._held |= 1 << i
        self.latched = latched
        if self._held >> _PUMP_GIVEN_UP & 1:
            pump.give_up()

    # Let go of what is over; the rest stays latched.
    def clear(self, sense, pump):
        over = 0
        if not sense.leak:
            over |= 1 << _LEAK
        if pump.flowing:
            over |= 1 << _FLOW_REPEATED
            self._repeats = 0
        if not still_empty(sense.reservoir_permille, self._c.reservoir_empty_permille):
            over |= 1 << _RESERVOIR_EMPTY
        if pump.given_up():
            over |= 1 << _PUMP_GIVEN_UP
            pump.retry()
        self._held &= ~over
        self._tell(sense)


# What shows an interlock; INVALID without a reading.
def _reading(n, sense):
    if n == INTERLOCK_LEAK:
        return int(sense.leak)
    if n == INTERLOCK_LOW_FLOW:
        return sense.flow_mlm
    if n == INTERLOCK_RESERVOIR:
        return sense.reservoir_permille
    if n == INTERLOCK_SUPPLY_TEMP:
        return max(sense.supply_mc, sense.return_mc)
    return sense.pump_rpm
