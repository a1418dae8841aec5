# SPDX-License-Identifier: Apache-2.0
# Up to 8 fans, each in one or more zones: what each gets, and what its tach says about it.
#
# A zone's fans share its duty. One that fails or drags is made up for by the others of its
# zones, duty * n / (n working), and is kicked at full speed now and then. Duty = the highest of
# its zones, slewed, then at least every floor: floors are never slewed.

from array import array

from ..channels import MAX_FANS, MAX_ZONES
from ..compat import const
from ..link.wire import EV_FAN, INVALID
from .zone import FULL, HOLD_DOWN, HOLD_UP

_TICK_MS = const(100)

_OK = const(0)  # verdicts, and reasons of EV_FAN
_STALLED = const(1)
_LOST = const(2)  # no tach reading: may be stalled, so its flow is not counted on
_SLOW = const(3)
_FAST = const(4)  # full speed whatever it is told: its PWM lead is cut

_LAG_SHIFT = const(4)  # 1.6 s: how a fan follows its duty
_SETTLE_TICKS = const(50)  # until a verdict other than stalled or lost is believed
_JUDGED_MIN = const(50)  # permille: slower than that no tach can be judged
_DOUBLINGS = const(4)


class Fans:
    def __init__(self, config, events):
        self._events = events
        self._air = config.air
        self._c = config.fans
        n = len(config.fans)
        zones = len(config.zones)
        self._zones = zones
        self._mask = bytearray(n)
        for f in range(n):
            self._mask[f] = config.fans[f].zones & (1 << zones) - 1 or (1 << zones) - 1
        self.permille = array("i", [0] * MAX_FANS)  # what each fan gets
        self._duty = array("i", [FULL] * n)  # before a kick and before small steps are held back
        self._speed = array("i", [FULL << _LAG_SHIFT] * n)  # permille that the tach should show
        self._share = array("i", [FULL] * n)  # of a working fan's flow
        self._verdict = bytearray(n)
        self._doubt = bytearray(n)  # ticks that another verdict has held
        self._kick = bytearray(n)  # ticks of full speed left
        self._wait = array("i", [0] * n)  # ticks to the next kick
        self._tries = bytearray(n)
        self.ask = array("i", [0] * MAX_ZONES)  # in: duty of each zone with all its fans working
        self.floor = array("i", [0] * MAX_ZONES)  # in: fail-safe floor of each zone
        self.hold = bytearray(MAX_ZONES)  # out: zone.HOLD_* of each zone
        self.failed = 0  # bit f: stalled, or its tach is lost
        self.floored = False
        self.highest = FULL
        for f in range(n):
            self.permille[f] = FULL  # a blank chip's line is high impedance: full

    # One tick. rpm: int32 per fan; floor_permille: of all fans, obeyed at once.
    def step(self, rpm, floor_permille):
        for f in range(len(self._mask)):
            if self._c[f].max_rpm:
                self._judge(f, rpm[f])
        for z in range(self._zones):
            self._redistribute(z)
            self.hold[z] = HOLD_DOWN
        self.floored = False
        self.highest = 0
        for f in range(len(self._mask)):
            self._drive(f, floor_permille)
            self.highest = max(self.highest, self.permille[f])

    # The zone's duty on the fans it has left.
    def _redistribute(self, z):
        whole = have = 0
        for f in range(len(self._mask)):
            if self._mask[f] >> z & 1:
                whole += FULL
                have += self._share[f]
        if have < whole:
            self.ask[z] = min(self.ask[z] * whole // have, FULL) if have else FULL
            self.floor[z] = min(self.floor[z] * whole // have, FULL) if have else FULL

    def _drive(self, f, floor):
        air = self._air
        mask = self._mask[f]
        ask = 0
        for z in range(self._zones):
            if mask >> z & 1:
                ask = max(ask, self.ask[z])
                floor = max(floor, self.floor[z])
        was = self._duty[f]
        own = max(ask, self._c[f].min_permille)
        own = min(max(own, was - air.slew_down_permille), was + air.slew_up_permille)
        self.floored = self.floored or floor > own
        duty = max(own, floor)
        self._duty[f] = duty
        for z in range(self._zones):
            if mask >> z & 1 and duty - air.slew_down_permille <= self.ask[z]:
                self.hold[z] &= ~HOLD_DOWN
                if duty == FULL:
                    self.hold[z] |= HOLD_UP
        self._write(f, duty, floor)

    # Kicks, then the step below which nothing is written.
    def _write(self, f, duty, floor):
        held = self.permille[f]
        stopped = held == 0 and duty > 0
        if stopped or (self._verdict[f] == _STALLED and self._due(f)):
            self._kick[f] = self._air.kick_ms // _TICK_MS
        if self._kick[f]:
            self._kick[f] -= 1
            duty = FULL
        ends = duty == FULL or duty == 0  # noqa: PLR1714
        if ends or held < floor or abs(duty - held) >= self._air.step_permille:
            self.permille[f] = duty

    # A stalled fan: kick it now? At first at once, then ever more seldom.
    def _due(self, f):
        if self._wait[f]:
            self._wait[f] -= 1
            return False
        self._wait[f] = self._air.retry_ms // _TICK_MS << self._tries[f]
        self._tries[f] = min(self._tries[f] + 1, _DOUBLINGS)
        return True

    def _judge(self, f, rpm):
        air = self._air
        self._speed[f] += self.permille[f] - (self._speed[f] >> _LAG_SHIFT)
        speed = self._speed[f] >> _LAG_SHIFT
        ratio = 0
        verdict = _LOST
        if rpm != INVALID:
            if speed < _JUDGED_MIN:
                return
            ratio = rpm * 1000 // (self._c[f].max_rpm * speed // 1000)
            verdict = _verdict(air, ratio)
            if verdict != _STALLED:
                self._kick[f] = 0  # it lives
        if verdict == self._verdict[f]:
            self._doubt[f] = 0
            return
        self._doubt[f] += 1
        dead = _STALLED <= verdict <= _LOST
        if self._doubt[f] >= (air.stall_ms // _TICK_MS if dead else _SETTLE_TICKS):
            self._believe(f, verdict, rpm, ratio)

    def _believe(self, f, verdict, rpm, ratio):
        self._verdict[f] = verdict
        self._doubt[f] = self._wait[f] = self._tries[f] = 0
        bit = 1 << f
        self.failed &= ~bit
        self._share[f] = ratio if verdict == _SLOW else FULL
        if _STALLED <= verdict <= _LOST:
            self.failed |= bit
            self._share[f] = 0
        self._events.put(EV_FAN, f, verdict, rpm)


def _verdict(air, ratio):
    if ratio < air.stall_permille:
        return _STALLED
    if ratio < air.slow_permille:
        return _SLOW
    return _FAST if ratio > air.fast_permille else _OK
