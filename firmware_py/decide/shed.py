# SPDX-License-Identifier: Apache-2.0
# Which groups are on. Group 0 is shed last, the highest number first; a `never` group never.
#
# Triggers are ranked; a trigger sheds, in one tick, as many whole groups as bring the predicted
# currents back to where no breaker trips. Groups come back one per stagger, each only into
# headroom for its last draw and a margin. Groups move by TABLE; nothing here allocates.

from array import array

from ..compat import const, ticks_add, ticks_diff
from ..link import wire as m
from .currents import Currents

_ON = const(0)
_ARMED = const(1)  # first to go if the trigger is still there next tick
_OFF = const(2)  # relay just opened
_MIN_OFF = const(3)
_RESTORE_WAIT = const(4)
_LOCKED = const(5)  # shed too often: waits for CLEAR_SAFE

_ARM = const(0)
_STAND_DOWN = const(1)
_TRIP = const(2)
_OPENED = const(3)
_RESTED = const(4)
_FIT = const(5)
_LOCK = const(6)
_CLEAR = const(7)

# state, event, next state; in bytes, as tuples cost heap; what is not here stays.
# fmt: off
TABLE = bytes((
    _ON, _ARM, _ARMED,
    _ON, _TRIP, _OFF,
    _ARMED, _STAND_DOWN, _ON,
    _ARMED, _TRIP, _OFF,
    _OFF, _OPENED, _MIN_OFF,
    _MIN_OFF, _RESTED, _RESTORE_WAIT,
    _RESTORE_WAIT, _FIT, _ON,
    _RESTORE_WAIT, _LOCK, _LOCKED,
    _LOCKED, _CLEAR, _RESTORE_WAIT,
))
# fmt: on
_EVENTS = const(8)
_STATES = const(6)

_MA_MAX = const(1_000_000)
_RELAY_MS = const(200)  # from a decision to an open contact: two ticks
_STEP_TTT_MS = const(300)  # left after the next step of the loads
_COOLED_MC = const(3_000)  # below the outlet limit before anything is restored


