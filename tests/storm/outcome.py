# SPDX-License-Identifier: Apache-2.0
"""What a run showed, and what of it is a defect."""

from dataclasses import dataclass
from operator import mul
from typing import NamedTuple

from edge.config import Config
from edge.reason import Decision
from edge.rows import PPM, rack_rows
from tests.storm.scenario import Redundancy, Scenario, share

SOUND_LOSS = 0.05
"""Up to this share of lost telemetry three in a row are rarer than one scenario in 1,000 feels."""
SOUND_WRITES = 0.03
"""Up to this share of lost writes a first cap is in force after two retries, within the lead-in."""
AFTERMATH_MS = 6_000
"""A burst of loss within this after the feed loss takes the host's time to react."""
ROUNDING_MW = 100
"""A row may be exceeded by this: shares are written with four decimals."""


NO_ROW_MW = 1 << 60


class Shed(NamedTuple):
    """One group that the board switched off."""

    t_ms: int
    group: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario, run."""

    scenario: Scenario
    trips_ms: tuple[int, ...]
    sheds: tuple[Shed, ...]
    refused: int
    """Shed masks that the board did not take."""
    max_theta: float
    max_ratio: float
    """Highest feed power over rating."""
    row_excess_mw: int
    """Largest sum of commanded caps above what a row could be held to; at most 0 is good."""
    row_excess_ms: int
    served_ratio: float

    @property
    def exceeds_row(self) -> bool:
        """Whether commanded caps ever were above a row."""
        return self.row_excess_mw > ROUNDING_MW

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each check that failed."""
        found = [f"breaker tripped at {t / 1000:.1f} s" for t in self.trips_ms[:1]]
        if self.sheds and capping_was_enough(self.scenario):
            shed = self.sheds[0]
            found.append(
                f"shed of group {shed.group} ({shed.reason}) at {shed.t_ms / 1000:.1f} s "
                "although capping was enough"
            )
        if self.exceeds_row:
            found.append(
                f"commanded caps exceed a row by {self.row_excess_mw / 1000:.1f} W "
                f"at {self.row_excess_ms / 1000:.1f} s"
            )
        if self.refused:
            found.append(f"board refused {self.refused} shed masks")
        return tuple(found)


def capping_was_enough(scenario: Scenario) -> bool:
    """Whether a host without faults needs no shed in this scenario; False in any doubt.

    It does not when no cap has to be in force sooner than a host can know of the need:

    - the rack starts idle and few writes are lost, so that the first caps are in force before
      the first demand;
    - every device obeys within the time it is given (none is deaf or late);
    - no feed is lost; or what its loss moves fits the survivor without any cap; or the host
      promised the strict form, where the caps that stand fit the survivor already;
    - in the reactive form, also: no write is lost, telemetry is sound around the loss;
    - overdraft lives on reaction, so it needs sound telemetry and writes all the time.

    Minimums fit every row that was promised by the way scenarios are drawn.
    """
    devices, line = scenario.devices, scenario.line
    if scenario.hot_start or devices.odd is not None or devices.lost_writes > SOUND_WRITES:
        return False
    sound = line.loss <= SOUND_LOSS and devices.lost_writes == 0.0
    if scenario.overdraft and not (sound and not line.bursts):
        return False
    return scenario.lost_feed is None or _loss_was_promised(scenario, sound)


def _loss_was_promised(scenario: Scenario, sound: bool) -> bool:
    lost = scenario.lost_feed
    assert lost is not None
    if _survivor_carries_all(scenario) or scenario.redundancy is Redundancy.STRICT:
        return True
    aftermath = _burst_within(scenario, scenario.lost_ms, AFTERMATH_MS)
    return scenario.redundancy is Redundancy.REACTIVE and sound and not aftermath


def _burst_within(scenario: Scenario, start_ms: int, length_ms: int) -> bool:
    end_ms = start_ms + length_ms
    return any(a < end_ms and b > start_ms for a, b in scenario.line.bursts)


def _survivor_carries_all(scenario: Scenario) -> bool:
    lost = scenario.lost_feed
    assert lost is not None
    whole_w = sum(load.max_w * share(load, 1 - lost, lost) for load in scenario.loads)
    return whole_w + scenario.fans_w <= scenario.limit_w[1 - lost]


class RowCheck:
    """Holds commanded caps against the rows, which it derives from the configuration itself."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._coefs: dict[int | None, list[tuple[int, ...]]] = {}
        # A cap is a whole W at least as high as the minimum.
        self._least_mw = [int(load.min_w * 1000) + 1000 for load in config.loads]

    def excess_mw(self, decision: Decision) -> int:
        """How far the caps are above a row at worst; below 0 if all fit.

        Quarantined loads count in the room, loads without power do not count. Where not even
        minimums fit, they are the least that can be commanded: shedding
        must answer, not the caps.
        """
        caps = [
            0 if gone else cap for cap, gone in zip(decision.cap_mw, decision.absent, strict=True)
        ]
        least = list(map(min, caps, self._least_mw))
        worst = -NO_ROW_MW
        for coef_ppm, room_mw in zip(self._rows(decision), decision.room_mw, strict=True):
            used = sum(map(mul, coef_ppm, caps)) // PPM
            if used - room_mw > worst:
                lowest = sum(map(mul, coef_ppm, least)) // PPM
                worst = max(worst, used - max(room_mw, lowest))
        return worst

    def _rows(self, decision: Decision) -> list[tuple[int, ...]]:
        lost = decision.lost_feed
        if lost not in self._coefs:
            self._coefs[lost] = [row.coef_ppm for row in rack_rows(self._config, lost)]
        return self._coefs[lost]
