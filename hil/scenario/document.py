# SPDX-License-Identifier: Apache-2.0
"""The keys of a scenario file; each unknown one is an error. What they mean: README.md.

Parameters have been filled in before these models see a file. A fault's own parameters are
checked by its model in the catalogue.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from hil.options import Options
from hil.plant.options import RackOptions
from hil.ports import CAPABILITIES
from hil.scenario.duration import Duration
from hil.scenario.options import BoardOptions, HostOptions

Scalar = bool | int | float | str
Text = Annotated[str, Field(min_length=1, max_length=500)]
Expression = Annotated[str, Field(min_length=1, max_length=1000)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Written(Options):
    """Docstrings of fields are the descriptions in the JSON Schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


def _one_of(names: Iterable[str]) -> ConfigDict:
    """In the JSON Schema too, exactly one of these keys is there."""
    extra: dict[str, Any] = {"oneOf": [{"required": [name]} for name in names]}
    return ConfigDict(json_schema_extra=extra)


STIMULUS_KINDS = ("hold", "step", "ramp", "sine", "csv")
CHECK_KINDS = ("always", "never", "within", "settles", "ends")


class Step(Written):
    """From one moment on, another value."""

    to: float
    at: Duration


class Ramp(Written):
    """Straight from one value to another."""

    start: Annotated[float, Field(alias="from")]
    to: float
    at: Duration
    duration: Annotated[Duration, Field(alias="for")]


class Sine(Written):
    """mean + amplitude * sin(2 pi ((t - at) / period + phase)), from `at` on."""

    mean: float
    amplitude: NotNegative
    period: Annotated[Duration, Field(gt=0)]
    phase: float = 0.0
    """Turns."""
    at: Duration = 0


class Csv(Written):
    """A column of a recorded trace (hil/trace.py). A row without a value: the last one holds on."""

    file: Text
    """Beside the scenario file, or `data:power/x.csv` of the data directory."""
    column: Text
    scale: float = 1.0
    start: Annotated[Duration, Field(alias="from")] = 0
    """Where in the trace the run begins, after its first row."""


class StimulusItem(Written):
    """One signal over time; several of one signal follow each other."""

    model_config = _one_of(STIMULUS_KINDS)

    signal: Text
    hold: float | None = None
    step: Step | None = None
    ramp: Ramp | None = None
    sine: Sine | None = None
    csv: Csv | None = None

    @model_validator(mode="after")
    def _one(self) -> "StimulusItem":
        exactly_one(self, STIMULUS_KINDS)
        return self


class FaultItem(Written):
    """When a fault is there. Beside these keys stand the fault's own parameters."""

    model_config = _one_of(("at", "when"))

    fault: Text
    """`link.drop`: one of the catalogue."""
    at: Duration | None = None
    when: Expression | None = None
    duration: Annotated[Duration | None, Field(alias="for")] = None
    """Absent: to the end of the run."""

    @model_validator(mode="after")
    def _one(self) -> "FaultItem":
        exactly_one(self, ("at", "when"))
        return self


class CommandItem(Written):
    """A request to the board that the bench sends itself (host: {kind: script})."""

    at: Duration
    message: Text
    values: dict[str, Any] = Field(default_factory=dict)


class Within(Written):
    """After each rise of `when`, `then` is true within the limit."""

    when: Expression
    then: Expression
    limit: Duration
    marginal: Duration | None = None
    """Later than this is MARGINAL."""
    every: bool = True
    """False: only the first rise counts."""
    optional: bool = False
    """It may pass without ever being triggered."""


class Settles(Written):
    """A value comes into a band and stays."""

    expr: Expression
    to: float
    band: NotNegative
    by: Duration
    hold: Duration | None = None
    """Absent: to the end of the run."""
    marginal: Duration | None = None
    """Settling later than this is MARGINAL."""


class CheckItem(Written):
    """One condition on the record."""

    model_config = _one_of(CHECK_KINDS)

    name: Text | None = None
    always: Expression | None = None
    never: Expression | None = None
    within: Within | None = None
    settles: Settles | None = None
    ends: Expression | None = None
    start: Annotated[Duration | None, Field(alias="from")] = None
    """Of `always`, `never`: from then on, included."""
    end: Annotated[Duration | None, Field(alias="to")] = None
    """Until then, included."""

    @model_validator(mode="after")
    def _one(self) -> "CheckItem":
        kind = exactly_one(self, CHECK_KINDS)
        if kind not in {"always", "never"} and (self.start, self.end) != (None, None):
            raise ValueError(f"`from` and `to` belong to always and never; remove them from {kind}")
        return self


class MeasureItem(Written):
    """One number over the record."""

    name: Text
    value: Expression
    unit: str = ""
    high: Annotated[float | None, Field(alias="max")] = None
    low: Annotated[float | None, Field(alias="min")] = None
    marginal: NotNegative = 0.0
    """Width of the band inside each limit that is MARGINAL."""
    start: Annotated[Duration | None, Field(alias="from")] = None
    end: Annotated[Duration | None, Field(alias="to")] = None


class Include(Written):
    """A fragment, and the parameters that it is given."""

    file: Text
    params: Annotated[dict[str, Scalar], Field(alias="with")] = Field(default_factory=dict)


class Skip(Written):
    """Quarantine; after its day it is an error."""

    reason: Text
    until: date


class Fragment(Written):
    """What a file for `include` may hold."""

    params: dict[Identifier, Any] = Field(default_factory=dict)
    rack: RackOptions = Field(default_factory=RackOptions)
    board: BoardOptions = Field(default_factory=BoardOptions)
    host: HostOptions = Field(default_factory=HostOptions)
    stimulus: list[StimulusItem] = Field(default_factory=list)
    faults: list[Any] = Field(default_factory=list)
    commands: list[CommandItem] = Field(default_factory=list)
    checks: list[CheckItem] = Field(default_factory=list)
    measure: list[MeasureItem] = Field(default_factory=list)
    include: list[str | Include] = Field(default_factory=list)


class Scenario(Fragment):
    """A scenario file."""

    version: Annotated[Literal[1], Field(alias="schema")]
    name: Name
    title: Text
    covers: list[Text] = Field(default_factory=list)
    needs: list[Literal[CAPABILITIES]] = Field(default_factory=list)  # type: ignore[valid-type]
    features: list[Name] = Field(default_factory=list)
    matrix: dict[Identifier, Annotated[list[Scalar], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 1
    duration: Annotated[Duration, Field(gt=0)]
    destructive: bool = False
    """It wears or endangers real hardware; runs on one only when asked to."""
    skip: Skip | None = None


def keys(model: type[Options]) -> tuple[str, ...]:
    """The keys as they are written."""
    return tuple(info.alias or name for name, info in model.model_fields.items())


def exactly_one(item: Options, names: tuple[str, ...]) -> str:
    """Which one of these keys is there. Raises ValueError if none or several are."""
    given = [name for name in names if getattr(item, name) is not None]
    if len(given) != 1:
        several = f"{' and '.join(given)} together" if given else "none of them is there"
        raise ValueError(f"{several}; write one of: {', '.join(names)}")
    return given[0]
