# SPDX-License-Identifier: Apache-2.0
"""The breaker's thermal image, straight from the formulas of native/include/edge_breaker.h."""

import math
from dataclasses import dataclass

NEVER_MS = (1 << 30) - 1


@dataclass
class Edge:
    """One edge of a breaker's tripping band; ratios to the rating are plain numbers."""

    rating_ma: int
    mnt: float
    tau_ms: float
    gate: float
    theta: float = 0.0

    def target(self, current_ma: int) -> float:
        return (current_ma / (self.mnt * self.rating_ma)) ** 2

    def step(self, current_ma: int, dt_ms: int) -> None:
        settled = 1 - math.exp(-dt_ms / self.tau_ms)
        self.theta += settled * (self.target(current_ma) - self.theta)

    def time_to_trip_ms(self, current_ma: int) -> int:
        if self.theta >= 1 or current_ma >= self.gate * self.rating_ma:
            return 0
        target = self.target(current_ma)
        if target <= 1:
            return NEVER_MS
        left_ms = self.tau_ms * math.log((target - self.theta) / (target - 1))
        return min(math.floor(left_ms), NEVER_MS)

    def survivor_ma(self, hold_ms: int, theta_max: float, share: float = 0) -> int:
        """The largest total; share 0: the largest current from theta now."""
        below_gate_ma = math.ceil(self.gate * self.rating_ma) - 1
        kept = math.exp(-hold_ms / self.tau_ms)
        if self.theta * kept > theta_max:
            return 0
        if not hold_ms and not share:
            return below_gate_ma
        steady = theta_max / (1 - kept + kept * share**2)
        squared = min(steady, (theta_max - self.theta * kept) / (1 - kept)) if hold_ms else steady
        return min(math.floor(math.sqrt(squared) * self.mnt * self.rating_ma), below_gate_ma)


MNT = 1.13  # IEC 60898-1
TAU_FAST_MS, TAU_SLOW_MS = 4_570, 274_000  # 2.55 In trips from cold in 1 s, in 60 s
GATES = {"iec60898_b": (3, 5), "iec60898_c": (5, 10), "iec60898_d": (10, 20)}


def edges(rating_ma: int, curve: str) -> tuple[Edge, Edge]:
    """Fast and slow edge, cold."""
    low, high = GATES[curve]
    fast = Edge(rating_ma, MNT, TAU_FAST_MS, low)
    return fast, Edge(rating_ma, MNT, TAU_SLOW_MS, high)
