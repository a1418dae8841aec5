# SPDX-License-Identifier: Apache-2.0
# Which groups are on. Group 0 is shed last, the highest number first; a `never` group never.
#
# Triggers are ranked; a trigger sheds, in one tick, as many whole groups as bring the predicted
# currents back to where no breaker trips. Groups come back one per stagger, each only into
# headroom for its last draw and a margin. Groups move by TABLE; nothing here allocates.

from array import array

from ..compat import ticks_diff
from ..link import wire as m

ON = 0
ARMED = 1  # first to go if the trigger is still there next tick
OFF = 2  # relay just opened
MIN_OFF = 3
RESTORE_WAIT = 4
LOCKED = 5  # shed too often: waits for CLEAR_SAFE

ARM = 0
STAND_DOWN = 1
TRIP = 2
OPENED = 3
RESTED = 4
FIT = 5
LOCK = 6
CLEAR = 7

# (state, event, next state); what is not here stays.
TABLE = (
    (ON, ARM, ARMED),
    (ON, TRIP, OFF),
    (ARMED, STAND_DOWN, ON),
    (ARMED, TRIP, OFF),
    (OFF, OPENED, MIN_OFF),
    (MIN_OFF, RESTED, RESTORE_WAIT),
    (RESTORE_WAIT, FIT, ON),
    (RESTORE_WAIT, LOCK, LOCKED),
    (LOCKED, CLEAR, RESTORE_WAIT),
)
_EVENTS = 8
_STATES = 6

_PEAK_SHIFT = 6  # the held peak decays by 1/64 per tick: about 6 s
_MA_MAX = 1_000_000


