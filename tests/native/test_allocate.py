# SPDX-License-Identifier: Apache-2.0
"""The allocator: golden vectors, the reference on random problems, and what it promises."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import Allocator
from tests.native.capping import (
    WHOLE,
    allocator_of,
    problems,
    result_of,
    solve,
    trees,
    usage_nw,
    would_fit,
)
from tests.reference import allocate, write_golden
from tests.reference.allocate import Load, Result, Row

GOLDEN = json.loads((write_golden.FOLDER / "allocate.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_golden_case(case):
    names = ("min_mw", "request_mw", "weight", "step_mw", "priority")
    loads = [Load(*(fields[name] for name in names)) for fields in case["loads"]]
    rows = [Row(fields["limit_mw"], dict(fields["coef_ppm"])) for fields in case["rows"]]
    assert solve(loads, rows) == Result(case["grant_mw"], case["shed"], case["binding_row"])


@pytest.mark.parametrize("feed_mw", [21 * 5 + 5, 21 * 5 + 12])
def test_row_is_named_that_is_full_first_of_two_on_the_same_level(feed_mw):
    """The rack is full when its ninth load has its sixth mW; so is the feed, at its fifth or
    twelfth load."""
    loads = [Load(0, 500) for _ in range(21)]
    rack, feed = dict.fromkeys(range(18), WHOLE), dict.fromkeys(range(21), WHOLE)
    rows = [Row(18 * 5 + 9, rack), Row(feed_mw, feed)]
    assert solve(loads, rows) == allocate.allocate(loads, rows)


def test_many_loads_of_one_step():
    loads = [Load(0, 1) for _ in range(20)]
    result = solve(loads, [Row(7, dict.fromkeys(range(20), WHOLE))])
    assert list(result.grant_mw) == [1] * 7 + [0] * 13


def test_highest_limit_of_a_tree():
    rows = [Row(2**43, {0: WHOLE, 1: WHOLE})]
    assert solve([Load(0, 9), Load(0, 9)], rows).grant_mw == [9, 9]


def test_likely_level_between_two_whole_ones():
    """Both first steps are on level 2, one of them just below it: there is room for both."""
    loads = [Load(0, 1, 8_192), Load(0, 1, 8_193)]
    rows = [Row(2, {0: WHOLE, 1: WHOLE})]
    assert solve(loads, rows) == Result([1, 1], [0, 0], [-1, -1])


@given(problems())
@settings(max_examples=500)
def test_c_allocates_as_reference(problem):
    assert solve(*problem) == allocate.allocate(*problem)


@given(trees())
@settings(max_examples=500)
def test_c_fills_a_tree_as_reference(problem):
    assert solve(*problem) == allocate.allocate(*problem)


@given(trees(steps_mw=(1,), min_mw=0))
@settings(max_examples=100)
def test_general_rows_give_the_same_as_a_tree(problem):
    """A row that binds nobody takes the tree away."""
    loads, rows = problem
    apart = Row(2**43, {0: WHOLE // 2})
    assert solve(loads, rows) == solve(loads, [*rows, apart])


@given(problems() | trees())
@settings(max_examples=200)
def test_no_row_is_exceeded_and_grants_lie_on_their_grid(problem):
    loads, rows = problem
    result = solve(loads, rows)
    assert would_fit(rows, result.grant_mw)
    for load, grant_mw, shed in zip(loads, result.grant_mw, result.shed, strict=True):
        if shed:
            assert grant_mw == 0
        else:
            assert load.min_mw <= grant_mw <= load.request_mw
            assert (grant_mw - load.min_mw) % load.step_mw == 0


@given(problems() | trees())
@settings(max_examples=200)
def test_load_is_shed_only_for_loads_of_its_own_or_a_higher_class(problem):
    loads, rows = problem
    result = solve(loads, rows)
    for i in (i for i, shed in enumerate(result.shed) if shed):
        standing = [
            load.min_mw
            if j == i or not (result.shed[j] or load.priority > loads[i].priority)
            else 0
            for j, load in enumerate(loads)
        ]
        assert not would_fit(rows, standing)
        row = rows[result.binding_row[i]]
        assert usage_nw(row, standing) > row.limit_nw()


@given(problems() | trees())
@settings(max_examples=200)
def test_nobody_can_rise_unless_one_no_better_off_falls(problem):
    """Max-min with strict priority: what blocks a load is held by its betters and equals."""
    loads, rows = problem
    result = solve(loads, rows)
    for i, load in enumerate(loads):
        if result.shed[i] or result.grant_mw[i] == load.top_mw:
            assert result.shed[i] or result.binding_row[i] == -1
            continue
        wanted_mw = result.grant_mw[i] + load.step_mw
        row = rows[result.binding_row[i]]
        # Take back all that any load of this class has above the level that i asks for, and
        # all that lower classes have above their minimums: it still must not fit.
        lowered = list(result.grant_mw)
        for j, other in enumerate(loads):
            if not result.shed[j] and other.priority >= load.priority:
                lowered[j] = lowered_to(other, result.grant_mw[j], load, wanted_mw)
        lowered[i] = wanted_mw
        assert usage_nw(row, lowered) > row.limit_nw()


def lowered_to(other: Load, grant_mw: int, load: Load, wanted_mw: int) -> int:
    if other.priority > load.priority:
        return other.min_mw
    while grant_mw > other.min_mw and other.level_of(grant_mw) > load.level_of(wanted_mw):
        grant_mw -= other.step_mw
    return grant_mw


@given(problems() | trees())
@settings(max_examples=100)
def test_solving_again_gives_the_same(problem):
    allocator = allocator_of(*problem)
    allocator.solve()
    first = (list(allocator.grant_mw), list(allocator.shed), list(allocator.binding_row))
    allocator.solve()
    assert first == (list(allocator.grant_mw), list(allocator.shed), list(allocator.binding_row))


@given(problems() | trees(), st.integers(0, 3))
@settings(max_examples=200)
def test_what_lower_classes_ask_for_changes_nothing_for_higher_ones(problem, priority):
    loads, rows = problem
    without = [
        load if load.priority <= priority else replace(load, request_mw=load.min_mw)
        for load in loads
    ]
    theirs, alone = solve(loads, rows), solve(without, rows)
    for i, load in enumerate(loads):
        if load.priority <= priority:
            assert theirs.grant_mw[i] == alone.grant_mw[i]


@given(st.lists(st.integers(0, 900), min_size=1, max_size=10), st.integers(0, 5_000), st.data())
@settings(max_examples=200)
def test_more_limit_lowers_nobody_on_one_row(requests_mw, limit_mw, data):
    loads = [Load(0, request_mw, data.draw(st.integers(1, 9))) for request_mw in requests_mw]
    everyone = dict.fromkeys(range(len(loads)), WHOLE)
    tight = solve(loads, [Row(limit_mw, everyone)])
    loose = solve(loads, [Row(limit_mw + data.draw(st.integers(1, 500)), everyone)])
    pairs = zip(tight.grant_mw, loose.grant_mw, strict=True)
    assert all(before <= after for before, after in pairs)


def test_limit_of_one_row_is_used_to_the_last_milliwatt():
    loads = [Load(50_000, 700_000, weight=w) for w in (1, 2, 3, 5)]
    result = solve(loads, [Row(1_234_567, dict.fromkeys(range(4), WHOLE))])
    assert sum(result.grant_mw) == 1_234_567


def test_limit_is_used_to_the_last_milliwatt_where_a_class_with_unlike_steps_comes_between():
    """Watts enough for an error of 1 ppm to be seen: the rows take over from the tree and back."""
    loads = [
        Load(0, 1_000_000),
        Load(0, 3_000_000, priority=1),
        Load(0, 3_000_000, priority=1, step_mw=7),
        Load(0, 9_000_000, priority=2),
    ]
    rows = [Row(9_000_001, dict.fromkeys(range(4), WHOLE)), Row(5_000_002, {1: WHOLE, 2: WHOLE})]
    grant_mw = solve(loads, rows).grant_mw
    assert (sum(grant_mw[1:3]), sum(grant_mw)) == (5_000_002, 9_000_001)


def test_inputs_are_read_anew_at_every_solve():
    allocator = allocator_of([Load(0, 500)], [Row(100, {0: WHOLE})])
    allocator.solve()
    assert allocator.grant_mw[0] == 100
    allocator.limit_mw[0] = 400
    allocator.request_mw[0] = 300
    allocator.solve()
    assert (allocator.grant_mw[0], allocator.binding_row[0]) == (300, -1)


def test_largest_values_are_exact():
    highest = 2**30 - 1
    loads = [Load(0, highest, weight=10_000, step_mw=1), Load(highest, highest, step_mw=highest)]
    result = solve(loads, [Row(2**43, {0: 2**31 - 1, 1: 2**31 - 1})])
    assert result == Result([highest, highest], [0, 0], [-1, -1])


@pytest.mark.parametrize(
    "load",
    [
        Load(-1, 5),
        Load(6, 5),
        Load(0, 2**30),
        Load(0, 5, weight=0),
        Load(0, 5, weight=10_001),
        Load(0, 5, step_mw=-1),
        Load(0, 5, step_mw=2**30),
        Load(0, 5, priority=-1),
        Load(0, 5, priority=256),
    ],
)
def test_absurd_load_is_named_and_outputs_stay(load):
    allocator = allocator_of([Load(0, 9), load], [Row(100, {0: WHOLE, 1: WHOLE})])
    allocator.grant_mw[0] = 77
    with pytest.raises(ValueError, match="load 1: min"):
        allocator.solve()
    assert allocator.grant_mw[0] == 77


def test_step_of_zero_is_refused():
    allocator = allocator_of([Load(0, 9)], [])
    allocator.step_mw[0] = 0
    with pytest.raises(ValueError, match="load 0: min 0, request 9, step 0"):
        allocator.solve()


def test_absurd_limit_is_named():
    allocator = allocator_of([Load(0, 9)], [Row(5, {0: WHOLE}), Row(2**43 + 1, {0: WHOLE})])
    with pytest.raises(ValueError, match="row 1: limit"):
        allocator.solve()


def test_sum_of_minimums_is_exact_up_to_int64_and_refused_beyond():
    highest, largest_coef = 2**30 - 1, 2**31 - 1
    loads = [Load(highest, highest) for _ in range(5)]
    assert solve(loads[:4], [Row(1, dict.fromkeys(range(4), largest_coef))]).shed == [1] * 4
    with pytest.raises(ValueError, match="row 0: limit 1 mW or its minimums"):
        solve(loads, [Row(1, dict.fromkeys(range(5), largest_coef))])


@pytest.mark.parametrize("entry", [{2: WHOLE}, {-1: WHOLE}, {0: -1}])
def test_absurd_row_is_named(entry):
    with pytest.raises(ValueError, match="row 1"):
        Allocator(2, [{0: WHOLE}, entry])


@pytest.mark.parametrize("weights", [(1, 1), (7, 7), (1, 1, 1), (1, 2), (1, 2, 3)])
def test_largest_requests_are_filled_up_to_the_last_step(weights):
    """Side by side with others, alone in a wide row, in whole numbers and in levels."""
    highest = 2**30 - 1
    loads = [Load(0, highest, weight=weight) for weight in weights]
    whole = dict.fromkeys(range(len(loads)), WHOLE)
    result = solve(loads, [Row(len(loads) * highest - 1, whole)])
    assert sum(result.grant_mw) == len(loads) * highest - 1
    assert min(result.grant_mw) == highest - 1


def test_negative_number_of_loads_is_refused():
    with pytest.raises(ValueError, match="negative"):
        Allocator(-1, [])


def wide_tree(seed: int) -> tuple[list[Load], list[Row]]:
    """Racks of some feeds, one class, all of one weight or of several. All minimums fit."""
    rng = random.Random(seed)
    feeds, racks, size = rng.randint(2, 6), rng.randint(1, 3), rng.randint(1, 12)
    count = feeds * racks * size
    weights = rng.choice([(1,), (7,), (1, 2, 10_000)])
    step_mw, most_mw = rng.choice([1, 1, 7]), rng.choice([3, 900])
    loads = []
    for _ in range(count):
        min_mw = rng.randint(0, 300)
        request_mw = min_mw + rng.randint(0, most_mw)
        loads.append(Load(min_mw, request_mw, rng.choice(weights), step_mw, 0))
    rows = []
    for length in (count, racks * size, size):
        for begin in range(0, count, length):
            inside = range(begin, begin + length)
            lowest_mw = sum(loads[i].min_mw for i in inside)
            highest_mw = sum(loads[i].request_mw for i in inside)
            rows.append(Row(rng.randint(lowest_mw, highest_mw), dict.fromkeys(inside, WHOLE)))
    return loads, rows


@pytest.mark.parametrize("seed", range(60))
def test_c_fills_many_nodes_side_by_side_as_reference(seed):
    problem = wide_tree(seed)
    assert solve(*problem) == allocate.allocate(*problem)


@pytest.mark.parametrize("seed", range(60))
def test_change_among_many_nodes_is_as_a_full_solve(seed):
    loads, rows = wide_tree(seed)
    allocator = allocator_of(loads, rows)
    allocator.solve()
    for i in range(0, len(loads), 5):
        loads[i] = replace(loads[i], request_mw=loads[i].min_mw + 40 * i % 900)
        allocator.request_mw[i] = loads[i].request_mw
        allocator.change_load(i)
        assert result_of(allocator) == solve(loads, rows)
