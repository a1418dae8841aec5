# SPDX-License-Identifier: Apache-2.0
"""State of one emulated chassis: its power limit and the readings that were served."""

from typing import NamedTuple

Document = dict[str, object]
"""One JSON object."""


class Chassis(NamedTuple):
    """One server: its name (also in the URL) and the range of its limit, W."""

    name: str
    min_w: float
    max_w: float


class Change(NamedTuple):
    """What one PATCH asks for; None leaves exception and correction as they are."""

    sets_watts: bool = False
    watts: float | None = None
    exception: str | None = None
    correction_ms: int | None = None


class Limit:
    """The one limit of a chassis, and the power readings that were served."""

    __slots__ = (
        "_highest_w",
        "_lowest_w",
        "_readings",
        "_sum_w",
        "_version",
        "correction_ms",
        "exception",
        "watts",
    )

    def __init__(self, exception: str) -> None:
        self.watts: float | None = None
        self.exception = exception
        self.correction_ms = 1000
        self._version = 1
        self._readings = 0
        self._sum_w = 0.0
        self._lowest_w = float("inf")
        self._highest_w = 0.0

    @property
    def etag(self) -> str:
        """Strong tag; changes with every PATCH, not with the readings."""
        return f'"{self._version:08x}"'

    @property
    def mode(self) -> str:
        """ControlMode."""
        return "Disabled" if self.watts is None else "Automatic"

    def apply(self, change: Change) -> None:
        """Take over a checked change."""
        self._version += 1
        if change.sets_watts:
            self.watts = change.watts
        self.exception = change.exception or self.exception
        if change.correction_ms is not None:
            self.correction_ms = change.correction_ms

    def observe(self, watts: float) -> None:
        """Count a reading into the metrics."""
        self._readings += 1
        self._sum_w += watts
        self._lowest_w = min(self._lowest_w, watts)
        self._highest_w = max(self._highest_w, watts)

    def metrics(self) -> Document:
        """PowerMetrics over the readings served so far."""
        return {
            "MinConsumedWatts": round(self._lowest_w, 1),
            "MaxConsumedWatts": round(self._highest_w, 1),
            "AverageConsumedWatts": round(self._sum_w / self._readings, 1),
        }
