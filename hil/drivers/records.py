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
REAL_TIME = 0x5245_4B31
"""First word of a record on a port of its own, both ways: its time has no meaning there."""
_HEAD = array("i", (REAL_TIME, 0)).tobytes()


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


def stamped(block: bytes) -> bytes:
    """A record of a VM in real time, as it goes onto a port of its own."""
    return _HEAD[:4] + block[4:]


class RecordStream:
    """Records out of a byte stream that may begin, or be torn, anywhere.

    A record in real time begins with REAL_TIME and has no link bytes: its second word and its last
    `tail` bytes are 0. Nothing but a whole record looks like that, so the stream aligns itself.
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
            block = self._buffer[: self._size]
            if block.startswith(_HEAD) and block.endswith(self._zeros):
                found.append(block)
                self._buffer = self._buffer[self._size :]
            else:
                self._align()
        return found

    def _align(self) -> None:
        """Drop bytes up to where the next record may begin."""
        at = self._buffer.find(_HEAD, 1)
        if at < 0:  # its head may have come in part
            at = len(self._buffer) - len(_HEAD) + 1
        self.skipped_bytes += at
        self._buffer = self._buffer[at:]
