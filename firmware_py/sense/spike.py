# SPDX-License-Identifier: Apache-2.0
# For sensors that are read every second or more slowly: sense/trust.py sees such a reading in many
# ticks in a row, so it cannot tell a single bad one. One outlier is held, a confirmed one passes.

from ..compat import const
from ..link.wire import INVALID

_ODD_MOST = const(3)  # readings that agree with nothing: then there is no value


# step: the most by which two readings in a row differ if both are true (unit of the reading).
class Spike:
    def __init__(self, step):
        self._step = step
        self._odd = INVALID  # the last reading that was held back
        self._odds = 0
        self.value = INVALID

    # The believed value after this reading. INVALID goes through at once; the way back takes two
    # readings that agree, so a lone value after a fault is not believed either.
    def take(self, reading):
        if reading == INVALID:
            self._odd = self.value = INVALID
            self._odds = 0
        elif self._near(reading, self.value) or self._near(reading, self._odd):
            self.value = reading
            self._odd = INVALID
            self._odds = 0
        else:
            self._odd = reading
            self._odds += 1
            if self._odds >= _ODD_MOST:
                self.value = INVALID
        return self.value

    def _near(self, reading, other):
        return other != INVALID and abs(reading - other) <= self._step
