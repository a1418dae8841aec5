# SPDX-License-Identifier: Apache-2.0
"""Random capping problems, and how to give them to the C core."""

from hypothesis import strategies as st

from edge.core import Allocator
from tests.reference.allocate import Load, Result, Row

WHOLE = 1_000_000
INPUTS = ("min_mw", "request_mw", "weight", "step_mw", "class_", "limit_mw")


def allocator_of(loads: list[Load], rows: list[Row]) -> Allocator:
    allocator = Allocator(len(loads), [row.coef_ppm for row in rows])
    for i, load in enumerate(loads):
        allocator.min_mw[i], allocator.request_mw[i] = load.min_mw, load.request_mw
        allocator.weight[i], allocator.step_mw[i] = load.weight, load.step_mw
        allocator.class_[i] = load.priority
    for r, row in enumerate(rows):
        allocator.limit_mw[r] = row.limit_mw
    return allocator


def result_of(allocator: Allocator) -> Result:
    return Result(list(allocator.grant_mw), list(allocator.shed), list(allocator.binding_row))


def solve(loads: list[Load], rows: list[Row]) -> Result:
    allocator = allocator_of(loads, rows)
    allocator.solve()
    return result_of(allocator)


@st.composite
def a_load(draw):
    min_mw = draw(st.just(0) | st.integers(0, 300))
    request_mw = min_mw + draw(st.integers(0, 900))
    weight = draw(st.sampled_from([1, 1, 2, 3, 10, 10_000]))
    step_mw = draw(st.sampled_from([1, 1, 7, 100, 2_000]))
    return Load(min_mw, request_mw, weight, step_mw, draw(st.integers(0, 3)))


@st.composite
def problems(draw):
    loads = draw(st.lists(a_load(), min_size=1, max_size=10))
    indices = st.integers(0, len(loads) - 1)
    coefs = st.sampled_from([WHOLE, WHOLE, 500_000, 333_333, 1, 0, 2_000_000])
    members = st.dictionaries(indices, coefs, max_size=len(loads))
    rows = st.lists(st.builds(Row, st.integers(-10, 4_000), members), max_size=5)
    return loads, draw(rows)


def usage_nw(row: Row, grant_mw: list[int]) -> int:
    return sum(coef * grant_mw[i] for i, coef in row.coef_ppm.items())


def would_fit(rows: list[Row], grant_mw: list[int]) -> bool:
    return all(usage_nw(row, grant_mw) <= row.limit_nw() for row in rows)


def ranges_below(draw, begin: int, end: int, depth: int) -> list[tuple[int, int]]:
    """A random tree of ranges of loads, the outer first."""
    found = [(begin, end)]
    while depth and begin < end - 1 and draw(st.integers(0, 3)):
        middle = draw(st.integers(begin + 1, end))
        found += ranges_below(draw, begin, middle, depth - 1)
        begin = middle
    return found


@st.composite
def trees(draw, steps_mw=(1, 7), min_mw=300, classes=4, are_minimums_met=False):
    """A tree in which each class has steps of one size; rows in any order."""
    count = draw(st.integers(1, 14))
    step_mw = [draw(st.sampled_from(steps_mw)) for _ in range(classes)]
    loads = []
    for _ in range(count):
        low = draw(st.just(0) | st.integers(0, min_mw))
        weight, priority = (
            draw(st.sampled_from([1, 1, 2, 10_000])),
            draw(st.integers(0, classes - 1)),
        )
        loads.append(
            Load(low, low + draw(st.integers(0, 900)), weight, step_mw[priority], priority)
        )
    ranges = draw(st.permutations(ranges_below(draw, draw(st.integers(0, count - 1)), count, 4)))
    rows = []
    for begin, end in ranges:
        limit_mw = draw(st.integers(0, 400 * (end - begin)))
        if are_minimums_met:
            limit_mw += sum(load.min_mw for load in loads[begin:end])
        rows.append(Row(limit_mw, dict.fromkeys(range(begin, end), WHOLE)))
    return loads, rows
