# SPDX-License-Identifier: Apache-2.0
# Frames, without I/O: 00 | COBS(header 6 | payload | crc32) | 00. PROTOCOL.md has the bytes.
#
# encode() and Frame.seal() allocate nothing; Decoder.feed() allocates one memoryview a frame.

from binascii import crc32
from struct import pack_into, unpack_from

from .crc import put_crc
from .wire import BODY_MAX, CRC_BYTES, HEADER_BYTES, VERSION

_BODY_MIN = HEADER_BYTES + CRC_BYTES


# One frame body of fixed length, built in place and sealed again for every use.
class Frame:
    def __init__(self, kind, payload_bytes):
        self.kind = kind
        self.body = bytearray(HEADER_BYTES + payload_bytes + CRC_BYTES)
        self._crc_at = HEADER_BYTES + payload_bytes
        self._covered = memoryview(self.body)[: self._crc_at]

    # Write header and crc around the payload that is already in the body.
    def seal(self, flags, seq, session):
        pack_into("<BBHH", self.body, 0, VERSION << 4 | flags, self.kind, seq, session)
        put_crc(self._covered, self.body, self._crc_at)


# COBS-encode body between two delimiters into out from index `at`; the index after the frame.
# A body is shorter than 254 bytes, so no block is ever full (code 0xFF never occurs).
def encode(body, out, at):
    out[at] = 0
    code_at = at + 1
    at += 2
    for byte in body:
        if byte:
            out[at] = byte
        else:
            out[code_at] = at - code_at
            code_at = at
        at += 1
    out[code_at] = at - code_at
    out[at] = 0
    return at + 1


# Bytes in, checked bodies out. Any input gives bodies or counted errors, never an exception.
class Decoder:
    def __init__(self):
        self.body = bytearray(BODY_MAX)
        self.errors = 0  # frames refused: COBS, length or crc
        self._n = 0  # bytes decoded of the current frame
        self._left = 0  # bytes until the next COBS code
        self._open = False  # a code byte was seen since the last delimiter
        self._skip = False  # too long: ignore up to the next delimiter

    # Take data[:n]; call sink(body, n_body) for each good frame; body is valid only inside the
    # call and n_body counts header, payload and crc.
    def feed(self, data, n, sink):
        for i in range(n):
            byte = data[i]
            if byte == 0:
                self._delimiter(sink)
            elif self._left == 0:
                if self._open:
                    self._append(0)
                self._open = True
                self._left = byte - 1
            else:
                self._append(byte)
                self._left -= 1

    def _append(self, byte):
        if self._n >= BODY_MAX:
            self._skip = True
            return
        self.body[self._n] = byte
        self._n += 1

    def _delimiter(self, sink):
        if self._open:
            if self._skip or self._left or not self._sound():
                self.errors += 1
            else:
                sink(self.body, self._n)
        self._n = self._left = 0
        self._open = self._skip = False

    def _sound(self):
        if self._n < _BODY_MIN:
            return False
        end = self._n - CRC_BYTES
        return unpack_from("<I", self.body, end)[0] == crc32(memoryview(self.body)[:end])
