# SPDX-License-Identifier: Apache-2.0
# An I2C bus with one MCP4725. Runs on the VM too and allocates nothing unless it raises.
#
# Faults: "open" (no ACK), "short" (the bus times out), "error" (once), "stuck" (the register keeps
# its value), "busy" (never ready),
# "worn" (the EEPROM keeps its value).


class FakeMcp4725:
    def __init__(self, addr, eeprom=0x800):
        self.addr = addr
        self.eeprom = eeprom
        self.burns = 0
        self.writes = 0
        self.now_ms = 0
        self.fault = ""
        self.power_on()

    def power_on(self):
        self.code = self.eeprom & 0xFFF
        self.power_down = 0
        self._busy_ms = 0

    def _check(self, addr):
        fault = self.fault
        if fault in ("open", "short", "error") or addr != self.addr:
            if fault == "error":
                self.fault = ""
            raise OSError(110 if fault == "short" else 5)

    def _ready(self):
        return self.fault != "busy" and self.now_ms >= self._busy_ms

    def writeto(self, addr, buf):
        self._check(addr)
        self.writes += 1
        if not self._ready() or self.fault == "stuck":
            return len(buf)  # taken from the bus and ignored
        command = buf[0] >> 5
        if command < 2:  # fast mode: two bytes
            assert len(buf) == 2
            self.power_down = buf[0] >> 4 & 3
            self.code = (buf[0] & 15) << 8 | buf[1]
        elif command in (2, 3):
            assert len(buf) == 3
            self.power_down = buf[0] >> 1 & 3
            self.code = buf[1] << 4 | buf[2] >> 4
            if command == 3:
                if self.fault != "worn":
                    self.eeprom = self.power_down << 13 | self.code
                self.burns += 1
                self._busy_ms = self.now_ms + 50
        return len(buf)

    def readfrom_into(self, addr, buf):
        self._check(addr)
        buf[0] = (0x80 if self._ready() else 0) | 0x40 | self.power_down << 1
        buf[1] = self.code >> 4
        buf[2] = (self.code & 15) << 4
        buf[3] = self.eeprom >> 8
        buf[4] = self.eeprom & 0xFF