class Shedder:
    def __init__(self, config, events, breakers):
        self._c = config.shed
        self._n = config.groups
        self._never = config.never
        self._events = events
        self._breakers = breakers
        self._feeds = len(config.feeds)
        self._restore_ma = [
            feed.rating_ma * config.shed.restore_permille // 1000 for feed in config.feeds
        ]
        self.off_mask = 0  # bit g: group g is off
        self.armed = False
        self.locked_mask = 0
        self.state = bytearray(self._n)
        self._since_ms = array("i", [0] * self._n)  # of the last OFF, or of the last ON
        self._drop_ma = array("i", [0] * (2 * self._n))  # what shedding took off feeds A, B
        self._sheds = bytearray(self._n)  # by a breaker, within the window
        self._peak_ma = array("i", [0] * 2)
        self._alive = bytearray(2)
        self._settling = False
        self._acted_ms = 0  # last shed by a breaker
        self._restored_ms = 0
        self._ever_restored = False
        self._hot_ms = 0
        self._was_hot = False
        self._next = bytearray(_STATES * _EVENTS)
        for state in range(_STATES):
            for event in range(_EVENTS):
                self._next[state * _EVENTS + event] = state
        for state, event, after in TABLE:
            self._next[state * _EVENTS + event] = after

    # One tick. ttt_ms: of each feed now; host_off: groups that the leaseholder wants off.
    def step(self, now_ms, sense, ttt_ms, host_off, may_restore):
        self._age(now_ms)
        self._peaks(sense)
        calm = self._protect(now_ms, sense, ttt_ms)
        self._shed(now_ms, sense, host_off & ~self._never, m.SHED_HOST)
        if calm and may_restore:
            self._restore(now_ms, sense, host_off)
        for feed in range(self._feeds):
            self._alive[feed] = sense.alive[feed]

    # Lift every lock-out (CLEAR_SAFE).
    def clear(self):
        for g in range(self._n):
            self._move(g, CLEAR)
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
        if self._settling and ticks_diff(now_ms, self._acted_ms) < self._c.settle_ms:
            return False
        self._settling = False
        return self._breaker(now_ms, sense, ttt_ms) and cool

    # A breaker that will trip: at once when the current nears its magnetic gate, else when the
    # time-to-trip is short for two ticks.
    def _breaker(self, now_ms, sense, ttt_ms):
        confirmed = self.armed
        self.armed = False
        reason = 0
        for feed in range(self._feeds):
            if not sense.alive[feed]:
                continue
            hard_ma = self._breakers[feed].gate_ma * self._c.hard_permille // 1000
            if sense.feed_ma[feed] >= hard_ma:
                reason = m.SHED_HARD_OVERCURRENT
            elif ttt_ms[feed] < self._c.ttt_ms and not reason:
                reason = m.SHED_BREAKER
        if not reason:
            if confirmed:
                for g in range(self._n):
                    self._move(g, STAND_DOWN)
            return True
        pick = self._pick(sense, sense.feed_ma[0], sense.feed_ma[1])
        if reason == m.SHED_BREAKER and not confirmed:
            self.armed = True
            for g in range(self._n):
                if pick >> g & 1:
                    self._move(g, ARM)
            return False
        self._act(now_ms, sense, pick, reason)
        return False

    # The moment a feed dies, the survivor carries the sum of both.
    def _feed_lost(self, now_ms, sense):
        if self._feeds < 2 or self._alive[0] & self._alive[1] == 0:
            return False
        if sense.alive[0] == sense.alive[1]:
            return False
        left = 0 if sense.alive[0] else 1
        sum_ma = min(self._peak_ma[0] + self._peak_ma[1], _MA_MAX)
        if self._breakers[left].ttt_ms(sum_ma) >= self._c.feed_loss_ttt_ms:
            return False
        pick = self._pick(sense, 0 if left else sum_ma, sum_ma if left else 0)
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
            self._hot_ms = (now_ms + self._c.overtemp_step_ms) & 0x3FFFFFFF
            self._shed(now_ms, sense, self._lowest(), m.SHED_OVERTEMP)
        return not hot

    def _act(self, now_ms, sense, pick, reason):
        for g in range(self._n):
            if pick >> g & 1:
                self._sheds[g] = min(self._sheds[g] + 1, 255)
            else:
                self._move(g, STAND_DOWN)
        self._shed(now_ms, sense, pick, reason)
        self._settling = True
        self._acted_ms = now_ms

    # ---- which groups ----

    def _sheddable(self):
        mask = 0
        for g in range(self._n):
            if self.state[g] <= ARMED:
                mask |= 1 << g
        return mask & ~self._never

    def _lowest(self):
        mask = self._sheddable()
        for g in range(self._n - 1, -1, -1):
            if mask >> g & 1:
                return 1 << g
        return 0

    # As few groups, from the highest number down, as let currents a_ma, b_ma fit their breakers.
    # A group's share of a current is its share of the measured load power.
    def _pick(self, sense, a_ma, b_ma):
        on = self._sheddable()
        total_w = sense.total_w
        keep_w = total_w
        pick = 0
        for g in range(self._n - 1, -1, -1):
            if self._fits(0, a_ma, keep_w, total_w) and self._fits(1, b_ma, keep_w, total_w):
                break
            if on >> g & 1:
                pick |= 1 << g
                keep_w -= sense.group_mw[g] // 1000
        return pick

    # keep_w of total_w of a current is carried for ever; with unknown loads nothing fits.
    def _fits(self, feed, ma, keep_w, total_w):
        if feed >= self._feeds:
            return True
        limit_ma = self._breakers[feed].trip_ma * self._c.fit_permille // 1000
        if ma <= limit_ma:
            return True
        if total_w <= 0:
            return False
        keep_permille = (keep_w * 1000 + total_w - 1) // total_w
        return (min(ma, _MA_MAX) * keep_permille + 999) // 1000 <= limit_ma

    # ---- off and on ----

    def _shed(self, now_ms, sense, mask, reason):
        mask &= self._sheddable()
        if mask == 0:
            return
        for g in range(self._n):
            if mask >> g & 1:
                self._open(g, now_ms, sense, reason)

    def _open(self, g, now_ms, sense, reason):
        mw = sense.group_mw[g]
        share = 0
        if sense.total_w > 0:
            share = min(mw // sense.total_w + 1, 1000)  # mW over W is permille
        for feed in range(2):
            self._drop_ma[2 * g + feed] = min(sense.feed_ma[feed], _MA_MAX) * share // 1000 + 1
        self._move(g, TRIP)
        self._since_ms[g] = now_ms
        self.off_mask |= 1 << g
        self._events.put(m.EV_SHED, g, reason, mw)

    # Timers. A group that has stayed on for the window is forgiven.
    def _age(self, now_ms):
        for g in range(self._n):
            state = self.state[g]
            age_ms = ticks_diff(now_ms, self._since_ms[g])
            if state == ON:
                if self._sheds[g] and age_ms >= self._c.lockout_window_ms:
                    self._sheds[g] = 0
            elif state == OFF:
                self._move(g, OPENED)
            elif state == MIN_OFF and age_ms >= self._c.min_off_ms:
                self._rested(g)

    def _rested(self, g):
        self._move(g, RESTED)
        if self._sheds[g] >= self._c.lockout_count:
            self._move(g, LOCK)
            self.locked_mask |= 1 << g
            self._events.put(m.EV_LOCKOUT, g, 0, self._sheds[g])

    # The first group in order that waits and is not held off by the host, if it fits.
    def _restore(self, now_ms, sense, host_off):
        if self.off_mask == 0:
            return
        if self._ever_restored and ticks_diff(now_ms, self._restored_ms) < self._c.stagger_ms:
            return
        for g in range(self._n):
            if self.state[g] == RESTORE_WAIT and not host_off >> g & 1:
                spare_ma = self._spare_ma(g, sense)
                if spare_ma >= 0:
                    self._close(g, now_ms, sense)
                return

    # mA left on the tighter feed once group g is back with its margin; negative: does not fit.
    def _spare_ma(self, g, sense):
        spare = _MA_MAX
        both = sense.alive[0] and sense.alive[1]
        for feed in range(self._feeds):
            if not sense.alive[feed]:
                continue
            if not sense.measured[feed]:
                return -1
            drop_ma = self._drop_ma[2 * g + feed]
            other_ma = self._drop_ma[2 * g + 1 - feed]
            # one feed now or then: it must be able to take the whole group
            if not both or drop_ma <= 1 or other_ma <= 1:
                drop_ma += other_ma
            need_ma = drop_ma * (1000 + self._c.margin_permille) // 1000
            spare = min(spare, self._restore_ma[feed] - self._peak_ma[feed] - need_ma)
        return spare

    def _close(self, g, now_ms, sense):
        self._move(g, FIT)
        self._since_ms[g] = now_ms
        self._restored_ms = now_ms
        self._ever_restored = True
        self.off_mask &= ~(1 << g)
        self._events.put(m.EV_RESTORE, g, 0, self._headroom_mw(sense))

    # Headroom of the tighter feed before the restore, mW, by its own mW per mA.
    def _headroom_mw(self, sense):
        least = m.NEVER_MS
        for feed in range(self._feeds):
            ma = sense.feed_ma[feed]
            if sense.alive[feed] and ma > 0 and sense.feed_mw[feed] > 0:
                room_ma = max(self._restore_ma[feed] - self._peak_ma[feed], 0)
                least = min(least, sense.feed_mw[feed] * room_ma // ma)
        return m.INVALID if least == m.NEVER_MS else least

    # Currents swing; headroom and feed loss are judged by the peak of the last seconds.
    def _peaks(self, sense):
        for feed in range(self._feeds):
            held = self._peak_ma[feed]
            held -= (held >> _PEAK_SHIFT) + (held > 0)
            self._peak_ma[feed] = max(held, sense.feed_ma[feed])
