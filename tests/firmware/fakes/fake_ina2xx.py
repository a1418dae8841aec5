# SPDX-License-Identifier: Apache-2.0
# INA226, INA228 and INA238 by their registers (SBOS547, SLYS021A, SLYS025A). `shunt_nv` and
# `bus_uv` are what the inputs carry; every read of the flags finds a new conversion.

INA226, INA228, INA238 = range(3)


class FakeIna2xx:
    def __init__(self, chip):
        self.chip = chip
        self.shunt_nv = 0
        self.bus_uv = 0
        self.converts = True  # False: the last conversion stays for ever
        self.writes = 0
        self.config = self.adc_config = 0
        self._ready = False
        self._shunt = 0
        self._bus = 0
        self.reset()

    # Power-on values.
    def reset(self):
        self.config = 0x4127 if self.chip == INA226 else 0
        self.adc_config = 0xFB68
        self._ready = False
        self._shunt = self._bus = 0

    def _convert(self):
        if self.chip == INA226:
            self._shunt = _code(self.shunt_nv, 2500, 16)
            self._bus = _code(self.bus_uv, 1250, 16)
            return
        fine = self.config >> 4 & 1
        if self.chip == INA238:
            self._shunt = _code(self.shunt_nv, 1250 if fine else 5000, 16)
            self._bus = _code(self.bus_uv, 3125, 16)
        else:
            self._shunt = _code(self.shunt_nv * 8, 625 if fine else 2500, 20) << 4
            self._bus = _code(self.bus_uv * 16, 3125, 20) << 4

    def _flags(self):
        if self.converts:
            self._ready = True
            self._convert()
        ready = self._ready
        self._ready = False
        if self.chip == INA226:
            return 0x0008 if ready else 0
        return 0x0003 if ready else 0x0001

    def _value(self, register):
        if register == 0:
            return self.config
        if register == (6 if self.chip == INA226 else 0x0B):
            return self._flags()
        if self.chip == INA226:
            return self._shunt if register == 1 else self._bus
        if register == 1:
            return self.adc_config
        return self._shunt if register == 4 else self._bus

    def give(self, register, buf):
        value = self._value(register)
        for i in range(len(buf)):
            buf[i] = value >> 8 * (len(buf) - 1 - i) & 0xFF

    def take(self, register, buf):
        self.writes += 1
        value = buf[0] << 8 | buf[1]
        if register == 0:
            self.config = value
        elif register == 1 and self.chip != INA226:
            self.adc_config = value
        self._ready = False


# Two's complement code of `bits` bits, saturated.
def _code(value, lsb, bits):
    code = value // lsb
    top = (1 << bits - 1) - 1
    return max(min(code, top), -top - 1) & (1 << bits) - 1
