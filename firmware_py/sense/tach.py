# SPDX-License-Identifier: Apache-2.0
# Fan and pump tachometers: 2 pulses per revolution, open collector (Intel, 4-Wire PWM Controlled
# Fans Specification 1.3).
#
# Resolution: 60000 / (pulses per rev * window) rpm, so 15 rpm with 2 s and 2 pulses (5 % at 300
# rpm, 0.1 % at 20000). A fan that stops reads 0 after one window, on the way it seems to run down.
# Open and short of the tach line read as 0: a lost tach is told from a stalled fan by its PWM and
# its neighbours (decide/), not here. Drift does not exist in a count.

from ..compat import const
from ..link.wire import INVALID
from .pulses import COUNT_MASK, Window

_MASK = const((1 << 30) - 1)  # of ticks_us()


# Counts edges in an interrupt. The board connects it once, e.g.
#     pin.irq(lambda pin: counter.edge(ticks_us()), Pin.IRQ_FALLING, hard=True)
# (hard where the port has it: the queue of soft interrupts overflows). edge() allocates nothing:
# ticks_us() is a small int, and so is every result.
class EdgeCounter:
    # least_us: edges closer than this to the last counted one are noise. 500 lets a fan of 30000
    # rpm with 2 pulses through twice over; PWM at 25 kHz (40 us) that couples into the line for
    # good still counts at 1 per 520 us, which is beyond any fan: INVALID, not a wrong speed.
    def __init__(self, least_us=500):
        self._least_us = least_us
        self._last_us = 0
        self._count = 0

    # us: of a microsecond counter modulo 2**30 or less.
    def edge(self, us):
        if (us - self._last_us) & _MASK >= self._least_us:
            self._last_us = us
            self._count = (self._count + 1) & COUNT_MASK  # 2**30 would be a big int

    def value(self):
        return self._count


class Tach(Window):
    # ticks: window in polls of 100 ms; rpm_most: more than that is INVALID, as is what
    # pulses.py calls absurd: 60000 rpm with 2 pulses per revolution.
    def __init__(self, counter, pulses_rev=2, ticks=20, rpm_most=25_000, mask=COUNT_MASK):
        super().__init__(counter, ticks, rpm_most * pulses_rev // 60 + 1, mask)
        self._each = 60_000 // pulses_rev
        self._rpm_most = rpm_most
        self.rpm = INVALID  # 0: stalled

    def poll(self, now_ms):
        rpm = self.rate(self._each) if self.count(now_ms) else INVALID
        self.rpm = rpm if rpm <= self._rpm_most else INVALID
