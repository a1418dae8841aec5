# SPDX-License-Identifier: Apache-2.0
"""A combination of faults that fails, cut down to the smallest one that still does.

First whole faults go (delta debugging, Zeller and Hildebrandt, IEEE TSE 28(2), 2002: ddmin), then
what is left gets shorter and milder by halves. Each question is one run; runs are bounded, and the
same question is asked once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from edge.errors import ConfigError
from hil.faults import CATALOGUE
from hil.faults.schedule import parameters, text_of
from hil.scenario.model import FaultSpec

Fails = Callable[[Sequence[FaultSpec]], bool]
"""Runs a combination; whether the run fails."""

SHORTEST_MS = 200
"""Faults are not made shorter than this: two ticks."""
MILD = 0.02
"""A value is not halved below this part of what it was."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What is left of a failing combination."""

    specs: tuple[FaultSpec, ...]
    runs: int
    """Runs that it took, the first one (of all faults) among them."""
    complete: bool
    """False: the runs were used up; a smaller one may exist."""

    @property
    def text(self) -> str:
        """One line per fault."""
        return "\n".join(map(_line, self.specs))


def _line(spec: FaultSpec) -> str:
    when = f"when {spec.when}" if spec.when is not None else f"at {spec.at_ms or 0} ms"
    length = "to the end" if spec.for_ms is None else f"for {spec.for_ms} ms"
    return f"{text_of(spec)} {when} {length}"


class _UsedUp(Exception):
    """No run is left."""


class _Oracle:
    """Asks `fails`, each question once, at most `most` times; keeps the best answer."""

    def __init__(self, fails: Fails, most: int) -> None:
        self._fails = fails
        self._most = most
        self._known: dict[str, bool] = {}
        self.best: tuple[FaultSpec, ...] = ()

    @property
    def runs(self) -> int:
        """Questions asked."""
        return len(self._known)

    def __call__(self, specs: Sequence[FaultSpec]) -> bool:
        key = repr([(s.kind, dict(s.values), s.at_ms, s.when, s.for_ms) for s in specs])
        if key not in self._known:
            if self.runs >= self._most:
                raise _UsedUp
            self._known[key] = self._fails(specs)
            if self._known[key]:
                self.best = tuple(specs)
        return self._known[key]


def shrink(specs: Sequence[FaultSpec], fails: Fails, most_runs: int = 100) -> Shrunk:
    """The smallest failing part of `specs`. ConfigError if they do not fail together.

    Deterministic if `fails` is. The result fails; without any one of its faults it does not,
    if `complete`. A set that fails without any fault shrinks to nothing.
    """
    oracle = _Oracle(fails, most_runs)
    if not oracle(specs):
        raise ConfigError("nothing to shrink: the combination does not fail; check seed and device")
    try:
        if oracle(()):
            return Shrunk((), oracle.runs, complete=True)
        few = _ddmin(list(specs), oracle)
        _soften(few, oracle)
    except _UsedUp:
        return Shrunk(oracle.best, oracle.runs, complete=False)
    return Shrunk(oracle.best, oracle.runs, complete=True)


def _ddmin(specs: list[FaultSpec], fails: Fails) -> list[FaultSpec]:
    parts = 2
    while len(specs) > 1:
        size = -(-len(specs) // parts)
        chunks = [specs[i : i + size] for i in range(0, len(specs), size)]
        rests = [[s for c in chunks if c is not chunk for s in c] for chunk in chunks]
        smaller = next((each for each in chunks if fails(each)), None)
        if smaller is not None:
            specs, parts = smaller, 2
            continue
        smaller = next((each for each in rests if len(chunks) > 2 and fails(each)), None)
        if smaller is not None:
            specs, parts = smaller, max(parts - 1, 2)
        elif parts >= len(specs):
            break
        else:
            parts = min(2 * parts, len(specs))
    return specs


def _soften(specs: list[FaultSpec], fails: Fails) -> None:
    """Halve length, then each severity, fault by fault, while it still fails."""
    for i in range(len(specs)):
        while (shorter := _shorter(specs[i])) and fails([*specs[:i], shorter, *specs[i + 1 :]]):
            specs[i] = shorter
        for name in _severities(specs[i]):
            least = MILD * abs(_value(specs[i], name))
            while (milder := _milder(specs[i], name, least)) and fails(
                [*specs[:i], milder, *specs[i + 1 :]]
            ):
                specs[i] = milder


def _shorter(spec: FaultSpec) -> FaultSpec | None:
    if spec.for_ms is None or spec.for_ms < 2 * SHORTEST_MS:
        return None
    return _like(spec, spec.values, spec.for_ms // 2 // 100 * 100)


def _like(spec: FaultSpec, values: Mapping[str, Any], for_ms: int | None) -> FaultSpec:
    return FaultSpec(spec.kind, values, spec.where, spec.at_ms, spec.when, for_ms)


def _severities(spec: FaultSpec) -> list[str]:
    """Parameters of which less is milder: those that the kind marks so."""
    fields = CATALOGUE[spec.kind].model.model_fields
    return [name for name, field in fields.items() if _is_severity(name, field)]


SEVERITIES = frozenset(
    {
        "bits",
        "by",
        "by_k",
        "by_mhz",
        "by_ms",
        "bytes_per_tick",
        "dark_ms",
        "delay_ms",
        "height",
        "jitter_ms",
        "k_per_min",
        "length_ms",
        "lost_b",
        "lpm",
        "most_k",
        "ms",
        "per_s",
        "ppm",
        "probability",
        "relative",
        "share",
        "sigma",
        "times",
    }
)
"""Names of parameters of which zero would be no fault at all."""


def _is_severity(name: str, field: FieldInfo) -> bool:
    return name in SEVERITIES and field.annotation in (int, float)


def _value(spec: FaultSpec, name: str) -> Any:
    return getattr(parameters(spec), name)


def _milder(spec: FaultSpec, name: str, least: float) -> FaultSpec | None:
    value = _value(spec, name)
    half = int(value / 2) if isinstance(value, int) else value / 2
    if half == value or abs(half) < least or not half:
        return None
    milder = _like(spec, {**spec.values, name: half}, spec.for_ms)
    try:
        parameters(milder)
    except ConfigError:
        return None  # outside its range: that mild it does not exist
    return milder
