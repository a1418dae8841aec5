# SPDX-License-Identifier: Apache-2.0
# When which groups go, and when one comes back. Group 0 is shed last, the highest number first; a
# `never` group never.
#
# Triggers are ranked. Breakers and a lost feed shed, in one tick, as many whole groups as bring the
# predicted currents back to where no breaker trips; what presses more slowly (heat, mains
# frequency, battery) sheds the lowest group, and one more per step. Groups come back one per
# stagger, each only into headroom for its last draw and a margin. Nothing here allocates.

from array import array

from ..channels import IN_BBU_PERMILLE, IN_FREQ_MHZ
from ..compat import const, ticks_add, ticks_diff
from ..link import wire as m
from .currents import Currents
from .groups import Groups

_MA_MAX = const(1_000_000)
_RELAY_MS = const(200)  # from a decision to an open contact: two ticks
_STEP_TTT_MS = const(300)  # left after the next step of the loads
_CONFIRM_MS = const(200)  # the second tick in a row
_COOLED_MC = const(3_000)  # below the outlet limit before anything is restored
_FREQ_BACK_MHZ = const(200)  # above the shedding frequency before anything is restored

_HEAT = const(0)  # indices of the slow triggers
_MAINS = const(1)
_BATTERY = const(2)


class Shedder:
    def __init__(self, config, events, breakers):
        self._c = config.shed
        self.groups = Groups(config, events)
        self._breakers = breakers
        self._feeds = len(config.feeds)
        self._currents = Currents(config, breakers)
        self.armed = False
        self._alive = bytearray(2)  # feeds, last tick
        self.last_ma = array("i", [0] * 2)  # feeds, last tick
        self._moves_permille = array("i", [1000] * 2)  # of a feed's current, to the other one
        self._settling = False
        self._acted_ms = 0  # last shed by a breaker
        self._staggering = False
        self._restored_ms = 0  # last restore
        self._due_ms = array("i", [0] * 3)  # of the slow triggers

    # Before the first tick: these groups were off, or locked out, when the board went down; what
    # they drew is not known.
    def resume(self, now_ms, off_mask, locked_mask):
        groups = self.groups
        groups.resume(now_ms, off_mask, locked_mask)
        for g in range(groups.n):
            if groups.off_mask >> g & 1:
                self._currents.assume(g)

    # One tick. ttt_ms: of each feed now; host_off: groups that the leaseholder wants off; hot: the
    # coolant no longer takes the heat away.
    def step(self, now_ms, sense, ttt_ms, host_off, hot, may_restore):
        groups = self.groups
        groups.age(now_ms)
        if self._settling and ticks_diff(now_ms, self._acted_ms) >= self._c.settle_ms:
            self._settling = False
        if self._staggering and ticks_diff(now_ms, self._restored_ms) >= self._c.stagger_ms:
            self._staggering = False
        self._currents.step(sense)
        calm = self._protect(now_ms, sense, ttt_ms, hot)
        self._shed(now_ms, sense, host_off, m.SHED_HOST)
        if calm and may_restore and not self._staggering:
            self._restore(now_ms, sense, host_off)
        for feed in range(self._feeds):
            self._alive[feed] = sense.alive[feed]
            self.last_ma[feed] = sense.feed_ma[feed]
            if sense.alive[1 - feed] and sense.feed_w[feed] > 0:
                moves = sense.dual_w[feed] * 1000 // sense.feed_w[feed] + 1
                self._moves_permille[feed] = min(moves, 1000)

    # A shed is being decided or has just been carried out.
    def busy(self):
        return self.armed or self._settling

    # The fast path has opened these groups by itself, or a port at a fault.
    def opened(self, now_ms, sense, mask):
        self._act(now_ms, sense, mask & self.groups.sheddable(), m.SHED_HARD_OVERCURRENT)

    # ---- triggers ----

    # Shed what safety asks for; True if nothing is wrong.
    def _protect(self, now_ms, sense, ttt_ms, hot):
        if sense.leak:
            self._shed(now_ms, sense, self.groups.sheddable(), m.SHED_LEAK)
            return False
        calm = self._heat(now_ms, sense, hot)
        calm = self._mains(now_ms, sense) and calm
        calm = self._battery(now_ms, sense) and calm
        if self._feed_lost(now_ms, sense):
            return False
        if self._settling:
            return False
        return self._breaker(now_ms, sense, ttt_ms) and calm

    # A breaker that will trip, now or once the current steps up by a quarter: after a second tick,
    # or at once when a relay would then be too late and the feed's power agrees.
    def _breaker(self, now_ms, sense, ttt_ms):
        confirmed = self.armed
        self.armed = False
        reason = 0
        for feed in range(self._feeds):
            if not sense.alive[feed]:
                continue
            breaker = self._breakers[feed]
            ma = sense.feed_ma[feed]
            urgent = ttt_ms[feed] <= _RELAY_MS
            if ma >= breaker.gate_ma * self._c.hard_permille // 1000:
                reason = m.SHED_HARD_OVERCURRENT
                urgent = True
            elif not reason and (
                ttt_ms[feed] < self._c.ttt_ms or breaker.ttt_ms(ma * 5 // 4) < _STEP_TTT_MS
            ):
                reason = m.SHED_BREAKER
            confirmed |= urgent and sense.agrees[feed]
        groups = self.groups
        if not reason:
            if confirmed:
                groups.stand_down()
            return True
        pick = self._currents.pick(groups.sheddable(), sense, sense.feed_ma[0], sense.feed_ma[1])
        if confirmed and pick:
            self._act(now_ms, sense, pick, reason)
            return False
        self.armed = True
        groups.arm(pick)
        return False

    # The moment a feed dies, the survivor carries its own and what has moved from the dead one:
    # loads that hang on the dead feed alone are dark.
    def _feed_lost(self, now_ms, sense):
        if self._feeds < 2 or self._alive[0] & self._alive[1] == 0:
            return False
        if sense.alive[0] == sense.alive[1]:
            return False
        left = 0 if sense.alive[0] else 1
        moved_ma = min(self.last_ma[1 - left], _MA_MAX) * self._moves_permille[1 - left] // 1000
        sum_ma = min(max(self.last_ma[left] + moved_ma, sense.feed_ma[left]), _MA_MAX)
        if self._breakers[left].ttt_ms(sum_ma) >= self._c.feed_loss_ttt_ms:
            return False
        a_ma = 0 if left else sum_ma
        pick = self._currents.pick(self.groups.sheddable(), sense, a_ma, sum_ma - a_ma)
        self._act(now_ms, sense, pick, m.SHED_FEED_LOSS)
        return True

    # Outlet above its limit for two ticks, or a coolant loop that has given up.
    def _heat(self, now_ms, sense, hot):
        hot = hot or sense.outlet_mc > self._c.outlet_max_mc
        step_ms = self._c.overtemp_step_ms
        self._press(_HEAT, now_ms, sense, hot, _CONFIRM_MS, step_ms, m.SHED_OVERTEMP)
        return not hot and sense.outlet_mc <= self._c.outlet_max_mc - _COOLED_MC

    def _mains(self, now_ms, sense):
        limit_mhz = self._c.underfrequency_mhz
        mhz = sense.get(IN_FREQ_MHZ)
        step_ms = self._c.underfrequency_ms
        low = 0 < mhz < limit_mhz
        self._press(_MAINS, now_ms, sense, low, step_ms, step_ms, m.SHED_UNDERFREQUENCY)
        return not 0 < mhz < limit_mhz + _FREQ_BACK_MHZ

    # The rack lives on its battery shelf, and that runs out.
    def _battery(self, now_ms, sense):
        c = self._c
        permille = sense.get(IN_BBU_PERMILLE)
        low = 0 <= permille < c.bbu_shed_permille and not sense.alive[0] and not sense.alive[1]
        step_ms = c.overtemp_step_ms
        self._press(_BATTERY, now_ms, sense, low, _CONFIRM_MS, step_ms, m.SHED_BBU)
        return not (c.bbu_shed_permille and 0 <= permille < c.bbu_restore_permille)

    # What holds for first_ms sheds the lowest group, and one more per step while it goes on.
    def _press(self, trigger, now_ms, sense, holds, first_ms, step_ms, reason):
        if not holds:
            self._due_ms[trigger] = ticks_add(now_ms, first_ms)
        elif ticks_diff(now_ms, self._due_ms[trigger]) >= 0:
            self._due_ms[trigger] = ticks_add(now_ms, step_ms)
            self._shed(now_ms, sense, self.groups.lowest(), reason)

    def _act(self, now_ms, sense, pick, reason):
        groups = self.groups
        for g in range(groups.n):
            if pick >> g & 1:
                groups.sheds[g] = min(groups.sheds[g] + 1, 255)
        self._shed(now_ms, sense, pick, reason)
        groups.stand_down()
        self.armed = False
        self._settling = True
        self._acted_ms = now_ms

    # ---- off and on ----

    def _shed(self, now_ms, sense, mask, reason):
        if mask == 0:
            return
        groups = self.groups
        mask &= groups.sheddable()
        for g in range(groups.n):
            if mask >> g & 1:
                self._currents.note(g, sense, groups.booting >> g & 1)
                groups.open(g, now_ms, reason, sense.group_mw[g])

    # The first group in order that waits and is not held off by the host, if it fits.
    def _restore(self, now_ms, sense, host_off):
        groups = self.groups
        if groups.off_mask == 0:
            return
        g = groups.waiting(host_off)
        if g >= 0 and self._currents.spare_ma(g, sense, groups.booting) >= 0:
            groups.close(g, now_ms, self._currents.headroom_mw(sense))
            self._restored_ms = now_ms
            self._staggering = True
