# SPDX-License-Identifier: Apache-2.0
# Pulse sources: a counter that wraps, and edges for an EdgeCounter. Run on the VM too.


# A hardware counter of `bits` bits.
class FakeCounter:
    def __init__(self, start=0, bits=30):
        self._mask = (1 << bits) - 1
        self._value = start & self._mask
        self._rest = 0
        self.mhz = 0  # pulses per 1000 s

    def run(self, ms):
        self._rest += self.mhz * ms
        self.add(self._rest // 1_000_000)
        self._rest %= 1_000_000

    def add(self, n):
        self._value = (self._value + n) & self._mask

    def value(self):
        return self._value


# A tach line: falling edges of a fan, with PWM noise coupled in.
class FakeTachLine:
    def __init__(self, counter, now_us=0):
        self._counter = counter
        self.now_us = now_us
        self.rpm = 0
        self.ringing = 0  # false edges, 40 us apart, after each true one
        self.noise_us = 0  # period of false edges all the time; 0: none
        self._next_us = now_us
        self._noise_at_us = now_us

    def run(self, ms):
        end_us = self.now_us + 1000 * ms
        step_us = 30_000_000 // self.rpm if self.rpm else 0
        if not self.rpm or self._next_us < self.now_us:
            self._next_us = self.now_us + step_us
        while True:
            true_us = self._next_us if self.rpm else end_us
            false_us = self._noise_at_us if self.noise_us else end_us
            at_us = min(true_us, false_us)
            if at_us >= end_us:
                break
            if at_us == false_us:
                self._edge(at_us)
                self._noise_at_us += self.noise_us
            if at_us == true_us:
                for i in range(1 + self.ringing):
                    self._edge(at_us + 40 * i)
                self._next_us += step_us
        self.now_us = end_us
        if not self.noise_us:
            self._noise_at_us = end_us

    def _edge(self, us):
        self._counter.edge(us & ((1 << 30) - 1))
