# SPDX-License-Identifier: Apache-2.0
# Raw readings to believed values: range, loss, a frozen outlet sensor, and what stands in for a
# feed current that is missing. A reading that is bad for less than _LOST_TICKS keeps its last good
# value; after that it is INVALID and its own floor acts. step() allocates nothing.

from array import array

from .. import channels as ch
from ..compat import const
from ..link.wire import EV_SENSOR, INVALID

_LOST_TICKS = const(3)
_STUCK_TICKS = const(600)  # 60 s without a change of 1 m degC while the power changed by a fifth

_CHECKED = ch.IN_LOAD0_MW  # channels before the loads have a range and a loss event
_MAX_MW = const(1_000_000_000)  # of a feed
_MAX_LOAD_MW = const(500_000_000)  # two of them are still a small int
_UNACCOUNTED_W_MAX = const(500_000)
_LEAST = (0, 0, 0, 0, 0, 0, -40_000, -40_000, 0, 0)
_MOST = (_MAX_MW, _MAX_MW, 1_000_000, 1_000_000, 600_000, 600_000, 125_000, 125_000, 60_000, 1)

_COUNTERS = 1 << ch.IN_FEED_A_MW | 1 << ch.IN_FEED_B_MW  # shown only
_AMPS = (ch.IN_FEED_A_MA, ch.IN_FEED_B_MA)
_VOLTS = (ch.IN_FEED_A_MV, ch.IN_FEED_B_MV)
_WATTS = (ch.IN_FEED_A_MW, ch.IN_FEED_B_MW)


