# SPDX-License-Identifier: Apache-2.0
"""Solving again after one change gives, bit for bit, what solving all of it gives."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import Allocator
from tests.native.capping import INPUTS, WHOLE, allocator_of, problems, result_of, solve, trees
from tests.reference.allocate import Load, Result, Row


def solved_anew(allocator: Allocator, rows: list[Row]) -> Result:
    fresh = Allocator(allocator.loads, [row.coef_ppm for row in rows])
    for name in INPUTS:
        values = list(getattr(allocator, name))
        getattr(fresh, name)[0 : len(values)] = values
    fresh.solve()
    return result_of(fresh)


def change_a_load(draw, allocator: Allocator) -> None:
    i = draw(st.integers(0, allocator.loads - 1))
    kind = draw(st.sampled_from(["request", "request", "request", "all", "step", "class"]))
    if kind == "all":
        allocator.min_mw[i] = draw(st.integers(0, 200))
        allocator.weight[i] = draw(st.integers(1, 3))
    if kind == "step":
        allocator.step_mw[i] = draw(st.sampled_from([1, 7]))
    if kind == "class":
        allocator.class_[i] = draw(st.integers(0, 5))
    allocator.request_mw[i] = allocator.min_mw[i] + draw(st.integers(0, 900))
    allocator.change_load(i)


def change_a_limit(draw, allocator: Allocator) -> None:
    row = draw(st.integers(0, allocator.rows - 1))
    allocator.limit_mw[row] = draw(st.integers(-5, 6_000))
    allocator.change_limit(row)


def changes_as_anew(data, problem: tuple[list[Load], list[Row]]) -> None:
    allocator = allocator_of(*problem)
    allocator.solve()
    for _ in range(data.draw(st.integers(1, 12))):
        is_load = not allocator.rows or data.draw(st.booleans())
        (change_a_load if is_load else change_a_limit)(data.draw, allocator)
        assert result_of(allocator) == solved_anew(allocator, problem[1])


@given(trees(min_mw=50, are_minimums_met=True), st.data())
@settings(max_examples=400)
def test_tree_that_sheds_nothing(problem, data):
    changes_as_anew(data, problem)


@given(trees(classes=6) | problems(), st.data())
@settings(max_examples=200)
def test_anything_else(problem, data):
    changes_as_anew(data, problem)


@given(trees(classes=6) | problems(), st.data())
@settings(max_examples=200)
def test_what_earlier_solves_left_behind_does_not_matter(problem, data):
    """Classes that have changed since, loads shed then and not now, are sorted anew."""
    allocator = allocator_of(*problem)
    for _ in range(data.draw(st.integers(1, 4))):
        allocator.solve()
        for i in data.draw(st.sets(st.integers(0, allocator.loads - 1), max_size=3)):
            allocator.class_[i] = data.draw(st.integers(0, 5))
        if allocator.rows:
            row = data.draw(st.integers(0, allocator.rows - 1))
            allocator.limit_mw[row] = data.draw(st.integers(-5, 6_000))
        expected = solved_anew(allocator, problem[1])
        allocator.solve()
        assert result_of(allocator) == expected


@given(trees(min_mw=50, are_minimums_met=True), st.data())
@settings(max_examples=200)
def test_load_that_shares_no_row_with_the_change_is_not_touched(problem, data):
    """So the rows are known as a tree, in whatever order they are given."""
    loads, rows = problem
    apart = len(loads)
    held = sorted({i for row in rows for i in row.coef_ppm})
    rows.insert(data.draw(st.integers(0, len(rows))), Row(10_000, {apart: WHOLE}))
    allocator = allocator_of([*loads, replace(loads[0], min_mw=0)], rows)
    allocator.solve()
    load = data.draw(st.sampled_from(held))
    allocator.request_mw[load] += data.draw(st.integers(0, 500))
    expected = solved_anew(allocator, rows)
    allocator.grant_mw[apart] = expected.grant_mw[apart] = -7
    allocator.change_load(load)
    assert result_of(allocator) == expected
    row = data.draw(st.sampled_from([r for r in range(len(rows)) if apart not in rows[r].coef_ppm]))
    allocator.limit_mw[row] += data.draw(st.integers(0, 500))
    expected = solved_anew(allocator, rows)
    expected.grant_mw[apart] = -7
    allocator.change_limit(row)
    assert result_of(allocator) == expected


def two_racks(first_mw: int, second_mw: int, both_mw: int) -> Allocator:
    loads = [Load(0, 500) for _ in range(4)]
    ranges = [(0, 4, both_mw), (0, 2, first_mw), (2, 4, second_mw)]
    rows = [Row(mw, dict.fromkeys(range(begin, end), WHOLE)) for begin, end, mw in ranges]
    allocator = allocator_of(loads, rows)
    allocator.solve()
    return allocator


def test_change_inside_a_full_rack_does_not_touch_another():
    allocator = two_racks(600, 700, 2_000)
    allocator.grant_mw[3] = -7  # would be overwritten by a full solve
    allocator.request_mw[0] = 250
    allocator.change_load(0)
    assert list(allocator.grant_mw) == [250, 350, 350, -7]
    allocator.limit_mw[1] = 400
    allocator.change_limit(1)
    assert list(allocator.grant_mw) == [200, 200, 350, -7]


def test_change_inside_a_full_rack_of_a_full_feed_does_not_touch_another():
    """The rack takes what it took, so the feed is full when it was."""
    allocator = two_racks(300, 1_000, 900)
    assert list(allocator.grant_mw) == [150, 150, 300, 300]
    allocator.grant_mw[3] = -7
    allocator.request_mw[0] = 100
    allocator.change_load(0)
    assert list(allocator.grant_mw) == [100, 200, 300, -7]


@pytest.mark.parametrize(("load", "apart"), [(0, 3), (3, 0)])
def test_change_does_not_touch_another_rack_if_rows_are_in_any_order(load, apart):
    ranges = [(2, 4, 700), (0, 2, 600), (0, 4, 2_000)]
    rows = [Row(mw, dict.fromkeys(range(begin, end), WHOLE)) for begin, end, mw in ranges]
    allocator = allocator_of([Load(0, 500) for _ in range(4)], rows)
    allocator.solve()
    allocator.grant_mw[apart] = -7
    allocator.request_mw[load] = 250
    allocator.change_load(load)
    assert (allocator.grant_mw[load], allocator.grant_mw[apart]) == (250, -7)


def test_change_below_rows_that_stay_loose_does_not_touch_another():
    allocator = two_racks(1_100, 700, 2_000)
    allocator.grant_mw[3] = -7
    allocator.request_mw[0] = 250
    allocator.change_load(0)
    assert list(allocator.grant_mw) == [250, 500, 350, -7]
    allocator.limit_mw[0] = 1_050  # of what was counted: 250 + 500 + 700 wants more
    allocator.change_limit(0)
    assert sum(allocator.grant_mw) == 1_050


def test_change_that_reaches_the_feed_touches_all():
    allocator = two_racks(600, 1_000, 1_000)
    allocator.request_mw[0] = 100
    allocator.change_load(0)
    assert list(allocator.grant_mw) == [100, 300, 300, 300]
    assert list(allocator.binding_row) == [-1, 0, 0, 0]


def test_absurd_change_is_refused_until_it_is_put_right():
    allocator = two_racks(600, 700, 2_000)
    allocator.request_mw[0] = -1
    with pytest.raises(ValueError, match="load 0: min 0, request -1"):
        allocator.change_load(0)
    allocator.request_mw[0] = 100
    allocator.limit_mw[1] = 2**43 + 1
    with pytest.raises(ValueError, match="row 1: limit"):
        allocator.change_limit(1)
    allocator.limit_mw[1] = 550
    allocator.change_limit(1)
    assert list(allocator.grant_mw) == [100, 450, 350, 350]
    allocator.limit_mw[1] = 2**43 + 1
    with pytest.raises(ValueError, match="row 1: limit"):
        allocator.change_limit(1)


def test_change_beside_one_that_was_refused_solves_all():
    allocator = two_racks(600, 700, 2_000)
    allocator.request_mw[0] = -1
    with pytest.raises(ValueError, match="load 0: min 0, request -1"):
        allocator.change_load(0)
    allocator.request_mw[0] = 100
    allocator.limit_mw[2] = 650
    allocator.change_limit(2)
    assert list(allocator.grant_mw) == [100, 500, 325, 325]
    allocator.limit_mw[1] = 2**43 + 1
    with pytest.raises(ValueError, match="row 1: limit"):
        allocator.change_limit(1)
    allocator.limit_mw[1] = 300
    allocator.request_mw[3] = 50
    allocator.change_load(3)
    assert list(allocator.grant_mw) == [100, 200, 500, 50]


def test_change_after_a_failed_solve_is_as_anew():
    """The failed one has seen other weights, all alike."""
    allocator = two_racks(600, 700, 2_000)
    allocator.weight[0] = 2
    allocator.solve()
    allocator.weight[0], allocator.limit_mw[1] = 1, 2**43 + 1
    with pytest.raises(ValueError, match="row 1: limit"):
        allocator.solve()
    allocator.weight[0], allocator.limit_mw[1] = 2, 600
    allocator.request_mw[1] = 450
    allocator.change_load(1)
    assert list(allocator.grant_mw) == [400, 200, 350, 350]


def of_classes(rack_classes: list[int], feed_mw: int) -> Allocator:
    """A rack with loads of these classes, 100 mW each, and one load of class 9 beside it, which
    asks for two steps of 400 mW."""
    count = len(rack_classes)
    loads = [Load(0, 100, priority=priority) for priority in rack_classes]
    loads.append(Load(0, 800, step_mw=400, priority=9))
    whole, rack = dict.fromkeys(range(count + 1), WHOLE), dict.fromkeys(range(count), WHOLE)
    allocator = allocator_of(loads, [Row(feed_mw, whole), Row(5_000, rack)])
    allocator.solve()
    return allocator


def test_four_classes_are_kept():
    allocator = of_classes([0, 1, 2], 5_000)
    allocator.grant_mw[3] = -7
    allocator.request_mw[1] = 50
    allocator.change_load(1)
    assert list(allocator.grant_mw) == [100, 50, 100, -7]


def test_classes_that_step_differently_are_kept():
    loads = [Load(0, 500), Load(0, 500, step_mw=7, priority=1)] * 2
    racks = [Row(600, {0: WHOLE, 1: WHOLE}), Row(600, {2: WHOLE, 3: WHOLE})]
    allocator = allocator_of(loads, [*racks, Row(5_000, dict.fromkeys(range(4), WHOLE))])
    allocator.solve()
    assert list(allocator.grant_mw) == [500, 98, 500, 98]
    allocator.grant_mw[3] = -7
    allocator.request_mw[0] = 250
    allocator.change_load(0)
    assert list(allocator.grant_mw) == [250, 350, 500, -7]


def test_five_classes_are_not_kept():
    """The last of them steps by 1 mW and is not stopped: it must not stand for class 9."""
    allocator = of_classes([0, 1, 2, 10], 1_000)
    assert list(allocator.grant_mw) == [100, 100, 100, 100, 400]
    allocator.request_mw[0] = 0
    allocator.change_load(0)
    assert list(allocator.grant_mw) == [0, 100, 100, 0, 800]


def test_what_is_not_there_cannot_change():
    allocator = two_racks(600, 700, 2_000)
    for index in (-1, 4):
        with pytest.raises(ValueError, match=r"loads 0\.\.3 and rows 0\.\.2"):
            allocator.change_load(index)
    for index in (-1, 3):
        with pytest.raises(ValueError, match=r"loads 0\.\.3 and rows 0\.\.2"):
            allocator.change_limit(index)


def test_what_is_not_there_cannot_change_before_a_solve_either():
    allocator = allocator_of([Load(0, 9)], [Row(5, {0: WHOLE})])
    for index in (-1, 1):
        with pytest.raises(ValueError, match=r"loads 0\.\.0 and rows 0\.\.0"):
            allocator.change_load(index)
        with pytest.raises(ValueError, match=r"loads 0\.\.0 and rows 0\.\.0"):
            allocator.change_limit(index)


def test_row_without_loads_may_change():
    allocator = allocator_of([Load(0, 9)], [Row(5, {0: WHOLE}), Row(5, {})])
    allocator.solve()
    allocator.limit_mw[1] = 1
    allocator.change_limit(1)
    assert allocator.grant_mw[0] == solve([Load(0, 9)], [Row(5, {0: WHOLE})]).grant_mw[0]
