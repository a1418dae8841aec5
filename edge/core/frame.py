# SPDX-License-Identifier: Apache-2.0
"""Frames of the link: `native/include/edge_frame.h`."""

import struct
import threading
from typing import NamedTuple

from edge._native import ffi, lib

PAYLOAD_MAX_BYTES: int = lib.EDGE_PAYLOAD_MAX
"""Longest payload of one frame without authentication."""

_FRAME = struct.Struct("6H")  # struct edge_frame
_FRAME_BYTES = _FRAME.size
_unpack_frames = _FRAME.iter_unpack

_encode = lib.edge_frame_encode
_feed = lib.edge_decoder_feed
_new_tuple = tuple.__new__


class _Scratch(threading.local):
    """Where a frame is built; one per thread, because a call into C lets other threads run."""

    def __init__(self) -> None:
        frame = ffi.new(f"uint8_t[{lib.EDGE_FRAME_MAX}]")
        self.pair = frame, ffi.buffer(frame)


_scratch = _Scratch()


class Frame(NamedTuple):
    """One frame of the link, checked and unpacked; `type` and `payload` as in messages.py."""

    flags: int
    type: int
    seq: int
    session: int
    payload: bytes


def encode_frame(flags: int, type_: int, seq: int, session: int, payload: bytes) -> bytes:
    """One delimited frame, ready for the wire.

    ValueError if the payload does not fit or flags are not 0..15; OverflowError if another
    field leaves its unsigned range (type u8, seq and session u16).
    """
    out, view = _scratch.pair
    length: int = _encode(flags, type_, seq, session, payload, len(payload), out)
    if length < 0:
        raise ValueError(
            f"frame refused: flags {flags} (0..15), payload {len(payload)} B "
            f"(at most {PAYLOAD_MAX_BYTES})"
        )
    encoded: bytes = view[:length]
    return encoded


class FrameDecoder:
    """Streaming decoder: feed it bytes as they come, in any chunks."""

    __slots__ = ("_batch", "_decoder", "_fields", "_payloads")

    def __init__(self) -> None:
        self._decoder = ffi.new("struct edge_decoder *")
        self._batch = ffi.new("struct edge_batch *")
        self._fields = memoryview(ffi.buffer(self._batch.frame))
        self._payloads = ffi.buffer(self._batch.payload)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Frame]:
        """The frames that `data` completes, oldest first; damaged ones are only counted."""
        chunk = data if data.__class__ is bytes else bytes(data)
        frames: list[Frame] = []
        payloads, batch = self._payloads, self._batch
        while True:
            used = _feed(self._decoder, chunk, len(chunk), batch)
            if count := batch.count:
                fields = self._fields[: count * _FRAME_BYTES]
                # _new_tuple: what Frame(...) does, at half its price.
                for flags, type_, seq, session, at, length in _unpack_frames(fields):
                    payload = payloads[at : at + length]
                    frames.append(_new_tuple(Frame, (flags, type_, seq, session, payload)))
            if used == len(chunk):
                return frames
            chunk = chunk[used:]

    @property
    def frames(self) -> int:
        """Frames accepted."""
        return int(self._decoder.frames)

    @property
    def crc_errors(self) -> int:
        """Frames whose bytes changed on the way."""
        return int(self._decoder.crc_errors)

    @property
    def cobs_errors(self) -> int:
        """Runs between delimiters that are not COBS."""
        return int(self._decoder.cobs_errors)

    @property
    def too_long(self) -> int:
        """Runs longer than any frame."""
        return int(self._decoder.too_long)

    @property
    def too_short(self) -> int:
        """Runs shorter than header and CRC."""
        return int(self._decoder.too_short)

    @property
    def version_errors(self) -> int:
        """Intact frames of a protocol version that is not ours."""
        return int(self._decoder.version_errors)

    @property
    def errors(self) -> int:
        """Every run that was not accepted."""
        d = self._decoder
        return int(d.crc_errors + d.cobs_errors + d.too_long + d.too_short + d.version_errors)
