# SPDX-License-Identifier: Apache-2.0
"""Breakers: `native/include/edge_breaker.h`."""

from dataclasses import dataclass
from typing import Literal

from edge._native import ffi, lib

Edge = Literal["fast", "slow"]
"""Edge of the tripping band: safety asks the fast one."""

NEVER_MS: int = lib.EDGE_NEVER_MS
"""Time-to-trip of a breaker that does not trip."""

_PPM = 1_000_000
_EDGES: dict[Edge, int] = {"fast": lib.EDGE_FAST, "slow": lib.EDGE_SLOW}


@dataclass(frozen=True, slots=True)
class Curve:
    """Tripping band of a breaker family; `native/include/edge_breaker.h` has the model."""

    mnt_ppm: int
    """Conventional non-tripping current ÷ rating, ppm."""
    tau_fast_ms: int
    tau_slow_ms: int
    magnetic_low_ppm: int
    """Lowest current ÷ rating that may trip at once, ppm."""
    magnetic_high_ppm: int
    """Lowest current ÷ rating that must trip at once, ppm."""


def _iec60898(magnetic_low: int, magnetic_high: int) -> Curve:
    # IEC 60898-1 table 7: 1.13 In holds for 1 h; 2.55 In trips within 1 s .. 60 s from cold,
    # which gives tau = t / ln(m^2 / (m^2 - 1)) with m = 2.55 / 1.13.
    return Curve(1_130_000, 4_570, 274_000, magnetic_low * _PPM, magnetic_high * _PPM)


CURVES: dict[str, Curve] = {
    "iec60898_b": _iec60898(3, 5),
    "iec60898_c": _iec60898(5, 10),
    "iec60898_d": _iec60898(10, 20),
}
"""Breaker families by the name used in configuration files (IEC 60898-1 types B, C, D)."""


class Breaker:
    """Thermal image of one breaker pole, on both edges of its curve band; starts cold."""

    __slots__ = ("_image",)

    def __init__(self, rating_ma: int, curve: Curve) -> None:
        self._image = ffi.new(
            "struct edge_breaker *",
            {
                "rating_ma": rating_ma,
                "mnt_ppm": curve.mnt_ppm,
                "tau_fast_ms": curve.tau_fast_ms,
                "tau_slow_ms": curve.tau_slow_ms,
                "magnetic_low_ppm": curve.magnetic_low_ppm,
                "magnetic_high_ppm": curve.magnetic_high_ppm,
            },
        )
        if lib.edge_breaker_check(self._image) < 0:
            raise ValueError(f"breaker out of range: rating {rating_ma} mA, {curve}")

    def step(self, current_ma: int, dt_ms: int) -> None:
        """Carry current_ma for dt_ms; exact at constant current."""
        if lib.edge_breaker_step(self._image, current_ma, dt_ms) < 0:
            raise ValueError(f"breaker step out of range: {current_ma} mA for {dt_ms} ms")

    def time_to_trip_ms(self, current_ma: int, edge: Edge = "fast") -> int:
        """ms until it trips at this current, rounded down; 0 tripped; NEVER_MS if never."""
        left_ms: int = lib.edge_breaker_time_to_trip_ms(self._image, current_ma, _EDGES[edge])
        if left_ms < 0:
            raise ValueError(f"current must not be negative: {current_ma} mA")
        return left_ms

    def hold_ma(self, hold_ms: int, theta_max_ppm: int, edge: Edge = "fast") -> int:
        """Largest constant current, mA, that leaves theta <= theta_max_ppm after hold_ms.

        From theta now; below the magnetic gate; rounded down; 0 if even 0 A leaves it hotter.
        hold_ms 0..86 400 000, theta_max_ppm 1..1 000 000; ValueError otherwise.
        """
        return self.survivor_ma(hold_ms, theta_max_ppm, 0, edge)

    def survivor_ma(
        self, hold_ms: int, theta_max_ppm: int, share_ppm: int, edge: Edge = "fast"
    ) -> int:
        """Largest total, mA, that this breaker may be left with when the other feed is lost.

        It carried share_ppm of it for ever (or is at theta now, if that is hotter), then carries
        all of it for hold_ms and ends at theta <= theta_max_ppm, below the magnetic gate; rounded
        down. Ranges as `hold_ma`, share_ppm 0..1 000 000; ValueError otherwise.
        """
        total_ma: int = lib.edge_breaker_survivor_ma(
            self._image, hold_ms, theta_max_ppm, share_ppm, _EDGES[edge]
        )
        if total_ma < 0:
            raise ValueError(
                f"out of range: hold {hold_ms} ms (0..86400000), theta_max {theta_max_ppm} ppm "
                f"(1..1000000), share {share_ppm} ppm (0..1000000)"
            )
        return total_ma

    @property
    def theta_fast_ppm(self) -> int:
        """Heat on the fast edge, ppm of the heat that trips, to the nearest; settable."""
        return _heat_ppm(self._image.theta_fast)

    @theta_fast_ppm.setter
    def theta_fast_ppm(self, ppm: int) -> None:
        self._image.theta_fast = _heat(ppm)

    @property
    def theta_slow_ppm(self) -> int:
        """Heat on the slow edge, ppm of the heat that trips, to the nearest; settable."""
        return _heat_ppm(self._image.theta_slow)

    @theta_slow_ppm.setter
    def theta_slow_ppm(self, ppm: int) -> None:
        self._image.theta_slow = _heat(ppm)


def _heat_ppm(theta: float) -> int:
    # NEVER_MS is also the largest small int of a 32-bit board, which carries this figure.
    return min(round(theta * _PPM), NEVER_MS)


def _heat(ppm: int) -> float:
    if ppm < 0:
        raise ValueError(f"theta must not be negative: {ppm} ppm")
    return ppm / _PPM
