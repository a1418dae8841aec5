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
