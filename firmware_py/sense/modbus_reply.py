# SPDX-License-Identifier: Apache-2.0
# The bytes of one Modbus RTU exchange, without time: the request, and what comes back until it
# is whole or cannot become right any more. Reads of registers only (FC 03, 04). Nothing here
# allocates.

from ..compat import const
from ..link.modbus_crc import crc16

BAD_CRC = const(2)
BAD_FRAME = const(3)  # another unit, function or length than asked for
EXCEPTION = const(4)  # `exception` has the code

WORDS_MAX = 60
_REQUEST = const(8)  # bytes
_ROOM = const(5 + 2 * 60)


class Reply:
    def __init__(self):
        self.request = bytearray(_REQUEST)
        self.rx = bytearray(_ROOM)
        self.exception = 0
        self._n = 0  # bytes of rx; whole at _length
        self._length = 0
        self._echo = 0  # of them, or of those dropped, that repeat our own request

    def ask(self, unit, function, address, count):
        tx = self.request
        tx[0] = unit
        tx[1] = function
        tx[2] = address >> 8
        tx[3] = address & 0xFF
        tx[4] = 0
        tx[5] = count
        crc = crc16(tx, 0, 6)
        tx[6] = crc & 0xFF
        tx[7] = crc >> 8
        self._length = 5 + 2 * count

    def clear(self):
        self._n = self._echo = 0

    # All there, checked. A part of an echo that happens to have the length is not the answer.
    def whole(self):
        return self._n == self._length and self._echo != self._n

    # One byte from the line: 0, or why the answer is bad.
    def take(self, byte):
        rx = self.rx
        n = self._n
        # a transceiver that switches makes a stray 00 or FF, which no unit has as its number
        if n == 0 and not 0 < byte < 0xFF:
            return 0
        if self.whole():
            return BAD_FRAME  # longer than asked for
        rx[n] = byte
        n += 1
        self._n = n
        if self._echo == n - 1 < _REQUEST and byte == self.request[n - 1]:
            self._echo = n
            if n == _REQUEST:  # a transceiver that hears itself
                self._n = 0
            return 0
        return self._check(n)

    def _check(self, n):
        rx = self.rx
        function = self.request[1]
        if rx[0] != self.request[0] or (n >= 2 and rx[1] & 0x7F != function):
            return BAD_FRAME
        if n >= 2 and rx[1] != function:
            return self._refusal(n)
        if n >= 3 and rx[2] != self._length - 5:
            return BAD_FRAME
        return self._checksum(n) if n == self._length else 0

    def _refusal(self, n):
        if n < 5:
            return 0
        self.exception = self.rx[2]
        return self._checksum(5) or EXCEPTION

    def _checksum(self, n):
        rx = self.rx
        return 0 if crc16(rx, 0, n - 2) == rx[n - 2] | rx[n - 1] << 8 else BAD_CRC
