# SPDX-License-Identifier: Apache-2.0
"""Which rows are taken, and that rows which are almost a tree are filled as what they are."""

import pytest

from edge._native import ffi, lib
from edge.core import Allocator
from tests.native.capping import WHOLE, allocator_of, result_of, solve
from tests.reference import allocate
from tests.reference.allocate import Load, Row

FEED = {0: WHOLE, 1: WHOLE, 2: WHOLE}


def faults(**fields: int) -> tuple[int, int, int]:
    """Error, fault and fault_is_row of prepare with these fields changed."""
    allocator = Allocator(3, [FEED, {2: WHOLE}])
    alloc = allocator._alloc
    for name, value in fields.items():
        setattr(alloc, name, value)
    return lib.edge_alloc_prepare(alloc), alloc.fault, alloc.fault_is_row


@pytest.mark.parametrize("count", [-1, 2**24 + 1])
@pytest.mark.parametrize("name", ["loads", "rows"])
def test_absurd_count_is_refused(name, count):
    error, fault, is_row = faults(**{name: count})
    assert error < 0
    assert (fault, is_row) == (-1, 0)


@pytest.mark.parametrize(("starts", "fault"), [([1, 3, 4], 0), ([0, -1, 4], 0), ([0, 3, 2], 1)])
def test_absurd_row_start_is_named(starts, fault):
    allocator = Allocator(3, [FEED, {2: WHOLE}])
    allocator._owned["row_start"][0:3] = starts
    assert lib.edge_alloc_prepare(allocator._alloc) < 0
    assert (allocator._alloc.fault, allocator._alloc.fault_is_row) == (fault, 1)


def test_load_twice_in_a_row_is_refused():
    allocator = Allocator(3, [FEED])
    allocator._owned["entry_load"][1] = 0
    assert lib.edge_alloc_prepare(allocator._alloc) < 0
    assert (allocator._alloc.fault, allocator._alloc.fault_is_row) == (0, 1)


@pytest.mark.parametrize(
    "second",
    [
        {2: WHOLE, 3: WHOLE},  # crosses the first
        {0: WHOLE, 2: WHOLE},  # a gap
        {0: WHOLE, 1: WHOLE // 2},  # a share
    ],
)
def test_almost_a_tree_is_filled_as_reference(second):
    loads = [Load(0, 500 + i) for i in range(4)]
    rows = [Row(700, FEED), Row(400, second), Row(100, {3: WHOLE})]
    assert solve(loads, rows) == allocate.allocate(loads, rows)


def test_change_in_what_is_no_tree_is_a_full_solve():
    loads = [Load(0, 500) for _ in range(3)]
    allocator = allocator_of(loads, [Row(700, FEED), Row(150, {0: WHOLE // 2})])
    allocator.solve()
    allocator.request_mw[1] = 90
    allocator.change_load(1)
    assert result_of(allocator).grant_mw == [300, 90, 310]


@pytest.mark.parametrize("second", [{}, {0: WHOLE // 2}])
def test_what_the_workspace_held_before_does_not_matter(second):
    loads = [Load(10, 500) for _ in range(3)]
    rows = [Row(700, FEED), Row(700, second), Row(700, {})]
    allocator = used_before(loads, rows)
    allocator.solve()
    assert result_of(allocator) == allocate.allocate(loads, rows)


def used_before(loads: list[Load], rows: list[Row]) -> Allocator:
    """Prepared in a workspace that was not zero."""
    allocator = allocator_of(loads, rows)
    held = ffi.buffer(allocator._owned["workspace"])
    held[:] = b"\x7f" * len(held)
    assert lib.edge_alloc_prepare(allocator._alloc) == lib.EDGE_OK
    return allocator


def test_row_without_loads_does_not_hide_that_all_minimums_fit():
    """So a change stays in its rack, whatever the workspace held before."""
    rows = [Row(700, {0: WHOLE}), Row(700, {1: WHOLE, 2: WHOLE}), Row(700, {})]
    allocator = used_before([Load(10, 500) for _ in range(3)], rows)
    allocator.solve()
    allocator.grant_mw[2] = -7
    allocator.request_mw[0] = 60
    allocator.change_load(0)
    assert list(allocator.grant_mw) == [60, 350, -7]


def test_rows_without_any_load_may_change():
    """Whatever the workspace held before: none of them is a node."""
    allocator = used_before([], [Row(5, {}), Row(7, {})])
    allocator.solve()
    for row in range(2):
        allocator.limit_mw[row] = 3
        allocator.change_limit(row)
    assert list(allocator.grant_mw) == []
