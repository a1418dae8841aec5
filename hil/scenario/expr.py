# SPDX-License-Identifier: Apache-2.0
"""Expressions over signals: a small part of Python's syntax, compiled once to a function.

Numbers, names, `+ - * / // %`, comparisons (chained too), `and or not`, durations (`3s`, in
seconds) and the functions below. Unknown is NaN, and it is carried on: a comparison with NaN is
unknown, `unknown and False` is False, `unknown or True` is True (Kleene's strong logic). So
`not x < 5` does not become true because x is missing; whoever asks whether an expression holds
asks whether it is certainly true.
"""

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from edge.errors import ConfigError
from firmware_py.link import messages
from hil.scenario.duration import UNIT_MS, duration_ms, is_duration
from hil.scenario.history import NAN, Columns, Step, held, previous, rate
from hil.scenario.problem import near, shown

MOST_CHARACTERS = 1000
MOST_DEPTH = 40
STATES = ("BOOT", "SELFTEST", "LOCAL", "HOSTED", "DEGRADED", "SAFE", "MAINT")
CONSTANTS: dict[str, float] = {
    **{name: float(getattr(messages, f"STATE_{name}")) for name in STATES},
    "INF": math.inf,
}
"""Names that are always there; states as firmware_py/link/messages.py counts them."""
TIME = "t_s"
"""Seconds since the start of the run, a name like a signal."""
ROW_FUNCTIONS = {
    "abs": (1, 1),
    "min": (2, 9),
    "max": (2, 9),
    "bit": (2, 2),
    "known": (1, 1),
    "prev": (1, 1),
    "rate": (1, 1),
    "held": (2, 2),
}
"""Functions of one tick (and of the ones before): fewest and most arguments."""

_SECONDS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(ms|s|min|h)\b(?!\s*\()")
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
_ADVICE: tuple[tuple[str, str], ...] = (
    (r"&&", "write `and` for `&&`"),
    (r"\|\|", "write `or` for `||`"),
    (r"!(?!=)", "write `not` for `!`"),
    (r"(?<![=!<>])=(?!=)", "write `==` to compare"),
    (r"\([^)]*$", "inside { } an expression with a comma needs quotes"),
)


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
        code = emitter.emit(parse_expr(text))
        return emitter.finish(text, code)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}" if where else str(error)) from None


