# SPDX-License-Identifier: Apache-2.0
# A small file in two copies, so that power can fail at any write: NAME.0 and NAME.1. A save goes
# to the copy that is not the newest valid one; it counts when its last bytes are there.
#
#     magic 4 | seq u32 | length u32 | payload | crc32 over name, the 12 bytes of head, payload
#
# The CRC is the last thing written: a payload may come in pieces, and no part of it is ever in
# RAM twice. The name is in it so that a file copied to another name never wins. `files`: a Folder,
# or what opens files like it.

from binascii import crc32
from struct import pack, unpack

from .folder import after

MAGIC = b"RKE\x01"  # its last byte is the format version
_HEAD = "<4sII"
_HEAD_BYTES = 12
_PIECE = 128
_SEQ = 0xFFFFFFFF
MOST = 16384  # longest payload, bytes

_ABSENT = 0
_BAD = 1
_VALID = 2
_ENOENT = 2
_EIO = 5
_ENOSPC = 28


# The newest payload that is whole: (payload or None, seq, fell_back). fell_back: there is a copy
# that is damaged, so a newer payload may have been lost; it may also be a save that was cut off.
# accept(payload), if given, raises ValueError for one that is whole and of no use, say to an older
# firmware: the older copy then comes instead. Raises what accept said if it takes none.
def load(files, name, most=MOST, accept=None):
    first, fell_back = _newest(files, name, most)
    refused = None
    for copy in (first, 1 - first):
        kind, seq, payload = _read(files, name, copy, most, True)
        if kind == _VALID:
            try:
                if accept is not None:
                    accept(payload)
            except ValueError as error:
                refused = error
                fell_back = True
            else:
                return payload, seq, fell_back
    if refused is not None:
        raise refused
    return None, 0, fell_back


# n bytes from `offset` on of the payload that was saved as `seq`; fewer at its end, none if a later
# save has overwritten it. Not checked again.
def part(files, name, seq, offset, n):
    for copy in (0, 1):
        try:
            with files.open(_path(name, copy), "rb") as file:
                head = file.read(_HEAD_BYTES)
                if len(head) == _HEAD_BYTES and head[:4] == MAGIC:
                    _, found, length = unpack(_HEAD, head)
                    if found == seq:
                        file.seek(_HEAD_BYTES + offset)
                        return file.read(max(min(n, length - offset), 0))
        except OSError:
            pass
    return b""


# Save a payload and see that it reads back; returns its seq. Raises OSError; then the newest
# valid copy is as it was.
def save(files, name, payload, most=MOST):
    writer = Writer(files, name, len(payload), most)
    writer.append(payload)
    return writer.commit()


# A payload that comes in pieces. Nothing of it counts before commit(). One at a time per name.
class Writer:
    # Raises ValueError if it is too long, OSError.
    def __init__(self, files, name, length, most=MOST):
        if length > most:
            raise ValueError("%s: %d bytes, at most %d" % (name, length, most))
        newest, _ = _newest(files, name, most)
        kind, seq, _ = _read(files, name, newest, most, False)
        self._copy = 1 - newest if kind == _VALID else newest
        self._files = files
        self._name = name
        self._most = most
        self._left = length
        self.seq = (seq + 1) & _SEQ
        self._crc = crc32(name.encode())
        self._file = files.open(_path(name, self._copy), "wb")
        self._put(pack(_HEAD, MAGIC, self.seq, length))

    # Raises ValueError if that is more than was announced, OSError.
    def append(self, piece):
        if len(piece) > self._left:
            raise ValueError(self._name + ": more than was announced")
        self._put(piece)
        self._left -= len(piece)

    # Returns the seq. Raises ValueError if some of it is missing, OSError if it does not read
    # back.
    def commit(self):
        if self._left:
            raise ValueError("%s: %d bytes are missing" % (self._name, self._left))
        crc = self._crc
        self._put(pack("<I", crc))
        self.abort()
        kind, seq, _ = _read(self._files, self._name, self._copy, self._most, False, crc)
        if kind != _VALID or seq != self.seq:
            raise OSError(_EIO)
        return seq

    # End without a commit; the newest valid copy stays what it is.
    def abort(self):
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _put(self, data):
        if self._file is None:
            raise ValueError(self._name + ": ended")
        done = False
        try:
            done = self._file.write(data) == len(data)
        finally:
            if not done:
                self.abort()
        if not done:
            raise OSError(_ENOSPC)
        self._crc = crc32(data, self._crc)


def _path(name, copy):
    return "%s.%d" % (name, copy)


# (the copy that is newest and valid, else 0; some copy is damaged).
def _newest(files, name, most):
    kind0, seq0, _ = _read(files, name, 0, most, False)
    kind1, seq1, _ = _read(files, name, 1, most, False)
    newest = kind1 == _VALID and (kind0 != _VALID or after(seq1, seq0))
    return int(newest), _BAD in (kind0, kind1)


# (kind, seq, payload if `keep`) of one copy. `crc`: what it must have, if known.
def _read(files, name, copy, most, keep, crc=None):
    try:
        with files.open(_path(name, copy), "rb") as file:
            return _walk(file, name, most, keep, crc)
    except OSError as error:
        return _ABSENT if error.errno == _ENOENT else _BAD, 0, None


def _walk(file, name, most, keep, expected):
    head = file.read(_HEAD_BYTES)
    if not head:  # was being made when power failed: never held anything
        return _ABSENT, 0, None
    if len(head) != _HEAD_BYTES:
        return _BAD, 0, None
    magic, seq, length = unpack(_HEAD, head)
    if magic != MAGIC or length > most:
        return _BAD, 0, None
    payload = bytearray(length if keep else 0)
    crc = crc32(head, crc32(name.encode()))
    at = 0
    while at < length:
        piece = file.read(min(_PIECE, length - at))
        if not piece:
            return _BAD, 0, None
        crc = crc32(piece, crc)
        if payload is not None:
            payload[at : at + len(piece)] = piece
        at += len(piece)
    # one byte more than the CRC: a longer file is not ours
    if file.read(5) != pack("<I", crc) or expected not in (None, crc):
        return _BAD, 0, None
    return _VALID, seq, payload if keep else None
