# SPDX-License-Identifier: Apache-2.0
"""How far outwards a change is taken: far enough, and no farther."""

import pytest

from edge.core import Allocator
from tests.native.capping import WHOLE, allocator_of, result_of
from tests.reference import allocate
from tests.reference.allocate import Load, Row

UNTOUCHED_MW = -7


def of_ranges(loads: list[Load], *ranges: tuple[int, int, int]) -> Allocator:
    """Solved; rows as (first load, end, limit_mw)."""
    rows = [Row(mw, dict.fromkeys(range(begin, end), WHOLE)) for begin, end, mw in ranges]
    allocator = allocator_of(loads, rows)
    allocator.solve()
    assert result_of(allocator) == allocate.allocate(loads, rows)
    return allocator


def ask(allocator: Allocator, load: int, request_mw: int) -> list[int]:
    """The grants once this load asks for so much."""
    allocator.request_mw[load] = request_mw
    allocator.change_load(load)
    return list(allocator.grant_mw)


def test_one_row_is_a_tree():
    allocator = of_ranges([Load(0, 500)] * 2, (0, 1, 400))
    allocator.grant_mw[1] = UNTOUCHED_MW
    assert ask(allocator, 0, 300) == [300, UNTOUCHED_MW]


@pytest.mark.parametrize("feed_mw", [1_000, 999])  # its last step is by either of the others
def test_change_that_a_full_rack_takes_up_stays_in_it_below_a_full_feed(feed_mw):
    allocator = of_ranges([Load(0, 500)] * 4, (0, 4, feed_mw), (0, 2, 400), (2, 4, 900))
    allocator.grant_mw[2] = UNTOUCHED_MW
    assert ask(allocator, 0, 150)[:3] == [150, 250, UNTOUCHED_MW]
    allocator = of_ranges([Load(0, 500)] * 4, (0, 4, feed_mw), (0, 2, 900), (2, 4, 400))
    allocator.grant_mw[0] = UNTOUCHED_MW
    assert ask(allocator, 3, 150)[2:] == [250, 150]
    assert allocator.grant_mw[0] == UNTOUCHED_MW


def test_feed_that_a_rack_had_filled_is_full_earlier_if_the_rack_is():
    """The rack takes as much as before, but its last step comes before that of load 0: that one
    has now left no room in both its rows, of which the feed has the lower number."""
    loads = [Load(0, 9), Load(0, 1), Load(0, 9)]
    allocator = of_ranges(loads, (0, 3, 10), (0, 1, 4), (1, 3, 6))
    assert list(allocator.binding_row) == [1, -1, 0]
    assert ask(allocator, 1, 9) == [4, 3, 3]
    assert list(allocator.binding_row) == [0, 2, 2]


def test_minimum_that_falls_leaves_room_for_a_higher_class():
    """Although the rack of the lower class would take as much as before."""
    loads = [Load(0, 200, step_mw=40), Load(40, 40, priority=1)]
    allocator = of_ranges(loads, (0, 2, 110), (0, 1, 500), (1, 2, 500))
    assert list(allocator.grant_mw) == [40, 40]
    allocator.min_mw[1] = 0
    allocator.change_load(1)
    assert list(allocator.grant_mw) == [80, 30]


@pytest.mark.parametrize(
    ("request_mw", "grants_mw"),
    [
        (699, [700, 699, 300, UNTOUCHED_MW]),  # room for one step is left
        (700, [700, 700, 300, 300]),
        (701, [700, 700, 300, 300]),
    ],
)
def test_growth_is_counted_in_rows_that_stay_loose(request_mw, grants_mw):
    allocator = of_ranges([Load(0, 300)] * 4, (0, 4, 2_000), (0, 2, 5_000), (2, 4, 5_000))
    allocator.grant_mw[3] = UNTOUCHED_MW
    assert ask(allocator, 0, 700) == [700, 300, 300, UNTOUCHED_MW]
    assert ask(allocator, 1, request_mw) == grants_mw


def test_room_is_asked_for_the_largest_step_of_any_class():
    loads = [Load(0, 300), Load(0, 400, step_mw=100, priority=1), Load(0, 10, priority=2)]
    allocator = of_ranges(loads, (0, 3, 1_000), (0, 1, 900), (1, 3, 900))
    allocator.grant_mw[2] = UNTOUCHED_MW
    assert ask(allocator, 0, 490) == [490, 400, UNTOUCHED_MW]
    assert ask(allocator, 0, 491) == [491, 400, 10]


def test_what_a_rack_takes_is_counted_class_by_class_around_it():
    """Site, feed, rack: the feed knows what the rack took when it is next filled itself."""
    allocator = of_ranges([Load(0, 300)] * 5, (0, 5, 2_000), (0, 4, 9_000), (0, 2, 9_000))
    assert ask(allocator, 0, 100) == [100, 300, 300, 300, 300]
    assert ask(allocator, 2, 1_001) == [100, 300, 1_000, 300, 300]
