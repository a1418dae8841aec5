# SPDX-License-Identifier: Apache-2.0
# Flow by a turbine with a hall sensor, ml/min.
#
# Resolution: one pulse per window, 6e9 / (K * window in ms) ml/min: with 450 pulses per litre
# (K = 45000) and 2 s 67 ml/min. After the last pulse the reading falls to 0 within one window;
# 0 is a reading. A missing sensor, a cut wire and a jammed wheel read 0 as well: that trips the
# low-flow interlock, which is the safe side. A worn wheel reads low and cannot be told from low
# flow; bubbles read high, up to the limit.

from ..link.wire import INVALID
from .pulses import COUNT_MASK, Window


class Flow(Window):
    # k: pulses per 100 litres, 600 .. 6_500_000; mlm_most: more than that is INVALID, as is what
    # pulses.py calls absurd, 2000 Hz.
    def __init__(self, counter, k, mlm_most, ticks=20, mask=COUNT_MASK):
        # big ints are fine here, while the board starts
        super().__init__(counter, ticks, mlm_most * k // 6_000_000 + 1, mask)
        self._each = 6_000_000_000 // k
        self._mlm_most = mlm_most
        self.mlm = INVALID

    def poll(self, now_ms):
        mlm = self.rate(self._each) if self.count(now_ms) else INVALID
        self.mlm = mlm if mlm <= self._mlm_most else INVALID
