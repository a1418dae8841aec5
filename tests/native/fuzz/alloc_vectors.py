# SPDX-License-Identifier: Apache-2.0
"""Capping problems for the C driver, always the same, each with what the reference makes of it.

The reference takes every step singly, so loads have few steps; minimums, steps and weights are as
large as they may be.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.reference.allocate import Load, Result, Row, allocate

WHOLE = 1_000_000
POWER_MAX_MW = 2**30 - 1
Problem = tuple[list[Load], list[Row]]


def _load(draw: random.Random, step_mw: int, weights: list[int], classes: int) -> Load:
    most = draw.choice([0, 3, 12, 40])
    steps = draw.randint(0, most)
    room_mw = POWER_MAX_MW - (steps + 1) * step_mw
    min_mw = draw.choice([0, 0, draw.randint(0, 9), draw.randint(0, 300), draw.randint(0, 2**28)])
    min_mw = min(min_mw, max(room_mw, 0))
    rest_mw = draw.randrange(step_mw) if draw.random() < 0.5 else 0
    request_mw = min(min_mw + steps * step_mw + rest_mw, POWER_MAX_MW)
    return Load(min_mw, request_mw, draw.choice(weights), step_mw, draw.randrange(classes))


def _loads(draw: random.Random, count: int, *, steps_differ: bool, classes: int) -> list[Load]:
    """Of each class alike in step and often in weight, or of any steps."""
    steps_mw = [1, 1, 1, draw.choice([2, 3]), 2, draw.choice([6, 7]), 7, 100, 2_000, 2**20, 2**26]
    weights = draw.choice(
        [[1], [3], [10_000], [1, 2], [2, 3], [1, 1, 2, 10_000], [7, 9_999, 10_000]]
    )
    of_class = [draw.choice(steps_mw) for _ in range(classes)]
    if draw.random() < 0.4:
        of_class = [of_class[0]] * classes
    loads = []
    for _ in range(count):
        load = _load(draw, draw.choice(steps_mw), weights, classes)
        if not steps_differ:
            alike = _load(draw, of_class[load.priority], weights, classes)
            load = replace(alike, priority=load.priority)
        loads.append(load)
    if draw.random() < 0.3:
        # Of one minimum: all ties are broken by index.
        loads = [
            replace(each, min_mw=0, request_mw=each.request_mw - each.min_mw) for each in loads
        ]
    return loads


def _limit_mw(draw: random.Random, loads: list[Load], coef_ppm: dict[int, int]) -> int:
    """Mostly between what the row must and what it would take."""
    least = sum(loads[i].min_mw * coef for i, coef in coef_ppm.items()) // WHOLE
    most = sum(loads[i].request_mw * coef for i, coef in coef_ppm.items()) // WHOLE
    kind = draw.random()
    if kind < 0.12:
        return draw.randint(-3, max(least, 1))  # minimums do not all fit
    if kind < 0.24:
        return draw.choice([least, least + 1, most, most + 1, most - 1, most + 2**27, 2**43])
    return draw.randint(least, most + 1)


def _random_rows(draw: random.Random, loads: list[Load]) -> list[Row]:
    rows = []
    coefs = [WHOLE, WHOLE, WHOLE // 2, 333_333, 1, 0, 2 * WHOLE]
    for _ in range(draw.randint(0, 5)):
        share = draw.random()
        members = {i: draw.choice(coefs) for i in range(len(loads)) if draw.random() < share}
        rows.append(Row(_limit_mw(draw, loads, members), members))
    return rows


def _ranges(draw: random.Random, begin: int, end: int, depth: int) -> list[tuple[int, int]]:
    found = [(begin, end)]
    while depth and begin < end and draw.random() < 0.8:
        middle = draw.randint(begin + 1, end)
        if draw.random() < 0.8:
            found += _ranges(draw, begin, middle, depth - 1)
        begin = middle
    return found


def _tree_rows(draw: random.Random, loads: list[Load], depth: int) -> list[Row]:
    count = len(loads)
    first, end = draw.choice([(0, count), (0, count), (min(1, count), count), (0, count // 2)])
    ranges = _ranges(draw, first, end, depth)
    if draw.random() < 0.3:
        ranges = ranges[1:]  # a forest
    if draw.random() < 0.5:
        draw.shuffle(ranges)
    members = [dict.fromkeys(range(*span), WHOLE) for span in ranges]
    if draw.random() < 0.08 and members and members[0]:
        members[-1][min(members[0])] = WHOLE  # perhaps a gap or a crossing
        members[-1] = dict(sorted(members[-1].items()))
    return [Row(_limit_mw(draw, loads, each), each) for each in members]


def _blocks(draw: random.Random, loads: list[Load], sizes: list[int]) -> list[Row]:
    """Racks of some sizes under a feed: many searches side by side."""
    rows, begin = [], 0
    while begin < len(loads):
        size = draw.choice(sizes)
        each = dict.fromkeys(range(begin, min(begin + size, len(loads))), WHOLE)
        rows.append(Row(_limit_mw(draw, loads, each), each))
        begin += size
    feed = dict.fromkeys(range(len(loads)), WHOLE)
    return [Row(_limit_mw(draw, loads, feed), feed), *rows]


def _crowded(draw: random.Random) -> Problem:
    """Many ties, and minimums that do not all fit."""
    loads = []
    for _ in range(draw.randint(2, 7)):
        min_mw, weight = 10 * draw.randint(0, 4), draw.randint(1, 3)
        priority = draw.choice([0, 0, 254, 255])
        loads.append(Load(min_mw, min_mw + draw.choice([0, 15]), weight, priority=priority))
    rows = []
    for _ in range(draw.randint(1, 3)):
        members = [i for i in range(len(loads)) if draw.random() < 0.7]
        coef_ppm = {i: draw.choice([WHOLE, WHOLE, WHOLE // 2, 2 * WHOLE, 0]) for i in members}
        rows.append(Row(10 * draw.randint(0, 12), coef_ppm))
    return loads, rows


def _near_tie(draw: random.Random) -> Problem:
    """A row and one around it that are full within a few steps of each other; many small loads."""
    inner, beside = draw.choice([2, 5, 16, 17, 18, 33]), draw.randint(1, 5)
    weight, step_mw, share = draw.choice([1, 1, 3]), draw.choice([1, 1, 5]), draw.randint(0, 6)
    weights = [weight, draw.choice([weight, weight, 2])]
    loads = []
    for _ in range(inner + beside):
        min_mw = draw.choice([0, 0, 0, draw.randint(0, 3)])
        most = draw.choice([1, share, share + 1, share + 4])
        loads.append(Load(min_mw, min_mw + most * step_mw, draw.choice(weights), step_mw))
    ahead = draw.randint(0, beside)  # so many of those beside it come before it
    rack = dict.fromkeys(range(ahead, ahead + inner), WHOLE)
    feed = dict.fromkeys(range(inner + beside), WHOLE)
    rows = []
    for members in (rack, feed):
        least_mw = sum(loads[i].min_mw for i in members)
        steps = len(members) * share + draw.randint(-2, len(members))
        rows.append(Row(least_mw + max(steps, 0) * step_mw, members))
    return loads, rows


def _problem(draw: random.Random) -> Problem:
    rare = draw.random()
    if rare < 0.1:
        return _crowded(draw)
    if rare < 0.25:
        return _near_tie(draw)
    kind = draw.random()
    if kind < 0.3:
        classes = draw.choice([1, 2, 4])
        loads = _loads(draw, draw.randint(1, 9), steps_differ=True, classes=classes)
        return loads, _random_rows(draw, loads)
    if kind < 0.8:
        classes = draw.choice([1, 1, 2, 3, 4, 6])
        loads = _loads(draw, draw.randint(1, 14), steps_differ=draw.random() < 0.1, classes=classes)
        return loads, _tree_rows(draw, loads, 4)
    if kind < 0.9:
        loads = _loads(draw, draw.randint(15, 40), steps_differ=False, classes=1)
        return loads, _tree_rows(draw, loads, 1)
    sizes = draw.choice([[2], [3], [8], [15], [16], [17], [2, 3, 8], [2, 2, 2, 4, 9, 16]])
    loads = _loads(draw, draw.randint(2, 60), steps_differ=False, classes=1)
    return loads, _blocks(draw, loads, sizes)


def _steps_of(loads: list[Load]) -> int:
    return sum((load.request_mw - load.min_mw) // load.step_mw for load in loads)


def problems(count: int, seed: int = 1) -> Iterator[Problem]:
    """The same for the same seed."""
    draw = random.Random(seed)
    while count > 0:
        loads, rows = _problem(draw)
        if _steps_of(loads) <= 500:
            yield loads, rows
            count -= 1


def _is_tree(rows: list[Row]) -> bool:
    """Whole loads of unbroken ranges; of two, one holds the other or they share none."""
    if any(coef_ppm != WHOLE for row in rows for coef_ppm in row.coef_ppm.values()):
        return False
    held = [set(row.coef_ppm) for row in rows if row.coef_ppm]
    if any(max(each) - min(each) >= len(each) for each in held):
        return False
    return all(a <= b or b <= a or not a & b for a in held for b in held)


def _stays_local(loads: list[Load], rows: list[Row], result: Result) -> bool:
    """Whether edge_alloc.h promises that a change leaves alone what shares no row with it."""
    steps_mw: dict[int, set[int]] = {}
    for load in loads:
        steps_mw.setdefault(load.priority, set()).add(load.step_mw)
    is_alike = len(steps_mw) <= 4 and all(len(each) == 1 for each in steps_mw.values())
    return is_alike and not any(result.shed) and _is_tree(rows)


def line(loads: list[Load], rows: list[Row]) -> str:
    """alloc LOADS ROWS ENTRIES IS_LOCAL, the loads with what they get, the rows with their
    entries."""
    result = allocate(loads, rows)
    entries = sum(len(row.coef_ppm) for row in rows)
    fields = [len(loads), len(rows), entries, int(_stays_local(loads, rows, result))]
    for i, load in enumerate(loads):
        fields += [load.min_mw, load.request_mw, load.weight, load.step_mw, load.priority]
        fields += [result.grant_mw[i], result.shed[i], result.binding_row[i]]
    for row in rows:
        fields += [row.limit_mw, len(row.coef_ppm)]
        for i, coef_ppm in sorted(row.coef_ppm.items()):
            fields += [i, coef_ppm]
    return "alloc " + " ".join(map(str, fields))
