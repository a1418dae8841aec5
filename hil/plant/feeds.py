# SPDX-License-Identifier: Apache-2.0
"""Two feeds with their breakers, phase by phase where it matters.

A breaker sees the current of its most loaded phase. While every load draws evenly from all
phases, and none of them is lost, that is the feed's power over voltage and phases.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from hil.plant.breaker import Breaker, Curve

DROPOUT = 0.75
"""Line voltage over nominal below which PSUs let go: 230 V units are specified from 180 V."""

PHASES = 3


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """One feed and its branch breaker; power factor 1."""

    name: str
    rating_a: float
    """In of the breaker, per phase."""
    voltage_v: float = 230.0
    """Line to neutral."""
    phases: int = 3
    curve: Curve = field(default_factory=Curve)
    """C on its fast edge unless given: what trips first is what must not trip."""
    ambient_c: float | None = None
    """Air at the breaker, degC; None: not above what it is rated for."""

    @property
    def rating_w(self) -> float:
        """Continuous rating of all phases together, W."""
        return self.rating_a * self.voltage_v * self.phases

    @property
    def a_per_w(self) -> float:
        """Phase current per watt of the feed, A/W."""
        return 1.0 / (self.voltage_v * self.phases)

    @property
    def derating(self) -> float:
        """Of the rating, by the ambient."""
        return 1.0 if self.ambient_c is None else self.curve.derating(self.ambient_c)

    @property
    def hot_a(self) -> float:
        """The rating at its ambient."""
        return self.rating_a * self.derating


class Feeds:
    """State of both feeds; lists are updated in place, one entry per feed."""

    __slots__ = (
        "_a_per_w",
        "_phase_of",
        "_surge_a",
        "_surge_s",
        "amps",
        "breakers",
        "cut",
        "live",
        "lost",
        "mains_v",
        "peak_a",
        "specs",
        "theta",
        "tripped",
        "uneven",
        "volts",
        "watts",
    )

    def __init__(self, specs: tuple[FeedSpec, FeedSpec], phase_of: Sequence[int | None]) -> None:
        """phase_of: phase 1..3 of each load, None for all."""
        self.specs = specs
        self.breakers = tuple(Breaker(s.curve, s.rating_a, derating=s.derating) for s in specs)
        self._phase_of = tuple(phase_of)
        self.mains_v = [spec.voltage_v for spec in specs]
        """Upstream of the breaker."""
        self.cut = [False, False]
        """The supply is gone."""
        self.lost: list[set[int]] = [set(), set()]
        """Phases 1..3 that are gone."""
        self.tripped = [False, False]
        self.volts = list(self.mains_v)
        """Line to neutral behind the breaker, mean of the phases."""
        self.live = [True, True]
        """PSUs can run on it."""
        self.watts = [0.0, 0.0]
        self.amps = [0.0, 0.0]
        self.peak_a = [0.0, 0.0]
        """Highest RMS current inside the last step, with inrush."""
        self.theta = [0.0, 0.0]
        self._a_per_w = [spec.a_per_w for spec in specs]
        self._surge_a = [0.0, 0.0]
        self._surge_s = 0.0
        self.uneven = any(phase is not None for phase in phase_of)
        """A load hangs on one phase."""
        self.refresh()

    def refresh(self) -> None:
        """After a change of mains_v, cut, lost or tripped: work out what is live."""
        for i, spec in enumerate(self.specs):
            whole = spec.phases - len(self.lost[i])
            open_ = self.cut[i] or self.tripped[i] or whole == 0
            self.volts[i] = 0.0 if open_ else self.mains_v[i] * whole / spec.phases
            self.live[i] = not open_ and self.mains_v[i] >= DROPOUT * spec.voltage_v
            self._a_per_w[i] = 1.0 / (self.mains_v[i] * whole) if self.live[i] else spec.a_per_w

    def serves(self, feed: int, load: int) -> bool:
        """Whether a load plugged into a feed gets power from it."""
        return self.live[feed] and self._phase_of[load] not in self.lost[feed]

    def surge(self, feed: int, amps: float, for_s: float) -> None:
        """Add an inrush (RMS over its length) to the next step; several at once add up."""
        self._surge_a[feed] += amps
        self._surge_s = for_s

    def carry(self, dt_s: float, a_w: float, b_w: float, phase_w: list[list[float]] | None) -> int:
        """Carry a step's powers; returns how many breakers tripped in it.

        phase_w: watts by feed and phase, where they are not even.
        """
        self.watts[0], self.watts[1] = a_w, b_w
        trips = 0
        for i, breaker in enumerate(self.breakers):
            if phase_w is None:
                current_a = self.watts[i] * self._a_per_w[i]
            else:
                volts = self.mains_v[i] if self.live[i] else self.specs[i].voltage_v
                current_a = max(phase_w[i]) / volts
            self.amps[i] = self.peak_a[i] = current_a
            tripped = breaker.step(dt_s, current_a)
            if self._surge_a[i]:
                tripped |= self._inrush(i, current_a)
            if tripped:
                self.tripped[i] = True
                trips += 1
            self.theta[i] = breaker.theta
        return trips

    def by_phase(
        self,
        load_w: Sequence[float],
        part_a: Sequence[float],
        on_battery: Container[int],
        even_w: tuple[float, float],
    ) -> list[list[float]]:
        """Watts by feed and phase; even_w: what fans and the like draw from each feed."""
        even = list(even_w)
        watts = [[0.0] * spec.phases for spec in self.specs]
        for i, draw_w in enumerate(load_w):
            if i in on_battery:
                continue
            a_w = draw_w * part_a[i]
            phase = self._phase_of[i]
            if phase is None:
                even[0] += a_w
                even[1] += draw_w - a_w
            else:
                watts[0][phase - 1] += a_w
                watts[1][phase - 1] += draw_w - a_w
        for feed in (0, 1):
            whole = [p for p in range(self.specs[feed].phases) if p + 1 not in self.lost[feed]]
            for p in whole:
                watts[feed][p] += even[feed] / len(whole)
        return watts

    def _inrush(self, feed: int, current_a: float) -> bool:
        surge_a, self._surge_a[feed] = self._surge_a[feed], 0.0
        self.peak_a[feed] = current_a + surge_a
        return self.breakers[feed].surge(self._surge_s, current_a + surge_a)

    def index(self, name: str) -> int:
        """Of a feed by its name. Raises ValueError."""
        for i, feed in enumerate(self.specs):
            if feed.name == name:
                return i
        raise ValueError(f"no feed {name!r}: the feeds are {[f.name for f in self.specs]}")
