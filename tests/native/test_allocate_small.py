# SPDX-License-Identifier: Apache-2.0
"""Small trees of small numbers, where everything ties: a change gives what a solve of all gives.

A part that is filled anew inside a full row is where numbers must meet for a fault to show: what
one load gives up has to be what a wrong end of the others takes.
"""

import random

from edge.core import Allocator
from tests.native.capping import WHOLE, allocator_of, result_of, solve
from tests.native.test_allocate_change import solved_anew
from tests.reference.allocate import Load, Row, allocate

TREES = 1_500
SPANS = [(0, 6), (0, 3), (3, 6), (1, 3), (3, 5)]
WEIGHTS = [(1, 1, 1, 1, 1, 1), (3, 3, 3, 3, 3, 3), (1, 2, 1, 3, 1, 2)]


def tree(draw: random.Random) -> tuple[list[Load], list[Row]]:
    weights = draw.choice(WEIGHTS)
    loads = []
    for weight in weights:
        min_mw = draw.choice([0, 0, 1, 2])
        loads.append(Load(min_mw, min_mw + draw.randint(0, 6), weight, 1, draw.choice([0, 0, 1])))
    rows = []
    for begin, end in SPANS:
        least = sum(load.min_mw for load in loads[begin:end])
        most = sum(load.request_mw for load in loads[begin:end])
        rows.append(Row(draw.randint(least, most + 2), dict.fromkeys(range(begin, end), WHOLE)))
    return loads, rows


def change(draw: random.Random, allocator: Allocator, rows: list[Row]) -> None:
    if draw.random() < 0.3:
        row = draw.randrange(allocator.rows)
        allocator.limit_mw[row] += draw.choice([-2, -1, 1, 2])
        allocator.change_limit(row)
        return
    i = draw.randrange(allocator.loads)
    what = draw.random()
    if what < 0.1:
        allocator.weight[i] = draw.randint(1, 3)
    elif what < 0.2:
        allocator.step_mw[i] = draw.choice([1, 2])
    elif what < 0.35:
        allocator.min_mw[i] = draw.randint(0, 2)
    allocator.request_mw[i] = allocator.min_mw[i] + draw.randint(0, 6)
    allocator.change_load(i)


def test_a_change_gives_what_a_solve_gives() -> None:
    for seed in range(TREES):
        draw = random.Random(seed)
        loads, rows = tree(draw)
        allocator = allocator_of(loads, rows)
        allocator.solve()
        for _ in range(6):
            change(draw, allocator, rows)
            assert result_of(allocator) == solved_anew(allocator, rows), seed


def test_loads_behind_the_one_that_filled_the_row_stop_a_level_earlier() -> None:
    """Load 0 fills the row by its second mW, at level 10923; load 1 had its 6666th just before."""
    loads = [Load(0, 10, 3), Load(0, 100_000, 10_000), Load(0, 5, 10_000)]
    spans = [(0, 3, 6_673), (1, 3, 200_000)]
    rows = [Row(limit, dict.fromkeys(range(a, b), WHOLE)) for a, b, limit in spans]
    allocator = allocator_of(loads, rows)
    allocator.solve()
    assert list(allocator.grant_mw) == [2, 6_666, 5]
    allocator.request_mw[2] = 6
    allocator.change_load(2)
    assert list(allocator.grant_mw) == [1, 6_666, 6]


def racks(draw: random.Random, weights: list[int]) -> tuple[list[Load], list[Row]]:
    """Up to a dozen racks side by side, each with too little, two to a feed that has too little."""
    loads: list[Load] = []
    spans = []
    for _ in range(draw.randint(3, 12)):
        begin = len(loads)
        for _ in range(draw.choice([2, 2, 3, 5])):
            loads.append(Load(0, draw.randint(1, 5), draw.choice(weights)))
        spans.append((begin, len(loads)))
    pairs = [(a[0], b[1]) for a, b in zip(spans[::2], spans[1::2], strict=False)]
    rows = []
    for begin, end in [*spans, *pairs]:
        wanted = sum(load.request_mw for load in loads[begin:end])
        rows.append(
            Row(max(1, wanted - draw.randint(1, 4)), dict.fromkeys(range(begin, end), WHOLE))
        )
    return loads, rows


def test_racks_that_are_searched_side_by_side() -> None:
    for seed in range(600):
        draw = random.Random(seed)
        problem = racks(draw, draw.choice([[1], [1, 2], [1, 2, 3]]))
        assert solve(*problem) == allocate(*problem), seed


def test_steps_on_neighbouring_levels_in_rows_that_are_no_tree() -> None:
    """Load 1 takes its 6666th mW at level 10922, load 0 its second at 10923."""
    loads = [Load(0, 10, 3), Load(0, 100_000, 10_000)]
    for limit in range(6_655, 6_675):
        rows = [Row(limit, {0: WHOLE, 1: WHOLE}), Row(10**6, {0: 1, 1: 2})]
        assert solve(loads, rows) == allocate(loads, rows), limit


def uneven(draw: random.Random) -> tuple[list[Load], list[Row]]:
    """Rows that are missed by a nW or met."""
    loads = [Load(draw.choice([0, 0, 1]), draw.randint(1, 6), draw.choice([1, 1, 2]))]
    loads += [
        Load(0, draw.randint(1, 6), draw.choice([1, 1, 2])) for _ in range(draw.randint(1, 3))
    ]
    coefs = [1, 2, 500_000, 499_999, WHOLE - 1, WHOLE, WHOLE]
    rows = []
    for _ in range(draw.randint(1, 3)):
        coef_ppm = {i: draw.choice(coefs) for i in range(len(loads)) if draw.random() < 0.8}
        rows.append(Row(draw.randint(0, 9), coef_ppm))
    return loads, rows


def test_rows_that_a_nanowatt_decides() -> None:
    for seed in range(4_000):
        problem = uneven(random.Random(seed))
        assert solve(*problem) == allocate(*problem), seed
