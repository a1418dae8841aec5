# SPDX-License-Identifier: Apache-2.0
# Pulses within a sliding window: what a tach and a flow turbine have in common.
#
# The counter has `.value()`, a small int that wraps at `mask` + 1 or a multiple of it: EdgeCounter
# (tach.py), a machine.Counter (ESP32, MIMXRT) or a PIO counter that the board cuts to 30 bits; a
# plain 32-bit value would be a big int and allocate.

from array import array

from ..compat import const, ticks_diff

COUNT_MASK = const((1 << 29) - 1)  # serves every counter of 29 bits or more
_TICKS_MOST = const(50)  # with these two, products of pulses and ms are small ints
_HZ_MOST = const(2000)
_GAP_MS = const(400)  # a longer pause between polls: the window begins anew


class Window:
    # ticks: length of the window in polls, 1 .. 50; hz_most: more pulses than that are absurd, as
    # is more than 2000 Hz from any fan or turbine.
    def __init__(self, counter, ticks, hz_most, mask):
        ticks = min(ticks, _TICKS_MOST)
        self._counter = counter
        self._hz_most = min(hz_most, _HZ_MOST)
        self._mask = mask
        self._seen = 0  # counter at the last poll
        self._seen_ms = 0
        self._pulses = array("h", [0] * ticks)  # ring of the last polls
        self._ms = array("h", [0] * ticks)
        self._at = 0
        self._filled = -1  # polls in the ring; -1: the counter has not been seen
        self.pulses = 0  # sums over the ring
        self.span_ms = 0
        self.errors = 0  # polls with an absurd count

    # True once the window is full. False also in a poll whose count is absurd (a counter that was
    # restarted, a burst of noise): such a poll is left out, so the window heals at once.
    def count(self, now_ms):
        value = self._counter.value()
        n = (value - self._seen) & self._mask
        ms = ticks_diff(now_ms, self._seen_ms)
        self._seen = value
        self._seen_ms = now_ms
        if self._filled < 0 or not 0 < ms <= _GAP_MS:
            self._restart()
            return False
        if n > self._hz_most * ms // 1000 + 2:
            self.errors += 1
            return False
        self._put(n, ms)
        return self._filled == len(self._ms)

    def _restart(self):
        self._filled = self.pulses = self.span_ms = 0

    def _put(self, n, ms):
        at = self._at
        if self._filled == len(self._ms):
            self.pulses -= self._pulses[at]
            self.span_ms -= self._ms[at]
        else:
            self._filled += 1
        self._pulses[at] = n
        self._ms[at] = ms
        self.pulses += n
        self.span_ms += ms
        self._at = (at + 1) % len(self._ms)

    # pulses * each // span_ms, exact, if that is below 2**29; each: the rate that one pulse per ms
    # means.
    def rate(self, each):
        span = self.span_ms
        return self.pulses * (each // span) + self.pulses * (each % span) // span