def parse_expr(text: str) -> ast.expr:
    """Python's syntax tree of an expression, durations turned into seconds. Raises ConfigError."""
    if len(text) > MOST_CHARACTERS:
        _fail(f"expression longer than {MOST_CHARACTERS} characters; split it")
    in_seconds = _SECONDS.sub(lambda m: repr(float(m[1]) * UNIT_MS[m[2]] / 1000.0), text.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own advice on its own syntax
            return ast.parse(in_seconds, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        advice = next((say for sign, say in _ADVICE if re.search(sign, text)), "correct it")
        what = getattr(error, "msg", None) or "not an expression"
        _fail(f"{shown(text)}: {what}; {advice}")


def _fail(text: str) -> NoReturn:
    raise ConfigError(text)


class Emitter:
    """Turns a syntax tree into the text of a Python expression over columns."""

    def __init__(
        self, names: Sequence[str] | None, params: Mapping[str, Any], *, timeless: bool = False
    ) -> None:
        """`timeless`: neither signals nor time, a number that is known now."""
        self._timeless = timeless
        self._known = None if names is None else {name: i for i, name in enumerate(names)}
        self._params = params
        self.columns: dict[str, str] = {}
        self.constants: dict[str, float] = {}
        self._stages: list[tuple[str, Callable[[], Step]]] = []
        self._temporaries = 0

    def finish(self, text: str, code: str) -> Expr:
        """The compiled expression."""
        slots = [TIME, *self.columns.values()]
        stages = []
        for number, (argument, make) in enumerate(self._stages):
            stages.append(_Stage(function(slots, argument), make))
            slots.append(f"k{number}")
        names = tuple(self.columns)
        picks = tuple(self._known[name] for name in names) if self._known is not None else ()
        return Expr(text, names, self.constants, picks, tuple(stages), function(slots, code))

    def emit(self, node: ast.AST, depth: int = 0) -> str:  # noqa: PLR0911 - one per construct
        """The code of one node. Raises ConfigError for what is not in the language."""
        if depth > MOST_DEPTH:
            _fail(f"nested more than {MOST_DEPTH} deep; split the expression")
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return _number(value)
            case ast.Constant(value=str() as value):
                _fail(f"{shown(value)} is text; write names without quotes")
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
        _fail(_refusal(node))

    def constant(self, node: ast.expr, what: str) -> float:
        """The value of a part without signals."""
        inner = Emitter((), self._params, timeless=True)
        value = float(function([], inner.emit(node))())
        self.constants.update(inner.constants)
        if not math.isfinite(value):
            _fail(f"{what} has no value; write a number")
        return value

    def _name(self, name: str) -> str:
        if name in CONSTANTS:
            self.constants[name] = CONSTANTS[name]
            return _number(CONSTANTS[name])
        if name in self._params:
            if self._known is not None and name in self._known:
                _fail(f"`{name}` is a parameter and a signal; rename the parameter")
            return _number(self._parameter(name))
        if name == TIME and not self._timeless:
            return TIME
        if self._known is not None and name not in self._known:
            own = () if self._timeless else (*CONSTANTS, TIME)
            everything = [*self._known, *self._params, *own]
            _fail(f"unknown name `{shown(name)[1:-1]}`; {near(name, everything)}")
        return self.columns.setdefault(name, f"c{len(self.columns)}")

    def _parameter(self, name: str) -> float:
        value = self._params[name]
        if is_duration(value):
            value = duration_ms(value) / 1000.0
        if not isinstance(value, int | float):
            _fail(f"parameter `{name}` is {shown(value)}; only a number or a duration can be used")
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
                _fail("`is` and `in` are not known; compare with == or !=")
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
            _fail(f"unknown function `{shown(name)[1:-1]}`; {near(name, ROW_FUNCTIONS)}")
        fewest, most = ROW_FUNCTIONS[name]
        if not fewest <= len(args) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            _fail(f"{name}() takes {wanted} values here, not {len(args)}")
        code = self.emit(args[0], depth + 1)
        if name in {"prev", "rate"}:
            return self._stage(code, previous if name == "prev" else rate)
        if name == "held":
            for_s = self.constant(args[1], "the duration of held()")
            return self._stage(code, lambda: held(for_s))
        if name == "bit":
            number = self.constant(args[1], "the number of a bit")
            if number not in range(32):
                _fail(f"bit {number:g} does not exist; write a whole number from 0 to 31")
            return f"_bit({code}, {int(number)})"
        if name == "known":
            first, again = self._twice(code)
            return f"({first} == {again})"
        rest = [self.emit(each, depth + 1) for each in args[1:]]
        return f"{'abs' if name == 'abs' else '_' + name}({', '.join([code, *rest])})"

    def _stage(self, code: str, make: Callable[[], Step]) -> str:
        if self._timeless:
            _fail("a number is wanted that is known before the run; write one")
        self._stages.append((code, make))
        return f"k{len(self._stages) - 1}"


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
        _fail("a number too large; write a smaller one")
    if math.isinf(number):
        return "INF" if number > 0 else "(-INF)"
    return repr(number) if number >= 0 else f"({number!r})"


def _refusal(node: ast.AST) -> str:  # noqa: PLR0911 - one per construct
    """Why a piece of Python is not in the language, and what to write."""
    match node:
        case ast.Call(keywords=[_, *_]):
            return "arguments have no names; write the values in order"
        case ast.Call():
            return f"only functions can be called; use one of: {', '.join(ROW_FUNCTIONS)}"
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.BitXor() | ast.LShift() | ast.RShift()):
            return "no bit operators; write bit(x, n), `and` or `or`"
        case ast.BinOp(op=ast.Pow()):
            return "no powers; write x * x"
        case ast.Attribute() | ast.Subscript():
            return "no `.` and `[]`; a signal is one name, as feed_a_w"
        case ast.IfExp():
            return "no if; write it with `and`, `or`"
    kind = type(node).__name__
    return f"{kind} is not known here; use numbers, names, + - * / // %, comparisons, and, or, not"
