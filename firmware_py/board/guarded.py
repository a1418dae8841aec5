# SPDX-License-Identifier: Apache-2.0
# An ADC that the tick and the timer's ISR share. RP2 and STM32 select the input and convert in two
# steps: an ISR in between would have the tick read the ISR's pin. Three microseconds without
# interrupts cost less than such a reading.


class Guarded:
    # off, on: machine.disable_irq and enable_irq; their state is a small int or a bool.
    def __init__(self, adc, off, on):
        self._adc = adc
        self._off = off
        self._on = on

    def read_u16(self):
        state = self._off()
        value = self._adc.read_u16()
        self._on(state)
        return value
