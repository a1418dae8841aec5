# SPDX-License-Identifier: Apache-2.0
"""What a run of one case found: verdict, checks, measurements, record. What reports are made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from hil.record import Recorder


class Verdict(StrEnum):
    """Of a check, a measurement, a run. A run has the worst of its parts."""

    PASS = "PASS"  # noqa: S105 - not a password
    MARGINAL = "MARGINAL"
    """Within the limit, but inside its marginal band."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """Says nothing: deadlines were missed in real time, or the bench failed."""
    FAIL = "FAIL"
    SKIP = "SKIP"
    """Did not run; a reason is given."""


ORDER = (Verdict.PASS, Verdict.MARGINAL, Verdict.INCONCLUSIVE, Verdict.FAIL)
"""From best to worst. A run that missed deadlines is INCONCLUSIVE whatever else it found: the
engine decides that, not this order."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; SKIP counts for nothing; PASS if there is none."""
    return max(
        verdicts, key=lambda each: ORDER.index(each) if each in ORDER else -1, default=Verdict.PASS
    )


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check."""

    name: str
    kind: str
    """`always`, `never`, `within`, `settles`, `ends`, or `health` for the bench's own."""
    text: str
    """The check as a person reads it."""
    verdict: Verdict
    at_ms: int | None
    """First instant at which it failed; None if it held."""
    detail: str
    """What was seen, with values."""
    where: str = ""
    """`file:line` of the check."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number with its limits."""

    name: str
    value: float
    unit: str
    low: float | None
    high: float | None
    marginal: float
    """Width of the band inside each limit that is MARGINAL."""
    verdict: Verdict
    where: str = ""


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """One fault as it was injected."""

    kind: str
    """`link.drop`: layer and kind."""
    text: str
    start_ms: int
    end_ms: int | None
    """None: until the end of the run."""


class FrameEntry(NamedTuple):
    """One frame, or a run of bytes that is none, as it passed the host's end of the line.

    Holds bytes only: hil.frame_text says what they mean, once somebody asks.
    """

    t_ms: int
    """When its last byte passed."""
    up: bool
    """From board to host."""
    raw: bytes
    """What was between two delimiters, as it was on the line."""
    name: str
    """Message name, or `garbage`, `crc`, `unknown`."""


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """Which board answered."""

    machine: str
    """Of HELLO_R: `sim`, `rp2`, `esp32`, `stm32`."""
    uid: str
    firmware: str
    config_crc: int


@dataclass(slots=True)
class RunResult:
    """One case, run once."""

    case: str
    """`feed-loss[edge=slow]`."""
    title: str
    source: str
    """File of the scenario, as it was given."""
    covers: tuple[str, ...]
    device: str
    """Name of the device that ran it: `micropython`, `cpython`, or of the bench file."""
    clock: str
    """`virtual` or `real`."""
    seed: int
    params: Mapping[str, object]
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it is no PASS, the worst first; of a SKIP, what is missing."""
    checks: tuple[CheckResult, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    faults: tuple[FaultSpan, ...] = ()
    frames: list[FrameEntry] = field(default_factory=list)
    record: Recorder | None = None
    """None: it did not run."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Constant limits worth a line in the plots, by signal: {"feed_a_w": rating}."""
    identity: BoardIdentity | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Versions, machine, bench; nothing of it is in the digest."""
    replay: str = ""
    """Command line that runs this case again."""
    digest: str | None = None
    """SHA-256 of record and frames in virtual time; None in real time."""
    duration_s: float = 0.0
    late_ticks: int = 0
    wall_s: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What the bench measured of itself and of the board in wall time; not in the digest:
    `speed` (run over wall time), `mcu_tick_ms_p50|p99|max`, `late_ms_p99|max`."""
