# SPDX-License-Identifier: Apache-2.0
# Current clamp with a burden resistor at an ADC pin that is biased to half the reference: RMS over
# windows, by a timer's interrupt.
#
#     sample(raw)   from the ISR, 0..4095 (machine.ADC.read_u16() >> 4): no allocation, a bounded
#                   number of steps
#     poll(now_ms)  from the tick
#
# A window has a whole number of periods: 100 samples at 1 kHz are 5 of 50 Hz and 6 of 60 Hz. A
# clamp that is open or off the wire reads 0 mA like a feed without load: only another meter can
# tell. A bias that is gone (line open, shorted, at a rail) is INVALID, and so is a dead timer.

from array import array

from ..compat import const, ticks_diff
from ..link.wire import INVALID

_MID = const(2048)  # of 12 bits; squares around it and 250 of them fit 30 bits
_LEAST = const(4)  # counts from a rail: clipped
_MOST = const(4091)
_PEAK = const(2000)
_BIAS = const(512)  # the mean may be off the middle by an eighth of the range
_CLIPS = const(2)  # samples at a rail in one window
_WAIT_MS = const(500)  # without a new window


class CtClamp:
    # ua_per_count: primary uA per ADC count, up to 32_000_000: mA per volt at the pin times 3300
    # over 4096; window: samples, 20..250.
    def __init__(self, ua_per_count, window=100):
        self._ua = ua_per_count
        self._window = window
        # two banks of: sum, sum of squares, samples at a rail
        self._bank = array("i", [0] * 6)
        self._at = 0  # of the ISR's bank: 0 or 3
        self._n = 0  # samples in it
        self._done = 0  # windows, modulo 2**16
        self._read = 0  # of them
        self._begun = False
        self._seen_ms = 0
        self.mid = _MID  # mean of the last window: zero current; for the fast path
        self.ma = INVALID  # RMS
        self.clipped = False  # ma is a lower bound
        self.errors = 0  # windows without a bias

    # One sample. From an ISR.
    def sample(self, raw):
        bank = self._bank
        at = self._at
        offset = raw - _MID
        bank[at] += offset
        bank[at + 1] += offset * offset
        if raw <= _LEAST or raw >= _MOST:
            bank[at + 2] += 1
        self._n += 1
        if self._n >= self._window:
            self._n = 0
            at = 3 - at
            bank[at] = bank[at + 1] = bank[at + 2] = 0
            self._at = at
            self._done = (self._done + 1) & 0xFFFF

    def poll(self, now_ms):
        if not self._begun:
            self._begun = True
            self._seen_ms = now_ms
        if self._done != self._read:
            self._seen_ms = now_ms
            # once more if a window has ended meanwhile: the ISR then fills the bank that was read
            while self._done != self._read:
                self._read = self._done
                self._measure(3 - self._at)
        elif ticks_diff(now_ms, self._seen_ms) > _WAIT_MS:
            self._seen_ms = now_ms
            self.ma = INVALID

    # Peak current in mA (up to 1_000_000) as counts from `mid`, for the fast path; what the ADC
    # cannot show is taken as its end, where a larger current clips.
    def counts(self, peak_ma):
        return min(peak_ma * 1000 // self._ua, _PEAK)

    def _measure(self, at):
        bank = self._bank
        n = self._window
        mean = bank[at] // n
        rest = bank[at] - mean * n
        if abs(mean) > _BIAS:
            self.errors += 1
            self.ma = INVALID
            self.clipped = False
            return
        self.mid = _MID + mean
        self.clipped = bank[at + 2] >= _CLIPS
        # sum of squares around the mean, exact: (mean + rest / n) ** 2 * n in parts
        squares = bank[at + 1] - mean * mean * n - 2 * mean * rest - rest * rest // n
        # times 256 for four more bits of the root; at most 2**30 - 2**19
        rms_16 = isqrt(squares // n * 256 + squares % n * 256 // n)
        self.ma = (rms_16 * (self._ua // 1000) + rms_16 * (self._ua % 1000) // 1000) >> 4


# Whole square root of 0..2**30 - 1, by Newton's method from above.
def isqrt(x):
    if x < 2:
        return x
    root = 1 << 15
    while True:
        better = (root + x // root) >> 1
        if better >= root:
            return root
        root = better
