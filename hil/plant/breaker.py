# SPDX-License-Identifier: Apache-2.0
"""Thermal-magnetic breaker on one edge of its tripping band.

theta' = (m^2 - theta) / tau with m = I / (Mnt * In); trips at theta = 1, or at once at the
magnetic gate. Thermal form: IEC 60255-149 (first-order image). The bands are those of
`edge.core.CURVES`, with their sources; the model is written apart from the C core and the
firmware, in floats, and they are tested against it.

The slow edge trips no earlier than any device of the standard: IEC 60898-1 table 7 asks for a
trip at 1.45 In within 2 h above 63 A (7,702 s), which is later than its 120 s at 2.55 In (548 s).
"""

import math
from dataclasses import dataclass

from edge.core import CURVES

MNT = 1.13
"""Conventional non-tripping current over In, IEC 60898-1."""

FAMILIES = {
    "B": "iec60898_b",
    "C": "iec60898_c",
    "D": "iec60898_d",
    "UL489_C": "ul489_c",
    "UL489_D": "ul489_d",
    "MCCB": "iec60947_mccb",
    "GG": "iec60269_gg",
}
"""Curve as people write it: family of `edge.core.CURVES`."""

TAU_S = {
    "fast": CURVES["iec60898_c"].tau_fast_ms / 1000,
    "slow": CURVES["iec60898_c"].tau_slow_ms / 1000,
}
"""Thermal time constant of IEC 60898-1, s, by edge."""

MAGNETIC_GATE = {
    name: (
        CURVES[family].magnetic_low_ppm / 1_000_000,
        CURVES[family].magnetic_high_ppm / 1_000_000,
    )
    for name, family in FAMILIES.items()
}
"""Instantaneous tripping band over In: (fast edge, slow edge)."""

REFERENCE_C = {"B": 30.0, "C": 30.0, "D": 30.0}
"""Ambient at which a breaker has its rating, degC; IEC 60898-1. Others: OTHERS_C."""

OTHERS_C = 40.0
"""The same for UL 489 and most IEC 60947-2."""

TRIP_C = 97.0
"""Temperature of the bimetal at which it trips, degC; as `edge.core.TRIP_MC`, source there."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One edge of a tripping curve."""

    mnt: float = MNT
    tau_s: float = TAU_S["fast"]
    magnetic_in: float = MAGNETIC_GATE["C"][0]
    letter: str = "C"
    """Of FAMILIES: what host and board are told, whose models hold the whole band."""
    edge: str = "fast"

    @classmethod
    def of(cls, letter: str = "C", edge: str = "fast") -> "Curve":
        """A family on its `fast` (trips first, the worst case) or `slow` edge."""
        family = CURVES[FAMILIES[letter]]
        tau_ms = family.tau_fast_ms if edge == "fast" else family.tau_slow_ms
        gate = MAGNETIC_GATE[letter][edge == "slow"]
        return cls(family.mnt_ppm / 1_000_000, tau_ms / 1000, gate, letter, edge)

    @property
    def family(self) -> str:
        """Name in `rack.toml`."""
        return FAMILIES[self.letter]

    @property
    def reference_c(self) -> float:
        """Ambient at which it has its rating, degC."""
        return REFERENCE_C.get(self.letter, OTHERS_C)

    def derating(self, ambient_c: float) -> float:
        """Rating at an ambient over the nominal one; colder air never raises it.

        sqrt((trip - ambient) / (trip - reference)): the rise over ambient goes with I^2, and the
        bimetal trips at one temperature. Not below 0.1.
        """
        left = (TRIP_C - ambient_c) / (TRIP_C - self.reference_c)
        return math.sqrt(min(max(left, 0.01), 1.0))


class Breaker:
    """One breaker; `step` with a constant current is exact whatever the length of the step."""

    __slots__ = (
        "_carries_a",
        "_decay",
        "_decay_dt_s",
        "_gate_a",
        "curve",
        "rating_a",
        "theta",
        "tripped",
    )

    def __init__(
        self, curve: Curve, rating_a: float, theta: float = 0.0, derating: float = 1.0
    ) -> None:
        """`derating`: heat counts against so much of the rating; the magnetic gate stays."""
        self.curve = curve
        self.rating_a = rating_a
        self.theta = theta
        self.tripped = False
        self._carries_a = curve.mnt * rating_a * derating
        self._gate_a = curve.magnetic_in * rating_a
        self._decay_dt_s = 0.0
        self._decay = 0.0

    def heating(self, current_a: float) -> float:
        """m^2: the theta that a constant current settles to."""
        m = current_a / self._carries_a
        return m * m

    def step(self, dt_s: float, current_a: float) -> bool:
        """Carry `current_a` for `dt_s`; True if it trips now. A tripped breaker only cools."""
        if dt_s != self._decay_dt_s:
            self._decay_dt_s = dt_s
            self._decay = -math.expm1(-dt_s / self.curve.tau_s)
        theta = self.theta
        m = current_a / self._carries_a
        self.theta = theta = theta + self._decay * (m * m - theta)
        if self.tripped:
            return False
        self.tripped = theta >= 1.0 or current_a >= self._gate_a
        return self.tripped

    def surge(self, for_s: float, current_a: float) -> bool:
        """Carry a short peak (RMS) inside a step; True if it trips now."""
        heat = self.heating(current_a)
        self.theta += -math.expm1(-for_s / self.curve.tau_s) * (heat - self.theta)
        if self.tripped:
            return False
        self.tripped = self.theta >= 1.0 or current_a >= self._gate_a
        return self.tripped

    def time_to_trip_s(self, current_a: float) -> float:
        """Seconds until a constant current trips it; inf if never, 0 if now or already."""
        if self.tripped or self.theta >= 1.0:
            return 0.0
        if current_a >= self._gate_a:
            return 0.0
        heat = self.heating(current_a)
        if heat <= 1.0:
            return math.inf
        return self.curve.tau_s * math.log((heat - self.theta) / (heat - 1.0))
