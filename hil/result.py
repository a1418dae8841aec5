# SPDX-License-Identifier: Apache-2.0
"""What a demo run found: the one document that `rackedge demo --json` prints."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from hil.record import Recorder

POLICIES = ("uncapped", "static", "rackedge")
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class PolicyMetrics:
    """One policy in six numbers."""

    trips: int
    """Breakers that opened."""
    first_trip_s: float | None
    """Time of the first trip, seconds from the start; None if there was none."""
    served_ratio: float
    """Energy the loads drew ÷ energy they would have drawn without caps and trips."""
    peak_utilisation: float
    """Highest feed power ÷ that feed's rating."""
    energy_wh: float
    """Energy the loads drew at their inlets, fans of the rack not counted."""
    max_inlet_c: float
    """Highest server inlet temperature."""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """One policy: its numbers and its record."""

    name: str
    metrics: PolicyMetrics
    record: Recorder


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """The serial line as the host saw it."""

    frames: int
    crc_errors: int
    gaps: int
    retries: int


@dataclass(frozen=True, slots=True)
class Replay:
    """How to run it again, and what must come out."""

    command: str
    record_sha256: str | None
    """Digest over all three records; None in real time, where no two runs are alike."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything a demo run found."""

    runtime: str
    """What ran the firmware: `micropython` or `cpython`."""
    clock: str
    """`virtual` or `real`."""
    trace: str
    """File name of the trace, or `generated`."""
    seed: int
    duration_s: float
    oversubscription: float
    """Peak total demand ÷ rating of both feeds."""
    rating_w: tuple[float, float]
    """Rating of feed A and B, watts."""
    loads: int
    meter_dropouts: int
    """Samples of the trace that were a meter's dropout and were bridged."""
    late_ticks: int
    """Real-time ticks that began more than 50 ms late; 0 in virtual time."""
    policies: Mapping[str, PolicyResult]
    caps_written: int
    shed_events: int
    link: LinkCounters
    replay: Replay

    def document(self) -> dict[str, object]:
        """The JSON document; stable names, SI units in the names, no wall-clock time."""
        out: dict[str, object] = {
            "runtime": self.runtime,
            "clock": self.clock,
            "trace": self.trace,
            "seed": self.seed,
            "duration_s": self.duration_s,
            "oversubscription": self.oversubscription,
            "rating_w": list(self.rating_w),
            "loads": self.loads,
            "meter_dropouts": self.meter_dropouts,
            "late_ticks": self.late_ticks,
            "policies": {name: asdict(each.metrics) for name, each in self.policies.items()},
            "caps_written": self.caps_written,
            "shed_events": self.shed_events,
            "link": asdict(self.link),
            "replay": asdict(self.replay),
        }
        return out

    @property
    def gain_over_static(self) -> float:
        """Energy served by rackedge ÷ energy served by static caps."""
        static_wh = self.policies["static"].metrics.energy_wh
        return self.policies["rackedge"].metrics.energy_wh / static_wh if static_wh else 1.0
