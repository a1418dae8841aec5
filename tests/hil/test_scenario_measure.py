# SPDX-License-Identifier: Apache-2.0
"""Measures: each aggregate by a table and against a definition, limits and marginal bands."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError
from hil.record import Recorder
from hil.scenario.check import evaluate
from hil.scenario.history import Columns
from hil.scenario.measure import compile_measure
from hil.scenario.model import Measure, Where
from hil.verdict import Verdict

NAN, INF = math.nan, math.inf
HERE = Where("s.yaml", 7)


def record_of(values):
    record = Recorder(("a", "b"))
    for number, value in enumerate(values):
        record.append(100 * number, (value, number))
    return record


def value_of(text, values, params=None, **window):
    columns = Columns(record_of(values))
    return compile_measure(text, columns.names, params or {}).evaluate(columns, **window)


def same(got, wanted):
    return math.isnan(got) if math.isnan(wanted) else got == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("max(a)", [1, 5, NAN, 2], 5),
        ("min(a)", [1, 5, NAN, 2], 1),
        ("mean(a)", [1, 5, NAN, 3], 3),
        ("first(a)", [NAN, 5, 2, NAN], 5),
        ("last(a)", [NAN, 5, 2, NAN], 2),
        ("p50(a)", [4, 1, 3, 2], 2),
        ("p95(a)", list(range(1, 101)), 95),
        ("p99(a)", [1, 2], 2),
        ("p50(a)", [7], 7),
        ("integral(a)", [10, 20, NAN, 30, 99], 6),
        ("count(a > 1)", [2, 2, 0, 2, NAN, 2], 3),
        ("time_true(a > 1)", [2, 2, 0, 2, NAN, 2], 0.3),
        ("first_time(a > 1)", [0, NAN, 0, 2], 0.3),
        ("first_time(a > 1)", [0, 0], INF),
        ("at(a, 150ms)", [1, 2, 3], 3),
        ("at(a, 9s)", [1, 2, 3], NAN),
        ("at(a, b >= 1)", [1, 2, 3], 2),
        ("at(b, a > 2)", [1, NAN, 3], 2),
        ("max(a) / 1000 - min(b)", [1, 5], 0.005),
        ("max(max(a), min(b), 7)", [1, 5], 7),
        ("max(max(a, b))", [0, 0, 0], 2),
        ("abs(min(a))", [-4, 2], 4),
        ("max(rate(a))", [1, 2, 4], 20),
        ("max(a) < 6 and min(a) > 0", [1, 5], 1),
        ("max(a) - limit", [1, 5], 2),
        ("max(a)", [NAN, NAN], NAN),
        ("count(a > 1)", [NAN, NAN], NAN),
        ("time_true(a > 1)", [NAN], NAN),
        ("first_time(a > 1)", [NAN], NAN),
        ("max(a)", [], NAN),
        ("max(a) / count(a > 9)", [1], NAN),
    ],
)
def test_aggregate(text, values, wanted):
    assert same(value_of(text, values, {"limit": 3}), wanted)


@pytest.mark.parametrize(
    ("window", "wanted"),
    [
        ({}, 9),
        ({"to_ms": 200}, 3),
        ({"from_ms": 100, "to_ms": 200}, 3),
        ({"to_ms": 150}, 2),
        ({"from_ms": 301}, NAN),
    ],
)
def test_a_window_includes_both_its_ends(window, wanted):
    assert same(value_of("max(a)", [1, 2, 3, 9], **window), wanted)


def test_a_window_cuts_after_rates_and_before_integrals():
    assert value_of("first(rate(a))", [1, 2, 4], from_ms=200) == pytest.approx(20)
    assert value_of("integral(a)", [10, 10, 10, 10], from_ms=100, to_ms=200) == pytest.approx(1)


@given(values=st.lists(st.sampled_from([NAN, 0.0, 1.0, 2.0, 3.0]), min_size=1, max_size=15))
def test_aggregates_agree_with_their_definitions(values):
    known = sorted(v for v in values if not math.isnan(v))
    if not known:
        return
    assert value_of("max(a)", values) == known[-1]
    assert value_of("min(a)", values) == known[0]
    assert value_of("p95(a)", values) == min(
        v for v in known if sum(w <= v for w in known) >= 0.95 * len(known)
    )
    true = [v > 1 for v in values]
    assert value_of("time_true(a > 1)", values) == pytest.approx(0.1 * sum(true[:-1]))
    rises = [now and not (n and true[n - 1]) for n, now in enumerate(true)]
    assert value_of("count(a > 1)", values) == sum(rises)
    area = sum(0.1 * v for v in values[:-1] if not math.isnan(v))
    assert value_of("integral(a)", values) == pytest.approx(area)


VERDICTS = [
    # value, min, max, marginal: verdict
    (5, None, 5, 0, "PASS"),
    (5.1, None, 5, 0, "FAIL"),
    (5, 5, None, 0, "PASS"),
    (4.9, 5, None, 0, "FAIL"),
    (4.9, None, 5, 0.2, "MARGINAL"),
    (4.8, None, 5, 0.2, "PASS"),
    (5.1, 5, None, 0.2, "MARGINAL"),
    (5.1, 5, 6, 0.2, "MARGINAL"),
    (5.5, 5, 6, 0.2, "PASS"),
    (INF, None, 5, 0, "FAIL"),
    (INF, 5, None, 0, "PASS"),
    (NAN, None, 5, 0, "INCONCLUSIVE"),
    (NAN, None, None, 0, "PASS"),
    (5, None, None, 9, "PASS"),
]


@pytest.mark.parametrize(("value", "low", "high", "marginal", "verdict"), VERDICTS)
def test_limits(value, low, high, marginal, verdict):
    measure = Measure("m", "last(a)", "W", HERE, low, high, marginal)
    ((), (got,)) = evaluate([], [measure], record_of([value]), {})
    assert (got.verdict, got.unit, got.where) == (Verdict(verdict), "W", "s.yaml:7")
    assert same(got.value, value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", r"`a` has many values; write max\(a\), last\(a\)"),
        ("max(a) + b", "`b` has many values"),
        ("t_s", "`t_s` has many values"),
        ("5", "nothing is measured"),
        ("max(a, b)", "`a` has many values"),
        ("maxi(a)", r"unknown function `maxi` of a record; did you mean `max`\?"),
        ("rate(a)", "unknown function `rate` of a record"),
        ("mean(a, b)", r"mean\(\) takes 1 values, not 2"),
        ("at(a)", r"at\(\) takes 2 values, not 1"),
        ("max(feed)", "unknown name `feed`"),
        ("max(p50(a))", "unknown function `p50`"),
        ("max(a", "was never closed"),
    ],
)
def test_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        compile_measure(text, ("a", "b"), {})
