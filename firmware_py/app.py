# SPDX-License-Identifier: Apache-2.0
# The one loop, without I/O: a port (board/) gives it time, readings and link bytes, and takes
# outputs and frames. Anything can drive it: the VM, a board, a test on CPython.
#
#     app = App(config, info, tx)       tx: bytearray that the port sends from
#     app.start(now_ms)
#     until_ms = app.step(now_ms, rx, n_rx)
#
# app.raw holds the newest readings, app.act.outputs the last decisions, app.outbox the frames.

import gc
from array import array

from .act.outputs import Act
from .channels import N_IN
from .compat import const, mem_free, ticks_add, ticks_diff
from .decide.breaker import TICK_MS, Breaker
from .decide.cool import Cooler
from .decide.zone import FULL
from .decide.lease import LEASE_EXPIRED, Lease
from .decide.shed import Shedder
from .decide.supervise import Supervisor
from .link import wire as m
from .link.commands import BoardState
from .link.endpoint import Endpoint
from .link.events import Events
from .link.outbox import Outbox
from .link.telemetry import Telemetry
from .sense.inputs import Sense

_SKIPPED_MAX = const(600)  # 60 s: a breaker has long settled
_CIRCLE = const((1 << 30) - 1)  # of board time
TX_BYTES = 1024  # telemetry, loads, an event and a longest reply fit twice


class App:
    # config: store.settings.Settings; info: link.commands.BoardInfo.
    def __init__(self, config, info, tx=None):
        self.raw = array("i", [m.INVALID] * N_IN)
        self.events = Events()
        self.lease = Lease()
        self.sense = Sense(config, self.events, self.raw)
        self.breakers = [_breaker(feed) for feed in config.feeds]
        if len(self.breakers) == 1:
            self.breakers.append(_breaker(config.feeds[0]))  # feed B is not fitted
            self.breakers[1].theta_ppm = 0
        self._feeds = len(config.feeds)
        self.ttt_ms = array("i", [m.NEVER_MS] * 2)
        self.supervisor = Supervisor(self.events)
        self.shedder = Shedder(config, self.events, self.breakers)
        self.cooler = Cooler(config, self.events)
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
        self._telemetry = Telemetry(self.endpoint, len(config.load_group))
        self.missed = 0  # deadlines missed since boot
        self.heap_free = 0
        self._untidy = True  # there is something to collect
        self.deadline_ms = 0
        self._high = 0  # bits 16.. of the board time, u32
        self._last_ms = 0
        self.events.put(m.EV_BOOT, 0, 0, info.reset_cause)

    # Board time begins; the first tick is due at once.
    def start(self, now_ms):
        self.deadline_ms = self._last_ms = now_ms
        self.state.up_ms = self.state.base_ms = now_ms
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
            self._tick(now_ms, skipped)
            self.missed += skipped
            self.deadline_ms = ticks_add(self.deadline_ms, (skipped + 1) * TICK_MS)
        return self.deadline_ms

    # After the frames are out: collect what requests have allocated; a tick allocates nothing.
    def slack(self):
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
        )

    # Board time as u32 in two small halves, and as ms that never wrap for TIME.
    def _clock(self, now_ms):
        state = self.state
        if now_ms < self._last_ms:  # the 30-bit counter went round
            self._high = (self._high + 0x4000) & 0xFFFF
        self._last_ms = now_ms
        self.events.t_low = now_ms & 0xFFFF
        self.events.t_high = (now_ms >> 16) + self._high
        state.now_ms = now_ms
        since_ms = (now_ms - state.base_ms) & _CIRCLE
        if since_ms > _CIRCLE >> 2:  # rarely, as a long int costs heap
            state.up_ms += since_ms
            state.base_ms = now_ms

    def _tick(self, now_ms, skipped):
        self.sense.step(self.shedder.groups.off_mask)
        if self.lease.expire(now_ms):
            self.events.put(m.EV_LEASE, 0, LEASE_EXPIRED, 0)
        self._supervise(now_ms)
        self._thermal(min(skipped, _SKIPPED_MAX))
        self.shedder.step(
            now_ms,
            self.sense,
            self.ttt_ms,
            self.lease.shed_off,
            False,
            self.supervisor.may_restore(),
        )
        floor = FULL if self.supervisor.fans_full() else self.lease.fan_floor_permille
        self.cooler.step(self.sense, floor)
        self.act.write(self.cooler.out_permille, self.shedder.groups.off_mask, self.state.state)
        self._telemetry.send(self)

    def _supervise(self, now_ms):
        sense = self.sense
        hazard = sense.leak or sense.blind()
        clear = self.lease.clear
        self.lease.clear = False
        self.supervisor.step(now_ms, hazard, sense.faulty(), self.lease.held, clear)
        if clear:
            self.shedder.groups.clear()
        state = self.state
        state.state = self.supervisor.state
        latched = state.state == m.STATE_SAFE and not hazard
        state.clearable = latched or self.shedder.groups.locked_mask != 0

    # Ticks that were missed count at the larger of the currents before and after.
    def _thermal(self, skipped):
        feed_ma = self.sense.feed_ma
        for feed in range(self._feeds):
            breaker = self.breakers[feed]
            worst_ma = max(feed_ma[feed], self.shedder.last_ma[feed])
            for _ in range(skipped):
                breaker.step(worst_ma)
            breaker.step(feed_ma[feed])
            self.ttt_ms[feed] = breaker.ttt_ms(feed_ma[feed])


def _breaker(feed):
    made = Breaker(feed.rating_ma, feed.mnt_ppm, feed.tau_fast_ms, feed.magnetic_ppm)
    made.assume_hot()
    return made
