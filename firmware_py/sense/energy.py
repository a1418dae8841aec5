# SPDX-License-Identifier: Apache-2.0
# Energy since boot from a meter's own counter, in two small halves: kwh * 10**6 + mwh. Nothing
# here allocates, and neither half can pass 30 bits within the life of a rack.
#
# A step counts if the feed could have carried it since the last one: at most `most_w` for that
# long, a fifth more, and the counter's resolution. A counter that falls has rolled over if that
# makes such a step; meters roll over at a power of ten. Any other step is a reset, another meter
# or a corrupt reading: nothing is counted, and the counter is believed from its second time on.

from ..compat import const

_MWH = const(1_000_000)  # in 1 kWh
_STEP_WH = const(200)  # coarser than any counter we read (EM24: 100 Wh)
_SHORT_S = const(7200)
_MOST_MIN = const(50_000)  # longer gaps than 34 days are taken for 34 days


class Energy:
    # most_w: what the feed can carry at most, W, up to 1_000_000.
    def __init__(self, most_w):
        self._most_w = most_w
        self.kwh = 0
        self.mwh = 0  # below one kWh
        self.jumps = 0  # resets, gaps that do not fit, corrupt readings
        self._known = False
        self._odd = False
        self._last_kwh = 0
        self._last_mwh = 0
        self._gap_s = 0  # since the last reading that counted
        self._gap_ms = 0  # its rest

    # Board time goes on, ms (< 2**20), whether the meter answers or not.
    def wait(self, ms):
        self._gap_ms += ms
        self._gap_s = min(self._gap_s + self._gap_ms // 1000, 60 * _MOST_MIN)
        self._gap_ms %= 1000

    # A reading of the counter: whole kWh (0 .. 2**30 - 1) and the rest in mWh.
    def count(self, kwh, mwh):
        if not self._known:
            self._believe(kwh, mwh)
            return
        d_kwh = kwh - self._last_kwh
        d_mwh = mwh - self._last_mwh
        if d_mwh < 0:
            d_kwh -= 1
            d_mwh += _MWH
        if d_kwh < 0:
            d_kwh = self._rolled(d_kwh, d_mwh)
        if self._fits(d_kwh, d_mwh):
            mwh_now = self.mwh + d_mwh
            self.kwh += d_kwh + mwh_now // _MWH
            self.mwh = mwh_now % _MWH
            self._believe(kwh, mwh)
        elif self._odd:
            self.jumps += 1
            self._believe(kwh, mwh)
        else:
            self._odd = True

    def _believe(self, kwh, mwh):
        self._known = True
        self._odd = False
        self._last_kwh = kwh
        self._last_mwh = mwh
        self._gap_s = self._gap_ms = 0

    # A fall as the step over a round number of kWh, if it fits; else as it is.
    def _rolled(self, d_kwh, d_mwh):
        modulus = 1000
        for _ in range(6):  # up to 10**8 kWh
            modulus *= 10
            if self._last_kwh < modulus and self._fits(d_kwh + modulus, d_mwh):
                return d_kwh + modulus
        return d_kwh

    def _fits(self, d_kwh, d_mwh):
        if not 0 <= d_kwh <= 1_000_000:
            return False
        # most_w * s * 1.2 / 3600, in an order that stays below 2**30
        if self._gap_s <= _SHORT_S:
            most_wh = (self._most_w // 20 + 1) * self._gap_s // 150
        else:
            most_wh = (self._most_w // 50 + 1) * (self._gap_s // 60 + 1)
        return d_kwh * 1000 + d_mwh // 1000 <= most_wh + _STEP_WH
