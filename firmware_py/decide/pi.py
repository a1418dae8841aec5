# SPDX-License-Identifier: Apache-2.0
# A PI controller in integers, permille out: filtered input, dead band, back-calculation and a
# bumpless start. Pump and valve each have one.

from ..compat import const
from ..link.wire import INVALID

_FILTER_SHIFT = const(2)  # a quarter of the difference per tick
_I_LIMIT_PPM = const(2_000_000)  # feed-forward may stand for more than the whole range


class Pi:
    # For an error in thousandths of a unit: kp in permille per unit, ki in ppm per unit and tick.
    # kp and ki times the error must be small ints: 5000 goes with an error of 200 units.
    def __init__(self, kp, ki, deadband):
        self._kp = kp
        self._ki = ki
        self._deadband = deadband
        self._seen = INVALID
        self._fresh = True
        self._i_ppm = 0

    # The next filter() and step() begin anew.
    def reset(self):
        self._seen = INVALID

    def filter(self, raw):
        if self._seen == INVALID:
            self._seen = raw
            self._fresh = True
        self._seen += (raw - self._seen) >> _FILTER_SHIFT
        return self._seen

    # One tick. ahead: feed-forward; least..most: what is possible; now: the output as it is.
    def step(self, error, ahead, least, most, now):
        if -self._deadband < error < self._deadband:
            error = 0
        free = ahead + self._kp * error // 1000
        if self._fresh:  # bumpless: begin where the actuator is
            self._fresh = False
            self._i_ppm = (now - free) * 1000
        self._i_ppm += self._ki * error // 1000
        wanted = free + self._i_ppm // 1000
        limited = max(min(wanted, most), least)
        # back-calculation: a tenth of what was cut off goes out of the integrator every tick
        self._i_ppm += (limited - wanted) * 100
        self._i_ppm = min(max(self._i_ppm, -_I_LIMIT_PPM), _I_LIMIT_PPM)
        return limited
