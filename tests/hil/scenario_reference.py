# SPDX-License-Identifier: Apache-2.0
"""Expressions and checks again: slow, row by row, with None for unknown. What is right, by eye."""

import math
from itertools import pairwise

from hypothesis import strategies as st

COMPARE = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
ARITHMETIC = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
    "//": lambda a, b: a // b if b else None,
    "%": lambda a, b: a % b if b else None,
}


def trees():
    """Expressions as nested tuples, operator first."""
    leaves = st.one_of(
        st.sampled_from([("name", "a"), ("name", "b"), ("name", "t_s")]),
        st.integers(0, 4).map(lambda n: ("number", n)),
    )

    def larger(inner):
        return st.one_of(
            st.tuples(st.sampled_from([*ARITHMETIC]), inner, inner),
            st.tuples(st.sampled_from([*COMPARE]), inner, inner),
            st.tuples(st.just("chain"), st.sampled_from([*COMPARE]), inner, inner, inner),
            st.tuples(st.sampled_from(["and", "or"]), inner, inner),
            st.tuples(st.sampled_from(["not", "neg", "abs", "known", "prev", "rate"]), inner),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner),
            st.tuples(st.just("bit"), inner, st.integers(0, 3)),
            st.tuples(st.just("held"), inner, st.integers(0, 5)),
        )

    return st.recursive(leaves, larger, max_leaves=12)


def text_of(tree):  # noqa: PLR0911 - one per construct
    kind, *parts = tree
    if kind in {"name", "number"}:
        return str(parts[0])
    if kind == "bit":
        return f"bit({text_of(parts[0])}, {parts[1]})"
    if kind == "held":
        return f"held({text_of(parts[0])}, {parts[1] * 100}ms)"
    if kind == "chain":
        a, b, c = map(text_of, parts[1:])
        return f"({a} {parts[0]} {b} {parts[0]} {c})"
    texts = [text_of(part) for part in parts]
    if kind == "not":
        return f"(not {texts[0]})"
    if kind == "neg":
        return f"(-{texts[0]})"
    if kind in {"abs", "known", "prev", "rate", "min", "max"}:
        return f"{kind}({', '.join(texts)})"
    return f"({f' {kind} '.join(texts)})"


def both(a, b):
    """Kleene's and."""
    if a == 0 or b == 0:
        return 0.0
    return None if a is None or b is None else 1.0


def negated(a):
    return None if a is None else float(not a)


def value_of(tree, rows, at):  # noqa: PLR0911 - one per construct
    """In row `at` of rows (t_ms, a, b); None: unknown."""
    kind, *parts = tree
    if kind == "number":
        return float(parts[0])
    if kind == "name":
        t_ms, a, b = rows[at]
        value = {"a": a, "b": b, "t_s": t_ms / 1000}[parts[0]]
        return None if math.isnan(value) else value
    if kind == "known":
        return float(value_of(parts[0], rows, at) is not None)
    if kind == "prev":
        return value_of(parts[0], rows, at - 1) if at else None
    if kind == "held":
        return _held(parts[0], parts[1] * 100, rows, at)
    if kind == "chain":
        sign, a, b, c = parts
        return both(value_of((sign, a, b), rows, at), value_of((sign, b, c), rows, at))
    if kind in {"and", "or", "not"}:
        values = [value_of(part, rows, at) for part in parts]
        if kind == "and":
            return both(*values)
        return negated(values[0] if kind == "not" else both(*map(negated, values)))
    if kind == "rate":
        now, before = value_of(parts[0], rows, at), value_of(("prev", parts[0]), rows, at)
        if now is None or before is None:
            return None
        return number((now - before) * 1000 / (rows[at][0] - rows[at - 1][0]))
    if kind == "bit":
        value = value_of(parts[0], rows, at)
        unknown = value is None or math.isinf(value)
        return None if unknown else float(int(value) >> parts[1] & 1)
    return _plain(kind, [value_of(part, rows, at) for part in parts])


def _plain(kind, values):
    if None in values:
        return None
    if kind in COMPARE:
        return float(COMPARE[kind](*values))
    if kind in ARITHMETIC:
        return number(ARITHMETIC[kind](*values))
    return {"neg": lambda a: -a, "abs": abs, "min": min, "max": max}[kind](*values)


def _held(condition, for_ms, rows, at):
    truths = [value_of(condition, rows, row) for row in range(at + 1)]
    if truths[at] is None:
        return None
    return float(
        any(
            rows[at][0] - rows[first][0] >= for_ms and all(truths[first:])
            for first in range(at + 1)
            if None not in truths[first:]
        )
    )


def number(value):
    return None if value is None or math.isnan(value) else value


def throughout(wanted, truths, rows):
    """Verdict of always (wanted True) or never over the rows of a window."""
    known = [truths[row] for row in rows if truths[row] is not None]
    if not known:
        return "INCONCLUSIVE"
    return "PASS" if all(bool(value) == wanted for value in known) else "FAIL"


def within(asked, answers, t_ms, limit_ms, marginal_ms, every, optional):
    """Verdict of within."""
    rises = [row for row in range(len(t_ms)) if asked[row] and not (row and asked[row - 1])]
    if not rises:
        return "PASS" if optional and any(a is not None for a in asked) else "INCONCLUSIVE"
    found = set()
    for rise in rises if every else rises[:1]:
        window = [row for row in range(rise, len(t_ms)) if t_ms[row] - t_ms[rise] <= limit_ms]
        took = [t_ms[row] - t_ms[rise] for row in window if answers[row]]
        if took:
            slow = marginal_ms is not None and took[0] > marginal_ms
            found.add("MARGINAL" if slow else "PASS")
        elif t_ms[rise] + limit_ms > t_ms[-1] or all(answers[row] is None for row in window):
            found.add("INCONCLUSIVE")
        else:
            found.add("FAIL")
    return next(v for v in ("FAIL", "INCONCLUSIVE", "MARGINAL", "PASS") if v in found)


def settles(values, t_ms, to, band, by_ms, hold_ms, marginal_ms):
    """Verdict of settles, by trying every row as the first of the stay."""
    if all(value is None for value in values):
        return "INCONCLUSIVE"
    inside = [value is not None and abs(value - to) <= band for value in values]
    undecided = False
    for first in range(len(t_ms)):
        if t_ms[first] > by_ms:
            break
        to_end = all(inside[first:])
        if hold_ms is None:
            settled = to_end
        else:
            stays = [row for row in range(first, len(t_ms)) if all(inside[first : row + 1])]
            settled = any(t_ms[row] - t_ms[first] >= hold_ms for row in stays)
        if settled:
            slow = marginal_ms is not None and t_ms[first] > marginal_ms
            return "MARGINAL" if slow else "PASS"
        undecided = undecided or to_end
    tick_ms = max((b - a for a, b in pairwise(t_ms[-2:])), default=0)
    return "INCONCLUSIVE" if undecided or t_ms[-1] + tick_ms < by_ms else "FAIL"
