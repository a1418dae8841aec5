# SPDX-License-Identifier: Apache-2.0
# An I2C bus with one SHT3x or SHT4x: commands, NAK while it measures, CRC. Runs on the VM too and
# allocates nothing unless it raises.
#
# Faults: "open" (no ACK), "short" (the bus times out), "error" and "flip" (a wrong bit), once each.

_HEATER = (0x306D, 0x39, 0x32, 0x2F, 0x24, 0x1E, 0x15)
_MEASURE = (0x2400, 0xFD)
_RESET = (0x30A2, 0x94)


def _crc(word):
    crc = 0xFF
    for shift in range(8, -1, -8):
        crc ^= word >> shift & 0xFF
        for _ in range(8):
            crc = (crc << 1 ^ (0x31 if crc & 0x80 else 0)) & 0xFF
    return crc


class FakeSht:
    def __init__(self, addr, kind):
        self.addr = addr
        self.kind = kind
        self.now_ms = 0
        self.raw_t = 0x6666  # 25 degC
        self.raw_rh = 0x8000
        self.fault = ""
        self.late_ms = 0
        self.heater = 0  # times that it was switched on
        self.resets = 0
        self.unknown = 0  # commands that the chip does not have
        self._ready_ms = -1  # -1: nothing measured
        self._t = self._rh = 0

    def _check(self, addr):
        fault = self.fault
        if fault in ("open", "short", "error") or addr != self.addr:
            if fault == "error":
                self.fault = ""
            raise OSError(110 if fault == "short" else 5)

    def writeto(self, addr, buf):
        self._check(addr)
        command = buf[0] if self.kind == 4 else buf[0] << 8 | buf[1]
        if command == _MEASURE[self.kind - 3]:
            self._ready_ms = self.now_ms + (9 if self.kind == 4 else 16) + self.late_ms
            self._t = self.raw_t
            self._rh = self.raw_rh
        elif command == _RESET[self.kind - 3]:
            self.resets += 1
            self._ready_ms = -1
        elif command in _HEATER:
            self.heater += 1
        else:
            self.unknown += 1
        return len(buf)

    def readfrom_into(self, addr, buf):
        self._check(addr)
        if self._ready_ms < 0 or self.now_ms < self._ready_ms:
            raise OSError(5)
        self._ready_ms = -1
        self._word(buf, 0, self._t)
        self._word(buf, 3, self._rh)
        if self.fault == "flip":
            self.fault = ""
            buf[1] ^= 0x40

    def _word(self, buf, at, raw):
        buf[at] = raw >> 8
        buf[at + 1] = raw & 0xFF
        buf[at + 2] = _crc(raw)
