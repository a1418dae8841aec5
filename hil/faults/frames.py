# SPDX-License-Identifier: Apache-2.0
"""Frames in a byte stream, for faults that act on whole ones (firmware_py/PROTOCOL.md).

A frame is what ends at a delimiter behind at least one other byte, with the delimiters before
it: cut up this way, the pieces put together are the stream again.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from firmware_py.link import codec, messages

IDS = {row[1]: row[0] for row in messages.MESSAGES}
"""Message name -> type."""


class Cutter:
    """Bytes in any chunks to frames; what is not complete waits."""

    __slots__ = ("_rest", "waited")

    def __init__(self) -> None:
        self._rest = bytearray()
        self.waited = False
        """The rest was there already when `overdue` was asked last."""

    def cut(self, data: bytes) -> list[bytes]:
        """Frames that `data` completes, each with its delimiters."""
        rest = self._rest
        frames = []
        for byte in data:
            rest.append(byte)
            if byte == 0 and len(rest) > 1 and rest[-2] != 0:
                frames.append(bytes(rest))
                rest.clear()
        if frames:
            self.waited = False
        return frames

    def take(self) -> bytes:
        """The incomplete rest, which is then forgotten."""
        rest = bytes(self._rest)
        self._rest.clear()
        self.waited = False
        return rest

    def overdue(self) -> bytes:
        """The rest if it has waited since the last call: no frame takes two ticks."""
        if self.waited:
            return self.take()
        self.waited = bool(self._rest)
        return b""


def body_of(frame: bytes) -> bytes | None:
    """Header, payload and crc of a sound frame; None if it is damaged."""
    found: list[bytes] = []
    codec.Decoder().feed(frame, len(frame), lambda body, n: found.append(bytes(body[:n])))
    return found[0] if found else None


def frame_of(kind: int, flags: int, seq: int, session: int, payload: bytes) -> bytes:
    """A sound frame with both delimiters."""
    frame = codec.Frame(kind, len(payload))
    frame.body[messages.HEADER_BYTES : messages.HEADER_BYTES + len(payload)] = payload
    frame.seal(flags, seq, session)
    out = bytearray(messages.FRAME_MAX)
    return bytes(out[: codec.encode(frame.body, out, 0)])


def _known(name: str) -> str:
    if name not in IDS:
        raise ValueError(f"no message {name!r}: known are {', '.join(IDS)}")
    return name


MessageName = Annotated[str, AfterValidator(_known)]
"""A name of firmware_py/link/messages.py."""
MessageNames = Annotated[list[MessageName], Field(min_length=1)]


class Selector:
    """Which frames: by message name, and of those each with a probability."""

    def __init__(self, only: list[str] | None) -> None:
        """None: all frames, damaged ones too."""
        self._ids = None if only is None else {IDS[name] for name in only}

    def takes(self, frame: bytes) -> bool:
        """Whether its type is one of them."""
        if self._ids is None:
            return True
        body = body_of(frame)
        return body is not None and body[1] in self._ids
