# SPDX-License-Identifier: Apache-2.0
# A Modbus RTU meter at the other end of a UART: machine.UART towards the master. Its CRC is
# computed bit by bit, independent of the firmware's table.

from array import array


class FakeModbusMeter:
    # function: the one it answers, 3 or 4; size: registers 0 .. size - 1
    def __init__(self, unit, function, size):
        self.unit = unit
        self.function = function
        self.registers = array("H", [0] * size)
        self.now_ms = 0
        self.delay_ms = 40  # until the whole answer is there
        self._out = bytearray(300)
        self._n = 0
        self._sent = 0
        self._ready_ms = 0
        self._old = bytearray(8)  # the request before
        self.requests = 0
        self.request = bytearray(8)
        # faults
        self.mute = False
        self.raises = False
        self.echo = False  # the transceiver hears itself
        self.noise = 0  # stray 00 bytes before the answer
        self.flip = -1  # this byte of the answer is inverted
        self.cut = 0  # bytes missing at the end
        self.extra = 0  # bytes too many
        self.exception = 0  # answers with this code
        self.swap_crc = False  # CRC high byte first
        self.lag = False  # answers the request before
        self.as_unit = 0  # answers under this number
        self.babble = False  # the line never falls silent

    # A 32-bit value in two registers, the high word first.
    def put(self, address, hi, lo):
        self.registers[address] = hi
        self.registers[address + 1] = lo

    def any(self):
        if self.raises:
            raise OSError(5)
        if self.babble:
            return 7
        if self.now_ms < self._ready_ms:
            return 0
        return self._n - self._sent

    def readinto(self, buf, n):
        if self.babble:
            for i in range(n):
                buf[i] = 0x55
            return n
        n = min(n, self.any())
        for i in range(n):
            buf[i] = self._out[self._sent + i]
        self._sent += n
        return n

    def write(self, buf):
        if self.raises:
            raise OSError(5)
        for i in range(8):
            self._old[i] = self.request[i]
            self.request[i] = buf[i]
        self.requests += 1
        self._n = self._sent = 0
        self._ready_ms = self.now_ms + self.delay_ms
        if self.echo:
            for i in range(8):
                self._push(buf[i])
        if self.mute or buf[0] != self.unit or _crc(buf, 0, 8) != 0:
            return 8
        self._answer(self._old if self.lag and self.requests > 1 else self.request)
        return 8

    def _answer(self, request):
        for _ in range(self.noise):
            self._push(0)
        start = self._n
        self._push(self.as_unit or self.unit)
        address = request[2] << 8 | request[3]
        count = request[4] << 8 | request[5]
        error = self.exception
        if not error and request[1] != self.function:
            error = 1
        if not error and address + count > len(self.registers):
            error = 2
        if error:
            self._push(request[1] | 0x80)
            self._push(error)
        else:
            self._push(request[1])
            self._push(2 * count)
            for i in range(address, address + count):
                self._push(self.registers[i] >> 8)
                self._push(self.registers[i] & 0xFF)
        crc = _crc(self._out, start, self._n - start)
        self._push(crc >> 8 if self.swap_crc else crc & 0xFF)
        self._push(crc & 0xFF if self.swap_crc else crc >> 8)
        if self.flip >= 0:
            self._out[start + self.flip] ^= 0xFF
        self._n -= self.cut
        for _ in range(self.extra):
            self._push(0xAA)

    def _push(self, byte):
        self._out[self._n] = byte
        self._n += 1


def _crc(buf, start, n):
    crc = 0xFFFF
    for i in range(start, start + n):
        crc ^= buf[i]
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
