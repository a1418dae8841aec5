# SPDX-License-Identifier: Apache-2.0
# Air: readings to fan duties, through zones (zone.py) and fans (fans.py). Integers only.

from ..compat import const
from .fans import Fans
from .zone import FULL, Zone

# The servers' mass evens out power swings for about half a minute, so small ones are followed that
# slowly; a change beyond an eighth is a new level and is followed in 3.2 s until it has settled.
_FAST_SHIFT = const(5)
_SLOW_SHIFT = const(8)  # 25.6 s
_BAND_SHIFT = const(3)
_SETTLED_SHIFT = const(5)
_LOAD_MAX = const(4_000)


class Cooler:
    # config: air, zones, fans, feeds of store.settings.Settings; events: link.events.Events.
    def __init__(self, config, events):
        air = config.air
        self._design_w = air.design_w or _design_w(config.feeds[0])
        self._zones = [Zone(zone, air) for zone in config.zones]
        self._fans = Fans(config, events)
        self.fan_permille = self._fans.permille  # int32[MAX_FANS], what each fan gets
        self.out_permille = FULL  # the highest of them
        self.floored = False  # a fail-safe or host floor is above the controller
        self.failed = 0  # bit f: fan f is stalled, or its tach is lost
        self._fast = -1  # permille of the design power << _FAST_SHIFT, filtered; -1: no reading yet
        self._slow = 0  # the same << _SLOW_SHIFT: what the zones get
        self._chase = False  # the power is on its way to a new level

    # One tick. floor_permille: of all fans, from the supervisor or the host, obeyed at once.
    # sense: zone_mc, inlet_mc, total_w, fan_rpm. Allocates nothing.
    def step(self, sense, floor_permille):
        fans = self._fans
        load = self._follow(min(sense.total_w * 1000 // self._design_w, _LOAD_MAX))
        for z in range(len(self._zones)):
            zone = self._zones[z]
            zone.step(sense.zone_mc[z], sense.inlet_mc, load, fans.hold[z])
            fans.ask[z] = zone.ask
            fans.floor[z] = zone.floor
        fans.step(sense.fan_rpm, floor_permille)
        self.floored = fans.floored
        self.failed = fans.failed
        self.out_permille = fans.highest

    def _follow(self, load):
        if self._fast < 0:
            self._fast = load << _FAST_SHIFT
            self._slow = load << _SLOW_SHIFT
        self._fast += load - (self._fast >> _FAST_SHIFT)
        fast = self._fast >> _FAST_SHIFT
        slow = self._slow >> _SLOW_SHIFT
        if self._chase:
            self._slow = fast << _SLOW_SHIFT
            self._chase = abs(load - fast) > fast >> _SETTLED_SHIFT
            return fast
        self._slow += fast - slow
        self._chase = abs(fast - slow) > slow >> _BAND_SHIFT
        return slow


# What the fans of a rack are usually made for: three phases of one feed, full.
def _design_w(feed):
    return min(max(feed.rating_ma * 3 // 1000 * feed.nominal_mv // 1000, 100), 1_000_000)
