# SPDX-License-Identifier: Apache-2.0
# Liquid cooling of one rack: interlocks, then the pump, then the facility water valve.
#
# A sensor that is lost moves its own part only: no flow, the pump goes by pressure or runs at its
# fail speed; no supply temperature, the valve takes its fail position; no humidity or air
# temperature, the guard takes the worst dew point of the site.

from ..compat import ticks_diff
from ..link.wire import INVALID
from .dewpoint import dew_point_mc
from .interlocks import Interlocks
from .pump import Pump
from .valve import Valve

TICK_MS = 100
_RH_LEAST_PERMILLE = 10  # drier than any room: a broken sensor


class Liquid:
    def __init__(self, config, events):
        c = config.liquid
        self._worst_mc = c.dew_worst_mc
        self.interlocks = Interlocks(c, events)
        self.pump = Pump(c)
        self.valve = Valve(c)
        self.full = False  # MAINT, or a state that wants everything: the pump runs at its most
        self.pump_permille = 0
        self.valve_permille = 0
        self.dew_mc = INVALID  # measured
        self.latched = 0  # bit n: interlock n
        self.hazard = False  # something is latched
        self.fault = False  # works, but not with all it should have
        self.shed_request = False  # heat is not carried away
        self._last_ms = -1
        self._sense = None

    # One tick. A late one counts as one: timers then run slow, never fast. Allocates nothing.
    def step(self, now_ms, sense):
        elapsed_ms = TICK_MS if self._last_ms < 0 else ticks_diff(now_ms, self._last_ms)
        elapsed_ms = min(max(elapsed_ms, 0), TICK_MS)
        self._last_ms = now_ms
        self._sense = sense
        pump = self.pump
        valve = self.valve
        interlocks = self.interlocks
        pump.look(elapsed_ms, sense)
        interlocks.step(elapsed_ms, sense, pump)
        pump.step(elapsed_ms, sense, interlocks.may_run(), self.full)
        dew_mc = _dew_mc(sense)
        supply_mc = sense.supply_mc
        guard_mc = self._worst_mc if dew_mc == INVALID else dew_mc
        valve.step(supply_mc, guard_mc, pump.flowing, pump.demand_permille)
        self.dew_mc = dew_mc
        self.pump_permille = pump.out_permille
        self.valve_permille = valve.out_permille
        self.latched = interlocks.latched
        self.hazard = self.latched != 0
        lost = pump.fallback() or min(supply_mc, dew_mc) == INVALID
        self.fault = self.hazard or lost or interlocks.active != 0 or supply_mc < dew_mc
        self.shed_request = interlocks.uncooled() or pump.out_permille == 0

    # Before the first tick: bit n, interlock n was latched when the board went down.
    def resume(self, latched):
        self.interlocks.resume(latched, self.pump)
        self.latched = latched
        self.hazard = latched != 0

    # An operator's command. Lets go of the latched interlocks whose cause is gone; True if none
    # is left. Their pump starts again slowly.
    def clear(self):
        if self._sense is not None:
            self.interlocks.clear(self._sense, self.pump)
            self.latched = self.interlocks.latched
            self.hazard = self.latched != 0
        return not self.hazard


# INVALID without both readings.
def _dew_mc(sense):
    if sense.dew_air_mc == INVALID or sense.rh_permille < _RH_LEAST_PERMILLE:
        return INVALID
    return dew_point_mc(sense.dew_air_mc, sense.rh_permille)
