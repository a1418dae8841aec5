# SPDX-License-Identifier: Apache-2.0
"""The workspace is as long as its arrays, which alloc_space.h lists, and not a word longer."""

import pytest

from edge._native import ffi, lib

SLOTS, CLASSES, MARGIN = 4, 256, 15
MOMENT, NODE, CUT, PLACES, STOP, RAMP = 16, 6 * 4, 2 * 4, 2 * 4, 24, 32
TREE = (8 + 2 * SLOTS) * 4
POWER = 8
"""Bytes of an int64; indices have 4."""


def bytes_of(loads: int, rows: int, entries: int) -> int:
    """Sum over the arrays."""
    by_row = 4 * POWER + MOMENT + NODE + 7 * 4
    by_slot_and_row = STOP + PLACES
    by_cut = POWER + CUT + 2 * 4
    by_load = RAMP + 3 * 4
    total = rows * by_row + SLOTS * rows * by_slot_and_row + (2 * rows + 2) * by_cut
    total += loads * by_load + (loads + 1) * (POWER + 4) + 3 * (loads + MARGIN) * 4
    return total + 4 * 4 * entries + TREE + (CLASSES + 1) * 4


@pytest.mark.parametrize(
    ("loads", "rows", "entries"),
    [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1), (2, 1, 2), (7, 3, 10), (100_800, 4_321, 504_000)],
)
def test_workspace_is_the_sum_of_its_arrays(loads, rows, entries):
    """An array longer than what is used of it would cost the caller memory and cache."""
    words = lib.edge_alloc_workspace_words(loads, rows, entries)
    assert words == (bytes_of(loads, rows, entries) + 7) // 8


@pytest.mark.parametrize(("loads", "rows"), [(2**24, 0), (0, 2**24), (2**24, 2**24)])
def test_the_largest_counts_are_not_refused(loads, rows):
    """What is named is row_start, looked at next: no array of that size is needed."""
    alloc = ffi.new("struct edge_alloc *", {"loads": loads, "rows": rows})
    alloc.row_start = row_start = ffi.new("int32_t[]", [1])
    assert lib.edge_alloc_prepare(alloc) == lib.EDGE_E_RANGE
    assert (alloc.fault, alloc.fault_is_row, row_start[0]) == (0, 1, 1)
