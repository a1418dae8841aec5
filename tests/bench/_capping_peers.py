# SPDX-License-Identifier: Apache-2.0
"""What else answers the capping problem. Each peer is made once and gives a call to time.

On a tree, all maximal allocations of a class have the same sum (it is a polymatroid), so a
linear programme with falling prices 3, 2, 1 gives each class the sum that strict priority gives
it, and with a small quadratic term also the max-min shares (Fujishige, Lexicographically optimal
base of a polymatroid, 1980). HiGHS solves the linear form: sums, no fairness. kW inside.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from tests.bench._capping import Problem

PRICE = np.array([3.0, 2.0, 1.0])
CURVATURE = 0.1
MW_PER_KW = 1e6
Answer = Callable[[], Any]
"""Solve and return the grants, mW; anything to prepare anew is done by the maker."""


def highs(problem: Problem) -> Answer:
    from scipy.optimize import linprog

    cost, matrix = -PRICE[problem.priority], problem.shares
    limit_kw = problem.limit_mw / MW_PER_KW
    bounds = np.column_stack([problem.min_mw, problem.request_mw]) / MW_PER_KW

    def solve() -> Any:
        result = linprog(cost, A_ub=matrix, b_ub=limit_kw, bounds=bounds, method="highs")
        assert result.status == 0, result.message
        return result.x * MW_PER_KW

    return solve


def osqp(problem: Problem) -> Answer:
    import osqp as library

    quadratic = sparse.csc_matrix(sparse.identity(problem.loads) * CURVATURE)
    rows = sparse.csc_matrix(sparse.vstack([problem.shares, sparse.identity(problem.loads)]))
    lowest = np.concatenate([np.full(len(problem.limit_mw), -np.inf), problem.min_mw / MW_PER_KW])
    highest = np.concatenate([problem.limit_mw, problem.request_mw]) / MW_PER_KW
    solver = library.OSQP()
    settings = {"eps_abs": 1e-4, "eps_rel": 1e-5, "max_iter": 20_000, "warm_starting": False}
    cost = -PRICE[problem.priority]
    solver.setup(quadratic, cost, rows, lowest, highest, verbose=False, **settings)
    return lambda: solver.solve().x * MW_PER_KW


def clarabel(problem: Problem) -> Answer:
    import clarabel as library

    identity = sparse.identity(problem.loads)
    quadratic = sparse.csc_matrix(identity * CURVATURE)
    rows = sparse.csc_matrix(sparse.vstack([problem.shares, identity, -identity]))
    bounds = np.concatenate([problem.limit_mw, problem.request_mw, -problem.min_mw]) / MW_PER_KW
    settings = library.DefaultSettings()
    settings.verbose = False
    cones = [library.NonnegativeConeT(len(bounds))]
    cost = -PRICE[problem.priority]
    solver = library.DefaultSolver(quadratic, cost, rows, bounds, cones, settings)
    return lambda: np.array(solver.solve().x) * MW_PER_KW


def numpy_filling(problem: Problem) -> Answer:
    """The tree algorithm of the C core in floats: sort the breakpoints of every full node."""
    lowest, begin, end = problem.min_mw.astype(float), problem.begin, problem.end

    def solve() -> Any:
        grant = lowest.copy()
        for priority in range(3):
            mine = np.flatnonzero(problem.priority == priority)
            below = np.concatenate([[0], np.cumsum(grant)])
            others_mw = below[end] - below[begin]
            cap = problem.request_mw[mine].astype(float)
            first, last = np.searchsorted(mine, begin), np.searchsorted(mine, end)
            for node in range(len(begin) - 1, -1, -1):
                inside = slice(first[node], last[node])
                own = lowest[mine[inside]]
                room = problem.limit_mw[node] - others_mw[node] + own.sum()
                if cap[inside].sum() > room + 1e-3:
                    cap[inside] = np.clip(_level(own, cap[inside], room), own, cap[inside])
            grant[mine] = cap
        return grant

    return solve


def _level(lowest: Any, highest: Any, room: float) -> float:
    """Level at which clip(level, lowest, highest) sums to room."""
    points = np.concatenate([lowest, highest])
    order = np.argsort(points)
    points = points[order]
    slope = np.cumsum(np.where(order < len(lowest), 1, -1))
    held = lowest.sum() + np.concatenate([[0], np.cumsum(slope[:-1] * np.diff(points))])
    at = min(int(np.searchsorted(held, room, side="right")) - 1, len(points) - 2)
    return float(points[at] + (room - held[at]) / max(slope[at], 1))


PEERS: dict[str, Callable[[Problem], Answer]] = {
    "SciPy HiGHS (LP, sums only)": highs,
    "NumPy water-filling": numpy_filling,
    "OSQP (QP)": osqp,
    "Clarabel (QP)": clarabel,
}
