# SPDX-License-Identifier: Apache-2.0
# Fan duty from the outlet temperature: PI with back-calculation, power feed-forward, an inlet
# term, a dead band and slew limits; never below its floors. Integers: permille, m degC.

from ..compat import const
from ..link.wire import INVALID

FULL = 1000
_FILTER_SHIFT = const(2)  # outlet filter: a quarter of the difference per tick
_I_LIMIT_PPM = const(1_000_000)


class Cooler:
    def __init__(self, config):
        self._c = config.zones[0]
        self._air = config.air
        self.out_permille = FULL  # what the fans get
        self.floored = False  # a fail-safe or host floor is above the controller
        self._out = FULL  # the controller's own output, slewed
        self._i_ppm = 0
        self._outlet_mc = INVALID  # filtered

    # One tick. floor_permille: fail-safe or host floor, obeyed at once. total_w: power of all
    # loads. Allocates nothing.
    def step(self, outlet_mc, inlet_mc, total_w, floor_permille):
        floor = FULL if min(outlet_mc, inlet_mc) == INVALID else floor_permille
        wanted = self._wanted(outlet_mc, inlet_mc, total_w)
        self._slew(wanted)
        own = max(self._out, self._c.min_permille)
        self.floored = floor > own
        self.out_permille = max(own, floor)

    # Output before slewing; holds while the outlet is unknown (the floor is full then).
    def _wanted(self, outlet_mc, inlet_mc, total_w):
        c = self._c
        if outlet_mc == INVALID:
            self._outlet_mc = INVALID
            return self._out
        ahead = min(c.ff_permille_kw * total_w // 1000, FULL)
        if inlet_mc != INVALID:
            air = self._air
            ahead += max(inlet_mc - air.inlet_ref_mc, 0) * air.inlet_permille_k // 1000
        if self._outlet_mc == INVALID:
            self._start(outlet_mc, ahead)
        self._outlet_mc += (outlet_mc - self._outlet_mc) >> _FILTER_SHIFT
        error_mc = self._outlet_mc - c.setpoint_mc
        if -c.deadband_mc < error_mc < c.deadband_mc:
            error_mc = 0
        self._i_ppm += c.ki_ppm_k * error_mc // 1000
        free = ahead + c.kp_permille_k * error_mc // 1000
        wanted = free + self._i_ppm // 1000
        limited = min(max(wanted, c.min_permille), FULL)
        # back-calculation: a tenth of what was cut off goes out of the integrator every tick
        self._i_ppm += (limited - wanted) * 100
        self._i_ppm = min(max(self._i_ppm, -_I_LIMIT_PPM), _I_LIMIT_PPM)
        return limited

    # Bumpless: begin from the present output.
    def _start(self, outlet_mc, ahead):
        self._outlet_mc = outlet_mc
        error_mc = outlet_mc - self._c.setpoint_mc
        self._i_ppm = (self._out - ahead - self._c.kp_permille_k * error_mc // 1000) * 1000
        self._i_ppm = min(max(self._i_ppm, -_I_LIMIT_PPM), _I_LIMIT_PPM)

    def _slew(self, wanted):
        up = self._out + self._c.slew_up_permille
        down = self._out - self._c.slew_down_permille
        self._out = min(max(wanted, down), up)
