# SPDX-License-Identifier: Apache-2.0
# The one loop, without I/O: a port (board/) gives it time, readings and link bytes, and takes
# outputs and frames. Anything can drive it: the VM, a board, a test on CPython.
#
#     app = App(config, info, tx)       tx: bytearray that the port sends from
#     app.start(now_ms)
#     until_ms = app.step(now_ms, rx, n_rx)
#     if app.healthy(): feed the watchdog
#
# app.raw holds the newest readings, app.act.outputs the last decisions, app.outbox the frames.
# What a configuration does not use is never imported.

import gc
from array import array

from .act.outputs import Act
from .channels import IN_RELAYS, N_IN, OUT_RELAYS
from .compat import const, mem_free, ticks_add, ticks_diff
from .decide.breaker import TICK_MS, Breaker
from .decide.contacts import Contacts
from .decide.cool import Cooler
from .decide.lease import LEASE_EXPIRED, Lease
from .decide.shed import Shedder
from .decide.supervise import Supervisor
from .decide.zone import FULL
from .link import wire as m
from .link.commands import BoardState
from .link.endpoint import Endpoint
from .link.events import Events
from .link.outbox import Outbox
from .link.telemetry import Telemetry
from .sense.inputs import Sense

_BOOT_FIRST = const(0)  # store.reset.BOOT_FIRST
_SKIPPED_MAX = const(600)  # 60 s: a breaker has long settled
_OVERRUN_TICKS = const(600)  # a missed deadline shows in the flags for a minute
_STILL_FLOWS_MW = const(50_000)  # more than the standby of a server's PSUs
_CONFIRM_TICKS = const(3)
_FLOW_TICKS = const(30)  # outlets may be read every few seconds only
_FELL_BACK = const(3)  # EV_CONFIG.reason: to the older copy
_CIRCLE = const((1 << 30) - 1)  # of board time
TX_BYTES = 1024  # telemetry, loads, an event and a longest reply fit twice

# Stages of a tick; the watchdog wants all of them.
_SENSED = const(1)
_SUPERVISED = const(2)
_PROTECTED = const(4)
_COOLED = const(8)
_ACTED = const(16)
_TOLD = const(32)
_ALL = const(63)


