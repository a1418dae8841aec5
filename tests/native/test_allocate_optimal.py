# SPDX-License-Identifier: Apache-2.0
"""Against SciPy HiGHS: max-min optimal inside a class. And when a lower limit lowers the sum."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests.native.capping import WHOLE, solve, trees
from tests.reference.allocate import Load, Row

NEAR = 1e-6
"""Relative; what HiGHS promises."""
ROUNDING_MW = 40
"""Ten loads round down to 1 mW, coefficients pass that on at up to 3 to 1."""


class LevelByLp:
    """Lexicographic max-min by a linear programme per level (Radunovic, Le Boudec, A unified
    framework for max-min and min-max fairness, 2007): raise the common level, fix the loads
    that cannot rise beyond it, go on. In floats, no steps."""

    def __init__(self, loads: list[Load], rows: list[Row]) -> None:
        self.loads = loads
        self.low = np.array([load.min_mw for load in loads], float)
        self.high = self.low.copy()
        shape = (len(rows), len(loads))
        self.shares = np.array(
            [[row.coef_ppm.get(i, 0) / WHOLE for i in range(shape[1])] for row in rows]
        ).reshape(shape)
        self.limit_mw = np.array([row.limit_mw for row in rows], float)

    def best(self, goal: list[float], rising: list[int], least: float | None) -> float:
        """Highest goal * (x, level), rising loads at their level or at `least` per weight."""
        count = len(self.loads)
        at_level = np.zeros((len(rising), count + 1))
        for n, i in enumerate(rising):
            at_level[n, i], at_level[n, count] = -1, self.loads[i].weight
        above = np.hstack([self.shares, np.zeros((len(self.shares), 1))])
        bounds = [
            *zip(self.low, self.high, strict=True),
            (0, None) if least is None else (least, least),
        ]
        result = linprog(
            -np.array(goal),
            A_ub=np.vstack([above, at_level]),
            b_ub=np.concatenate([self.limit_mw, np.zeros(len(rising))]),
            bounds=bounds,
        )
        assert result.status == 0, result.message
        return -result.fun

    def fill(self, members: list[int]) -> None:
        count = len(self.loads)
        for i in members:
            self.high[i] = self.loads[i].request_mw
        rising = list(members)
        while rising:
            level = self.best([0] * count + [1], rising, None)
            level = max(0, level - NEAR * (1 + level))
            stuck = [i for i in rising if self.cannot_rise(i, rising, level)]
            for i in stuck:
                self.low[i] = self.high[i] = max(self.low[i], self.loads[i].weight * level)
            assert stuck
            rising = [i for i in rising if i not in stuck]

    def cannot_rise(self, i: int, rising: list[int], level: float) -> bool:
        goal = [0.0] * (len(self.loads) + 1)
        goal[i] = 1
        here = max(self.low[i], self.loads[i].weight * level)
        return self.best(goal, rising, level) <= here + 5 + 10 * NEAR * here


@st.composite
def fair_problems(draw):
    """Random general rows in which all minimums fit; 1 mW steps; like weights and shares."""
    count = draw(st.integers(1, 5))
    loads = []
    for _ in range(count):
        low = draw(st.just(0) | st.integers(0, 200_000))
        high = low + draw(st.integers(1_000, 1_000_000))
        loads.append(Load(low, high, draw(st.integers(1, 3)), 1, draw(st.integers(0, 1))))
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        coefs = st.sampled_from([WHOLE, WHOLE, WHOLE // 2, WHOLE // 3])
        shares = draw(st.dictionaries(st.integers(0, count - 1), coefs, min_size=1))
        least = sum(coef * loads[i].min_mw for i, coef in shares.items()) // WHOLE + 1
        rows.append(Row(least + draw(st.integers(0, 1_500_000)), shares))
    return loads, rows


@given(fair_problems())
@settings(max_examples=150, deadline=None)
def test_general_rows_are_lexicographic_max_min(problem):
    loads, rows = problem
    got = solve(loads, rows).grant_mw
    by_lp = LevelByLp(loads, rows)
    for priority in (0, 1):
        by_lp.fill([i for i, load in enumerate(loads) if load.priority == priority])
    assert np.allclose(got, by_lp.low, rtol=20 * NEAR, atol=ROUNDING_MW)


def sum_of(loads: list[Load], rows: list[Row]) -> int:
    return sum(solve(loads, rows).grant_mw)


def lowered(draw, loads: list[Load], rows: list[Row]) -> list[Row]:
    """One limit less, all minimums still fitting."""
    r = draw(st.integers(0, len(rows) - 1))
    least = sum(loads[i].min_mw for i in rows[r].coef_ppm)
    limit_mw = draw(st.integers(least, rows[r].limit_mw))
    return [*rows[:r], replace(rows[r], limit_mw=limit_mw), *rows[r + 1 :]]


@given(trees(steps_mw=(1,), are_minimums_met=True) | trees((7,), are_minimums_met=True), st.data())
@settings(max_examples=400)
def test_lower_limit_never_raises_the_sum_of_a_tree_with_one_step(problem, data):
    """In steps, the grants are a base of an integer polymatroid: their sum is its rank."""
    loads, rows = problem
    assert sum_of(loads, lowered(data.draw, loads, rows)) <= sum_of(loads, rows)


@given(st.data())
@settings(max_examples=400)
def test_lower_limit_never_raises_the_sum_of_one_row(data):
    """Whatever the steps: the first step that only the higher limit admits outweighs the rest."""
    loads, _ = data.draw(trees(steps_mw=(1, 7, 90, 400), are_minimums_met=True))
    everyone = dict.fromkeys(range(len(loads)), WHOLE)
    least = sum(load.min_mw for load in loads)
    rows = [Row(least + data.draw(st.integers(0, 4_000)), everyone)]
    assert sum_of(loads, lowered(data.draw, loads, rows)) <= sum_of(loads, rows)


def test_lower_limit_may_raise_the_sum_where_rows_cross():
    """The load that is held back leaves room in two rows at once."""
    loads = [Load(0, 100) for _ in range(3)]

    def rows(own_mw: int) -> list[Row]:
        return [
            Row(own_mw, {0: WHOLE}),
            Row(20, {0: WHOLE, 1: WHOLE}),
            Row(20, {0: WHOLE, 2: WHOLE}),
        ]

    assert (sum_of(loads, rows(10)), sum_of(loads, rows(8))) == (30, 32)


def test_lower_limit_may_raise_the_sum_of_a_tree_with_unlike_steps():
    """The large step that no longer fits leaves room for two smaller ones."""
    loads = [Load(0, 600, 10, 600), Load(0, 500, 1, 500), Load(0, 500, 1, 500)]

    def rows(own_mw: int) -> list[Row]:
        return [Row(1_000, dict.fromkeys(range(3), WHOLE)), Row(own_mw, {0: WHOLE})]

    assert (sum_of(loads, rows(600)), sum_of(loads, rows(599))) == (600, 1_000)
