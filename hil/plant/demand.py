# SPDX-License-Identifier: Apache-2.0
"""A demand that is set from outside, load by load or for the whole rack."""

from collections.abc import Sequence

from hil.plant.server import LoadSpec


class SettableDemand:
    """Holds what was set last; a hil.plant.rack.Sampler.

    A load that was given a demand of its own keeps it; `set_total` and `set_ratio` move the others.
    """

    __slots__ = ("_loads", "_own", "_watts")

    def __init__(self, loads: Sequence[LoadSpec], watts: Sequence[float] | None = None) -> None:
        """Begin at `watts` per load, or with every load idle."""
        self._loads = tuple(loads)
        self._watts = [load.idle_w for load in loads] if watts is None else list(watts)
        self._own: set[int] = set()

    def at(self, _t_ms: int) -> Sequence[float]:
        """W per load."""
        return self._watts

    def set_total(self, watts: float) -> None:
        """Spread a total over the loads in proportion to their maximums."""
        max_w = sum(load.max_w for load in self._loads)
        for i, load in enumerate(self._loads):
            if i not in self._own:
                self._watts[i] = watts * load.max_w / max_w

    def set_ratio(self, ratio: float) -> None:
        """Put every load at idle + ratio x (maximum - idle)."""
        for i, load in enumerate(self._loads):
            if i not in self._own:
                self._watts[i] = load.idle_w + ratio * (load.max_w - load.idle_w)

    def set_load(self, load: int, watts: float) -> None:
        """Give one load its own demand."""
        self._own.add(load)
        self._watts[load] = watts
