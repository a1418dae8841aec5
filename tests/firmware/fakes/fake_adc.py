# SPDX-License-Identifier: Apache-2.0
# A clamp at a 12-bit ADC at 1 kHz: a sine around the bias, clipped at the rails, in integers so
# that CPython and the VM see the same samples.

from array import array

_QUARTER = 250  # entries of the sine per quarter turn


def _table():
    # sin of 0..90 degrees times 2**14 by rotation; a fake need not be exact, only smooth
    sine = array("i", [0] * (_QUARTER + 1))
    x, y = 16384 << 8, 0
    for i in range(1, _QUARTER + 1):
        # one thousandth of a turn: cos 0.99998026, sin 0.00628314, both * 2**20
        x, y = (x * 1048555 - y * 6588) >> 20, (y * 1048555 + x * 6588) >> 20
        sine[i] = min(y >> 8, 16384)
    return sine


class FakeAdc:
    def __init__(self, amplitude, mhz=50_000, phase=0):
        self._sine = _table()
        self.amplitude = amplitude  # counts, peak
        self.mhz = mhz
        self.bias = 2048
        self.turn = phase * 1000  # millionths of a turn
        # faults
        self.stuck = -1  # every sample is this one
        self.spike = -1  # only the next sample is this one

    # One sample, 0..4095; 1 ms passes.
    def read(self):
        at = self.turn // 1000 % 1000
        self.turn = (self.turn + self.mhz) % 1_000_000
        if self.stuck >= 0:
            return self.stuck
        if self.spike >= 0:
            spike = self.spike
            self.spike = -1
            return spike
        half = at % 500
        sine = self._sine[half if half <= _QUARTER else 500 - half]
        wave = (self.amplitude * sine + 8192) >> 14
        return max(min(self.bias + (wave if at < 500 else -wave), 4095), 0)
