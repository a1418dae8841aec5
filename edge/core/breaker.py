# SPDX-License-Identifier: Apache-2.0
"""Breakers: `native/include/edge_breaker.h`."""

import math
from typing import Any, Literal, NamedTuple

from edge._native import ffi, lib
from edge.core.breaker_curve import Curve

Edge = Literal["fast", "slow"]
"""Edge of the tripping band: safety asks the fast one."""

NEVER_MS: int = lib.EDGE_NEVER_MS
"""Time-to-trip of a breaker that does not trip."""

TRIP_MC = 97_000
"""Temperature of the bimetal at which it trips, mdegC. With the reference of 40 degC this lies at
or below every factor of Schneider's table for the PowerPact B frame (0611CT1603), 45 .. 70 degC."""

_PPM = 1_000_000
_DAY_MS = 86_400_000
# 64 of the longest tau there is, 1 day: what is left is below the last bit of any theta.
_SETTLED_MS = 64 * _DAY_MS

EDGES: dict[Edge, int] = {"fast": lib.EDGE_FAST, "slow": lib.EDGE_SLOW}
"""`enum edge_breaker_edge` by name."""


class BreakerState(NamedTuple):
    """What a breaker remembers, for `Breaker.resume`: heat on both edges, ppm."""

    theta_fast_ppm: int
    theta_slow_ppm: int


class Breaker:
    """Thermal image of one breaker pole, on both edges of its curve band; starts cold."""

    __slots__ = ("_image",)

    def __init__(self, rating_ma: int, curve: Curve) -> None:
        self._image = ffi.new("struct edge_breaker *", cold_image(rating_ma, curve))

    def step(self, current_ma: int, dt_ms: int) -> None:
        """Carry current_ma for dt_ms; exact at constant current."""
        if lib.edge_breaker_step(self._image, current_ma, dt_ms) < 0:
            raise ValueError(f"breaker step out of range: {current_ma} mA for {dt_ms} ms")

    def carry(self, trace_ma: Any, dt_ms: int, edge: Edge = "fast") -> int:
        """Carry each current of an int32 buffer (array("i"), NumPy) for dt_ms, until it trips.

        Samples that it carried whole: all of them if it did not trip on that edge. ValueError,
        with nothing carried, if a current is negative or the buffer is not flat int32.
        """
        view = memoryview(trace_ma)
        if view.format != "i" or view.ndim != 1:
            raise ValueError(f"not a flat int32 buffer: format {view.format}, {view.ndim} axes")
        samples = ffi.from_buffer("int32_t[]", trace_ma)
        whole: int = lib.edge_breaker_trace(self._image, samples, len(view), dt_ms, EDGES[edge])
        if whole < 0:
            raise ValueError(f"trace out of range: {dt_ms} ms (0..86400000) or a negative current")
        return whole

    def time_to_trip_ms(self, current_ma: int, edge: Edge = "fast") -> int:
        """ms until it trips at this current, rounded down; 0 tripped; NEVER_MS if never."""
        left_ms: int = lib.edge_breaker_time_to_trip_ms(self._image, current_ma, EDGES[edge])
        if left_ms < 0:
            raise ValueError(f"current must not be negative: {current_ma} mA")
        return left_ms

    def hold_ma(self, hold_ms: int, theta_max_ppm: int, edge: Edge = "fast") -> int:
        """Largest constant current, mA, that leaves theta <= theta_max_ppm after hold_ms.

        From theta now; below the magnetic gate; rounded down; 0 if even 0 A leaves it hotter.
        hold_ms 0..86 400 000, theta_max_ppm 1..1 000 000; ValueError otherwise.
        """
        held_ma: int = lib.edge_breaker_hold_ma(self._image, hold_ms, theta_max_ppm, EDGES[edge])
        if held_ma < 0:
            raise ValueError(_hold_range(hold_ms, theta_max_ppm))
        return held_ma

    def survivor_ma(
        self, hold_ms: int, theta_max_ppm: int, share_ppm: int, edge: Edge = "fast"
    ) -> int:
        """Largest total, mA, that this breaker may be left with when the other feed is lost.

        It carried share_ppm of it for ever (or is at theta now, if that is hotter), then carries
        all of it for hold_ms and ends at theta <= theta_max_ppm, below the magnetic gate; rounded
        down. Ranges as `hold_ma`, share_ppm 0..1 000 000; ValueError otherwise.
        """
        total_ma: int = lib.edge_breaker_survivor_ma(
            self._image, hold_ms, theta_max_ppm, share_ppm, EDGES[edge]
        )
        if total_ma < 0:
            raise ValueError(
                f"{_hold_range(hold_ms, theta_max_ppm)}, share {share_ppm} ppm (0..1000000)"
            )
        return total_ma

    def state(self) -> BreakerState:
        """What to keep over a restart: the fast edge rounded up, the slow edge down."""
        fast, slow = self._image.theta_fast * _PPM, self._image.theta_slow * _PPM
        return BreakerState(min(math.ceil(fast), NEVER_MS), min(math.floor(slow), NEVER_MS))

    def resume(self, state: BreakerState, away_ms: int, most_ma: int) -> None:
        """Take up a kept state after away_ms in which it carried most_ma or less.

        That it cooled is not assumed: the fast edge carries most_ma all the time, the slow edge
        nothing. ValueError, with nothing changed, if the state is corrupt or away_ms or most_ma
        is negative: then take the steady state of most_ma.
        """
        if len(state) != len(BreakerState._fields) or not all(map(_is_heat_ppm, state)):
            raise ValueError(f"corrupt breaker state {state}: two integers, 0..{NEVER_MS} ppm")
        if away_ms < 0 or not 0 <= most_ma < 1 << 31:
            raise ValueError(f"away {away_ms} ms at {most_ma} mA: neither may be negative")
        self.theta_fast_ppm, self.theta_slow_ppm = state
        left_ms = min(away_ms, _SETTLED_MS)
        while left_ms > 0:
            lib.edge_breaker_away(self._image, most_ma, min(left_ms, _DAY_MS))
            left_ms -= _DAY_MS

    @property
    def theta_fast_ppm(self) -> int:
        """Heat on the fast edge, ppm of the heat that trips, to the nearest; settable."""
        return heat_ppm(self._image.theta_fast)

    @theta_fast_ppm.setter
    def theta_fast_ppm(self, ppm: int) -> None:
        self._image.theta_fast = _heat(ppm)

    @property
    def theta_slow_ppm(self) -> int:
        """Heat on the slow edge, ppm of the heat that trips, to the nearest; settable."""
        return heat_ppm(self._image.theta_slow)

    @theta_slow_ppm.setter
    def theta_slow_ppm(self, ppm: int) -> None:
        self._image.theta_slow = _heat(ppm)