class App:
    # config: store.settings.Settings; info: link.commands.BoardInfo; keeper: what outlives a reset
    # (store.keeper.Keeper), None on a board that forgets; key: of privileged requests, b"" none.
    def __init__(self, config, info, tx=None, keeper=None, key=b""):
        self.raw = array("i", [m.INVALID] * N_IN)
        self.keeper = keeper
        self.events = Events(None if keeper is None else keeper.journal)
        self.lease = Lease()
        self.sense = Sense(config, self.events, self.raw)
        self.breakers = [_breaker(feed) for feed in config.feeds]
        if len(self.breakers) == 1:
            self.breakers.append(_breaker(config.feeds[0]))  # feed B is not fitted
            self.breakers[1].theta_ppm = 0
        self._feeds = len(config.feeds)
        # a feed whose breaker counts as settled once its current is seen: not after a reset
        self._fresh = bytearray([info.reset_cause == _BOOT_FIRST] * 2)
        self.ttt_ms = array("i", [m.NEVER_MS] * 2)
        self.supervisor = Supervisor(self.events, keeper is not None and keeper.latched())
        self.shedder = Shedder(config, self.events, self.breakers)
        self.contacts = _contacts(config, self.events)
        self.cooler = Cooler(config, self.events)
        self.liquid = None
        if config.liquid:
            from .decide.liquid import Liquid  # noqa: PLC0415

            self.liquid = Liquid(config, self.events)
        self.fast = None  # decide.fast.FastTrip of a port that has one
        self._fast_a = self._fast_b = 0
        self._fast_blank_ms = config.shed.fast_blank_ms
        self.act = Act(config.groups)
        self.state = BoardState(
            info,
            self.lease,
            self.events,
            config_crc=config.crc,
            loads=len(config.load_group),
            groups=config.groups,
            never=config.never,
        )
        self.outbox = Outbox(bytearray(TX_BYTES) if tx is None else tx)
        self.endpoint = Endpoint(self.state, self.outbox)
        if key:
            self._privileged(key)
        if keeper is not None:
            keeper.serve(self.state, self.endpoint)
        cooling = None
        if config.liquid or len(config.fans) > 1:
            from .link.cooling import Cooling  # noqa: PLC0415

            cooling = Cooling()
        self.telemetry = Telemetry(self.endpoint, len(config.load_group), cooling)
        self.missed = 0  # deadlines missed since boot
        self._overrun = 0  # ticks that the flag stays
        self.heap_free = 0
        self._untidy = True  # there is something to collect
        self._done = 0  # stages of the last tick
        self.deadline_ms = 0
        self._high = 0  # what board time has lost by going round, in 65536 ms
        self.t_high = 0  # bits 16 to 31 of board time as u32
        self._last_ms = 0
        self.events.put(m.EV_BOOT, 0, 0, info.reset_cause)
        if keeper is not None and keeper.fell_back:
            self.events.put(m.EV_CONFIG, 0, _FELL_BACK, 0)

    def _privileged(self, key):
        from .link import privileged  # noqa: PLC0415
        from .link.auth import Auth  # noqa: PLC0415

        self.state.auth = Auth(key, self.state.info, self.events)
        self.endpoint.served.append(privileged)

    # The port's over-current path between ticks; limits: peaks that trip, in its units.
    def watch(self, fast, limit_a, limit_b):
        self.fast = fast
        self._fast_a = limit_a
        self._fast_b = limit_b

    # Board time begins; the first tick is due at once.
    def start(self, now_ms):
        self.deadline_ms = self._last_ms = now_ms
        self.state.now_ms = self.state.up_ms = self.state.base_ms = now_ms
        if self.keeper is not None:
            self.shedder.resume(now_ms, self.keeper.off_mask(), self.keeper.locked_mask())
            self.act.outputs[OUT_RELAYS] &= ~self.shedder.groups.off_mask
            if self.liquid is not None:
                self.liquid.resume(self.keeper.interlocks())
        self.slack()

    # Take link bytes rx[:n_rx]; run the tick if it is due. Returns when it wants to run again
    # unless bytes come earlier.
    def step(self, now_ms, rx, n_rx):
        self._clock(now_ms)
        if n_rx:
            self._untidy = True
            self.endpoint.receive(rx, n_rx, now_ms)
        late_ms = ticks_diff(now_ms, self.deadline_ms)
        if late_ms >= 0:
            skipped = late_ms // TICK_MS
            self._done = 0
            self._overran(skipped)
            self._tick(now_ms, skipped)
            self.deadline_ms = ticks_add(self.deadline_ms, (skipped + 1) * TICK_MS)
        return self.deadline_ms

    # Every stage of the last tick came to its end: the watchdog may be fed, once for it.
    def healthy(self):
        whole = self._done == _ALL
        self._done = 0
        return whole

    # After the frames are out: collect what requests have allocated, write what must outlive a
    # reset. A tick allocates nothing.
    def slack(self):
        keeper = self.keeper
        if keeper is not None and keeper.slack(self):
            self._untidy = True
        if self._untidy:
            self._untidy = False
            gc.collect()
            self.heap_free = mem_free()

    # TELEMETRY.flags
    def flags(self):
        return (
            (m.FLAG_LEASE if self.lease.held else 0)
            | (m.FLAG_SENSOR_FAULT if self.sense.faulty() else 0)
            | (m.FLAG_ARMED if self.shedder.armed else 0)
            | (m.FLAG_FAN_FLOOR if self.cooler.floored else 0)
            | (m.FLAG_LOCKOUT if self.shedder.groups.locked_mask else 0)
            | (m.FLAG_CONFIG_FALLBACK if self.keeper is not None and self.keeper.fell_back else 0)
            | (m.FLAG_WELDED if self.contacts.welded | self.contacts.stuck_open else 0)
            | (m.FLAG_OVERRUN if self._overrun else 0)
        )

    # Board time as u32 in two small halves, and as ms that never wrap for TIME.
    def _clock(self, now_ms):
        state = self.state
        if now_ms < self._last_ms:  # the 30-bit counter went round
            self._high = (self._high + 0x4000) & 0xFFFF
        self._last_ms = now_ms
        self.t_high = (now_ms >> 16) + self._high
        self.events.set_time(now_ms & 0xFFFF, self.t_high)
        state.now_ms = now_ms
        since_ms = (now_ms - state.base_ms) & _CIRCLE
        if since_ms > _CIRCLE >> 2:  # rarely, as a long int costs heap
            state.up_ms += since_ms
            state.base_ms = now_ms

    def _overran(self, skipped):
        self.missed += skipped
        if skipped:
            self._overrun = _OVERRUN_TICKS
            self.events.put(m.EV_OVERRUN, 0, 0, skipped)
        elif self._overrun:
            self._overrun -= 1

    def _tick(self, now_ms, skipped):
        groups = self.shedder.groups
        self.sense.step(groups.off_mask)
        self.contacts.step(groups.off_mask, self.sense.get(IN_RELAYS), self.sense.seen_mw)
        self._done |= _SENSED
        if self.lease.expire(now_ms):
            self.events.put(m.EV_LEASE, 0, LEASE_EXPIRED, 0)
        self._supervise(now_ms)
        self._done |= _SUPERVISED
        self._protect(now_ms, skipped)
        self._done |= _PROTECTED
        full = self.supervisor.fans_full()
        if self.liquid is not None:
            self.liquid.full = full and not self.sense.leak  # pressure feeds a leak
            self.liquid.step(now_ms, self.sense)
        self.cooler.step(self.sense, FULL if full else self.lease.fan_floor_permille)
        self._done |= _COOLED
        self.act.write(self.cooler, self.liquid, groups.off_mask, self.state.state)
        if self.keeper is not None:
            self.keeper.note(self)
        self._done |= _ACTED
        self.telemetry.send(self)
        self._done |= _TOLD

    def _supervise(self, now_ms):
        sense = self.sense
        state = self.state
        liquid = self.liquid
        clear = self.lease.clear
        self.lease.clear = False
        if state.maint_ms >= 0:
            self.supervisor.maintain(now_ms, state.maint_ms)
            state.maint_ms = -1
        hazard = sense.leak or sense.blind()
        fault = sense.faulty() or self.contacts.welded | self.contacts.stuck_open != 0
        if liquid is not None:
            if clear:
                liquid.clear()
            hazard = hazard or liquid.hazard
            fault = fault or liquid.fault
        self.supervisor.step(now_ms, hazard, fault, self.lease.held, clear)
        if clear:
            self.shedder.groups.clear()
        state.state = self.supervisor.state
        latched = state.state == m.STATE_SAFE and not (sense.leak or sense.blind())
        state.clearable = latched or self.shedder.groups.locked_mask != 0

    # Breakers and groups. Ticks that were missed count at the larger of the currents before and
    # after.
    def _protect(self, now_ms, skipped):
        feed_ma = self.sense.feed_ma
        for feed in range(self._feeds):
            breaker = self.breakers[feed]
            if self._fresh[feed] and self.sense.measured[feed]:
                self._fresh[feed] = 0
                breaker.assume_settled(feed_ma[feed])
            worst_ma = max(feed_ma[feed], self.shedder.last_ma[feed])
            for _ in range(min(skipped, _SKIPPED_MAX)):
                breaker.step(worst_ma)
            breaker.step(feed_ma[feed])
            self.ttt_ms[feed] = breaker.ttt_ms(feed_ma[feed])
        fast = self.fast
        if fast is not None and fast.fired:
            self._opened(now_ms, fast)
        groups = self.shedder.groups
        were_off = groups.off_mask
        hot = self.liquid is not None and self.liquid.shed_request
        restore = self.supervisor.may_restore()
        self.shedder.step(now_ms, self.sense, self.ttt_ms, self.lease.shed_off, hot, restore)
        if fast is not None:
            if were_off & ~groups.off_mask:
                for feed in range(self._feeds):
                    fast.blank(feed, self._fast_blank_ms)
            fast.arm(groups.sheddable(), self._fast_a, self._fast_b)

    # The fast path has opened groups since the last tick.
    def _opened(self, now_ms, fast):
        for feed in range(self._feeds):
            if fast.fired >> feed & 1:
                self.events.put(m.EV_FAST, feed, 0, fast.peak(feed))
        self.shedder.opened(now_ms, self.sense, fast.opened)
        fast.taken()


def _breaker(feed):
    made = Breaker(feed.rating_ma, feed.mnt_ppm, feed.tau_fast_ms, feed.magnetic_ppm)
    made.assume_hot()
    return made


# Relays that do not follow, by their auxiliary contacts if there are some, and by power that flows
# through an open one.
def _contacts(config, events):
    fitted = (1 << config.groups) - 1 if config.shed.feedback else 0
    settle = config.shed.welded_ms // TICK_MS
    return Contacts(
        config.groups, events, fitted, settle, _CONFIRM_TICKS, _FLOW_TICKS, _STILL_FLOWS_MW
    )
