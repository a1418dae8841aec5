# SPDX-License-Identifier: Apache-2.0
# What each group contributes to each feed's current: which groups must go for a current to fit
# its breaker, and whether a group that comes back still fits. Nothing here allocates.
#
# A group's share of a current is its share of the measured load power on that feed, so PSU losses,
# phases and power factor cancel out. A group of which nothing hangs on a feed is not its matter.

from array import array

from ..compat import const
from ..link.wire import INVALID, NEVER_MS

_PEAK_SHIFT = const(6)  # the held peak decays by 1/64 per tick: about 6 s
_MA_MAX = const(1_000_000)  # times 1000 is still a small int
_MW_PER_MA_MAX = const(3_000)  # three phases of 1 kV
_W_MAX = const(1_000_000)
_BOTH = const(3)  # feeds


class Currents:
    def __init__(self, config, breakers):
        self._n = config.groups
        self._feeds = len(config.feeds)
        self._margin_permille = 1000 + config.shed.margin_permille
        self._fit_ma = array("i", [0] * 2)  # what is carried for ever
        self._restore_ma = array("i", [0] * 2)  # what a restore may fill
        for feed in range(self._feeds):
            self._fit_ma[feed] = breakers[feed].trip_ma * config.shed.fit_permille // 1000
            rating_ma = config.feeds[feed].rating_ma
            self._restore_ma[feed] = rating_ma * config.shed.restore_permille // 1000
        self.peak_ma = array("i", [0] * 2)  # of the last seconds
        self._drop_ma = array("i", [0] * (2 * self._n))  # what shedding took off feeds A, B
        self._keep_w = array("i", [0] * 2)
        self._uses = bytearray(self._n)  # bits 0, 1: some load of group g hangs on feed A, B
        self._loads = bytearray(self._n)
        for i in range(len(config.load_group)):
            share = config.load_share[i]
            g = config.load_group[i]
            self._loads[g] += 1
            self._uses[g] |= (share != 0) | (share != 1000) << 1
        self._all_loads = len(config.load_group)
        self._rating_ma = array("i", [feed.rating_ma for feed in config.feeds])

    # Hold peaks: currents swing, and headroom is judged by what they reach.
    def step(self, sense):
        for feed in range(self._feeds):
            held = self.peak_ma[feed]
            held -= (held >> _PEAK_SHIFT) + (held > 0)
            self.peak_ma[feed] = max(held, sense.feed_ma[feed])

    # As few groups of the mask `on`, from the highest number down, as let currents a_ma and b_ma
    # fit their breakers.
    def pick(self, on, sense, a_ma, b_ma):
        keep_w = self._keep_w
        for feed in range(2):
            keep_w[feed] = self._feed_w(feed, sense)
        pick = 0
        for g in range(self._n - 1, -1, -1):
            a_fits = self._fits(0, a_ma, sense)
            b_fits = self._fits(1, b_ma, sense)
            if a_fits and b_fits:
                break
            helps = (0 if a_fits else 1) | (0 if b_fits else 2)
            if on >> g & 1 and self._uses[g] & helps:
                pick |= 1 << g
                for feed in range(2):
                    keep_w[feed] = max(keep_w[feed] - self._group_w(g, feed, sense), 0)
        return pick

    # _keep_w of a feed's power is carried for ever; with unknown loads nothing is.
    def _fits(self, feed, ma, sense):
        limit_ma = self._fit_ma[feed]
        if feed >= self._feeds or ma <= limit_ma:
            return True
        total_w = self._feed_w(feed, sense)
        if total_w <= 0:
            return False
        keep_permille = (self._keep_w[feed] * 1000 + total_w - 1) // total_w
        return (min(ma, _MA_MAX) * keep_permille + 999) // 1000 <= limit_ma

    # What all loads, and group g, draw of a feed as the feeds are now.
    def _feed_w(self, feed, sense):
        watts = sense.feed_w if sense.alive[1 - feed] else sense.feed_alone_w
        return min(watts[feed], _W_MAX)

    def _group_w(self, g, feed, sense):
        watts = sense.group_w if sense.alive[1 - feed] else sense.group_alone_w
        return min(watts[2 * g + feed], _W_MAX)

    # What a group draws that was off already when the board came up: its part of the loads.
    def assume(self, g):
        for feed in range(self._feeds):
            ma = self._rating_ma[feed] * self._loads[g] // self._all_loads + 1
            self._drop_ma[2 * g + feed] = ma

    # Remember what group g draws of each feed, just before it goes; a group with a load that is
    # not known, all that the known loads leave unaccounted; one that still boots, at least what
    # it drew before.
    def note(self, g, sense, boots):
        for feed in range(2):
            ma = self._share_ma(g, feed, sense) + 1
            self._drop_ma[2 * g + feed] = max(ma, self._drop_ma[2 * g + feed] if boots else 0)

    # What group g draws of a feed now.
    def _share_ma(self, g, feed, sense):
        extra_w = sense.unaccounted_w if sense.unknown >> g & 1 else 0
        if self._uses[g] == _BOTH and sense.alive[1 - feed]:
            extra_w >>= 1
        total_w = self._feed_w(feed, sense) + extra_w
        if total_w <= 0:
            return 0
        group_w = self._group_w(g, feed, sense) + extra_w
        share_permille = min(group_w * 1000 // total_w + 1, 1000)
        return min(sense.feed_ma[feed], _MA_MAX) * share_permille // 1000

    # mA left on the tighter feed once group g is back with its margin; negative: does not fit.
    # The groups of the mask `booting` came back lately: they will draw again what they did. While
    # all feeds that g hangs on are dead there is none: what is closed then would all come back at
    # once with the feed.
    def spare_ma(self, g, sense, booting):
        live = sense.alive[0] | sense.alive[1] << 1
        spare = _MA_MAX if live & (self._uses[g] or _BOTH) else -1
        for feed in range(self._feeds):
            if not sense.alive[feed]:
                continue
            if not sense.measured[feed]:
                return -1
            need_ma = self._back_ma(g, feed, sense) * self._margin_permille // 1000
            for h in range(self._n):
                if booting >> h & 1:
                    missing_ma = self._back_ma(h, feed, sense) - self._share_ma(h, feed, sense)
                    need_ma += max(missing_ma, 0)
            spare = min(spare, self._restore_ma[feed] - self.peak_ma[feed] - need_ma)
        return spare

    # What group g will draw of a feed, by what it last drew.
    def _back_ma(self, g, feed, sense):
        if not self._uses[g] >> feed & 1:
            return 0
        drop_ma = self._drop_ma[2 * g + feed]
        other_ma = self._drop_ma[2 * g + 1 - feed]
        both = sense.alive[0] and sense.alive[1]
        if not both or drop_ma <= 1 or other_ma <= 1:  # one feed, now or then, takes it all
            drop_ma = min(drop_ma + other_ma, _MA_MAX)
        return drop_ma

    # Headroom of the tighter feed, mW, by its own mW per mA; INVALID without a reading.
    def headroom_mw(self, sense):
        least = NEVER_MS
        for feed in range(self._feeds):
            ma = sense.feed_ma[feed]
            if sense.alive[feed] and ma > 0 and sense.feed_mw[feed] > 0:
                mw_per_ma = min(sense.feed_mw[feed] // ma, _MW_PER_MA_MAX)
                room_ma = max(self._restore_ma[feed] - self.peak_ma[feed], 0)
                least = min(least, mw_per_ma * room_ma)
        return INVALID if least == NEVER_MS else least