class Shedder:
    def __init__(self, config, events, breakers):
        self._c = config.shed
        self._n = config.groups
        self._never = config.never
        self._events = events
        self._breakers = breakers
        self._feeds = len(config.feeds)
        self._currents = Currents(config, breakers)
        self.off_mask = 0  # bit g: group g is off
        self.armed = False
        self.locked_mask = 0
        self._booting = 0  # bit g: group g was closed less than boot_ms ago
        self.state = bytearray(self._n)
        self._since_ms = array("i", [0] * self._n)  # of the last opening or closing
        self._sheds = bytearray(self._n)  # by a breaker, within the window
        self._alive = bytearray(2)  # feeds, last tick
        self.last_ma = array("i", [0] * 2)  # feeds, last tick
        self._settling = False
        self._acted_ms = 0  # last shed by a breaker
        self._staggering = False
        self._restored_ms = 0  # last restore
        self._hot_ms = 0
        self._was_hot = False
        self._next = bytearray(_STATES * _EVENTS)
        for state in range(_STATES):
            for event in range(_EVENTS):
                self._next[state * _EVENTS + event] = state
        for i in range(0, len(TABLE), 3):
            self._next[TABLE[i] * _EVENTS + TABLE[i + 1]] = TABLE[i + 2]

    # One tick. ttt_ms: of each feed now; host_off: groups that the leaseholder wants off.
    def step(self, now_ms, sense, ttt_ms, host_off, may_restore):
        self._age(now_ms)
        self._currents.step(sense)
        calm = self._protect(now_ms, sense, ttt_ms)
        self._shed(now_ms, sense, host_off & ~self._never, m.SHED_HOST)
        if calm and may_restore:
            self._restore(now_ms, sense, host_off)
        for feed in range(self._feeds):
            self._alive[feed] = sense.alive[feed]
            self.last_ma[feed] = sense.feed_ma[feed]

    # Lift every lock-out (CLEAR_SAFE).
    def clear(self):
        for g in range(self._n):
            self._move(g, _CLEAR)
            self._sheds[g] = 0
        self.locked_mask = 0

    def _move(self, g, event):
        self.state[g] = self._next[self.state[g] * _EVENTS + event]

    # ---- triggers ----

    # Shed what safety asks for; True if nothing is wrong.
    def _protect(self, now_ms, sense, ttt_ms):
        if sense.leak:
            self._shed(now_ms, sense, self._sheddable(), m.SHED_LEAK)
            return False
        cool = self._too_hot(now_ms, sense)
        if self._feed_lost(now_ms, sense):
            return False
        if self._settling:
            return False
        return self._breaker(now_ms, sense, ttt_ms) and cool

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
        if not reason:
            if confirmed:
                for g in range(self._n):
                    self._move(g, _STAND_DOWN)
            return True
        pick = self._currents.pick(self._sheddable(), sense, sense.feed_ma[0], sense.feed_ma[1])
        if confirmed and pick:
            self._act(now_ms, sense, pick, reason)
            return False
        self.armed = True
        for g in range(self._n):
            if pick >> g & 1:
                self._move(g, _ARM)
        return False

    # The moment a feed dies, the survivor carries the sum of both.
    def _feed_lost(self, now_ms, sense):
        if self._feeds < 2 or self._alive[0] & self._alive[1] == 0:
            return False
        if sense.alive[0] == sense.alive[1]:
            return False
        left = 0 if sense.alive[0] else 1
        sum_ma = min(self.last_ma[0] + self.last_ma[1], _MA_MAX)
        if self._breakers[left].ttt_ms(sum_ma) >= self._c.feed_loss_ttt_ms:
            return False
        a_ma = 0 if left else sum_ma
        pick = self._currents.pick(self._sheddable(), sense, a_ma, sum_ma - a_ma)
        self._act(now_ms, sense, pick, m.SHED_FEED_LOSS)
        return True

    # Outlet above its limit for two ticks: one group, and one more per step while it stays so.
    def _too_hot(self, now_ms, sense):
        hot = sense.outlet_mc > self._c.outlet_max_mc
        due = hot and self._was_hot and ticks_diff(now_ms, self._hot_ms) >= 0
        self._was_hot = hot
        if not hot:
            self._hot_ms = now_ms
        if due:
            self._hot_ms = ticks_add(now_ms, self._c.overtemp_step_ms)
            self._shed(now_ms, sense, self._lowest(), m.SHED_OVERTEMP)
        return sense.outlet_mc <= self._c.outlet_max_mc - _COOLED_MC

    def _act(self, now_ms, sense, pick, reason):
        for g in range(self._n):
            if pick >> g & 1:
                self._sheds[g] = min(self._sheds[g] + 1, 255)
            else:
                self._move(g, _STAND_DOWN)
        self._shed(now_ms, sense, pick, reason)
        self.armed = False
        self._settling = True
        self._acted_ms = now_ms

    # ---- which groups ----

    def _sheddable(self):
        mask = 0
        for g in range(self._n):
            if self.state[g] <= _ARMED:
                mask |= 1 << g
        return mask & ~self._never

    def _lowest(self):
        mask = self._sheddable()
        for g in range(self._n - 1, -1, -1):
            if mask >> g & 1:
                return 1 << g
        return 0

    # ---- off and on ----

    def _shed(self, now_ms, sense, mask, reason):
        mask &= self._sheddable()
        if mask == 0:
            return
        for g in range(self._n):
            if mask >> g & 1:
                self._open(g, now_ms, sense, reason)

    def _open(self, g, now_ms, sense, reason):
        bit = 1 << g
        self._currents.note(g, sense, self._booting & bit)
        self._booting &= ~bit
        self._move(g, _TRIP)
        self._since_ms[g] = now_ms
        self.off_mask |= bit
        self._events.put(m.EV_SHED, g, reason, sense.group_mw[g])

    # Timers, looked at every tick so that none outlives the wrap of board time. A group that has
    # stayed on for the window is forgiven.
    def _age(self, now_ms):
        if self._settling and ticks_diff(now_ms, self._acted_ms) >= self._c.settle_ms:
            self._settling = False
        if self._staggering and ticks_diff(now_ms, self._restored_ms) >= self._c.stagger_ms:
            self._staggering = False
        for g in range(self._n):
            state = self.state[g]
            age_ms = ticks_diff(now_ms, self._since_ms[g])
            if state == _ON:
                if age_ms >= self._c.boot_ms:
                    self._booting &= ~(1 << g)
                if self._sheds[g] and age_ms >= self._c.lockout_window_ms:
                    self._sheds[g] = 0
            elif state == _OFF:
                self._move(g, _OPENED)
            elif state == _MIN_OFF and age_ms >= self._c.min_off_ms:
                self._rested(g)

    def _rested(self, g):
        self._move(g, _RESTED)
        if self._sheds[g] >= self._c.lockout_count:
            self._move(g, _LOCK)
            self.locked_mask |= 1 << g
            self._events.put(m.EV_LOCKOUT, g, 0, self._sheds[g])

    # The first group in order that waits and is not held off by the host, if it fits.
    def _restore(self, now_ms, sense, host_off):
        if self.off_mask == 0 or self._staggering:
            return
        for g in range(self._n):
            if self.state[g] == _RESTORE_WAIT and not host_off >> g & 1:
                if self._currents.spare_ma(g, sense, self._booting) >= 0:
                    self._close(g, now_ms, sense)
                return

    def _close(self, g, now_ms, sense):
        self._move(g, _FIT)
        self._since_ms[g] = now_ms
        self._restored_ms = now_ms
        self._staggering = True
        self.off_mask &= ~(1 << g)
        self._booting |= 1 << g
        self._events.put(m.EV_RESTORE, g, 0, self._currents.headroom_mw(sense))
