# SPDX-License-Identifier: Apache-2.0
# Coolant pump: a slow start that waits for prime, then PI on flow or on differential pressure,
# whichever is asked for and can be read. It stands still or turns at its minimum or more.
#
# Readings are scaled to permille of full scale, so that one set of gains serves both. By the
# affinity laws flow goes with speed and pressure with its square.

from ..compat import const
from ..link.wire import INVALID
from .pi import Pi

_OFF = const(0)  # must not run, or too little coolant to start
_PRIME = const(1)
_RUN = const(2)
_PAUSE = const(3)
_GIVEN_UP = const(4)  # until retry()

_BLIND = const(0)  # neither reading
_FLOW = const(1)
_PRESSURE = const(2)

_HOLD_MS = const(2_000)  # prime counts when it has lasted
_LOST_MS = const(3_000)  # so long without prime: start again
_STEADY_MS = const(60_000)  # a run of this length forgets failed attempts
_TACH_MS = const(3_000)
_TACH_PERMILLE = const(700)  # of the commanded speed
_READING_MAX = const(1_000_000)  # ml/min and Pa: times 1000 is still a small int
_MS_MAX = const(1 << 29)


class Pump:
    def __init__(self, c):
        self._c = c
        self.out_permille = 0
        self.demand_mlm = 0
        self.demand_permille = 0  # of full scale
        self.flowing = False  # flow as this speed should give; without a reading: it turns
        self.slow = False  # the tach says that it does not follow
        self.by = _BLIND
        self._state = _OFF
        self._ms = 0  # in this state
        self._held_ms = 0  # prime seen for, in _RUN: not seen for
        self._slow_ms = 0
        self._tries = 0
        self._cold = True  # the first attempt of a start
        self._pi = Pi(c.pump_kp_permille, c.pump_ki_ppm, c.pump_deadband_permille)
        self._primed = False

    # Before step(): what the readings say about the speed of the last tick.
    def look(self, elapsed_ms, sense):
        c = self._c
        out = self.out_permille
        full_mlm = c.flow_full_mlm
        demand_mlm = min(max(sense.total_w, 0), _READING_MAX) // 10 * c.flow_mlm_kw // 100
        self.demand_mlm = min(max(demand_mlm, c.flow_min_mlm), full_mlm)
        self.demand_permille = self.demand_mlm * 1000 // full_mlm
        rpm = sense.pump_rpm
        lags = rpm >= 0 and min(rpm, 60_000) * 1000 < c.pump_rpm_full * out // 1000 * _TACH_PERMILLE
        self._slow_ms = min(self._slow_ms + elapsed_ms, _MS_MAX) if lags else 0
        self.slow = self._slow_ms >= _TACH_MS
        need = out
        if self._state == _RUN:
            need = min(need, self.demand_permille)
        flow = _scaled(sense.flow_mlm, full_mlm)
        dp = _scaled(sense.dp_pa, c.dp_full_pa)
        flows = flow * 1000 >= need * c.critical_flow_permille
        pushes = dp * 1000 >= out * out // 1000 * c.critical_flow_permille
        self._primed = out > 0 and (flows or pushes or (flow < 0 and dp < 0))
        if flow < 0:
            flows = pushes if dp >= 0 else not self.slow
        self.flowing = out > 0 and flows
        if c.pump_on:
            by = _PRESSURE if dp >= 0 else _FLOW
        else:
            by = _PRESSURE if flow < 0 else _FLOW
        if flow < 0 and dp < 0:
            by = _BLIND
        if by != self.by:
            self.by = by
            self._pi.reset()

    # Not controlled by what was asked for.
    def fallback(self):
        return self.by != (_PRESSURE if self._c.pump_on else _FLOW)

    # A first start, before coolant can be expected.
    def settling(self):
        return self._state == _PRIME and self._cold and self._ms < self._c.prime_grace_ms

    def given_up(self):
        return self._state == _GIVEN_UP

    def give_up(self):
        self._enter(_GIVEN_UP)

    def retry(self):
        self._tries = 0
        if self._state == _GIVEN_UP:
            self._enter(_OFF)

    # One tick. full: at full speed once it runs. Allocates nothing.
    def step(self, elapsed_ms, sense, may_run, full):
        c = self._c
        self._ms = min(self._ms + elapsed_ms, _MS_MAX)
        state = self._state
        if not may_run:
            if state != _GIVEN_UP:
                self._enter(_OFF)
        elif state == _OFF:
            level = sense.reservoir_permille
            if level == INVALID or level >= c.start_reservoir_permille:
                self._cold = True
                self._enter(_PRIME)
        elif state == _PRIME:
            self._prime(elapsed_ms)
        elif state == _PAUSE:
            if self._ms >= c.prime_pause_ms:
                self._enter(_PRIME)
        elif state == _RUN:
            self._run(elapsed_ms, sense, full)

    def _enter(self, state):
        self._state = state
        self._ms = self._held_ms = 0
        if state == _PRIME:
            self.out_permille = self._c.pump_min_permille
        elif state == _RUN:
            self._pi.reset()
        else:
            self.out_permille = 0

    # Slow, so that the suction side does not cavitate while air is in it.
    def _prime(self, elapsed_ms):
        c = self._c
        self._held_ms = self._held_ms + elapsed_ms if self._primed else 0
        if self._held_ms >= _HOLD_MS:
            self._cold = False
            self._enter(_RUN)
        elif self._ms >= c.prime_ms:
            self._cold = False
            self._tries += 1
            self._enter(_GIVEN_UP if self._tries >= c.prime_tries else _PAUSE)
        elif self.out_permille < c.prime_permille:
            self.out_permille = min(self.out_permille + c.prime_ramp_permille, c.prime_permille)

    def _run(self, elapsed_ms, sense, full):
        c = self._c
        if self._ms >= _STEADY_MS:
            self._tries = 0
        self._held_ms = 0 if self._primed else self._held_ms + elapsed_ms
        if self._held_ms >= _LOST_MS:
            self._enter(_PRIME)
            return
        least = c.pump_min_permille
        floor = max(c.pump_max_permille, least) if full else least
        if self.by == _BLIND:
            wanted = floor = max(floor, c.pump_fail_permille)
        else:
            wanted = self._wanted(sense, floor)
        own = max(wanted, self.out_permille - c.pump_slew_down_permille)
        own = min(own, self.out_permille + c.pump_slew_up_permille)
        self.out_permille = max(own, floor)  # a floor is obeyed at once

    # Speed by the reading that there is.
    def _wanted(self, sense, floor):
        c = self._c
        if self.by == _FLOW:
            raw = sense.flow_mlm
            scale = c.flow_full_mlm
            setpoint = ahead = self.demand_permille
        else:
            raw = sense.dp_pa
            scale = c.dp_full_pa
            setpoint = min(c.dp_setpoint_pa, scale) * 1000 // scale
            ahead = 0
        error = setpoint - _scaled(self._pi.filter(min(raw, _READING_MAX)), scale)
        error = min(max(error, -1000), 1000)
        return self._pi.step(error, ahead, floor, c.pump_max_permille, self.out_permille)


# permille of full scale; -1 without a reading.
def _scaled(reading, full):
    return min(reading, _READING_MAX) * 1000 // full if reading >= 0 else -1