class Sense:
    # raw: int32[N_IN], written by the board between ticks.
    def __init__(self, config, events, raw):
        self._raw = raw
        self._events = events
        self._feeds = len(config.feeds)
        self._group_of = config.load_group
        self._half_mv = [feed.nominal_mv // 2 for feed in config.feeds]
        self._rating_ma = [feed.rating_ma for feed in config.feeds]
        self._value = array("i", [INVALID] * _CHECKED)
        self._value[ch.IN_LEAK] = 0
        self._bad_ticks = array("i", [0] * _CHECKED)
        self.lost = 0  # bit i: channel i has been bad for _LOST_TICKS
        self.feed_mw = array("i", [INVALID] * 2)
        self.feed_ma = array("i", [0] * 2)  # measured or stood in for; 0 on a dead feed
        self.measured = bytearray(2)  # 1: feed_ma is this tick's measurement
        self.alive = bytearray(2)  # 1: the feed has voltage
        self.agrees = bytearray(2)  # 1: its power has risen with its current
        self._mw_per_ma = array("i", [0] * 2)  # last tick
        self.load_mw = array("i", [INVALID] * len(config.load_group))
        self._held_mw = array("i", [0] * len(config.load_group))  # last seen while on
        self.group_mw = array("i", [0] * config.groups)  # sum of its loads, seen or held
        self.total_w = 0  # sum of all groups
        self.unknown = 0  # bit g: a load of group g has no reading
        self.unaccounted_w = 0  # what the feeds carry beyond total_w while a load is unknown
        self.inlet_mc = self.outlet_mc = INVALID
        self.fan_rpm = 0
        self.leak = False
        self._ma_per_kw = array("i", [0] * 2)  # of both feeds alive, last seen
        self._stuck_ticks = 0
        self._stuck_mc = INVALID
        self._stuck_w = 0

    # One tick; off_mask: the groups that were off when the readings were taken.
    def step(self, off_mask):
        for i in range(_CHECKED):
            self._check(i)
        self._loads(off_mask)
        for feed in range(self._feeds):
            self._live(feed)
        for feed in range(self._feeds):
            self._feed(feed)
        self.unaccounted_w = self._unaccounted()
        value = self._value
        self.inlet_mc = value[ch.IN_INLET_MC]
        self.outlet_mc = INVALID if self._stuck() else value[ch.IN_OUTLET_MC]
        self.fan_rpm = max(value[ch.IN_FAN0_RPM], 0)
        self.leak = value[ch.IN_LEAK] > 0  # a lost sensor (INVALID) is faulty(), not wet

    # A sensor that the decisions need is lost; the rack is still controllable.
    def faulty(self):
        return self.lost & ~_COUNTERS != 0 or self._stuck_ticks >= _STUCK_TICKS

    # Nothing is left to control the air by.
    def blind(self):
        outlet_gone = self.lost >> ch.IN_OUTLET_MC & 1 or self._stuck_ticks >= _STUCK_TICKS
        return self.lost >> ch.IN_INLET_MC & 1 and outlet_gone

    def _check(self, i):
        raw = self._raw[i]
        if _LEAST[i] <= raw <= _MOST[i]:
            self._value[i] = raw
            self._bad_ticks[i] = 0
            if self.lost >> i & 1:
                self.lost &= ~(1 << i)
                self._events.put(EV_SENSOR, i, 0, 0)
            return
        if self.lost >> i & 1 or not self._fitted(i):
            return
        self._bad_ticks[i] += 1
        if self._bad_ticks[i] >= _LOST_TICKS:
            self._value[i] = INVALID
            self.lost |= 1 << i
            self._events.put(EV_SENSOR, i, 1, 0)

    # Feed B's channels of a rack with one feed are not sensors.
    def _fitted(self, i):
        return self._feeds == 2 or i >= ch.IN_INLET_MC or not i & 1

    # A load without a reading counts as it last did while its group was on.
    def _loads(self, off_mask):
        raw = self._raw
        load_mw = self.load_mw
        group_mw = self.group_mw
        group_of = self._group_of
        for g in range(len(group_mw)):
            group_mw[g] = 0
        total_w = 0
        self.unknown = 0
        at = ch.IN_LOAD0_MW
        for i in range(len(load_mw)):
            mw = raw[at]
            at += 1
            g = group_of[i]
            off = off_mask >> g & 1
            if 0 <= mw <= _MAX_LOAD_MW:
                load_mw[i] = mw
                if not off:
                    self._held_mw[i] = mw
            else:
                load_mw[i] = INVALID
                self.unknown |= 1 << g
                mw = 0 if off else self._held_mw[i]
            group_mw[g] = min(group_mw[g] + mw, _MAX_LOAD_MW)
            total_w += mw // 1000
        self.total_w = min(total_w, 1_000_000)

    def _unaccounted(self):
        if not self.unknown:
            return 0
        ratio = self._ma_per_kw[0] + self._ma_per_kw[1]
        if ratio == 0:
            return _UNACCOUNTED_W_MAX
        carried_w = min((self.feed_ma[0] + self.feed_ma[1]) * 100 // ratio, 100_000) * 10
        return min(max(carried_w - self.total_w, 0), _UNACCOUNTED_W_MAX)

    # A feed that carries current is not dead, whatever its voltmeter says.
    def _live(self, feed):
        mv = self._value[_VOLTS[feed]]
        ma = self._value[_AMPS[feed]]
        loaded = ma > self._rating_ma[feed] // 20
        self.alive[feed] = mv == INVALID or mv >= self._half_mv[feed] or loaded

    def _feed(self, feed):
        value = self._value
        ma = value[_AMPS[feed]]
        self.feed_mw[feed] = value[_WATTS[feed]]
        fresh = self._bad_ticks[_AMPS[feed]] == 0
        self.measured[feed] = fresh
        alone = self._feeds == 2 and not self.alive[1 - feed]
        if not self.alive[feed]:
            ma = max(ma, 0)
        elif not fresh:
            ma = max(ma, self._stand_in(feed, alone))
        elif self.total_w > 0 and not self.unknown and not (alone and self._ma_per_kw[feed]):
            self._ma_per_kw[feed] = min(ma * 1000 // self.total_w + 1, 1_000_000)
        self.feed_ma[feed] = ma
        self._agree(feed, ma, fresh)

    # A current that doubles while the real power does not is a bad sample until it lasts.
    def _agree(self, feed, ma, fresh):
        mw = self.feed_mw[feed]
        ratio = max(mw, 0) // max(ma, 1)
        self.agrees[feed] = not fresh or mw <= 0 or ratio >= self._mw_per_ma[feed] >> 1
        self._mw_per_ma[feed] = ratio

    # A feed whose meter is lost carries its usual share of the loads, alone also that of the other
    # feed; its rating if nothing is known. 1000 mA per W is beyond any feed, so the product is cut
    # before 30 bits.
    def _stand_in(self, feed, alone):
        ratio = self._ma_per_kw[feed]
        if ratio and alone:
            ratio += self._ma_per_kw[1 - feed]
        if ratio == 0 or self.total_w == 0:
            return self._rating_ma[feed]
        if self.total_w > 1_000_000_000 // ratio:
            return 1_000_000
        return ratio * self.total_w // 1000 + 1

    # True while the outlet sensor shows one value although the power has changed for long.
    def _stuck(self):
        mc = self._value[ch.IN_OUTLET_MC]
        if mc != self._stuck_mc:
            if self._stuck_ticks >= _STUCK_TICKS:
                self._events.put(EV_SENSOR, ch.IN_OUTLET_MC, 0, 0)
            self._stuck_mc = mc
            self._stuck_w = self.total_w
            self._stuck_ticks = 0
        elif mc != INVALID and abs(self.total_w - self._stuck_w) * 5 > self._stuck_w:
            if self._stuck_ticks < _STUCK_TICKS:
                self._stuck_ticks += 1
                if self._stuck_ticks == _STUCK_TICKS:
                    self._events.put(EV_SENSOR, ch.IN_OUTLET_MC, 1, 0)
        return self._stuck_ticks >= _STUCK_TICKS
