# SPDX-License-Identifier: Apache-2.0
# How often flash may be written: `burst` times at once, and once per refill_ms in the long run.

from ..compat import ticks_add, ticks_diff


class Wear:
    def __init__(self, burst, refill_ms):
        self._burst = burst
        self._refill_ms = refill_ms
        self.left = burst
        self._last_ms = -1  # the left ones were counted then

    # Take one write if there is one. Allocates nothing.
    def take(self, now_ms):
        if self._last_ms < 0:
            self._last_ms = now_ms
        elapsed_ms = ticks_diff(now_ms, self._last_ms)
        if elapsed_ms < 0:  # not asked for 6 days: half of the clock's circle
            self.left = self._burst
            self._last_ms = now_ms
        whole = max(elapsed_ms, 0) // self._refill_ms
        if whole:
            self.left = min(self._burst, self.left + whole)
            self._last_ms = ticks_add(self._last_ms, whole * self._refill_ms)
        if not self.left:
            return False
        self.left -= 1
        return True
