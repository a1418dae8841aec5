# SPDX-License-Identifier: Apache-2.0
# What the 1 kHz timer does: samples the current clamps, gives them to the over-current path, and
# lets go of an RS-485 pair once a meter's request is out. It copies and compares; it allocates
# nothing, and if an ADC raises, the clamps get no more samples, which their poll() sees.

from ..compat import const
from ..decide.fast import FastTrip

_PEAK = const(1414)  # of a sine, permille of its RMS


# adc[i], clamps[i]: of feed feeds[i]; fast: FastTrip or None; masters: of sense/modbus_master.py.
class FastTimer:
    def __init__(self, adcs, clamps, feeds, fast, masters):
        self._adcs = adcs
        self._clamps = clamps
        self._feeds = feeds
        self._fast = fast
        self._masters = masters
        self._driven_ms = bytearray(len(masters))
        self.errors = 0
        self.callback = self.tick  # made once: a bound method allocates

    # From the ISR.
    def tick(self, _timer):
        fast = self._fast
        for i in range(len(self._adcs)):
            try:
                raw = self._adcs[i].read_u16() >> 4
            except OSError:
                self.errors = (self.errors + 1) & 0xFFFF
                continue
            clamp = self._clamps[i]
            clamp.sample(raw)
            if fast is not None:
                fast.sample(self._feeds[i], abs(raw - clamp.mid))
        for i in range(len(self._masters)):
            master = self._masters[i]
            if not master.driving:
                self._driven_ms[i] = 0
            elif self._driven_ms[i] >= master.tx_ms:
                master.release()
            else:
                self._driven_ms[i] += 1


# Reports the peak in mA.
class MilliampTrip(FastTrip):
    # ua: of the two feeds' clamps, per count.
    def __init__(self, never, open_mask, ua):
        super().__init__(never, open_mask)
        self._ua = ua

    def peak(self, feed):
        return super().peak(feed) * (self._ua[feed] // 1000)


# Opens relays behind a bus, which an ISR must not touch: soon, between two bytecodes.
class Scheduled:
    def __init__(self, bank, schedule):
        self._bank = bank
        self._schedule = schedule
        self._flush = bank.flush  # made once: a bound method allocates
        self.open_mask = self._open

    def _open(self, mask):
        self._bank.open_mask(mask)
        try:
            self._schedule(self._flush, 0)
        except RuntimeError:  # the queue is full: the next poll() writes
            pass


# RMS limit of the over-current path, mA, to the peak in a clamp's counts.
def peak_counts(clamp, gate_ma, permille):
    return clamp.counts(gate_ma * permille // 1000 * _PEAK // 1000)
