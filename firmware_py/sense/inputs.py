# SPDX-License-Identifier: Apache-2.0
# Believed readings, and what stands in for those that are missing: a feed current by the loads it
# carries, a load by what it last drew. step() allocates nothing.

from array import array

from .. import channels as ch
from ..compat import const
from ..link.wire import EV_SENSOR, INVALID
from .trust import Trust

_MAX_LOAD_MW = const(500_000_000)  # two of them are still a small int
_UNACCOUNTED_W_MAX = const(500_000)
_WARM_TICKS = const(150)  # 15 s: eight thermometers on one 1-Wire bus have been read twice
_DOUBT_TICKS = const(30)  # 3 s: outlets may be read more slowly than the feeds
# 10 s: DS18B20s on one wire need up to some seconds for two first readings that agree. Until then
# the fans are full, as no temperature is there.
_FIRST_TICKS = const(100)

_AMPS = bytes((ch.IN_FEED_A_MA, ch.IN_FEED_B_MA))
_VOLTS = bytes((ch.IN_FEED_A_MV, ch.IN_FEED_B_MV))
_WATTS = bytes((ch.IN_FEED_A_MW, ch.IN_FEED_B_MW))
_OUTLETS = bytes((ch.IN_OUTLET_MC, ch.IN_ZONE1_MC, ch.IN_ZONE2_MC, ch.IN_ZONE3_MC))


