# SPDX-License-Identifier: Apache-2.0
# CRC-16/MODBUS: reflected 0x8005, start 0xFFFF, no final xor (Modbus over serial line V1.02,
# 6.2.2). On the line its LOW byte comes first, unlike every other 16-bit value of Modbus.
# 512 bytes of table, made once at import.

from array import array

_TABLE = array("H", [0] * 256)


def _fill():
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        _TABLE[byte] = crc


_fill()


# CRC of buf[start : start + n]. Allocates nothing.
def crc16(buf, start, n):
    table = _TABLE
    crc = 0xFFFF
    for i in range(start, start + n):
        crc = crc >> 8 ^ table[(crc ^ buf[i]) & 0xFF]
    return crc
