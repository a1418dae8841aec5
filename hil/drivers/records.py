# SPDX-License-Identifier: Apache-2.0
"""The records between bench and board `sim`, as firmware_py/board/sim.py specifies them."""

from array import array

from firmware_py.channels import N_IN, N_OUT

RX_BYTES = 512
"""Link bytes that fit one record towards the board."""
TX_BYTES = 1024
"""Link bytes that fit one record from the board."""
_IN_WORDS = 2 + N_IN
_OUT_WORDS = 2 + N_OUT
IN_RECORD_BYTES = 4 * _IN_WORDS + RX_BYTES
OUT_RECORD_BYTES = 4 * _OUT_WORDS + TX_BYTES
_PADDING = bytes(RX_BYTES)
REAL_TIME = 0x0100_0001
"""now_ms of a record in real time, where it has no meaning: lets a stream of records be aligned."""


def pack_inputs(now_ms: int, inputs: "array[int]", rx: bytes = b"") -> bytes:
    """One record towards the board: the time, int32[N_IN], link bytes."""
    head = array("i", (now_ms, len(rx)))
    return head.tobytes() + inputs.tobytes() + rx + _PADDING[len(rx) :]


def unpack_outputs(block: bytes) -> tuple[int, "array[int]", bytes]:
    """One record from the board: (idle until ms, int32[N_OUT], link bytes).

    Idle until -1: it was the last record before a reset that the board does by itself.
    """
    start = 4 * _OUT_WORDS
    words = array("i", block[:start])
    return words[0], words[2:], block[start : start + words[1]]


class RecordStream:
    """Real-time records out of a byte stream that may begin, or be torn, anywhere.

    Such a record has no link bytes: its second word is 0 and so are its last `tail` bytes, and the
    one behind begins with a time. Nothing but a whole record fits that, so it aligns itself.
    """

    def __init__(self, size: int, tail: int) -> None:
        """`size` and `tail` in bytes: IN_RECORD_BYTES, RX_BYTES or OUT_RECORD_BYTES, TX_BYTES."""
        self._size = size
        self._zeros = bytes(tail)
        self._buffer = b""
        self.skipped_bytes = 0
        """Bytes that belonged to no whole record."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; returns the records that are whole now."""
        self._buffer += data
        found = []
        while len(self._buffer) >= self._size:
            if not self._fits(0):
                self._align()
                continue
            found.append(self._buffer[: self._size])
            self._buffer = self._buffer[self._size :]
        return found

    def _fits(self, at: int) -> bool:
        block = self._buffer[at : at + self._size]
        return (
            len(block) == self._size
            and block[:4] != bytes(4)
            and block[4:8] == bytes(4)
            and block.endswith(self._zeros)
        )

    def _align(self) -> None:
        """Drop bytes up to the first place where a record fits, or may begin."""
        last = len(self._buffer) - self._size
        at = next((at for at in range(1, last + 1) if self._fits(at)), last + 1)
        while self._fits(at + 1):  # zeros before a small time look like a part of it
            at += 1
        self.skipped_bytes += at
        self._buffer = self._buffer[at:]
