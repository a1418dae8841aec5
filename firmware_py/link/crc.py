# SPDX-License-Identifier: Apache-2.0
# A frame's crc32 into its place, without allocating. Where words have 32 bits three of four such
# numbers are no small int, and binascii.crc32 would cost heap at every frame; there the crc is
# made in halves of 16 bits, a nibble at a time.

from array import array
from binascii import crc32
from struct import pack_into
from sys import maxsize

# The crc of each nibble, CRC-32 of IEEE 802.3 (reflected 0xEDB88320), low half and high half.
# fmt: off
_LOW = array("H", (
    0x0000, 0x1064, 0x20C8, 0x30AC, 0x4190, 0x51F4, 0x6158, 0x713C,
    0x8320, 0x9344, 0xA3E8, 0xB38C, 0xC2B0, 0xD2D4, 0xE278, 0xF21C,
))
_HIGH = array("H", (
    0x0000, 0x1DB7, 0x3B6E, 0x26D9, 0x76DC, 0x6B6B, 0x4DB2, 0x5005,
    0xEDB8, 0xF00F, 0xD6D6, 0xCB61, 0x9B64, 0x86D3, 0xA00A, 0xBDBD,
))
# fmt: on


# The crc of `covered` to body[at:].
def put_halves(covered, body, at):
    low = high = 0xFFFF
    for byte in covered:
        for _ in range(2):
            i = (low ^ byte) & 15
            low = (low >> 4 | (high & 15) << 12) ^ _LOW[i]
            high = high >> 4 ^ _HIGH[i]
            byte >>= 4
    pack_into("<HH", body, at, low ^ 0xFFFF, high ^ 0xFFFF)


def put_whole(covered, body, at):
    pack_into("<I", body, at, crc32(covered))


put_crc = put_whole if maxsize > 0x7FFFFFFF else put_halves
