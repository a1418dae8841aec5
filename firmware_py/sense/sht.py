# SPDX-License-Identifier: Apache-2.0
# Temperature and relative humidity: Sensirion SHT3x (data sheet SHT3x-DIS v7) and SHT4x (v6).
#
# `i2c`: writeto(addr, buf) and readfrom_into(addr, buf) of machine.I2C; neither allocates unless it
# raises. A measurement is started in one tick and read in a later one (15.5 and 8.3 ms at most), 3
# and 7 bytes on the bus: 0.7 ms at 100 kHz. The board makes its I2C with a timeout of 1000 us or
# so: the default of 50 ms would let a clock line that is held low stop the tick.
#
# The heater is never switched on: there is no command for it here, and a soft reset at the start
# and after repeated errors switches it off.
#
# Fault to value: open, short, late: INVALID after the second failure in a row; one alone is
# repeated and changes nothing. A spike is held once (spike.py). Absurd: INVALID. Stuck and drift
# (dirt, solvent vapour, +-2 % RH in years) cannot be seen in one sensor; a wet one reads 1000
# permille, which raises the dew point: the safe side.

from ..compat import const, ticks_add, ticks_diff
from ..link.wire import INVALID
from .spike import Spike

_MEASURE_3 = b"\x24\x00"  # single shot, high repeatability, no clock stretching
_RESET_3 = b"\x30\xa2"
_MEASURE_4 = b"\xfd"  # high precision, no heater
_RESET_4 = b"\x94"
_LEAST_MC = const(-40_000)
_MOST_MC = const(125_000)
_STEP_MC = const(10_000)  # between two readings
_STEP_PERMILLE = const(300)
_FAILS = const(2)  # in a row: then INVALID
_RESET_FAILS = const(3)  # then a soft reset, and from then on one try per period
_PAUSE_MS = const(3000)  # between two polls: then the reading is stale

_CRC8 = bytes.fromhex("00316253c4f5a697b988dbea7d4c1f2e")  # 0x31, by nibbles

_RESET = const(0)
_START = const(1)
_READ = const(2)


class Sht:
    # kind: 3 or 4.
    def __init__(self, i2c, addr, kind, period_ms=1000):
        self._i2c = i2c
        self._addr = addr
        self._measure = _MEASURE_4 if kind == 4 else _MEASURE_3
        self._reset = _RESET_4 if kind == 4 else _RESET_3
        # permille = raw * span / 2**16 - below (3x: 0 .. 100 %, 4x: -6 .. 119 %)
        self._span = 1250 if kind == 4 else 1000
        self._below = 60 if kind == 4 else 0
        self._period_ms = period_ms
        self._buf = bytearray(6)
        self._phase = _RESET
        self._due_ms = self._seen_ms = 0
        self._waits = False
        self._fails = 0
        self._mc = Spike(_STEP_MC)
        self._rh = Spike(_STEP_PERMILLE)
        self.errors = 0
        self.mc = self.rh_permille = INVALID

    def poll(self, now_ms):
        if ticks_diff(now_ms, self._seen_ms) > _PAUSE_MS:
            self._take(INVALID, INVALID)
            self._phase = _RESET  # what the chip has measured before is as old
            self._waits = False
        self._seen_ms = now_ms
        try:
            self._step(now_ms)
        except OSError:
            self._failed(now_ms)

    def _step(self, now_ms):
        if self._phase == _READ:
            self._i2c.readfrom_into(self._addr, self._buf)
            self._decode(now_ms)
        elif not self._waits or ticks_diff(now_ms, self._due_ms) >= 0:
            if self._phase == _RESET:
                self._i2c.writeto(self._addr, self._reset)
                self._phase = _START
            else:
                self._i2c.writeto(self._addr, self._measure)
                self._phase = _READ
                self._due_ms = ticks_add(now_ms, self._period_ms)

    def _decode(self, now_ms):
        buf = self._buf
        if crc8(buf, 0) or crc8(buf, 3):
            self._failed(now_ms)
            return
        mc = celsius(buf[0] << 8 | buf[1])
        rh = ((buf[3] << 8 | buf[4]) * self._span + 0x8000 >> 16) - self._below
        if not _LEAST_MC <= mc <= _MOST_MC:
            self._failed(now_ms)
            return
        self._fails = 0
        self._phase = _START
        self._take(mc, min(max(rh, 0), 1000))
        self._waits = min(self.mc, self.rh_permille) != INVALID

    def _failed(self, now_ms):
        self.errors += 1
        self._fails = min(self._fails + 1, _RESET_FAILS)
        self._phase = _START
        self._waits = self._fails == _RESET_FAILS
        if self._fails >= _FAILS:
            self._take(INVALID, INVALID)
        if self._waits:
            self._phase = _RESET
            self._due_ms = ticks_add(now_ms, self._period_ms)

    def _take(self, mc, rh):
        self.mc = self._mc.take(mc)
        self.rh_permille = self._rh.take(rh)


# raw * 175000 / 65536 - 45000 m degC; the data sheets divide by 65535: at most 3 m degC apart.
def celsius(raw):
    return raw * 2 + (raw * 5491 >> 13) - 45_000


# 0 over the three bytes (two and their CRC) from `at`.
def crc8(buf, at):
    crc = 0xFF
    for i in range(at, at + 3):
        crc ^= buf[i]
        crc = crc << 4 & 0xFF ^ _CRC8[crc >> 4]
        crc = crc << 4 & 0xFF ^ _CRC8[crc >> 4]
    return crc
