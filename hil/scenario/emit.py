# SPDX-License-Identifier: Apache-2.0
"""From a syntax tree to the text of a Python expression over columns, and what that text can reach.

A truth is True, False or NaN. Each operand that is used twice is kept in a variable (`:=`), so that
nothing is computed twice and `and`, `or` stop early where the answer is certain.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge.errors import ConfigError
from hil.scenario.duration import duration_ms, is_duration
from hil.scenario.history import NAN, Step, held, previous, rate
from hil.scenario.problem import near, shown
from hil.scenario.syntax import CONSTANTS, ROW_FUNCTIONS, TIME, refusal

MOST_DEPTH = 40
_BINARY: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_DIVIDE: dict[type[ast.operator], str] = {ast.Div: "_div", ast.FloorDiv: "_floor", ast.Mod: "_mod"}
_COMPARE: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("{0} < {1}", "{0} >= {1}"),
    ast.LtE: ("{0} <= {1}", "{0} > {1}"),
    ast.Gt: ("{0} > {1}", "{0} <= {1}"),
    ast.GtE: ("{0} >= {1}", "{0} < {1}"),
    ast.Eq: ("{0} == {1}", "{0} < {1} or {0} > {1}"),
    ast.NotEq: ("{0} < {1} or {0} > {1}", "{0} == {1}"),
}
"""When a comparison is true, and when it is false; neither: unknown."""


def _divide(operation: Callable[[float, float], float]) -> Callable[[float, float], float]:
    def divide(a: float, b: float) -> float:
        return operation(a, b) if b else NAN

    return divide


def _least(*values: float) -> float:
    return NAN if any(map(math.isnan, values)) else min(values)


def _most(*values: float) -> float:
    return NAN if any(map(math.isnan, values)) else max(values)


def _bit(word: float, number: int) -> float:
    return bool(int(word) >> number & 1) if math.isfinite(word) else NAN


_GLOBALS: dict[str, Any] = {
    "__builtins__": {},
    "abs": abs,
    "NAN": NAN,
    "INF": math.inf,
    "_div": _divide(lambda a, b: a / b),
    "_floor": _divide(lambda a, b: a // b),
    "_mod": _divide(lambda a, b: a % b),
    "_min": _least,
    "_max": _most,
    "_bit": _bit,
}
"""All that compiled code can reach."""


class Emitter:
    """Turns a syntax tree into the text of a Python expression over columns."""

    def __init__(
        self, names: Sequence[str] | None, params: Mapping[str, Any], *, timeless: bool = False
    ) -> None:
        """`timeless`: neither signals nor time, a number that is known now."""
        self._timeless = timeless
        self.known = None if names is None else {name: i for i, name in enumerate(names)}
        self._params = params
        self.columns: dict[str, str] = {}
        self.constants: dict[str, float] = {}
        self.stages: list[tuple[str, Callable[[], Step]]] = []
        self._temporaries = 0

    def emit(self, node: ast.AST, depth: int = 0) -> str:  # noqa: PLR0911 - one per construct
        """The code of one node. Raises ConfigError for what is not in the language."""
        if depth > MOST_DEPTH:
            raise ConfigError(f"nested more than {MOST_DEPTH} deep; split the expression")
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return _number(value)
            case ast.Constant(value=str() as value):
                raise ConfigError(f"{shown(value)} is text; write names without quotes")
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self.emit(operand, depth + 1)})"
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.emit(operand, depth + 1)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                first, again = self._twice(self.emit(operand, depth + 1))
                return f"(NAN if {first} != {again} else not {again})"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                a, b = self.emit(left, depth + 1), self.emit(right, depth + 1)
                return f"({a} {_BINARY[type(op)]} {b})"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _DIVIDE:
                a, b = self.emit(left, depth + 1), self.emit(right, depth + 1)
                return f"{_DIVIDE[type(op)]}({a}, {b})"
            case ast.BoolOp():
                return self._logic(node, depth)
            case ast.Compare():
                return self._compare(node, depth)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args, depth)
        raise ConfigError(refusal(node))

    def constant(self, node: ast.expr, what: str) -> float:
        """The value of a part without signals."""
        inner = Emitter((), self._params, timeless=True)
        value = float(function([], inner.emit(node))())
        self.constants.update(inner.constants)
        if not math.isfinite(value):
            raise ConfigError(f"{what} has no value; write a number")
        return value

    def _name(self, name: str) -> str:
        if name in CONSTANTS:
            self.constants[name] = CONSTANTS[name]
            return _number(CONSTANTS[name])
        if name in self._params:
            if self.known is not None and name in self.known:
                raise ConfigError(f"`{name}` is a parameter and a signal; rename the parameter")
            return _number(self._parameter(name))
        if name == TIME and not self._timeless:
            return TIME
        if self.known is not None and name not in self.known:
            own = () if self._timeless else (*CONSTANTS, TIME)
            everything = [*self.known, *self._params, *own]
            raise ConfigError(f"unknown name `{shown(name)[1:-1]}`; {near(name, everything)}")
        return self.columns.setdefault(name, f"c{len(self.columns)}")

    def _parameter(self, name: str) -> float:
        value = self._params[name]
        if is_duration(value):
            value = duration_ms(value) / 1000.0
        if not isinstance(value, int | float):
            raise ConfigError(
                f"parameter `{name}` is {shown(value)}; only a number or a duration can be used"
            )
        self.constants[name] = value
        return value

    def _twice(self, code: str) -> tuple[str, str]:
        """Code for the first use, and for all later ones."""
        if code.isidentifier() or re.fullmatch(r"[\d.]+", code):
            return code, code
        self._temporaries += 1
        name = f"v{self._temporaries}"
        return f"({name} := {code})", name

    def _logic(self, node: ast.BoolOp, depth: int) -> str:
        parts = [self._twice(self.emit(each, depth + 1)) for each in node.values]
        unknown = " or ".join(f"{again} != {again}" for _, again in parts)
        if isinstance(node.op, ast.And):
            false = " or ".join(f"not {first}" for first, _ in parts)
            return f"(False if {false} else NAN if {unknown} else True)"
        true = " or ".join(f"{first} and {again} == {again}" for first, again in parts)
        return f"(True if {true} else NAN if {unknown} else False)"

    def _compare(self, node: ast.Compare, depth: int) -> str:
        operands = [self._twice(self.emit(e, depth + 1)) for e in (node.left, *node.comparators)]
        parts = []
        for number, op in enumerate(node.ops):
            if type(op) not in _COMPARE:
                raise ConfigError("`is` and `in` are not known; compare with == or !=")
            true, false = _COMPARE[type(op)]
            (first_a, a), (first_b, b) = operands[number], operands[number + 1]
            left = first_a if number == 0 else a
            # the first use sets the temporaries, whatever comes of it
            used = true.replace("{0}", left, 1).replace("{1}", first_b, 1).format(a, b)
            parts.append(f"(True if {used} else False if {false.format(a, b)} else NAN)")
        if len(parts) == 1:
            return parts[0]
        both = [self._twice(part) for part in parts]
        false = " or ".join(f"not {first}" for first, _ in both)
        unknown = " or ".join(f"{again} != {again}" for _, again in both)
        return f"(False if {false} else NAN if {unknown} else True)"

    def _call(self, name: str, args: list[ast.expr], depth: int) -> str:
        if name not in ROW_FUNCTIONS:
            raise ConfigError(
                f"unknown function `{shown(name)[1:-1]}`; {near(name, ROW_FUNCTIONS)}"
            )
        fewest, most = ROW_FUNCTIONS[name]
        if not fewest <= len(args) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            raise ConfigError(f"{name}() takes {wanted} values here, not {len(args)}")
        code = self.emit(args[0], depth + 1)
        if name in {"prev", "rate"}:
            return self._stage(code, previous if name == "prev" else rate)
        if name == "held":
            for_s = self.constant(args[1], "the duration of held()")
            return self._stage(code, lambda: held(for_s))
        if name == "bit":
            number = self.constant(args[1], "the number of a bit")
            if number not in range(32):
                raise ConfigError(
                    f"bit {number:g} does not exist; write a whole number from 0 to 31"
                )
            return f"_bit({code}, {int(number)})"
        if name == "known":
            first, again = self._twice(code)
            return f"({first} == {again})"
        rest = [self.emit(each, depth + 1) for each in args[1:]]
        return f"{'abs' if name == 'abs' else '_' + name}({', '.join([code, *rest])})"

    def _stage(self, code: str, make: Callable[[], Step]) -> str:
        if self._timeless:
            raise ConfigError("a number is wanted that is known before the run; write one")
        self.stages.append((code, make))
        return f"k{len(self.stages) - 1}"


def function(slots: Sequence[str], code: str) -> Callable[..., float]:
    """A Python function of emitted code; the text holds nothing a person wrote but numbers."""
    compiled: Callable[..., float] = eval(f"lambda {', '.join(slots)}: {code}", _GLOBALS)  # noqa: S307
    return compiled


def _number(value: float) -> str:
    if isinstance(value, bool):
        return str(value)
    try:
        number = float(value)
    except OverflowError:
        raise ConfigError("a number too large; write a smaller one") from None
    if math.isinf(number):
        return "INF" if number > 0 else "(-INF)"
    return repr(number) if number >= 0 else f"({number!r})"
