# SPDX-License-Identifier: Apache-2.0
# The configuration that comes over the link (link/stored.py): staged in RAM, so that one that is
# refused or never finished costs no flash and no copy; checked; saved for the next boot.

import gc
from binascii import crc32

from ..link.wire_privileged import CONFIG_CRC, CONFIG_FLASH, CONFIG_INVALID, CONFIG_LENGTH
from .copies import part, save

NAME = "config"
MOST = 4096


class ConfigStore:
    # seq, length, crc: of the copy in force. check(payload) raises ValueError if this firmware
    # cannot use it. writable: fskind.may_write().
    def __init__(self, files, seq, length, crc, check, writable=True):
        self._files = files
        self._seq = seq
        self.length = length
        self.crc = crc
        self._check = check
        self._writable = writable
        self._staged = None
        self._come = 0

    # Forget what was staged and make room; 0 or CONFIG_*.
    def begin(self, length):
        self._staged = None
        self._come = 0
        if not self._writable:
            return CONFIG_FLASH
        if length > MOST:
            return CONFIG_LENGTH
        gc.collect()
        try:
            self._staged = bytearray(length)
        except MemoryError:
            return CONFIG_LENGTH
        return 0

    def write(self, offset, piece):
        if self._staged is None or offset != self._come:
            return CONFIG_LENGTH
        if offset + len(piece) > len(self._staged):
            return CONFIG_LENGTH
        self._staged[offset : offset + len(piece)] = piece
        self._come += len(piece)
        return 0

    # For the next boot; what is in force stays so until then.
    def commit(self, length, crc):
        staged = self._staged
        self._staged = None
        if staged is None or not self._come == length == len(staged):
            return CONFIG_LENGTH
        if crc32(staged) != crc:
            return CONFIG_CRC
        try:
            self._check(staged)
        except ValueError:
            return CONFIG_INVALID
        try:
            save(self._files, NAME, staged, MOST)
        except OSError:
            return CONFIG_FLASH
        return 0

    # Bytes of the copy in force; none once two more have been saved since the boot.
    def read(self, offset, n):
        return bytes(part(self._files, NAME, self._seq, offset, n))
