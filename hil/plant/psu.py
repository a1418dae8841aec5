# SPDX-License-Identifier: Apache-2.0
"""Power supplies of a server: AC in, DC out, the difference is heat."""

from bisect import bisect_right

Points = tuple[tuple[float, float], ...]
"""(load over rating, efficiency), rising."""

TITANIUM: Points = ((0.0, 0.80), (0.10, 0.90), (0.20, 0.94), (0.50, 0.96), (1.0, 0.91), (1.5, 0.86))
"""(load over rating, efficiency): 80 PLUS Titanium minimums, 230 V internal redundant.

The points at 0.1, 0.2, 0.5 and 1.0 are the programme's; 0 and 1.5 only end the line.
"""

CLASSES: dict[str, Points] = {
    "bronze": ((0.0, 0.65), (0.20, 0.81), (0.50, 0.85), (1.0, 0.81), (1.5, 0.77)),
    "silver": ((0.0, 0.69), (0.20, 0.85), (0.50, 0.89), (1.0, 0.85), (1.5, 0.81)),
    "gold": ((0.0, 0.72), (0.20, 0.88), (0.50, 0.92), (1.0, 0.88), (1.5, 0.84)),
    "platinum": ((0.0, 0.74), (0.20, 0.90), (0.50, 0.94), (1.0, 0.91), (1.5, 0.88)),
    "titanium": TITANIUM,
}
"""80 PLUS minimums, 230 V internal redundant, by class: 20, 50 and 100 % are the programme's
(Titanium also 10 %). Below them the fixed losses weigh more: 16 points at no load are ours."""

STEPS = 256
"""Table entries per unit of load fraction: wrong by < 2e-4 above a fifth of the rating."""

MARGIN = 1.1
"""Rating of one side (A or B) over the server's maximum: either side carries it alone (N+N)."""


def efficiency(fraction: float, points: Points = TITANIUM) -> float:
    """DC out over AC in at `fraction` of the rating, linear between the programme's points."""
    i = bisect_right(points, (fraction, 2.0))
    if i == 0:
        return points[0][1]
    if i == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    return y0 + (y1 - y0) * (fraction - x0) / (x1 - x0)


def efficiency_table(points: Points = TITANIUM) -> tuple[float, ...]:
    """`efficiency` sampled for the plant's inner loop; index = fraction * STEPS."""
    top = int(points[-1][0] * STEPS)
    return tuple(efficiency((i + 0.5) / STEPS, points) for i in range(top + 1))