class Sense:
    # raw: int32[N_IN], written by the board between ticks.
    def __init__(self, config, events, raw):
        self._raw = raw
        self._events = events
        self.trust = Trust(config, events, raw)
        self._feeds = len(config.feeds)
        self._zones = len(config.zones)
        self._group_of = config.load_group
        self._share = config.load_share
        self._half_mv = [feed.nominal_mv // 2 for feed in config.feeds]
        self._rating_ma = [feed.rating_ma for feed in config.feeds]
        self.feed_mw = array("i", [INVALID] * 2)
        self.feed_ma = array("i", [0] * 2)  # measured or stood in for; 0 on a dead feed
        self.measured = bytearray(2)  # 1: feed_ma is this tick's measurement
        self.alive = bytearray(2)  # 1: the feed has voltage
        self.agrees = bytearray(2)  # 1: its power has risen with its current
        self._mw_per_ma = array("i", [0] * 2)  # last tick
        self._doubt = bytearray(2)  # ticks that a feed has shown too little for its loads
        loads = len(config.load_group)
        self.load_mw = array("i", [INVALID] * loads)
        self._held_mw = array("i", [0] * loads)  # last seen while on
        self.group_mw = array("i", [0] * config.groups)  # sum of its loads, seen or held
        self.seen_mw = array("i", [INVALID] * config.groups)  # the same, INVALID with one unseen
        # on feeds A, B: of group g at 2 * g, and of all, with both alive and with the other dead
        self.group_w = array("i", [0] * (2 * config.groups))
        self.group_alone_w = array("i", [0] * (2 * config.groups))
        self.feed_w = array("i", [0] * 2)
        self.feed_alone_w = array("i", [0] * 2)
        self.dual_w = array("i", [0] * 2)  # of feed_w: what moves to the other feed if it dies
        self.total_w = 0  # sum of all groups
        self.unknown = 0  # bit g: a load of group g has no reading
        self.unaccounted_w = 0  # what the feeds carry beyond total_w while a load is unknown
        self.inlet_mc = self.outlet_mc = INVALID
        self.zone_mc = array("i", [INVALID] * ch.MAX_ZONES)
        self.fan_rpm = array("i", [INVALID] * ch.MAX_FANS)
        self.leak = False
        self._first = _FIRST_TICKS  # left to see a first temperature
        self._coolant()
        self._ma_per_kw = array("i", [0] * 2)  # of both feeds alive, last seen

    # One tick; off_mask: the groups that were off when the readings were taken.
    def step(self, off_mask):
        trust = self.trust
        trust.step()
        self._loads(off_mask)
        trust.follow(self.total_w)
        for feed in range(self._feeds):
            self._live(feed)
        for feed in range(self._feeds):
            self._feed(feed)
        self.unaccounted_w = self._unaccounted()
        self._air()
        self.leak = trust.value[ch.IN_LEAK] > 0  # a lost sensor (INVALID) is faulty(), not wet
        self._coolant()

    # A believed reading by its channel; INVALID if it is lost.
    def get(self, channel):
        return self.trust.value[channel]

    # A sensor that the decisions need is lost; the rack is still controllable.
    def faulty(self):
        trust = self.trust
        lost = trust.lost
        for i in range(ch.IN_FEED_A_MA, ch.IN_FAN0_RPM):
            if lost[i]:
                return True
        if max(self._doubt) >= _DOUBT_TICKS:
            return True
        return trust.frozen()

    # Nothing is left to control the air by. After a boot slow sensors are given time for their
    # first reading; the fans are full until then.
    def blind(self):
        if self._first or not self.trust.lost[ch.IN_INLET_MC]:
            return False
        for zone in range(self._zones):
            if self.zone_mc[zone] != INVALID:
                return False
        return True

    def _air(self):
        trust = self.trust
        for zone in range(self._zones):
            i = _OUTLETS[zone]
            self.zone_mc[zone] = INVALID if trust.gone(i) else trust.value[i]
        self.outlet_mc = self._hottest()
        self.inlet_mc = trust.value[ch.IN_INLET_MC]
        self._first = max(self._first - 1, 0)
        if max(self.outlet_mc, self.inlet_mc) != INVALID:
            self._first = 0
        for fan in range(ch.MAX_FANS):
            self.fan_rpm[fan] = trust.value[ch.IN_FAN0_RPM + fan]

    def _coolant(self):
        value = self.trust.value
        self.supply_mc = value[ch.IN_SUPPLY_MC]
        frozen = self.trust.gone(ch.IN_RETURN_MC)
        self.return_mc = INVALID if frozen else value[ch.IN_RETURN_MC]
        self.flow_mlm = value[ch.IN_FLOW_MLM]
        self.dp_pa = value[ch.IN_DP_PA]
        self.rh_permille = value[ch.IN_RH_PERMILLE]
        self.dew_air_mc = value[ch.IN_DEW_AIR_MC]
        self.reservoir_permille = value[ch.IN_RESERVOIR_PERMILLE]
        self.pump_rpm = value[ch.IN_PUMP_RPM]

    # Of the zones that have a reading; INVALID is below all of them.
    def _hottest(self):
        most = INVALID
        for zone in range(self._zones):
            most = max(most, self.zone_mc[zone])
        return most

    # A load without a reading counts as it last did while its group was on.
    def _loads(self, off_mask):
        raw = self._raw
        load_mw = self.load_mw
        group_mw = self.group_mw
        group_of = self._group_of
        for g in range(len(group_mw)):
            group_mw[g] = 0
        for i in range(2 * len(group_mw)):
            self.group_w[i] = self.group_alone_w[i] = 0
        for feed in range(2):
            self.feed_w[feed] = self.feed_alone_w[feed] = self.dual_w[feed] = 0
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
            watts = mw // 1000
            total_w += watts
            self._split(g, watts, self._share[i])
        self.total_w = min(total_w, 1_000_000)
        for g in range(len(group_mw)):
            self.seen_mw[g] = INVALID if self.unknown >> g & 1 else group_mw[g]

    # A load's watts on the feeds, by its share of feed A; a share that is not known is a half.
    def _split(self, g, watts, share):
        a_w = watts * (share if share >= 0 else 500) // 1000
        both = share < 0 or 0 < share < 1000
        for feed in range(2):
            feed_w = watts - a_w if feed else a_w
            self.group_w[2 * g + feed] += feed_w
            self.feed_w[feed] += feed_w
            if both or feed_w:
                self.group_alone_w[2 * g + feed] += watts
                self.feed_alone_w[feed] += watts
            if both:
                self.dual_w[feed] += feed_w

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
        value = self.trust.value
        mv = value[_VOLTS[feed]]
        loaded = value[_AMPS[feed]] > self._rating_ma[feed] // 20
        self.alive[feed] = mv == INVALID or mv >= self._half_mv[feed] or loaded

    def _feed(self, feed):
        trust = self.trust
        value = trust.value
        ma = value[_AMPS[feed]]
        self.feed_mw[feed] = value[_WATTS[feed]]
        fresh = trust.bad_ticks[_AMPS[feed]] == 0 and not trust.gone(_AMPS[feed])
        alone = self._feeds == 2 and not self.alive[1 - feed]
        fresh = fresh and not self._doubted(feed, ma, alone)
        self.measured[feed] = fresh
        if not self.alive[feed]:
            ma = max(ma, 0)
        elif not fresh:
            ma = max(ma, self._stand_in(feed, alone))
        elif not (self._doubt[feed] or self.unknown or trust.lags(feed)) and self.total_w > 0:
            if not (alone and self._ma_per_kw[feed]):
                self._ma_per_kw[feed] = min(ma * 1000 // self.total_w + 1, 1_000_000)
        self.feed_ma[feed] = ma
        self._agree(feed, ma, fresh)

    # An open current transformer: for seconds this feed has shown less current than its power
    # needs, or less than half of its usual share, and both feeds together less than four fifths of
    # what the loads say they draw.
    def _doubted(self, feed, ma, alone):
        ratio = self._ma_per_kw[feed]
        low = self._too_little(feed, ma)
        if self.alive[feed] and not alone and not self.unknown and ratio and ma >= 0:
            seen_w = 0
            for other in range(self._feeds):
                seen_w += max(self.trust.value[_WATTS[other]], 0) // 1000
            if seen_w * 5 < self.total_w * 4 and ma * 2 < self._stand_in(feed, alone):
                low = True
        ticks = self._doubt[feed]
        if not low:
            if ticks >= _DOUBT_TICKS:
                self._events.put(EV_SENSOR, _AMPS[feed], 0, 0)
            self._doubt[feed] = 0
        elif ticks < _DOUBT_TICKS:
            self._doubt[feed] = ticks + 1
            if ticks + 1 == _DOUBT_TICKS:
                self._events.put(EV_SENSOR, _AMPS[feed], 1, 0)
        return self._doubt[feed] >= _DOUBT_TICKS

    # Real power needs current: the most loaded of three phases has at least a third of it. Half of
    # that is wrong; below a twentieth of the rating both may be noise.
    def _too_little(self, feed, ma):
        volts = self._half_mv[feed] // 500
        watts = max(self.feed_mw[feed], 0) // 1000
        least = self._rating_ma[feed] // 20 * volts // 1000
        return 0 <= ma and watts > least and min(ma, 300_000) * volts // 1000 * 6 < watts

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
