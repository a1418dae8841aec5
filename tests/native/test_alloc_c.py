# SPDX-License-Identifier: Apache-2.0
"""Rows as a C caller can get them wrong; edge.core.Allocator cannot build these."""

import pytest

from edge._native import ffi, lib

LOADS, ROWS, ENTRIES = 2, 2, 2


def prepare(**wrong):
    """Two loads, one in each row, with some fields exchanged: error, fault, fault_is_row."""
    fields = {
        "row_start": ffi.new("int32_t[]", wrong.pop("row_start", [0, 1, 2])),
        "entry_load": ffi.new("int32_t[]", wrong.pop("entry_load", [0, 1])),
        "entry_coef_ppm": ffi.new("int32_t[]", [1_000_000] * ENTRIES),
        "workspace": ffi.new("int64_t[]", lib.edge_alloc_workspace_words(LOADS, ROWS, ENTRIES)),
    }
    alloc = ffi.new(
        "struct edge_alloc *", {"loads": LOADS, "rows": ROWS, "fault": 7, **fields, **wrong}
    )
    error = lib.edge_alloc_prepare(alloc)
    return error, alloc.fault, alloc.fault_is_row


def test_good_rows_are_taken():
    assert prepare()[0] == lib.EDGE_OK


@pytest.mark.parametrize("field", ["loads", "rows"])
@pytest.mark.parametrize("count", [-1, 2**24 + 1])
def test_absurd_count_is_refused(field, count):
    assert prepare(**{field: count}) == (lib.EDGE_E_RANGE, -1, 0)


@pytest.mark.parametrize(
    ("row_start", "row"),
    [([1, 1, 2], 0), ([-1, 1, 2], 0), ([0, -1, 2], 0), ([0, 2, 1], 1), ([0, 3, 2], 0)],
)
def test_rows_that_fall_back_or_do_not_start_at_zero_are_refused(row_start, row):
    error, fault, is_row = prepare(row_start=row_start)
    assert (error, is_row) == (lib.EDGE_E_RANGE, 1)
    assert fault in (row, row + 1)


@pytest.mark.parametrize("entry_load", [[-1, 1], [2, 1]])
def test_entry_of_no_load_is_refused(entry_load):
    assert prepare(entry_load=entry_load) == (lib.EDGE_E_RANGE, 0, 1)
