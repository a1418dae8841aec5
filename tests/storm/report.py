# SPDX-License-Identifier: Apache-2.0
"""What a storm of many scenarios showed: a table by category, and the seeds to look at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.storm.outcome import SOUND_LOSS, Outcome, capping_was_enough
from tests.storm.scenario import Redundancy, Scenario

SETTLE_S = 1.5
"""What rack.toml takes for the settle time unless it says otherwise."""


def _slow(s: Scenario) -> bool:
    return s.devices.dead_s + 3 * s.devices.tau_s > SETTLE_S


def _faultless(s: Scenario) -> bool:
    line, devices = s.line, s.devices
    lossy = line.bursts or line.loss > 0 or devices.lost_writes > 0
    return not (s.hot_start or lossy or devices.odd is not None or s.lost_feed is not None)


def _held(s: Scenario) -> bool:
    return s.lost_feed is None and s.overdraft == 0.0 and capping_was_enough(s)


CATEGORIES: dict[str, Callable[[Scenario], bool]] = {
    "all": lambda _s: True,
    "no fault at all": _faultless,
    "both feeds stay": lambda s: s.lost_feed is None,
    "held to the rating": _held,
    "feed lost": lambda s: s.lost_feed is not None,
    "feed lost, none": lambda s: _lost(s, Redundancy.NONE),
    "feed lost, strict": lambda s: _lost(s, Redundancy.STRICT),
    "feed lost, reactive": lambda s: _lost(s, Redundancy.REACTIVE),
    "overdraft": lambda s: s.overdraft > 0,
    "hot start": lambda s: s.hot_start,
    "odd device": lambda s: s.devices.odd is not None,
    "slow devices": _slow,
    "lost writes": lambda s: s.devices.lost_writes > 0,
    "lossy telemetry": lambda s: s.line.loss > SOUND_LOSS or bool(s.line.bursts),
    "single-fed loads": lambda s: any(load.share_a in {0.0, 1.0} for load in s.loads),
}
"""A scenario counts in each that it belongs to. In `held to the rating` nothing excuses a feed
above its rating, so `max P/In` there shall stay at or below 1."""


def _lost(s: Scenario, redundancy: Redundancy) -> bool:
    return s.lost_feed is not None and s.redundancy is redundancy


@dataclass(slots=True)
class Tally:
    """Sums over the scenarios of one category."""

    name: str
    runs: int = 0
    tripped: int = 0
    shed: int = 0
    judged: int = 0
    """Scenarios in which capping was enough."""
    needless: int = 0
    """Of these, with a shed."""
    over_row: int = 0
    refused: int = 0
    served: float = 0.0
    max_ratio: float = 0.0
    max_theta: float = 0.0
    hottest: int = -1
    """Seed of max_theta."""

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        judged = capping_was_enough(outcome.scenario)
        self.runs += 1
        self.tripped += bool(outcome.trips_ms)
        self.shed += bool(outcome.sheds)
        self.judged += judged
        self.needless += judged and bool(outcome.sheds)
        self.over_row += outcome.exceeds_row
        self.refused += outcome.refused > 0
        self.served += outcome.served_ratio
        self.max_ratio = max(self.max_ratio, outcome.max_ratio)
        if outcome.max_theta > self.max_theta:
            self.max_theta, self.hottest = outcome.max_theta, outcome.scenario.seed

    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        served = self.served / self.runs if self.runs else 0.0
        return (
            self.name,
            *(str(n) for n in (self.runs, self.tripped, self.shed)),
            f"{self.needless}/{self.judged}",
            *(str(n) for n in (self.over_row, self.refused)),
            f"{served:.3f}",
            f"{self.max_ratio:.2f}",
            f"{self.max_theta:.3f}",
            str(self.hottest),
        )


HEADINGS = (
    "category", "runs", "tripped", "shed", "needless", "over row", "refused",
    "served", "max P/In", "max theta", "of seed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed whose run broke a promise."""

    seed: int
    problems: tuple[str, ...]

    @property
    def replay(self) -> str:
        """The command that shows how."""
        return f"python -m tests.storm --one {self.seed} --verbose"


class Summary:
    """Fed with outcomes, one by one."""

    def __init__(self) -> None:
        self.tallies = {name: Tally(name) for name in CATEGORIES}
        self.failures: list[Failure] = []

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count some more."""
        for outcome in outcomes:
            for name, belongs in CATEGORIES.items():
                if belongs(outcome.scenario):
                    self.tallies[name].add(outcome)
            if outcome.problems:
                self.failures.append(Failure(outcome.scenario.seed, outcome.problems))
