# SPDX-License-Identifier: Apache-2.0
# A transducer with a linear output at an ADC pin: pressure (0.5-4.5 V behind a divider, or 4-20 mA
# in a resistor), level, humidity. Its live zero tells a cut wire from a low reading: what lies
# more than a sixteenth of the span outside the two known points is INVALID. A level switch is two
# points as well.

from ..link.wire import INVALID


class Analog:
    # line: AdcLine; low, high: the values at low_u16 and high_u16 of the supply, high_u16 at least
    # 1024 above low_u16.
    def __init__(self, line, low_u16, high_u16, low, high):
        self._line = line
        self._low_u16 = low_u16
        self._span_u16 = high_u16 - low_u16
        self._low = low
        self._span = abs(high - low)
        self._falls = high < low
        self._slack_u16 = self._span_u16 >> 4
        self.errors = 0
        self.value = INVALID

    def poll(self, _now_ms):
        u16 = self._line.sample()
        self.value = INVALID if u16 == INVALID else self._value(u16 - self._low_u16)
        if self.value == INVALID:
            self.errors += 1

    # A little outside of the span is its end: offsets of the ADC.
    def _value(self, at):
        if not -self._slack_u16 <= at <= self._span_u16 + self._slack_u16:
            return INVALID
        at = min(max(at, 0), self._span_u16)
        # in two parts, and with two bits less, so that products are small ints
        rise = self._span // self._span_u16 * at
        rise += self._span % self._span_u16 * (at >> 2) // (self._span_u16 >> 2)
        return self._low - rise if self._falls else self._low + rise
