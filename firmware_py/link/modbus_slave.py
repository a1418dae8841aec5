# SPDX-License-Identifier: Apache-2.0
# Modbus RTU slave (Application Protocol V1.1b3, over serial line V1.02) for building management:
# functions 3 and 4 read one map (MODBUS.md); 6 and 16 write three registers where the
# configuration allows it. Reading allocates nothing.
#
# The port: receive() with what came, step() as often as possible; buf[:turn] is the answer to
# send, by half_duplex.py. silence_us() has t3.5.

from ..compat import const, ticks_diff
from .modbus_crc import crc16
from .modbus_registers import WRITABLE, WRITABLE_AT

REGISTERS_MAX = 125  # of one answer (V1.1b3, 6.3)

_READS = b"\3\4"  # holding, input registers
_WRITES = b"\x06\x10"  # one register, several
_WRITE_MANY = const(16)
_ERROR = const(0x80)
_NO_FUNCTION = const(1)
_NO_ADDRESS = const(2)
_BAD_VALUE = const(3)
_BUSY = const(6)
_FRAME_MAX = const(256)


class ModbusSlave:
    # silence_us: t3.5 at the port's speed; writes: whether functions 6 and 16 are served.
    def __init__(self, registers, address, silence_us, writes=False):
        self.registers = registers
        self.buf = bytearray(_FRAME_MAX)  # the request, then its answer
        self.turn = 0  # bytes of an answer to send
        self.n = 0  # bytes held of what came
        self.errors = 0  # frames with a wrong CRC or cut short
        self.answered = 0
        self._address = address
        self._silence_us = silence_us
        self._writes = writes
        self._last_us = 0

    # Bytes data[:n] came by now_us. They belong to one frame until the line is silent. Never give
    # it its own echo: the answer to function 6 is a request.
    def receive(self, data, n, now_us):
        if n == 0 or self.turn:
            return
        if self.n and ticks_diff(now_us, self._last_us) >= self._silence_us:
            self.n = 0  # its master has waited in vain, and somebody speaks again
            self.errors += 1
        for i in range(n):
            if self.n < _FRAME_MAX:
                self.buf[self.n] = data[i]
            self.n += 1
        self._last_us = now_us

    # If the line has been silent for long enough, answer what it carried. now_ms: board time.
    def step(self, now_us, now_ms):
        if self.n == 0 or self.turn or ticks_diff(now_us, self._last_us) < self._silence_us:
            return
        n = self.n
        self.n = 0
        self.registers.state.now_ms = now_ms
        if n < 4 or n > _FRAME_MAX or not self._sound(0, n):
            self.errors += 1
            if self._last_is_ours(n):
                self._request(6)
        elif self.buf[0] == self._address or self.buf[0] == 0:
            self._request(n - 2)

    # n_sent bytes of the answer have left.
    def sent(self, n_sent):
        self.turn -= n_sent
        for i in range(self.turn):
            self.buf[i] = self.buf[i + n_sent]

    def _sound(self, start, end):
        crc = crc16(self.buf, start, end - start - 2)
        return self.buf[end - 2] == crc & 0xFF and self.buf[end - 1] == crc >> 8

    # A tick came between, and two frames look like one: the answer of another slave, then a read
    # of ours. Only reads are taken so: nothing is written by chance.
    def _last_is_ours(self, n):
        buf = self.buf
        start = n - 8
        if n > _FRAME_MAX or start <= 0 or buf[start] != self._address:
            return False
        if buf[start + 1] not in _READS or not self._sound(start, n):
            return False
        for i in range(8):
            buf[i] = buf[start + i]
        return True

    def _word(self, at):
        return self.buf[at] << 8 | self.buf[at + 1]

    def _request(self, n):
        broadcast = self.buf[0] == 0
        function = self.buf[1]
        if function in _READS:
            answer = 0 if broadcast else self._read(n)
        elif self._writes and function in _WRITES:
            answer = self._write(n, function == _WRITE_MANY)
        else:
            answer = -_NO_FUNCTION
        if broadcast or answer == 0:
            return
        if answer < 0:
            self.buf[1] = function | _ERROR
            self.buf[2] = -answer
            answer = 3
        crc = crc16(self.buf, 0, answer)
        self.buf[answer] = crc & 0xFF
        self.buf[answer + 1] = crc >> 8
        self.answered += 1
        self.turn = answer + 2

    # Length of the answer without CRC, minus the exception code, or 0: no answer.
    def _read(self, n):
        if n != 6:
            return 0  # no request: an answer, ours or another's
        first = self._word(2)
        count = self._word(4)
        if count == 0 or count > REGISTERS_MAX:
            return -_BAD_VALUE
        for i in range(count):
            value = self.registers.get(first + i)
            if value < 0:
                return -_NO_ADDRESS
            self.buf[3 + 2 * i] = value >> 8
            self.buf[4 + 2 * i] = value & 0xFF
        self.buf[2] = 2 * count
        return 3 + 2 * count

    def _write(self, n, many):
        registers = self.registers
        first = self._word(2) - WRITABLE_AT
        count = self._word(4) if many else 1
        if many and (n < 7 or count == 0 or count > 123 or self.buf[6] != 2 * count):
            return -_BAD_VALUE
        if n != (7 + 2 * count if many else 6):
            return -_BAD_VALUE
        if first < 0 or first + count > WRITABLE:
            return -_NO_ADDRESS
        at = 7 if many else 4
        for i in range(count):
            if not registers.allowed(first + i, self._word(at + 2 * i)):
                return -_BAD_VALUE
        if not registers.put(first, count, self.buf, at):
            return -_BUSY
        return 6  # both functions answer with address and value or count


# Silence that ends a frame, us: 3.5 characters of 11 bits, 1750 us above 19200 baud (V1.02,
# 2.5.1.1).
def silence_us(baud):
    return 1750 if baud > 19_200 else 38_500_000 // baud
