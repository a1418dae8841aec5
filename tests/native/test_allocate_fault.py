# SPDX-License-Identifier: Apache-2.0
"""Which load or row an error is about, and which values at the ends of a range are taken."""

from edge._native import lib
from edge.core import Allocator
from tests.native.capping import WHOLE, allocator_of, result_of, solve
from tests.reference import allocate
from tests.reference.allocate import Load, Result, Row

HIGHEST_MW, LIMIT_MAX_MW, COEF_MAX_PPM = 2**30 - 1, 2**43, 2**31 - 1


def outcome(allocator: Allocator, error: int) -> tuple[int, int, int]:
    return error, allocator._alloc.fault, allocator._alloc.fault_is_row


def solved(allocator: Allocator) -> tuple[int, int, int]:
    """Error, fault, fault_is_row; what a call does not set is seen to be left as it was."""
    allocator._alloc.fault, allocator._alloc.fault_is_row = 77, 77
    return outcome(allocator, lib.edge_alloc_solve(allocator._alloc))


def load_changed(allocator: Allocator, load: int) -> tuple[int, int, int]:
    allocator._alloc.fault, allocator._alloc.fault_is_row = 77, 77
    return outcome(allocator, lib.edge_alloc_change_load(allocator._alloc, load))


def limit_changed(allocator: Allocator, row: int) -> tuple[int, int, int]:
    allocator._alloc.fault, allocator._alloc.fault_is_row = 77, 77
    return outcome(allocator, lib.edge_alloc_change_limit(allocator._alloc, row))


def two_racks() -> Allocator:
    loads = [Load(0, 500) for _ in range(4)]
    racks = [Row(600, {0: WHOLE, 1: WHOLE}), Row(700, {2: WHOLE, 3: WHOLE})]
    return allocator_of(loads, [Row(2_000, dict.fromkeys(range(4), WHOLE)), *racks])


def test_load_limit_or_nothing_is_at_fault():
    allocator = two_racks()
    assert solved(allocator) == (lib.EDGE_OK, -1, 0)
    allocator.step_mw[2] = 0
    assert solved(allocator) == (lib.EDGE_E_RANGE, 2, 0)
    allocator.step_mw[2] = 1
    allocator.limit_mw[1] = LIMIT_MAX_MW + 1
    assert solved(allocator) == (lib.EDGE_E_RANGE, 1, 1)


def test_change_tells_what_is_at_fault():
    allocator = two_racks()
    assert solved(allocator) == (lib.EDGE_OK, -1, 0)
    assert load_changed(allocator, 3) == (lib.EDGE_OK, -1, 0)
    assert limit_changed(allocator, 2) == (lib.EDGE_OK, -1, 0)
    assert load_changed(allocator, 4) == (lib.EDGE_E_RANGE, -1, 0)
    assert limit_changed(allocator, 3) == (lib.EDGE_E_RANGE, -1, 1)
    allocator.weight[3] = 0
    assert load_changed(allocator, 3) == (lib.EDGE_E_RANGE, 3, 0)
    allocator.weight[3] = 1
    assert solved(allocator) == (lib.EDGE_OK, -1, 0)
    allocator.limit_mw[2] = LIMIT_MAX_MW + 1
    assert limit_changed(allocator, 2) == (lib.EDGE_E_RANGE, 2, 1)


def test_change_of_a_row_that_nothing_is_full_around_leaves_no_fault():
    allocator = two_racks()
    assert solved(allocator) == (lib.EDGE_OK, -1, 0)
    allocator.limit_mw[2] = 650
    assert limit_changed(allocator, 2) == (lib.EDGE_OK, -1, 0)
    assert list(allocator.grant_mw) == [300, 300, 325, 325]


def test_last_values_of_each_range_are_taken():
    load = Load(HIGHEST_MW, HIGHEST_MW, weight=10_000, step_mw=HIGHEST_MW, priority=255)
    allocator = allocator_of([load], [Row(LIMIT_MAX_MW, {0: WHOLE})])
    assert solved(allocator) == (lib.EDGE_OK, -1, 0)
    assert result_of(allocator) == Result([HIGHEST_MW], [0], [-1])


def full_to(last_coef_ppm: int) -> Allocator:
    """Minimums of 2^63 - 8 + last_coef_ppm nW in row 0, of which but 1 mW is granted."""
    loads = [Load(HIGHEST_MW, HIGHEST_MW) for _ in range(5)] + [Load(1, 1)]
    coefs = [COEF_MAX_PPM] * 4 + [12, last_coef_ppm]
    return allocator_of(loads, [Row(1, dict(enumerate(coefs)))])


def test_minimums_may_reach_the_last_nanowatt_of_int64():
    assert 4 * COEF_MAX_PPM * HIGHEST_MW + 12 * HIGHEST_MW + 7 == 2**63 - 1
    allocator = full_to(7)
    assert solved(allocator) == (lib.EDGE_OK, -1, 0)
    assert list(allocator.shed) == [1, 1, 1, 1, 1, 0]
    assert solved(full_to(8)) == (lib.EDGE_E_OVERFLOW, 0, 1)


def test_minimums_of_a_tree_may_reach_int64():
    """8589 loads of 2^30 - 1 mW are below 2^63 nW, 8590 are not; 8192 are what a row may admit."""
    feed = dict.fromkeys(range(8_590), WHOLE)
    allocator = Allocator(8_590, [feed, {0: WHOLE}])
    for i in range(8_590):
        allocator.min_mw[i] = allocator.request_mw[i] = HIGHEST_MW
    allocator.limit_mw[0] = allocator.limit_mw[1] = LIMIT_MAX_MW
    assert solved(allocator) == (lib.EDGE_E_OVERFLOW, 0, 1)
    allocator.min_mw[5] = 0
    assert solved(allocator) == (lib.EDGE_OK, -1, 0)
    assert sum(allocator.shed) == 8_589 - 8_192


def test_load_of_the_last_class_is_shed_as_any_other():
    loads = [Load(60, 60, priority=255), Load(60, 60, priority=254)]
    rows = [Row(100, {0: WHOLE, 1: WHOLE})]
    assert solve(loads, rows) == allocate.allocate(loads, rows) == Result([0, 60], [1, 0], [0, -1])


def test_requests_may_exceed_int64():
    """Five loads want 2^63 nW and more of a row; all that it has is given."""
    loads = [Load(0, HIGHEST_MW) for _ in range(5)]
    result = solve(loads, [Row(LIMIT_MAX_MW, dict.fromkeys(range(5), COEF_MAX_PPM))])
    assert sum(result.grant_mw) == LIMIT_MAX_MW * WHOLE // COEF_MAX_PPM
    assert max(result.grant_mw) - min(result.grant_mw) <= 1
