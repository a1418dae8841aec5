# SPDX-License-Identifier: Apache-2.0
"""Thermal-magnetic breaker on one edge of its tripping band.

theta' = (m^2 - theta) / tau with m = I / (Mnt * In); trips at theta = 1, or at once at the
magnetic gate. Thermal form: IEC 60255-149 (first-order image). Constants: IEC 60898-1 table 7,
tau from its 2.55 In gate (1 s and 60 s from cold). Floats, written apart from the C core and the
firmware, which are tested against it.
"""

import math
from dataclasses import dataclass

MNT = 1.13
"""Conventional non-tripping current over In, IEC 60898-1."""

TAU_S = {"fast": 4.57, "slow": 274.0}
"""Thermal time constant, s, by edge: trips after 1 s (fast) or 60 s (slow) at 2.55 In."""

MAGNETIC_GATE = {"B": (3.0, 5.0), "C": (5.0, 10.0), "D": (10.0, 20.0)}
"""Instantaneous tripping band over In: (fast edge, slow edge), IEC 60898-1."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One edge of a tripping curve."""

    mnt: float = MNT
    tau_s: float = TAU_S["fast"]
    magnetic_in: float = MAGNETIC_GATE["C"][0]

    @classmethod
    def of(cls, letter: str = "C", edge: str = "fast") -> "Curve":
        """Curve B, C or D on its `fast` (trips first, the worst case) or `slow` edge."""
        return cls(MNT, TAU_S[edge], MAGNETIC_GATE[letter][edge == "slow"])


class Breaker:
    """One breaker; `step` with a constant current is exact whatever the length of the step."""

    __slots__ = ("_decay", "_decay_dt_s", "curve", "rating_a", "theta", "tripped")

    def __init__(self, curve: Curve, rating_a: float, theta: float = 0.0) -> None:
        self.curve = curve
        self.rating_a = rating_a
        self.theta = theta
        self.tripped = False
        self._decay_dt_s = 0.0
        self._decay = 0.0

    def heating(self, current_a: float) -> float:
        """m^2: the theta that a constant current settles to."""
        m = current_a / (self.curve.mnt * self.rating_a)
        return m * m

    def step(self, dt_s: float, current_a: float) -> bool:
        """Carry `current_a` for `dt_s`; True if it trips now. A tripped breaker only cools."""
        if dt_s != self._decay_dt_s:
            self._decay_dt_s = dt_s
            self._decay = -math.expm1(-dt_s / self.curve.tau_s)
        theta = self.theta
        self.theta = theta = theta + self._decay * (self.heating(current_a) - theta)
        if self.tripped:
            return False
        self.tripped = theta >= 1.0 or current_a >= self.curve.magnetic_in * self.rating_a
        return self.tripped

    def time_to_trip_s(self, current_a: float) -> float:
        """Seconds until a constant current trips it; inf if never, 0 if now or already."""
        if self.tripped or self.theta >= 1.0:
            return 0.0
        if current_a >= self.curve.magnetic_in * self.rating_a:
            return 0.0
        heat = self.heating(current_a)
        if heat <= 1.0:
            return math.inf
        return self.curve.tau_s * math.log((heat - self.theta) / (heat - 1.0))
