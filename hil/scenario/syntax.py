# SPDX-License-Identifier: Apache-2.0
"""What an expression is made of: its names, and Python's syntax tree of its text."""

import ast
import math
import re
import warnings

from edge.errors import ConfigError
from firmware_py.link import messages
from hil.scenario.duration import UNIT_MS
from hil.scenario.problem import shown

MOST_CHARACTERS = 1000
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
_ADVICE: tuple[tuple[str, str], ...] = (
    (r"&&", "write `and` for `&&`"),
    (r"\|\|", "write `or` for `||`"),
    (r"!(?!=)", "write `not` for `!`"),
    (r"(?<![=!<>])=(?!=)", "write `==` to compare"),
    (r"\([^)]*$", "inside { } an expression with a comma needs quotes"),
)


def parse_expr(text: str) -> ast.expr:
    """Python's syntax tree of an expression, durations turned into seconds. Raises ConfigError."""
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"expression longer than {MOST_CHARACTERS} characters; split it")
    in_seconds = _SECONDS.sub(lambda m: repr(float(m[1]) * UNIT_MS[m[2]] / 1000.0), text.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own advice on its own syntax
            return ast.parse(in_seconds, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        advice = next((say for sign, say in _ADVICE if re.search(sign, text)), "correct it")
        what = getattr(error, "msg", None) or "not an expression"
        raise ConfigError(f"{shown(text)}: {what}; {advice}") from None


def refusal(node: ast.AST) -> str:  # noqa: PLR0911 - one per construct
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
