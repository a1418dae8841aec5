# SPDX-License-Identifier: Apache-2.0
# Shunt monitors of Texas Instruments on a DC busbar.
#
#     INA228 (SLYS021A), INA238 (SLYS025A)   85 V common mode: high side of a 48 V busbar
#     INA226 (SBOS547)                       36 V: only in the return of a 48 V busbar, with its
#                                            VBUS pin behind a divider (bus_permille)
#
# The current is the shunt voltage over the shunt's resistance: nV / uOhm = mA. The chip's own
# CURRENT register is not used: a glitch that resets its calibration would scale it silently. A chip
# whose configuration reads back changed is set up again, and what it says is dropped until it has
# converted with the right one. poll(): four or five transfers of up to 7 bytes,
# 0.6 ms at 400 kHz, 2.4 ms at 100 kHz; it allocates nothing.

from ..compat import const, ticks_diff
from ..link.wire import INVALID

INA226 = const(0)
INA228 = const(1)
INA238 = const(2)

_WAIT_MS = const(500)  # a conversion takes 34 ms
_MV_MOST = const(105_000)  # 102.4 V is full scale of the INA228
_MA_MOST = const(10_000_000)

# Per chip: configuration register, its value (16 averages of 1.1 ms shunt and bus, continuous),
# range register (0: none), its value, flag register, its conversion-ready bit, shunt register,
# bus register, bytes and unused low bits of both.
# fmt: off
_CHIPS = (
    (0x00, 0x4527, 0x00, 0x00, 0x06, 0x0008, 0x01, 0x02, 2, 0),
    (0x01, 0xBB6A, 0x00, 0x00, 0x0B, 0x0002, 0x04, 0x05, 3, 4),
    (0x01, 0xBB6A, 0x00, 0x00, 0x0B, 0x0002, 0x04, 0x05, 2, 0),
)
# fmt: on
_ADCRANGE = const(0x10)  # CONFIG of INA228 and INA238: a quarter of the shunt range


class Ina2xx:
    # i2c: .readfrom_mem_into(address, register, buf), .writeto_mem(address, register, buf);
    # shunt_uohm: 10..1_000_000, as measured: this is the calibration; fine: 41 mV full scale
    # instead of 164 mV (82 mV always with an INA226); bus_permille: of the divider before VBUS,
    # bus over pin, up to 4000.
    def __init__(self, i2c, address, chip, shunt_uohm, fine=0, bus_permille=1000):
        self._i2c = i2c
        self._address = address
        self._chip = chip
        self._row = _CHIPS[chip]
        self._shunt_uohm = shunt_uohm
        self._range = _ADCRANGE if fine and chip != INA226 else 0
        self._bus_permille = bus_permille
        self._two = bytearray(2)
        self._data = bytearray(self._row[8])
        self._set_up = False
        self._begun = False
        self._seen_ms = 0  # last conversion
        self.errors = 0
        self.restarts = 0  # times the chip has lost its configuration
        self.over_range = False  # the shunt voltage is clipped: ma is a lower bound
        self.ma = INVALID  # negative: the current flows back
        self.mv = INVALID
        self.mw = INVALID

    def poll(self, now_ms):
        if not self._begun:
            self._begun = True
            self._seen_ms = now_ms
        try:
            if not self._configured():
                self._forget()
            elif self._read(self._row[4]) & self._row[5]:  # reading it clears it
                self._seen_ms = now_ms
                self._measure()
        except OSError:
            self.errors += 1
            self._set_up = False
            self._forget()
        if ticks_diff(now_ms, self._seen_ms) > _WAIT_MS:
            self._seen_ms = now_ms
            self._set_up = False
            self._forget()

    # True if the chip has its configuration; otherwise it gets it, and a new conversion begins.
    def _configured(self):
        row = self._row
        if self._set_up:
            same = self._read(row[0]) == row[1]
            if same and (self._chip == INA226 or self._read(row[2]) == self._range):
                return True
            self.restarts += 1
        self._set_up = False
        if self._chip != INA226:
            self._write(row[2], self._range)
        self._write(row[0], row[1])
        self._read(row[4])  # forgets a conversion with the old one
        self._set_up = self._read(row[0]) == row[1]
        if not self._set_up:
            self.errors += 1  # another chip, or a line that is stuck
        return False

    def _measure(self):
        row = self._row
        raw = self._signed(row[6])
        full = 1 << 8 * row[8] - row[9] - 1
        self.over_range = raw >= full - 1 or raw <= -full
        nv = abs(raw)
        if self._chip == INA226:
            nv *= 2500
        elif self._chip == INA238:
            nv *= 1250 if self._range else 5000
        else:
            nv = (nv * 625 >> 3) if self._range else nv * 312 + (nv >> 1)
        ma = min(nv // self._shunt_uohm, _MA_MOST)
        mv = self._bus_mv(self._signed(row[7]))
        self.ma = ma if raw >= 0 else -ma
        self.mv = mv if 0 <= mv <= _MV_MOST else INVALID
        if self.mv == INVALID:
            self.mw = INVALID
            return
        mw = ma // 1000 * mv + ma % 1000 * mv // 1000
        self.mw = mw if raw >= 0 else -mw

    # LSB of VBUS: 1.25 mV, 195.3125 uV (25 / 128 mV), 3.125 mV; 20 bits times 25 are 25 bits.
    def _bus_mv(self, raw):
        if self._chip == INA226:
            mv = raw * 5 >> 2
        elif self._chip == INA238:
            mv = raw * 25 >> 3
        else:
            mv = raw * 25 >> 7
        return mv * self._bus_permille // 1000

    def _forget(self):
        self.ma = self.mv = self.mw = INVALID
        self.over_range = False

    def _read(self, register):
        two = self._two
        self._i2c.readfrom_mem_into(self._address, register, two)
        return two[0] << 8 | two[1]

    def _write(self, register, value):
        two = self._two
        two[0] = value >> 8
        two[1] = value & 0xFF
        self._i2c.writeto_mem(self._address, register, two)

    def _signed(self, register):
        data = self._data
        self._i2c.readfrom_mem_into(self._address, register, data)
        value = data[0] - 0x100 if data[0] & 0x80 else data[0]
        for i in range(1, len(data)):
            value = value << 8 | data[i]
        return value >> self._row[9]
