# SPDX-License-Identifier: Apache-2.0
# Leak rope with an end-of-line resistor, by the resistance between its two conductors.
#
#     0 ... short_ohm ... wet_ohm ........ cut_ohm ... open
#     wet (a short)   wet         dry              INVALID: cut, unplugged or corroded
#
# Wiring: supply - series resistor - ADC pin - rope - ground. A dead short counts as wet: coolant
# on a bare rope comes close to one. Between dry and wet there is no gap: whatever is clearly below
# the end-of-line resistor is wet. A rope that is stuck dry (its conductors sealed by dirt) cannot
# be seen: test it with water once a year.

from ..compat import const
from ..link.wire import INVALID

_DEBOUNCE = const(3)  # ticks that a reading must last
_UNSURE = const(10)  # ticks of flapping until there is no reading


class Leak:
    # line: AdcLine; series_ohm: its resistor. wet_ohm: about 0.7, cut_ohm: about 1.5 times the
    # end-of-line resistor.
    def __init__(self, line, series_ohm, wet_ohm, cut_ohm, short_ohm=100):
        self._line = line
        self._short = 65_535 * short_ohm // (short_ohm + series_ohm)
        self._wet = 65_535 * wet_ohm // (wet_ohm + series_ohm)
        self._cut = 65_535 * cut_ohm // (cut_ohm + series_ohm)
        self._seen = INVALID
        self._run = 0  # ticks that _seen has lasted
        self._unsure = 0  # ticks since a reading lasted
        self.errors = 0
        self.wet = INVALID  # 0 dry, 1 wet
        self.shorted = 0  # 1: this tick's resistance is below short_ohm, for diagnosis

    def poll(self, _now_ms):
        u16 = self._line.sample()
        self.shorted = 1 if 0 <= u16 <= self._short else 0
        seen = self._class(u16)
        if seen == INVALID:
            self.errors += 1
        self._run = self._run + 1 if seen == self._seen else 1
        self._seen = seen
        if self._run >= _DEBOUNCE:
            self._run = _DEBOUNCE
            self._unsure = 0
            self.wet = seen
        elif self._unsure >= _UNSURE:
            self.wet = INVALID
        else:
            self._unsure += 1

    def _class(self, u16):
        if u16 == INVALID or u16 >= self._cut:
            return INVALID
        return 1 if u16 <= self._wet else 0
