# SPDX-License-Identifier: Apache-2.0
# The configuration behind CONFIG_*: staged in RAM, checked as at boot, then saved as the newest of
# two copies (store/copies.py). What is in force stays so until the next boot, and if anything
# fails. Requests only; saving stops everything for as long as a flash erase takes.

from binascii import crc32

from ..store import copies
from . import wire_privileged as w

NAME = "config"


class ConfigStore:
    # files: copies.Folder; board: what a configuration must say it is for.
    def __init__(self, files, board):
        self._files = files
        self._board = board
        self._staged = bytearray(0)

    # 0, or one of CONFIG_*, as all that follow.
    def begin(self, length):
        self._staged = bytearray(0)
        if length > copies.MOST:
            return w.CONFIG_LENGTH
        try:
            self._staged = bytearray(length)
        except MemoryError:
            return w.CONFIG_LENGTH
        return 0

    def write(self, offset, piece):
        self._staged[offset : offset + len(piece)] = piece
        return 0

    def commit(self, length, crc):
        staged, self._staged = self._staged, bytearray(0)
        if len(staged) != length or crc32(staged) != crc:
            return w.CONFIG_CRC
        if not self._valid(staged):
            return w.CONFIG_INVALID
        try:
            copies.save(self._files, NAME, staged)
        except OSError:
            return w.CONFIG_FLASH
        return 0

    # As boot.py will find it. The reader costs heap only while it is needed.
    def _valid(self, data):
        from ..store.config import parse  # noqa: PLC0415

        try:
            return parse(data).board == self._board
        except ValueError:
            return False

    # The newest copy, b"" if there is none.
    def newest(self):
        return copies.load(self._files, NAME)[0] or b""
