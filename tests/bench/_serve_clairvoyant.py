# SPDX-License-Identifier: Apache-2.0
"""What nobody can serve more than: a linear programme that knows the whole demand in advance.

Maximise the energy served, where in each tick 0 <= power <= demand and the breakers neither
reach their thermal limit nor their magnetic gate. Every simplification lets more through than
the plant does, so that the result is an upper bound for any policy without a trip:

- caps act at once and reach down to nothing; fans draw nothing;
- the two equal breakers are one of twice the rating: the mean of their thermal images is at most
  1, and a mean of squares is at least the square of the mean;
- m^2 is replaced by the highest of some of its tangents;
- `stride` ticks are one step, in which power is free to move: see `step_gain`.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from hil.engine.virtual import TICK_MS
from hil.plant.breaker import Curve
from hil.plant.rack import Rack
from hil.plant.spec import RackSpec
from hil.trace import Demand, Trace

TANGENTS = (0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 1.8, 2.2, 3.0)
"""Where the tangents touch, m. In a lasting state m = 1, where the bound is exact."""
STEPS_MAX = 8_000
"""Longer runs take more ticks per step; HiGHS then needs seconds."""

Watts = NDArray[np.float64]


class Breakers(NamedTuple):
    """Both breakers of a rack as one."""

    curve: Curve
    rating_w: float
    theta: float
    """Thermal image at the start."""


def clairvoyant_served(spec: RackSpec, demand: Trace, ticks: int) -> float:
    """Upper bound of energy served over energy demanded in the first `ticks` of a run."""
    rack = Rack(spec, Demand(demand))
    breakers = together(rack)
    wanted_w = demand_w(rack, ticks)
    stride = -(-ticks // STEPS_MAX)
    return bound_w(breakers, wanted_w, TICK_MS / 1000, stride).sum() / wanted_w.sum()


def together(rack: Rack) -> Breakers:
    """One breaker for both. Raises ValueError if they are not equal."""
    a, b = rack.spec.feeds
    if (a.rating_w, a.curve) != (b.rating_w, b.curve):
        raise ValueError("feeds A and B differ: the bound joins equal breakers only")
    return Breakers(a.curve, rack.spec.rating_w, sum(rack.theta) / 2)


def demand_w(rack: Rack, ticks: int) -> Watts:
    """What all loads together want in each tick, with the plant's own noise, float64[ticks]."""
    wanted_w = np.empty(ticks)
    for tick in range(ticks):
        rack.step(TICK_MS)
        wanted_w[tick] = sum(rack.demand_w)
    return wanted_w


def step_gain(tau_s: float, tick_s: float, stride: int) -> tuple[float, float]:
    """(decay, gain) of the thermal image over a step of `stride` ticks.

    theta' = decay * theta + sum w_j * m_j^2, where later ticks weigh more. For a given mean of m
    the sum is least with m_j ~ 1 / w_j (Cauchy-Schwarz): stride^2 / sum(1 / w_j) times the mean
    squared. That is the gain; it is what ignores the shape of power inside a step.
    """
    keep = math.exp(-tick_s / tau_s)
    weights = [(1 - keep) * keep**late for late in range(stride)]
    return keep**stride, stride**2 / sum(1 / weight for weight in weights)


def bound_w(breakers: Breakers, wanted_w: Watts, tick_s: float, stride: int = 1) -> Watts:
    """The best power of all loads in each step, summed over its ticks, W: float64[steps].

    Variables are m and theta of each step. Raises RuntimeError if HiGHS finds no optimum.
    """
    curve = breakers.curve
    steps = -(-len(wanted_w) // stride)
    scale_w = curve.mnt * breakers.rating_w
    ticks = np.full(steps, stride)
    ticks[-1] = len(wanted_w) - stride * (steps - 1)
    sums_w = np.add.reduceat(wanted_w, np.arange(0, len(wanted_w), stride))
    most = np.minimum(sums_w / ticks / scale_w, curve.magnetic_in / curve.mnt)
    rows, limits = _image(breakers, most, ticks, tick_s)
    bounds = np.zeros((2 * steps, 2))
    bounds[:steps, 1] = most
    bounds[steps:, 1] = 1.0
    cost = np.concatenate([-ticks.astype(float), np.zeros(steps)])
    found = linprog(cost, A_ub=rows, b_ub=limits, bounds=bounds, method="highs-ipm")
    if found.status != 0:
        raise RuntimeError(f"HiGHS: {found.message}")
    return np.asarray(found.x[:steps] * ticks * scale_w)


def _image(
    breakers: Breakers, most: Watts, ticks: NDArray[np.int64], tick_s: float
) -> tuple[coo_matrix, Watts]:
    """Rows decay * theta_before + gain * tangent(m) - theta <= 0, one per tangent in reach."""
    steps = len(ticks)
    gains = {
        stride: step_gain(breakers.curve.tau_s, tick_s, stride)
        for stride in {int(ticks[0]), int(ticks[-1])}
    }
    decay = np.array([gains[int(stride)][0] for stride in ticks])
    gain = np.array([gains[int(stride)][1] for stride in ticks])
    step, at = _touching(most)
    first = step == 0
    number = np.arange(len(step))
    limits = gain[step] * at**2
    limits[first] -= decay[0] * breakers.theta
    data = (2 * gain[step] * at, -np.ones(len(step)), decay[step[~first]])
    row = (number, number, number[~first])
    column = (step, steps + step, steps + step[~first] - 1)
    entries = (np.concatenate(data), (np.concatenate(row), np.concatenate(column)))
    return coo_matrix(entries, shape=(len(step), 2 * steps)).tocsr(), limits


def _touching(most: Watts) -> tuple[NDArray[np.int64], Watts]:
    """(step, m) of each tangent: all below the step's demand and one above, else theirs."""
    points = np.array(TANGENTS)
    reach = np.minimum(np.searchsorted(points, most) + 1, len(points))
    step = np.repeat(np.arange(len(most)), reach)
    first = np.concatenate([[0], np.cumsum(reach)[:-1]])
    return step, points[np.arange(len(step)) - np.repeat(first, reach)]