def cold_image(rating_ma: int, curve: Curve) -> dict[str, Any]:
    """Fields of a cold `struct edge_breaker`. ValueError if one is out of range."""
    image = {
        "rating_ma": rating_ma,
        "mnt_ppm": curve.mnt_ppm,
        "tau_fast_ms": curve.tau_fast_ms,
        "tau_slow_ms": curve.tau_slow_ms,
        "magnetic_low_ppm": curve.magnetic_low_ppm,
        "magnetic_high_ppm": curve.magnetic_high_ppm,
    }
    if lib.edge_breaker_check(ffi.new("struct edge_breaker *", image)) < 0:
        raise ValueError(f"breaker out of range: rating {rating_ma} mA, {curve}")
    return image


def derated_ma(rating_ma: int, ambient_mc: int, reference_mc: int, trip_mc: int = TRIP_MC) -> int:
    """Rating at an ambient above the one it was given for, mA, rounded down; 0 from trip_mc on.

    In * sqrt((trip - ambient) / (trip - reference)); colder air never raises it. Reference:
    30 degC for IEC 60898-1, 40 degC for UL 489 and most IEC 60947-2. ValueError out of range.
    """
    derated: int = lib.edge_breaker_derated_ma(rating_ma, ambient_mc, reference_mc, trip_mc)
    if derated < 0:
        raise ValueError(
            f"out of range: rating {rating_ma} mA (1..{NEVER_MS}), ambient {ambient_mc}, "
            f"reference {reference_mc}, trip {trip_mc} mdegC (trip above reference)"
        )
    return derated


def _hold_range(hold_ms: int, theta_max_ppm: int) -> str:
    return (
        f"out of range: hold {hold_ms} ms (0..86400000), theta_max {theta_max_ppm} ppm (1..1000000)"
    )


def _is_heat_ppm(ppm: object) -> bool:
    return type(ppm) is int and 0 <= ppm <= NEVER_MS


def heat_ppm(theta: float) -> int:
    """Theta in ppm, to the nearest, at most NEVER_MS."""
    # NEVER_MS is also the largest small int of a 32-bit board, which carries this figure.
    return min(round(theta * _PPM), NEVER_MS)


def _heat(ppm: int) -> float:
    if ppm < 0:
        raise ValueError(f"theta must not be negative: {ppm} ppm")
    return ppm / _PPM
