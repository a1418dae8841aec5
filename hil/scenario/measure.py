# SPDX-License-Identifier: Apache-2.0
"""Measures: a number over the whole record, or a window of it.

`max(feed_a_w) / 1000`: aggregates of row expressions, and arithmetic of them. A row in which the
expression is unknown counts for no aggregate; if all are, the number is unknown (NaN). A row lasts
until the next one; the last of the window has no length.
"""

import ast
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge.errors import ConfigError
from hil.scenario.emit import Emitter, function
from hil.scenario.expr import Expr, finished, holds
from hil.scenario.history import NAN, Columns
from hil.scenario.model import Measure
from hil.scenario.problem import near
from hil.scenario.syntax import parse_expr
from hil.verdict import Measurement, Verdict

Aggregate = Callable[[Sequence[float], Sequence[int]], float]
"""`aggregate(values, t_ms)`, at least one value known."""


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _percentile(percent: int) -> Aggregate:
    def percentile(values: Sequence[float], _t_ms: Sequence[int]) -> float:
        known = sorted(_known(values))
        return known[max(math.ceil(percent * len(known) / 100) - 1, 0)]

    return percentile


def _mean(values: Sequence[float], _t_ms: Sequence[int]) -> float:
    known = _known(values)
    return math.fsum(known) / len(known)


def _integral(values: Sequence[float], t_ms: Sequence[int]) -> float:
    rows = zip(values, t_ms, t_ms[1:], strict=False)
    return math.fsum(v * (after - t) for v, t, after in rows if not math.isnan(v)) / 1000.0


def _time_true(values: Sequence[float], t_ms: Sequence[int]) -> float:
    rows = zip(values, t_ms, t_ms[1:], strict=False)
    return sum(after - t for v, t, after in rows if holds(v)) / 1000.0


def _count(values: Sequence[float], _t_ms: Sequence[int]) -> float:
    truths = [holds(value) for value in values]
    return sum(now and not before for before, now in zip([False, *truths], truths, strict=False))


def _first_time(values: Sequence[float], t_ms: Sequence[int]) -> float:
    return next((t / 1000.0 for v, t in zip(values, t_ms, strict=True) if holds(v)), math.inf)


AGGREGATES: dict[str, Aggregate] = {
    "max": lambda values, _t_ms: max(_known(values)),
    "min": lambda values, _t_ms: min(_known(values)),
    "mean": _mean,
    "first": lambda values, _t_ms: _known(values)[0],
    "last": lambda values, _t_ms: _known(values)[-1],
    "p50": _percentile(50),
    "p95": _percentile(95),
    "p99": _percentile(99),
    "integral": _integral,
    "count": _count,
    "time_true": _time_true,
    "first_time": _first_time,
}
"""Of one row expression. `last`: the newest known value. `p95`: nearest rank. `integral`: times
seconds. `count`: how often it becomes true; true in the first row counts. `time_true`: s.
`first_time`: s since the start of the run, INF if never."""


class _Part(NamedTuple):
    """One aggregate in a measure."""

    values: Expr
    aggregate: Aggregate
    when: Expr | None
    """Of `at(x, when)`."""


@dataclass(slots=True)
class MeasureExpr:
    """A compiled measure."""

    _parts: tuple[_Part, ...]
    _final: Callable[..., float]

    def evaluate(
        self, columns: Columns, from_ms: int | None = None, to_ms: int | None = None
    ) -> float:
        """The number over the rows from `from_ms` to `to_ms`, both included; NaN if unknown."""
        rows = window(columns.t_ms, from_ms, to_ms)
        return float(self._final(*(_part(part, columns, rows) for part in self._parts)))


def compile_measure(
    text: str, names: Sequence[str] | None, params: Mapping[str, Any], where: str = ""
) -> MeasureExpr:
    """Compile a measure; arguments and errors as of `compile_expr`."""
    try:
        return _MeasureEmitter(names, params).measure(parse_expr(text))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}" if where else str(error)) from None


