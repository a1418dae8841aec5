# SPDX-License-Identifier: Apache-2.0
# Valve or pump on 0-10 V (MCP4725 with an amplifier) or on PWM. permille in; calibration says what
# 0 and 1000 permille are at the terminals, so 2-10 V and inverted actuators are the same code.
# release(): the safe value, for a valve its configured fail position, for a pump 1000.
#
# Limits: a DAC keeps its output while the board hangs; the watchdog and the first tick after it
# put that right. A stalled or slow actuator is seen by flow and temperature, not here.

from ..compat import const
from ..link.wire import INVALID

# MCP4725 (Microchip DS22039D): I2C commands and the bytes of a read-back
_WRITE_BOTH = const(0x60)  # DAC register and EEPROM, then 12 bits left-aligned
_READY = const(0x80)  # byte 0; 0: the EEPROM is being written, 50 ms at most: less than a tick
_POWER_DOWN = const(0x06)  # byte 0; byte 3 has the EEPROM's in 0x60
_CHECK_TICKS = const(10)  # read back once a second
_FAILS = const(3)  # in a row: the output counts as unknown


class Mcp4725:
    # i2c: writeto() and readfrom_into() of machine.I2C, no allocation unless they raise; timeout as
    # in sense/sht.py. code_0, code_1000: DAC codes 0 .. 4095 at 0 and 1000 permille. The chip
    # starts with what its EEPROM holds (from the factory: half). This writes the safe code there
    # once if it differs, so that the actuator is safe before the board runs.
    def __init__(self, i2c, addr, code_0, code_1000, safe_permille):
        self._i2c = i2c
        self._addr = addr
        self._code_0 = code_0
        self._code_1000 = code_1000
        self._safe_permille = safe_permille
        self._safe = self._code(safe_permille)
        self._want_permille = safe_permille
        self._sent = -1  # code
        self._sent_permille = safe_permille
        self._checked = 0  # ticks since it was read back
        self._may_burn = True
        self._tx = bytearray(3)
        self._two = memoryview(self._tx)[:2]
        self._rx = bytearray(5)
        self._fails = 0
        self.errors = 0
        self.permille = INVALID  # as last read back; INVALID: not known

    def write(self, permille):
        self._want_permille = min(max(permille, 0), 1000)

    # From the next poll() on, and again until it is read back.
    def release(self):
        self._want_permille = self._safe_permille

    # One exchange per tick, after write(): 3 bytes out or 6 in, 0.6 ms at 100 kHz. The tick of a
    # read-back delays a change by one.
    def poll(self, _now_ms):
        try:
            if self._checked >= _CHECK_TICKS:
                self._i2c.readfrom_into(self._addr, self._rx)
                self._check()
                return
            code = self._code(self._want_permille)
            # after trouble and at the start a write is read back in the next tick
            self._checked = self._checked + 1 if self._sent >= 0 else _CHECK_TICKS
            if code != self._sent:
                self._tx[0] = code >> 8  # fast mode: the high nibble is command and power-down
                self._tx[1] = code & 0xFF
                self._i2c.writeto(self._addr, self._two)
                self._sent = code
                self._sent_permille = self._want_permille
        except OSError:
            self._failed()

    def _code(self, permille):
        return self._code_0 + (self._code_1000 - self._code_0) * permille // 1000

    def _check(self):
        rx = self._rx
        ready = rx[0] & (_READY | _POWER_DOWN) == _READY
        if not ready or (rx[1] << 4 | rx[2] >> 4) != self._sent:
            self._failed()
            return
        self._fails = 0
        self._checked = 0
        self.permille = self._sent_permille
        stored = (rx[3] & 0x6F) << 8 | rx[4]  # with its power-down bits
        if stored != self._safe and self._may_burn:
            self._burn()

    # Once in a run at most: the EEPROM lasts a million writes. The output is at the safe code
    # for a tick.
    def _burn(self):
        self._may_burn = False
        self._sent = -1
        self._tx[0] = _WRITE_BOTH
        self._tx[1] = self._safe >> 4
        self._tx[2] = self._safe << 4 & 0xF0
        self._i2c.writeto(self._addr, self._tx)

    # Write again; after some failures the output counts as unknown.
    def _failed(self):
        self.errors += 1
        self._sent = -1
        self._checked = 0
        self._fails = min(self._fails + 1, _FAILS)
        if self._fails >= _FAILS:
            self.permille = INVALID


class PwmOut:
    # pwm: machine.PWM with duty_u16(value). duty_0, duty_1000: 0 .. 65535 at 0 and 1000 permille;
    # a pump's PWM input has dead bands at both ends, and some count downwards. There is nothing to
    # read back. The pin stays driven on release(): what an open input means differs by pump.
    def __init__(self, pwm, duty_0, duty_1000, safe_permille):
        self._pwm = pwm
        self._duty_0 = duty_0
        self._span = duty_1000 - duty_0
        self._safe_permille = safe_permille
        self._duty = -1
        self.release()

    def write(self, permille):
        duty = self._duty_0 + self._span * min(max(permille, 0), 1000) // 1000
        if duty != self._duty:
            self._pwm.duty_u16(duty)
            self._duty = duty

    def release(self):
        self.write(self._safe_permille)
