# SPDX-License-Identifier: Apache-2.0
"""When faults begin and end in a run, and with what chance."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol

from pydantic import ValidationError

from edge.errors import ConfigError
from hil.faults import CATALOGUE, Prepared
from hil.faults.shared import Ticking
from hil.options import Options
from hil.ports import Fault, Ports, Unsupported
from hil.scenario.model import FaultSpec
from hil.verdict import FaultSpan

Row = Sequence[float]
"""The run's signals of the last tick."""


class Condition(Protocol):
    """A compiled `when`; hil.scenario.expr.Expr is one."""

    def evaluate(self, row: Row, t_ms: int) -> float:
        """1 if it holds, 0 if not, NaN if that cannot be said; asked once per tick."""


def parameters(spec: FaultSpec) -> Options:
    """The validated parameters of one fault. ConfigError with file and line."""
    kind = CATALOGUE.get(spec.kind)
    if kind is None:
        near = get_close_matches(spec.kind, CATALOGUE, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}" if near else "hil/faults/README.md lists them"
        raise ConfigError(f"{spec.where}: no fault {spec.kind!r}: {hint}")
    try:
        return kind.model.model_validate(dict(spec.values))
    except ValidationError as bad:
        told = "; ".join(_told(error["loc"], error["msg"]) for error in bad.errors())
        raise ConfigError(f"{spec.where}: {spec.kind}: {told}") from None


def _told(place: Sequence[object], message: str) -> str:
    return f"{'.'.join(map(str, place)) or 'it'}: {message}"


def needs_of(specs: Iterable[FaultSpec]) -> frozenset[str]:
    """What a device must be capable of. ConfigError for an unknown kind."""
    found: set[str] = set()
    for spec in specs:
        parameters(spec)
        found |= CATALOGUE[spec.kind].needs
    return frozenset(found)


def make(spec: FaultSpec, seed: int | str, index: int) -> Fault:
    """A fresh fault; its chance depends on seed, place in the list and kind alone."""
    rng = random.Random(f"{seed}/{index}/{spec.kind}")  # noqa: S311 - reproducible, no secret
    fault: Fault = CATALOGUE[spec.kind].make(parameters(spec), rng)
    return fault


def text_of(spec: FaultSpec) -> str:
    """The fault as a person reads it: kind and what the scenario says of it."""
    values = [f"{name}={value}" for name, value in spec.values.items()]
    return " ".join((spec.kind, *values))


class Planned:
    """One fault of the run."""

    def __init__(self, spec: FaultSpec, fault: Fault, condition: Condition | None) -> None:
        self.spec = spec
        self.fault = fault
        self.condition = condition
        self.start_ms: int | None = None
        self.end_ms: int | None = None
        self.over = False

    @property
    def active(self) -> bool:
        """Begun and not ended."""
        return self.start_ms is not None and not self.over

    def begins(self, now_ms: int, row: Row) -> bool:
        """Whether this is its first tick."""
        if self.start_ms is not None:
            return False
        if self.condition is not None:
            truth = self.condition.evaluate(row, now_ms)
            return not math.isnan(truth) and bool(truth)
        return now_ms >= (self.spec.at_ms or 0)

    def ends(self, now_ms: int) -> bool:
        """Whether its time is over."""
        for_ms = self.spec.for_ms
        return self.active and for_ms is not None and now_ms - (self.start_ms or 0) >= for_ms


class Injector:
    """All faults of one run. `step` once per tick, behind the stimulus, before the plant."""

    def __init__(
        self,
        specs: Sequence[FaultSpec],
        seed: int | str,
        ports: Ports,
        conditions: Mapping[int, Condition] | None = None,
    ) -> None:
        """`conditions`: compiled `when`, by place in `specs`. Raises ConfigError."""
        self._ports = ports
        compiled = conditions or {}
        for i, spec in enumerate(specs):
            if spec.when is not None and i not in compiled:
                raise ConfigError(f"{spec.where}: {spec.kind}: `when` has not been compiled")
        self._planned = [
            Planned(spec, make(spec, seed, i), compiled.get(i)) for i, spec in enumerate(specs)
        ]
        for each in self._planned:
            if isinstance(each.fault, Prepared):
                each.fault.prepare(ports)

    def step(self, now_ms: int, row: Row) -> None:
        """End what is over, begin what is due, move on what acts over time. Raises Unsupported."""
        for each in self._planned:
            if each.ends(now_ms):
                self._stop(each, now_ms)
        for each in self._planned:
            if each.begins(now_ms, row):
                self._start(each, now_ms)
            elif each.active and isinstance(each.fault, Ticking):
                each.fault.tick(self._ports, now_ms)

    def stop(self, now_ms: int) -> None:
        """The run is over: undo what still runs, the newest first; its span stays open."""
        for each in reversed(self._planned):
            if each.active:
                each.fault.stop(self._ports, now_ms)
                each.over = True

    @property
    def active(self) -> tuple[str, ...]:
        """Kinds at work now."""
        return tuple(each.spec.kind for each in self._planned if each.active)

    @property
    def spans(self) -> tuple[FaultSpan, ...]:
        """What was injected so far, in order of start."""
        begun = [each for each in self._planned if each.start_ms is not None]
        return tuple(
            FaultSpan(each.spec.kind, text_of(each.spec), each.start_ms or 0, each.end_ms)
            for each in sorted(begun, key=lambda each: each.start_ms or 0)
        )

    def _start(self, each: Planned, now_ms: int) -> None:
        try:
            each.fault.start(self._ports, now_ms)
        except Unsupported as error:
            raise Unsupported(f"{each.spec.where}: {each.spec.kind}: {error}") from error
        each.start_ms = now_ms

    def _stop(self, each: Planned, now_ms: int) -> None:
        each.fault.stop(self._ports, now_ms)
        each.end_ms = now_ms
        each.over = True