def window(t_ms: Sequence[int], from_ms: int | None, to_ms: int | None) -> range:
    """Rows from `from_ms` to `to_ms`, both included; None: open."""
    first = 0 if from_ms is None else bisect_left(t_ms, from_ms)
    after = len(t_ms) if to_ms is None else bisect_right(t_ms, to_ms)
    return range(first, max(first, after))


def measurement(measure: Measure, columns: Columns, params: Mapping[str, Any]) -> Measurement:
    """The number with its verdict. Raises ConfigError for a name that is not in the record."""
    expr = compile_measure(measure.expr, columns.names, params, str(measure.where))
    value = expr.evaluate(columns, measure.from_ms, measure.to_ms)
    return Measurement(
        name=measure.name,
        value=value,
        unit=measure.unit,
        low=measure.low,
        high=measure.high,
        marginal=measure.marginal,
        verdict=_verdict(value, measure),
        where=str(measure.where),
    )


def _verdict(value: float, measure: Measure) -> Verdict:
    """Without limits it is for the record alone; with limits, unknown decides nothing."""
    low = -math.inf if measure.low is None else measure.low
    high = math.inf if measure.high is None else measure.high
    if measure.low is None and measure.high is None:
        return Verdict.PASS
    if math.isnan(value):
        return Verdict.INCONCLUSIVE
    if not low <= value <= high:
        return Verdict.FAIL
    if measure.marginal and not low + measure.marginal <= value <= high - measure.marginal:
        return Verdict.MARGINAL
    return Verdict.PASS


def _part(part: _Part, columns: Columns, rows: range) -> float:
    values = part.values.column(columns)[rows.start : rows.stop]
    if part.when is not None:
        truth = part.when.column(columns)[rows.start : rows.stop]
        return next((v for v, t in zip(values, truth, strict=True) if holds(t)), NAN)
    if all(map(math.isnan, values)):
        return NAN
    return part.aggregate(values, columns.t_ms[rows.start : rows.stop])


class _MeasureEmitter(Emitter):
    """Signals may stand inside aggregates only."""

    def __init__(self, names: Sequence[str] | None, params: Mapping[str, Any]) -> None:
        super().__init__(names, params)
        self._names = names
        self.parts: list[_Part] = []

    def measure(self, node: ast.expr) -> MeasureExpr:
        code = self.emit(node)
        if not self.parts:
            raise ConfigError("nothing is measured; write max(x), mean(x), last(x), ...")
        slots = [f"a{number}" for number in range(len(self.parts))]
        return MeasureExpr(tuple(self.parts), function(slots, code))

    def _name(self, name: str) -> str:
        before = len(self.columns)
        code = super()._name(name)
        if code == "t_s" or len(self.columns) != before:
            raise ConfigError(f"`{name}` has many values; write max({name}), last({name}), ...")
        return code

    def _call(self, name: str, args: list[ast.expr], depth: int) -> str:
        if name == "at" and len(args) == 2:
            return self._add(args[0], AGGREGATES["first"], self._moment(args[1]))
        if name in AGGREGATES and len(args) == 1:
            return self._add(args[0], AGGREGATES[name], None)
        if name in {"min", "max", "abs"}:
            return super()._call(name, args, depth)
        if name in AGGREGATES or name == "at":
            raise ConfigError(f"{name}() takes {1 + (name == 'at')} values, not {len(args)}")
        names = [*AGGREGATES, "at", "abs"]
        raise ConfigError(f"unknown function `{name}` of a record; {near(name, names)}")

    def _row(self, node: ast.expr) -> Expr:
        emitter = Emitter(self._names, self._params)
        return finished(ast.unparse(node), emitter.emit(node), emitter)

    def _moment(self, node: ast.expr) -> Expr:
        """`at(x, 20s)` is the first row from 20 s on; `at(x, c)` the first in which c is true."""
        moment = self._row(node)
        if moment.names or any(isinstance(n, ast.Name) and n.id == "t_s" for n in ast.walk(node)):
            return moment
        at_s = self.constant(node, "the time of at()")
        return self._row(parse_expr(f"t_s >= {at_s!r}"))

    def _add(self, values: ast.expr, aggregate: Aggregate, when: Expr | None) -> str:
        self.parts.append(_Part(self._row(values), aggregate, when))
        return f"a{len(self.parts) - 1}"
