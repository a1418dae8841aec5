# SPDX-License-Identifier: Apache-2.0
"""Meters of a rack that tell the truth, and a place to break them: for tests of edge.intake."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from edge.intake import Intake
from edge.readings import Fault, Readings, Snapshot

MAX_MW = 10_000_000
FEED_MW = 60_000_000

Edit = Callable[[list[int], list[int]], None]
"""Changes feeds and loads in place, before the intake sees them."""


def untouched(_feeds: list[int], _loads: list[int]) -> None:
    """All meters work."""


@dataclass
class Meters:
    """Two feeds that share all loads; `tick` is one arrival."""

    loads: int = 4
    fans_mw: int = 800_000
    noise: float = 0.003
    quantum_mw: int = 1
    period_ms: int = 100
    cap_mw: int = MAX_MW
    dead_mw: int = 0
    """What a lost feed still shows."""
    seed: int = 0
    lost: set[int] = field(default_factory=set)
    groups: Sequence[int] | None = None

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.intake = Intake(
            [FEED_MW] * 2, [MAX_MW] * self.loads, load_group=self.groups, stale_ms=500
        )
        self.now_ms = 5_000_000
        self.false_alarms = 0

    def read(self, true_mw: int) -> int:
        """What a meter shows of a power: noise, then steps of the meter; zero is zero."""
        noisy = true_mw * (1 + self.random.uniform(-self.noise, self.noise))
        return round(noisy / self.quantum_mw) * self.quantum_mw

    def snapshot(self, draws_mw: Sequence[int], edit: Edit = untouched, off: int = 0) -> Snapshot:
        """The next arrival while the loads draw `draws_mw`."""
        self.now_ms += self.period_ms
        alive = 2 - len(self.lost)
        carried = (sum(draws_mw) + self.fans_mw) // max(1, alive) if alive else 0
        feeds = [self.dead_mw if feed in self.lost else self.read(carried) for feed in range(2)]
        loads = [self.read(mw) for mw in draws_mw]
        edit(feeds, loads)
        return Snapshot(self.now_ms, 0, tuple(feeds), tuple(loads), off)

    def tick(self, draws_mw: Sequence[int], edit: Edit = untouched, **fields: int) -> Readings:
        """Take one arrival; `fields` replace those of the snapshot."""
        snapshot = replace(self.snapshot(draws_mw, edit), **fields)
        readings = self.intake.take(snapshot, [self.cap_mw] * self.loads)
        self.false_alarms += len(readings.faults)
        return readings

    def run(self, draws_mw: Sequence[int], ticks: int, edit: Edit = untouched) -> Readings:
        """Several equal ticks; the last answer."""
        for _ in range(ticks):
            readings = self.tick(draws_mw, edit)
        return readings


def load(index: int, change: Callable[[int], int]) -> Edit:
    """Break the meter of one load."""

    def edit(_feeds: list[int], loads: list[int]) -> None:
        loads[index] = change(loads[index])

    return edit


def feed(index: int, change: Callable[[int], int]) -> Edit:
    """Break the meter of one feed."""

    def edit(feeds: list[int], _loads: list[int]) -> None:
        feeds[index] = change(feeds[index])

    return edit


def kinds(readings: Readings) -> list[tuple[str, int, Fault]]:
    """Where the faults are."""
    return [(found.kind, found.index, found.fault) for found in readings.faults]
