# SPDX-License-Identifier: Apache-2.0
"""Expressions over signals: a small part of Python's syntax, compiled once to a function.

Numbers, names, `+ - * / // %`, comparisons (chained too), `and or not`, durations (`3s`, in
seconds) and the functions of ROW_FUNCTIONS. Unknown is NaN, and it is carried on: a comparison
with NaN is unknown, `unknown and False` is False, `unknown or True` is True (Kleene's strong
logic). So `not x < 5` does not become true because x is missing; whoever asks whether an
expression holds asks whether it is certainly true.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edge.errors import ConfigError
from hil.scenario.emit import Emitter, function
from hil.scenario.history import Columns, Step
from hil.scenario.syntax import CONSTANTS, STATES, TIME, parse_expr


def holds(truth: float) -> bool:
    """Certainly true."""
    return not math.isnan(truth) and bool(truth)


class _Stage(NamedTuple):
    """One call of `prev`, `rate` or `held`: its argument, and what makes its memory."""

    argument: Callable[..., float]
    make: Callable[[], Step]


@dataclass(slots=True)
class Expr:
    """A compiled expression. `evaluate` remembers from tick to tick; `column` begins anew."""

    text: str
    names: tuple[str, ...]
    """The signals in it."""
    constants: Mapping[str, float]
    """The parameters and constants in it."""
    _picks: tuple[int, ...]
    _stages: tuple[_Stage, ...]
    _final: Callable[..., float]
    _steps: list[Step] = field(default_factory=list)

    def evaluate(self, row: Sequence[float], t_ms: int) -> float:
        """The value in this tick, once per tick; `row` in the order of the names compiled with."""
        if len(self._steps) != len(self._stages):
            self._steps = [stage.make() for stage in self._stages]
        values = [t_ms / 1000.0, *(row[pick] for pick in self._picks)]
        for stage, step in zip(self._stages, self._steps, strict=True):
            values.append(step(stage.argument(*values), t_ms))
        return self._final(*values)

    def column(self, columns: Columns) -> list[float]:
        """The value in every row of a record."""
        values: list[Sequence[float]] = [columns.t_s, *(columns[name] for name in self.names)]
        for stage in self._stages:
            values.append(list(map(stage.make(), map(stage.argument, *values), columns.t_ms)))
        return list(map(self._final, *values))

    def seen(self, columns: Columns, row: int) -> str:
        """`feed_a_w=5200, state=SAFE`: the values of all names in one row."""
        signals = [f"{name}={_reading(name, columns[name][row])}" for name in self.names]
        known = [f"{n}={_reading(n, v)}" for n, v in self.constants.items() if n not in CONSTANTS]
        return ", ".join([*signals, *known]) or f"t_s={columns.t_s[row]:g}"


def _reading(name: str, value: float) -> str:
    if name in {"state", "tm_state", "out_state"} and value in range(len(STATES)):
        return STATES[int(value)]
    return f"{value:.6g}"


def compile_expr(
    text: str, names: Sequence[str] | None, params: Mapping[str, Any], where: str = ""
) -> Expr:
    """Compile for rows with these names; None: any name may be a signal (to check syntax early).

    Raises ConfigError `where: what is wrong; what to write`.
    """
    try:
        emitter = Emitter(names, params)
        return finished(text, emitter.emit(parse_expr(text)), emitter)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}" if where else str(error)) from None


def finished(text: str, code: str, emitter: Emitter) -> Expr:
    """The expression whose code this emitter has written."""
    slots = [TIME, *emitter.columns.values()]
    stages = []
    for number, (argument, make) in enumerate(emitter.stages):
        stages.append(_Stage(function(slots, argument), make))
        slots.append(f"k{number}")
    names = tuple(emitter.columns)
    picks = () if emitter.known is None else tuple(emitter.known[name] for name in names)
    return Expr(text, names, emitter.constants, picks, tuple(stages), function(slots, code))
