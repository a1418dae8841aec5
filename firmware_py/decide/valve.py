# SPDX-License-Identifier: Apache-2.0
# Facility water valve: PI on the supply temperature, whose target never lies below the dew point
# plus a margin, with feed-forward from the load. Opening 1000 cools most, whichever way the valve
# is built.
#
# Feed-forward goes with the logarithm of the load: an equal-percentage valve passes a times as
# much water when its stem moves by ln a / ln R, wherever it stands. Without it a load that falls
# while the water is cold would draw the supply through the dew point before the motor is there.

from ..compat import const
from ..link.wire import INVALID
from .breaker import ln_q12
from .pi import Pi

_SHARE_LEAST_PERMILLE = const(16)  # ln(1000 / 16) = 4.1


class Valve:
    def __init__(self, c):
        self._c = c
        self.target_mc = c.setpoint_mc
        self.opening_permille = c.valve_fail_permille
        self.out_permille = 0  # what the actuator gets
        self._pi = Pi(c.valve_kp_permille_k, c.valve_ki_ppm_k, c.valve_deadband_mc)
        self._ln_r = ln_q12(max(c.valve_rangeability, 2), 1)

    # One tick. guard_mc: dew point, or what stands in for it. flowing: the supply sensor sits in
    # moving coolant; if not, cold water would only chill what stands in the exchanger.
    # load_permille: of what the loop is made for.
    def step(self, supply_mc, guard_mc, flowing, load_permille):
        c = self._c
        load_permille = min(max(load_permille, _SHARE_LEAST_PERMILLE), 1000)
        ahead = -(c.valve_ff_permille * ln_q12(1000, load_permille) >> 12)
        self.target_mc = max(c.setpoint_mc, guard_mc + c.dew_margin_mc)
        if supply_mc == INVALID or not flowing:
            self._pi.reset()
            if flowing:
                self.opening_permille = c.valve_fail_permille  # a floor knows no slew
            else:
                self._move(0)
        else:
            self._move(self._wanted(supply_mc, ahead, guard_mc + c.dew_margin_mc // 2))
        self.out_permille = self._position()

    # Opening before slewing. Half the margin gone: shut, whatever the gains are.
    def _wanted(self, supply_mc, ahead, shut_mc):
        c = self._c
        seen_mc = self._pi.filter(supply_mc)
        least = c.valve_min_permille
        most = c.valve_max_permille
        if min(seen_mc, supply_mc) < shut_mc:
            least = most = 0
        return self._pi.step(seen_mc - self.target_mc, ahead, least, most, self.opening_permille)

    def _move(self, wanted):
        opening = max(wanted, self.opening_permille - self._c.valve_close_permille)
        self.opening_permille = min(opening, self.opening_permille + self._c.valve_open_permille)

    # Stem position. An equal-percentage valve passes R**(x - 1) at x; that undone, the opening is
    # the share of the flow. It is off by default: the curve of the valve and that of the
    # exchanger bend against each other.
    def _position(self):
        c = self._c
        x = self.opening_permille
        if c.valve_rangeability and x > 0:
            x = 1000 - 1000 * ln_q12(1000, x) // self._ln_r
            x = max(x, 0)
        return 1000 - x if c.valve_reverse else x
