# SPDX-License-Identifier: Apache-2.0
# One ADC line as a share of the divider's supply: NTCs and leak ropes are ratio-metric.
#
# `adc.read_u16()` as machine.ADC has it; it returns a small int, so nothing is allocated. Where
# the ADC's reference is the divider's supply (RP2 and STM32: 3V3) `ref` is None. Where it is not
# (ESP32: an internal reference), `ref` is a second line that sees half of the supply, and the
# share is taken from both; the ESP32's own non-linearity stays.

from ..link.wire import INVALID


class AdcLine:
    def __init__(self, adc, ref=None):
        self._adc = adc
        self._ref = ref
        self.errors = 0

    # 0 .. 65535 of the supply, or INVALID. Three conversions (RP2: 3 x 2 us, ESP32: 3 x 40 us).
    def sample(self):
        try:
            u16 = _median(self._adc)
            half = 0 if self._ref is None else _median(self._ref)
        except OSError:  # ESP32: ADC2 while the radio holds it
            self.errors += 1
            return INVALID
        if self._ref is None:
            return u16
        if half < 16_384:  # a supply below half of what the ADC can see is not one
            self.errors += 1
            return INVALID
        return min((u16 >> 2) * 65_535 // (half >> 1), 65_535)


# The middle of three: one disturbed conversion does not count.
def _median(adc):
    a = adc.read_u16()
    b = adc.read_u16()
    return max(min(a, b), min(max(a, b), adc.read_u16()))
