# SPDX-License-Identifier: Apache-2.0
"""Many breakers in one call: `edge_breaker_bank_*` of `native/include/edge_breaker.h`."""

from collections.abc import Sequence

from edge._native import ffi, lib
from edge.core.breaker import EDGES, Edge, cold_image, heat_ppm
from edge.core.breaker_curve import Curve


class BreakerBank:
    """The breakers of a site, cold at first; each as `Breaker`, to the last bit.

    The caller writes `current_ma` in place before each call. Equal curves beside each other are
    stepped fastest.
    """

    __slots__ = ("_count", "_currents", "_images", "_left_ms", "current_ma", "left_ms")

    def __init__(self, breakers: Sequence[tuple[int, Curve]]) -> None:
        """Rating, mA, and curve of each. ValueError if one is out of range."""
        self._count = len(breakers)
        images = [cold_image(rating_ma, curve) for rating_ma, curve in breakers]
        self._images = ffi.new("struct edge_breaker[]", images)
        # A view cannot be empty before it is sliced.
        self._currents = ffi.new("int32_t[]", max(self._count, 1))
        self._left_ms = ffi.new("int32_t[]", max(self._count, 1))
        self.current_ma = memoryview(ffi.buffer(self._currents)).cast("i")[: self._count]
        """int32[breakers], mA; starts at 0. `numpy.asarray` of it is writable."""
        self.left_ms = memoryview(ffi.buffer(self._left_ms)).cast("i")[: self._count]
        """int32[breakers], written by `time_to_trip_ms`."""

    def __len__(self) -> int:
        """Breakers in it."""
        return self._count

    def step(self, dt_ms: int) -> None:
        """Carry `current_ma` for dt_ms. ValueError, with nothing changed, if out of range."""
        if lib.edge_breaker_bank_step(self._images, self._currents, self._count, dt_ms) < 0:
            raise ValueError(f"step out of range: {dt_ms} ms (0..86400000) or a negative current")

    def time_to_trip_ms(self, edge: Edge = "fast") -> memoryview:
        """`left_ms`: ms until each trips at its `current_ma`. ValueError if one is negative."""
        done = lib.edge_breaker_bank_time_to_trip(
            self._images, self._currents, self._count, EDGES[edge], self._left_ms
        )
        if done < 0:
            raise ValueError("a current is negative")
        return self.left_ms

    def theta_ppm(self, index: int, edge: Edge = "fast") -> int:
        """Heat of one breaker, ppm of the heat that trips, to the nearest."""
        image = self._images[index]
        return heat_ppm(image.theta_slow if edge == "slow" else image.theta_fast)
