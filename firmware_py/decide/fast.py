# SPDX-License-Identifier: Apache-2.0
# Hard over-current between ticks: the timer's ISR feeds it the magnitude of each current sample at
# 1 kHz, and it opens, by itself, the groups that the last tick has prepared. It needs no tick to
# run, allocates nothing, and opens once per arming.
#
# The peaks of 5 ms windows are compared. Two windows over the threshold open, with at most one
# below between them: half a period of 50 Hz is two windows, and one that lies on the zero
# crossing sees only 0.59 of the peak. One spike is one window, so it opens nothing. The second
# window opens at its first sample over the threshold.

from array import array

from ..compat import const

_WINDOW = const(5)  # samples: ms
_REACH = const(2)  # windows between two that count as one event


class FastTrip:
    # never: mask of groups that stay on whatever happens; open_mask(mask): of the relay bank,
    # ISR-safe.
    def __init__(self, never, open_mask):
        self._never = never
        self._open = open_mask
        self._limit = array("i", [0] * 2)  # of a feed's samples; 0: not watched
        self._n = bytearray(2)  # samples in the window
        self._over = array("i", [0] * 2)  # highest of the window, if over the limit
        self._before = bytearray(2)  # windows for which the last one over the limit still counts
        self._peak = array("i", [0] * 2)  # of the event
        self._blank = array("i", [0] * 2)  # samples that are not looked at
        self.mask = 0  # groups that a trip opens; 0: disarmed
        self.fired = 0  # bit f: feed f has tripped; the tick reads peak(f) and calls taken()
        self.opened = 0  # groups that the trip has opened

    # From the tick: what a trip opens from now on, and the peaks, in units of the samples, that
    # are too much (0: not watched). Refused until the tick has taken the last trip.
    def arm(self, mask, limit_a, limit_b):
        if self.fired:
            return False
        self.mask = 0  # an ISR in between sees it disarmed
        self._limit[0] = limit_a
        self._limit[1] = limit_b
        self.mask = mask & ~self._never
        return True

    # From the tick that closes a relay: its inrush, up to `ms`, is not an over-current.
    def blank(self, feed, ms):
        self._blank[feed] = max(ms, self._blank[feed])

    # Peak of the samples that tripped `feed`.
    def peak(self, feed):
        return self._peak[feed]

    # From the tick: the trip has been reported; arm() works again.
    def taken(self):
        self.fired = 0
        self.opened = 0

    # One sample, magnitude. From an ISR.
    def sample(self, feed, raw_abs):
        if self._blank[feed] > 0:
            self._blank[feed] -= 1
            self._n[feed] = self._before[feed] = 0
            self._over[feed] = 0
            return
        limit = self._limit[feed]
        if raw_abs > limit > 0 and raw_abs > self._over[feed]:
            self._over[feed] = raw_abs
            if self._before[feed]:
                self._trip(feed, raw_abs)
        n = self._n[feed] + 1
        if n < _WINDOW:
            self._n[feed] = n
            return
        self._n[feed] = 0
        if self._over[feed]:
            self._peak[feed] = self._over[feed]
            self._over[feed] = 0
            self._before[feed] = _REACH
        elif self._before[feed]:
            self._before[feed] -= 1

    def _trip(self, feed, raw_abs):
        mask = self.mask
        if mask == 0:
            return
        self.mask = 0
        self._open(mask)
        self._peak[feed] = max(self._peak[feed], raw_abs)
        self.opened = mask
        self.fired |= 1 << feed
