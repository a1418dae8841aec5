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


FAMILIES = {  # mnt, tau of fast and slow edge in ms, magnetic gate of fast and slow edge
    "iec60898_b": (1.13, 4_570, 7_702_414, 3, 5),
    "iec60898_c": (1.13, 4_570, 7_702_414, 5, 10),
    "iec60898_d": (1.13, 4_570, 7_702_414, 10, 20),
    "ul489_c": (1.0, 5_988, 9_049_592, 5, 10),
    "ul489_d": (1.0, 5_988, 9_049_592, 7, 20),
    "iec60947_mccb": (1.05, 5_382, 6_814_262, 4, 12),
    "iec60269_gg": (1.25, 1_755, 7_639_174, 5.3125, 100),
}


def edges(rating_ma: int, curve: str) -> tuple[Edge, Edge]:
    """Fast and slow edge, cold."""
    mnt, tau_fast_ms, tau_slow_ms, low, high = FAMILIES[curve]
    fast = Edge(rating_ma, mnt, tau_fast_ms, low)
    return fast, Edge(rating_ma, mnt, tau_slow_ms, high)


def derated_ma(rating_ma: int, ambient_mc: int, reference_mc: int, trip_mc: int) -> int:
    hotter_mc = max(ambient_mc, reference_mc)
    left = max(trip_mc - hotter_mc, 0) / (trip_mc - reference_mc)
    return math.floor(rating_ma * math.sqrt(left))
