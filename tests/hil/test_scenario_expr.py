# SPDX-License-Identifier: Apache-2.0
"""Expressions: the same by tick, by column and by a slow reference; what is not in the language."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError
from hil.record import Recorder
from hil.scenario.expr import compile_expr, holds
from hil.scenario.history import Columns
from tests.hil.scenario_reference import text_of, trees, value_of

NAN, INF = math.nan, math.inf
VALUES = st.sampled_from([NAN, 0.0, 1.0, 2.0, 3.0, 5.0, -1.0, 2.5, INF])
ROWS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8).map(
    lambda pairs: [(100 * number, a, b) for number, (a, b) in enumerate(pairs)]
)


def columns_of(rows, names=("a", "b")):
    record = Recorder(names)
    for t_ms, *values in rows:
        record.append(t_ms, values)
    return Columns(record)


def same(got, wanted):
    return math.isnan(got) if wanted is None else got == wanted


def value(text, row=(), names=("a", "b"), params=None, t_ms=0):
    return compile_expr(text, names[: len(row)], params or {}).evaluate(row, t_ms)


@settings(max_examples=400)
@given(tree=trees(), rows=ROWS)
def test_ticks_and_columns_agree_with_the_reference(tree, rows):
    expr = compile_expr(text_of(tree), ("a", "b"), {})
    column = expr.column(columns_of(rows))
    for at, (t_ms, *row) in enumerate(rows):
        wanted = value_of(tree, rows, at)
        assert same(expr.evaluate(row, t_ms), wanted)
        assert same(column[at], wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("7 // 2 + 7 % 4", 6),
        ("-2 * -3", 6),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("2 != 2 or not 1 > 2", True),
        ("max(1, 5, 3) - min(4, 2)", 3),
        ("abs(0 - 2) == 2", True),
        ("bit(6, 1) and not bit(6, 0)", True),
        ("3s + 200ms + 1 min + 2 h", 7263.2),
        ("SAFE == 5 and BOOT == 0 and MAINT == 6", True),
        ("INF > 1e300 and -INF < 0", True),
        ("True and 1", True),
        ("(1)", 1),
        ("1 / 0 < 5 or True", True),
    ],
)
def test_value(text, wanted):
    assert value(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a < 5", NAN),
        ("a == a", NAN),
        ("a != 5", NAN),
        ("not a < 5", NAN),
        ("a < 5 and b > 9", False),
        ("a < 5 and b < 9", NAN),
        ("a < 5 or b < 9", True),
        ("a < 5 or b > 9", NAN),
        ("0 < a < 5", NAN),
        ("5 < b < a", False),
        ("known(a) or not known(b)", False),
        ("max(a, 1)", NAN),
        ("min(1, a)", NAN),
        ("bit(a, 0)", NAN),
        ("1 / 0", NAN),
        ("b % 0", NAN),
    ],
)
def test_unknown_is_carried_on(text, wanted):
    got = value(text, (NAN, 1.0))
    assert math.isnan(got) if isinstance(wanted, float) else got is wanted
    assert holds(got) == (wanted is True)


def test_parameters_stand_in_expressions_by_name_and_durations_in_seconds():
    params = {"loss": "20 s", "limit": 5, "on": True}
    expr = compile_expr("t_s > loss and a < limit and on", ("a",), params)
    assert not holds(expr.evaluate((1.0,), 20_000))
    assert holds(expr.evaluate((1.0,), 20_100))
    assert dict(expr.constants) == {"loss": 20.0, "limit": 5, "on": True}


def test_prev_rate_and_held_over_ticks():
    expr = compile_expr("held(a > 1, 200ms)", ("a",), {})
    seen = [expr.evaluate((v,), 100 * i) for i, v in enumerate([2, 2, 2, 0, 2, NAN, 2, 2, 2])]
    wanted = [False, False, True, False, False, None, False, False, True]
    assert all(same(got, want) for got, want in zip(seen, wanted, strict=True))
    expr = compile_expr("rate(a)", ("a",), {})
    assert [expr.evaluate((v,), 100 * i) for i, v in enumerate([1, 3, 2])][1:] == [20, -10]


def test_two_compiled_expressions_share_no_memory():
    text, columns = "prev(a)", columns_of([(0, 1.0, 0.0), (100, 2.0, 0.0)])
    one = compile_expr(text, ("a", "b"), {})
    one.evaluate((9.0, 0.0), 0)
    assert one.column(columns)[1] == 1.0
    assert math.isnan(compile_expr(text, ("a", "b"), {}).evaluate((1.0, 0.0), 0))
    assert one.evaluate((5.0, 0.0), 100) == 9.0


def test_names_and_reading_of_a_row():
    expr = compile_expr(
        "feed_a_w > limit and state == SAFE", ("x", "state", "feed_a_w"), {"limit": 7}
    )
    assert expr.names == ("feed_a_w", "state")
    columns = columns_of([(0, 1.0, 5.0, 1234.5678)], ("x", "state", "feed_a_w"))
    assert expr.seen(columns, 0) == "feed_a_w=1234.57, state=SAFE, limit=7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("feed_a < 5", r"unknown name `feed_a`; did you mean `feed_a_w`"),
        ("xyz", r"unknown name `xyz`; use one of: BOOT"),
        ("limit < 5", "`limit` is a parameter and a signal; rename the parameter"),
        ("edge < 5", "parameter `edge` is 'slow'; only a number or a duration"),
        ("a.b", r"no `\.` and `\[\]`"),
        ("a[0]", r"no `\.` and `\[\]`"),
        ("a if b else c", "no if"),
        ("2 ** 9", "no powers"),
        ("a | b", "no bit operators"),
        ("1 in 2", "`is` and `in`"),
        ("lambda: 1", "Lambda is not known here"),
        ("'text'", "'text' is text; write names without quotes"),
        ("max(1)", r"max\(\) takes 2 to 9 values here, not 1"),
        ("abs(1, 2)", r"abs\(\) takes 1 values here, not 2"),
        ("max(a=1)", "arguments have no names"),
        ("bit(1, 99)", "bit 99 does not exist"),
        ("bit(1, feed_a_w)", "unknown name `feed_a_w`"),
        ("held(1, t_s)", "unknown name `t_s`"),
        ("held(1, prev(1))", "known before the run"),
        ("held(1, 1 / 0)", "has no value"),
        ("1 +", "invalid syntax"),
        ("1 = 2", "write `==`"),
        ("1 || 2", "write `or`"),
        ("!1", "write `not`"),
        ("", "not an expression|invalid syntax"),
        ("x" * 1001, "longer than 1000 characters"),
        ("-" * 50 + "1", "nested more than 40 deep"),
        ("(" * 300 + "1" + ")" * 300, "too many nested parentheses"),
        ("9" * 400, "a number too large"),
        ("1j", "not known here"),
        ("f'{1}'", "not known here"),
        ("[1]", "not known here"),
    ],
)
def test_refused(text, said):
    params = {"limit": 5, "edge": "slow"}
    with pytest.raises(ConfigError, match=said):
        compile_expr(text, ("feed_a_w", "limit"), params)


def test_a_refusal_names_the_place_when_there_is_one():
    with pytest.raises(ConfigError, match=r"^a\.yaml:7: unknown name"):
        compile_expr("x", (), {}, "a.yaml:7")


@given(text=st.text(alphabet="ab01.<>=!+-*/%() ,andortheld_s\n\0'\"[]{}:@é", max_size=60))
def test_any_text_compiles_and_evaluates_or_is_refused(text):
    try:
        expr = compile_expr(text, ("a", "b"), {})
    except ConfigError:
        return
    assert isinstance(expr.evaluate((1.0, NAN), 0), float | int)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a <= " * 190 + "b", True),
        ("a and " * 160 + "b", True),
        ("max(" * 38 + "a, b" + ", b)" * 38, 2.0),
        ("held(" * 39 + "a" + ", 0s)" * 39, True),
        ("not " * 39 + "a", False),
    ],
)
def test_the_largest_expressions(text, wanted):
    assert value(text, (1.0, 2.0) if "<=" not in text else (1.0, 1.0)) == wanted
