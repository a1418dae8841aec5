# SPDX-License-Identifier: Apache-2.0
# An ADC pin at a divider: supply - series resistor - pin - sensor - ground. Runs on the VM too.


class FakeAdc:
    # ohm: of the sensor; -1 is open. offset: of the ADC, counts of 16 bits.
    def __init__(self, series_ohm, ohm=-1, offset=0):
        self.series_ohm = series_ohm
        self.offset = offset
        self.spike = -1  # what one of the next three conversions shows instead, once
        self.fault = ""
        self.set(ohm)

    def set(self, ohm):
        self.u16 = 65_535 if ohm < 0 else 65_535 * ohm // (ohm + self.series_ohm)

    def read_u16(self):
        if self.fault == "error":
            raise OSError(5)
        value = self.u16
        if self.spike >= 0:
            value = self.spike
            self.spike = -1
        # 12 bits, as RP2 and STM32 convert and stretch them
        value = min(max(value + self.offset, 0), 65_535) >> 4
        return value << 4 | value >> 8
