# SPDX-License-Identifier: Apache-2.0
"""A scenario after everything has been resolved: includes, parameters, matrix. What a run takes.

Times are ms since the start of the run. Expressions are text over signal names
(hil/scenario/expr.py); they are compiled once the names of the run's signals are known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hil.options import Options
from hil.plant.options import RackOptions
from hil.scenario.options import BoardOptions, HostOptions


@dataclass(frozen=True, slots=True)
class Where:
    """Place in a scenario file."""

    file: str
    line: int

    def __str__(self) -> str:
        """`file:line`, as editors and terminals take it."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One settable signal over time. Before its first moment the plant's own default holds."""

    signal: str
    """One of hil.plant.rack.SETTABLE, or `demand_w_NAME`."""
    kind: str
    """`hold`, `step`, `ramp`, `sine`, `csv`."""
    values: Mapping[str, Any]
    """hold: to. step: to, at_ms. ramp: start, to, at_ms, for_ms. sine: mean, amplitude, period_ms,
    phase (turns), at_ms. csv: file (absolute), column, scale, start_ms (in the trace)."""
    where: Where


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault and when. `at_ms` or `when`, not both."""

    kind: str
    """`layer.kind`, one of hil.faults.CATALOGUE."""
    values: Mapping[str, Any]
    """The fault's own parameters, as they are written."""
    where: Where
    at_ms: int | None = None
    when: str | None = None
    """Expression; the fault begins in the first tick in which it is true."""
    for_ms: int | None = None
    """None: to the end of the run."""
    params: Options | None = None
    """The same values as the fault's model has read them: what FaultType.make takes."""


@dataclass(frozen=True, slots=True)
class Command:
    """One request that the bench itself sends to the board (host kind `script`)."""

    at_ms: int
    message: str
    """Of firmware_py/link/messages.py: `LEASE`, `SHED`, `CLEAR_SAFE`."""
    values: Mapping[str, Any]
    where: Where


@dataclass(frozen=True, slots=True)
class Check:
    """One condition on the record."""

    kind: str
    """`always`, `never`, `within`, `settles`, `ends`."""
    name: str
    values: Mapping[str, Any]
    """always, never: expr, from_ms, to_ms. within: when, then, limit_ms, marginal_ms, every,
    optional (bool). settles: expr, to, band, by_ms, hold_ms, marginal_ms. ends: expr."""
    where: Where


@dataclass(frozen=True, slots=True)
class Measure:
    """One number over the record, with limits."""

    name: str
    expr: str
    """Aggregate: `max(feed_a_w)`, `count(trips)`, `time_true(state == SAFE)`."""
    unit: str
    where: Where
    low: float | None = None
    high: float | None = None
    marginal: float = 0.0
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One point of one scenario's matrix, ready to run."""

    name: str
    scenario: str
    title: str
    source: str
    covers: tuple[str, ...]
    """Requirements, of hil/scenarios/requirements.yaml."""
    needs: frozenset[str]
    """Capabilities, of hil.ports; those of faults and stimulus are in here too."""
    params: Mapping[str, Any]
    seed: int
    duration_ms: int
    rack: RackOptions = field(default_factory=RackOptions)
    board: BoardOptions = field(default_factory=BoardOptions)
    host: HostOptions = field(default_factory=HostOptions)
    stimulus: tuple[Stimulus, ...] = ()
    faults: tuple[FaultSpec, ...] = ()
    commands: tuple[Command, ...] = ()
    checks: tuple[Check, ...] = ()
    measures: tuple[Measure, ...] = ()
    destructive: bool = False
    quarantined: bool = False
    """`skip:` of the file: it proves nothing for now."""
    skip: str | None = None
    """Why it must not run now: quarantine, or recorded traces that are absent."""
