# SPDX-License-Identifier: Apache-2.0
# BLE beside the wired link: a second stream with its own outbox and session, so that a host on the
# cable and a phone do not tear each other's frames. Lease and authentication are the board's, one
# for both.

from ..link.endpoint import Endpoint
from ..link.outbox import Outbox

_OUT_BYTES = 768  # telemetry, loads and a longest answer


class Radio:
    # ble: link.ble.Ble.
    def __init__(self, app, ble):
        self._ble = ble
        self.outbox = Outbox(bytearray(_OUT_BYTES))
        self.endpoint = Endpoint(app.state, self.outbox)
        self.endpoint.served = app.endpoint.served
        app.telemetry.endpoints.append(self.endpoint)
        self._rx = bytearray(256)

    # One pass of the loop.
    def step(self, now_ms):
        n = self._ble.read(self._rx)
        if n:
            self.endpoint.receive(self._rx, n, now_ms)
        self._ble.step(self.outbox)
        if not self._ble.connected():
            self.endpoint.greeted = False  # nobody listens: no frames
