# SPDX-License-Identifier: Apache-2.0
"""The link's frames in plain Python: `00 | COBS(body) | 00`, as firmware_py/PROTOCOL.md says."""

import struct
from binascii import crc32
from typing import NamedTuple

VERSION = 1
BODY_MAX = 240
HEADER = struct.Struct("<BBHH")
CRC = struct.Struct("<I")
COUNTERS = ("frames", "too_long", "cobs_errors", "too_short", "crc_errors", "version_errors")


class Frame(NamedTuple):
    flags: int
    type: int
    seq: int
    session: int
    payload: bytes


class FrameError(ValueError):
    """A run of bytes is no frame; `counter` names the reason."""

    def __init__(self, counter: str) -> None:
        super().__init__(counter)
        self.counter = counter


def cobs_encode(body: bytes) -> bytes:
    """Cheshire, Baker, IEEE/ACM ToN 7(2) 1999, for bodies shorter than 254 bytes."""
    assert len(body) < 254
    return b"".join(bytes([len(part) + 1]) + part for part in body.split(b"\0"))


def cobs_decode(encoded: bytes) -> bytes:
    parts = []
    while encoded:
        code = encoded[0]
        if code == 0 or code > len(encoded):
            raise FrameError("cobs_errors")
        parts.append(encoded[1:code])
        encoded = encoded[code:]
    return b"\0".join(parts)


def seal(body: bytes) -> bytes:
    """Add CRC, COBS and delimiters to header + payload."""
    return b"\0" + cobs_encode(body + CRC.pack(crc32(body))) + b"\0"


def encode_frame(flags: int, type_: int, seq: int, session: int, payload: bytes) -> bytes:
    if not 0 <= flags <= 15 or HEADER.size + len(payload) + CRC.size > BODY_MAX:
        raise ValueError("frame refused")
    return seal(HEADER.pack(VERSION << 4 | flags, type_, seq, session) + payload)


def open_run(run: bytes) -> Frame:
    """The frame in the bytes between two delimiters, or FrameError."""
    if len(run) > BODY_MAX + 1:
        raise FrameError("too_long")
    body = cobs_decode(run)
    if len(body) < HEADER.size + CRC.size:
        raise FrameError("too_short")
    checked, crc = body[: -CRC.size], body[-CRC.size :]
    if CRC.pack(crc32(checked)) != crc:
        raise FrameError("crc_errors")
    start, type_, seq, session = HEADER.unpack_from(checked)
    if start >> 4 != VERSION:
        raise FrameError("version_errors")
    return Frame(start & 15, type_, seq, session, checked[HEADER.size :])


class FrameDecoder:
    """Splits a stream at its delimiters; empty runs are no error."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTERS, 0)
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        *runs, self._rest = (self._rest + data).split(b"\0")
        frames = []
        for run in filter(None, runs):
            try:
                frames.append(open_run(run))
                self.counts["frames"] += 1
            except FrameError as error:
                self.counts[error.counter] += 1
        return frames
