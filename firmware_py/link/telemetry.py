# SPDX-License-Identifier: Apache-2.0
# The frames of every tick: TELEMETRY, LOADS, COOLING where there is one, and one BOARD_EVENT if
# any waits. Preallocated; allocates nothing.

from struct import pack_into

from . import wire as m
from .codec import Frame

_AT = m.HEADER_BYTES


class Telemetry:
    # cooling: a link.cooling.Cooling where the configuration has use for one.
    def __init__(self, endpoint, loads, cooling=None):
        self.always = False  # fill the frames even before a HELLO: the Modbus slave reads them
        self.main = Frame(m.TELEMETRY, 56)
        self.loads = Frame(m.LOADS, 4 * loads)
        self.cooling = cooling
        self.endpoints = [endpoint]  # a board with a second stream (BLE) appends its own
        self._endpoint = endpoint
        self._event = Frame(m.BOARD_EVENT, 12)
        self._n_loads = loads
        self._seq = 0

    # Queue this tick's frames from the app's stages.
    def send(self, app):
        greeted = False
        for endpoint in self.endpoints:
            greeted = greeted or endpoint.greeted
        if not greeted and not self.always:
            return
        self._fill_main(app)
        load_mw = app.sense.load_mw
        body = self.loads.body
        at = _AT
        for i in range(self._n_loads):
            pack_into("<i", body, at, load_mw[i])
            at += 4
        cooling = self.cooling
        due = cooling is not None and cooling.fill(app)
        if not greeted:
            return
        self._put(self.main)
        self._put(self.loads)
        if due:
            self._put(cooling.frame)
        if app.events.waiting:
            app.events.take(self._event.body, _AT)
            self._put(self._event)

    def _fill_main(self, app):
        sense = app.sense
        feed_mw = sense.feed_mw
        ttt_ms = app.ttt_ms
        breakers = app.breakers
        # t_ms is u32: two halves stay small ints on a 32-bit board
        pack_into(
            "<HHBBHiiiiiiiiHHHHHHI",
            self.main.body,
            _AT,
            app.state.now_ms & 0xFFFF,
            app.t_high,
            app.state.state,
            app.flags(),
            app.shedder.groups.off_mask,
            feed_mw[0],
            feed_mw[1],
            ttt_ms[0],
            ttt_ms[1],
            breakers[0].theta_ppm,
            breakers[1].theta_ppm,
            sense.inlet_mc,
            sense.outlet_mc,
            app.cooler.out_permille,
            max(sense.fan_rpm[0], 0),
            app.lease.left_ms(app.state.now_ms),
            app.missed & 0xFFFF,
            self._endpoint.rx_errors() & 0xFFFF,
            self._endpoint.outbox.dropped & 0xFFFF,
            app.heap_free,
        )

    def _put(self, frame):
        frame.seal(m.EVENT, self._seq, self._endpoint.session)
        self._seq = (self._seq + 1) & 0xFFFF
        for endpoint in self.endpoints:
            if endpoint.greeted:
                endpoint.outbox.put(frame.body)
