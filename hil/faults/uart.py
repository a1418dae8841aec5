# SPDX-License-Identifier: Apache-2.0
"""What a UART hears of bytes that were sent at another baud rate: its samples, bit by bit."""

from collections.abc import Sequence

DATA_BITS = 8


def levels(data: bytes) -> list[int]:
    """8N1, back to back, least significant bit first; idle (1) around it."""
    out = [1]
    for byte in data:
        out.append(0)
        out += [byte >> bit & 1 for bit in range(DATA_BITS)]
        out.append(1)
    out.append(1)
    return out


def heard(data: bytes, ratio: float) -> bytes:
    """Bytes that a receiver at `ratio` times the sender's rate reads, framing errors included.

    It waits for a falling edge and samples the middle of each bit. A byte whose stop bit is low
    counts as read, as most drivers hand it on.
    """
    sent = levels(data)
    width = 1.0 / ratio
    out = bytearray()
    at = 0.0
    while (start := _falling(sent, at)) is not None:
        byte = 0
        for bit in range(DATA_BITS):
            byte |= _level(sent, start + (bit + 1.5) * width) << bit
        out.append(byte)
        at = start + (DATA_BITS + 1.5) * width
    return bytes(out)


def _level(sent: Sequence[int], at: float) -> int:
    i = int(at)
    return sent[i] if i < len(sent) else 1


def _falling(sent: Sequence[int], at: float) -> int | None:
    """The first start edge behind `at`; a line that is low there must go idle first."""
    i = int(at)
    for level in (0, 1):
        while i < len(sent) and sent[i] == level:
            i += 1
    return i if i < len(sent) else None
