# SPDX-License-Identifier: Apache-2.0
# One zone of air: which fan duty its outlet temperature asks for. Integers: permille, m degC.
#
# Steady, the flow must carry the power over (outlet - inlet), and flow goes with fan speed:
#
#     ahead = load * design_rise / (setpoint - inlet)       load: power over the design power
#     ask   = ahead * (1 + trim) + kp * error
#
# The integrator is kept as a share of the feed-forward (trim), so what it has learned at one
# power (dirty filters, a wrong design power, a meter that is off) holds at the next one too.

from ..compat import const
from ..link.wire import INVALID

FULL = 1000
HOLD_DOWN = const(1)  # something else drives this zone's fans above what it asks
HOLD_UP = const(2)  # its fans are at full

_FILTER_SHIFT = const(5)  # 3.2 s: much below the minute in which air and servers move
_SPIKE_TICKS = const(5)
_AHEAD_UNKNOWN = const(500)  # no power reading: the trim does it all
_AHEAD_MIN = const(50)  # permille; keeps the trim's share finite
_AHEAD_MAX = const(2_000)
_GAIN_MIN = const(200)  # an idle rack must not move the learned share fast
_TRIM_MAX_PPM = const(19_000_000)  # full at _AHEAD_MIN
_GAP_MIN_MC = const(2_000)  # of the setpoint over the inlet
_BAND_LEAST = const(50)  # permille of the dead band that are left when the fans stand


class Zone:
    # zone, air: sections of the configuration.
    def __init__(self, zone, air):
        self._c = zone
        self._air = air
        self.ask = FULL
        self.floor = 0  # fail-safe floor of this zone
        self._trim_ppm = 0
        self._outlet = INVALID  # filtered, m degC << _FILTER_SHIFT
        self._spikes = 0

    # One tick. load: power, permille of the design power, 0 unknown. hold: HOLD_* bits.
    def step(self, outlet_mc, inlet_mc, load, hold):
        c = self._c
        self.floor = 0
        if inlet_mc == INVALID:
            self.floor = FULL if outlet_mc == INVALID else c.floor_inlet_permille
            inlet_mc = self._air.inlet_ref_mc
        error_mc = 0
        if outlet_mc == INVALID:  # feed-forward goes on alone
            self.floor = max(self.floor, c.floor_outlet_permille)
            self._outlet = INVALID
        else:
            error_mc = self._filter(outlet_mc) - c.setpoint_mc
            # The dead band lies above the setpoint: fan power goes with the cube of the speed. So
            # it is whole with the fans full, and narrows where they are slow and it saves little.
            # Beyond it the error counts from its edge, so that the output does not jump.
            if error_mc > 0:
                band = _BAND_LEAST + (FULL - _BAND_LEAST) * self.ask // FULL
                error_mc = max(error_mc - c.deadband_mc * band // FULL, 0)
        ahead = self._ahead(inlet_mc, load)
        steady = ahead + ahead * (self._trim_ppm // 1000) // 1000
        self.ask = min(max(steady + c.kp_permille_k * error_mc // 1000, 0), FULL)
        if self.ask == FULL:
            hold |= HOLD_UP
        elif self.ask == 0:  # fans that may stand still: what was learned does not fade meanwhile
            hold |= HOLD_DOWN
        if not hold & (HOLD_UP if error_mc > 0 else HOLD_DOWN):
            self._trim_ppm += c.ki_ppm_k * error_mc // max(ahead, _GAIN_MIN)
        if steady > FULL:  # back-calculation, a minute: a short peak leaves what was learned
            self._trim_ppm -= (steady - FULL) * 1000 // ahead * 2
        self._trim_ppm = min(max(self._trim_ppm, -1_000_000), _TRIM_MAX_PPM)

    # A step is believed when it has lasted; then the filter starts again from it.
    def _filter(self, outlet_mc):
        if self._outlet == INVALID:
            self._outlet = outlet_mc << _FILTER_SHIFT
        change_mc = outlet_mc - (self._outlet >> _FILTER_SHIFT)
        if abs(change_mc) <= self._c.spike_mc:
            self._spikes = 0
            self._outlet += change_mc
        else:
            self._spikes += 1
            if self._spikes >= _SPIKE_TICKS:
                self._spikes = 0
                self._outlet = outlet_mc << _FILTER_SHIFT
        return self._outlet >> _FILTER_SHIFT

    def _ahead(self, inlet_mc, load):
        if load == 0:
            return _AHEAD_UNKNOWN
        gap_mc = max(self._c.setpoint_mc - inlet_mc, _GAP_MIN_MC)
        return min(max(load * self._air.design_rise_mc // gap_mc, _AHEAD_MIN), _AHEAD_MAX)
