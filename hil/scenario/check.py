# SPDX-License-Identifier: Apache-2.0
"""Checks on a record. What each kind means, to the row, is in hil/scenario/README.md.

The rule behind all: what was never known decides nothing. A check that saw only unknown values, or
was never asked, is INCONCLUSIVE; it never passes by silence.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from edge.errors import ConfigError
from hil.record import Recorder
from hil.scenario.duration import duration_text
from hil.scenario.expr import Expr, compile_expr, holds
from hil.scenario.history import Columns
from hil.scenario.measure import compile_measure, measurement, window
from hil.scenario.model import Case, Check, Measure
from hil.scenario.problem import Problems
from hil.verdict import CheckResult, Measurement, Verdict


def evaluate(
    checks: Sequence[Check],
    measures: Sequence[Measure],
    record: Recorder,
    params: Mapping[str, Any],
    slack_ms: int = 0,
) -> tuple[tuple[CheckResult, ...], tuple[Measurement, ...]]:
    """Verdict of each check and measure, in order.

    `slack_ms`: how finely the record can tell when something was, in real time, where board and
    bench do not tick together. A check that fails by no more than that is MARGINAL.

    Raises ConfigError with every name that is not in the record.
    """
    problems = Problems()
    _bind(checks, measures, record.names, params, problems)
    if problems:
        raise problems.error()
    columns = Columns(record)
    return (
        tuple(_result(check, columns, params, slack_ms) for check in checks),
        tuple(measurement(measure, columns, params) for measure in measures),
    )


def check_names(case: Case, names: Sequence[str]) -> None:
    """See, before a run, that every expression of a case fits its signals. Raises ConfigError."""
    problems = Problems()
    _bind(case.checks, case.measures, names, case.params, problems)
    for fault in case.faults:
        if fault.when is not None:
            _try(compile_expr, fault.when, names, case.params, fault, problems)
    if problems:
        raise problems.error()


def expressions(check: Check) -> tuple[str, ...]:
    """The expressions of a check."""
    keys = ("when", "then") if check.kind == "within" else ("expr",)
    return tuple(str(check.values[key]) for key in keys)


def text_of(check: Check) -> str:
    """The check as a person reads it."""
    values = check.values
    if check.kind == "within":
        return f"within {duration_text(values['limit_ms'])}: {values['when']} -> {values['then']}"
    if check.kind == "settles":
        hold_ms = values.get("hold_ms")
        hold = "to the end" if hold_ms is None else f"for {duration_text(hold_ms)}"
        return (
            f"{values['expr']} settles to {values['to']:g} +- {values['band']:g} "
            f"by {duration_text(values['by_ms'])} {hold}"
        )
    text = f"{check.kind} {values['expr']}"
    for word in ("from", "to"):
        bound_ms = values.get(f"{word}_ms")
        text += "" if bound_ms is None else f" {word} {duration_text(bound_ms)}"
    return text


def _bind(
    checks: Sequence[Check],
    measures: Sequence[Measure],
    names: Sequence[str],
    params: Mapping[str, Any],
    problems: Problems,
) -> None:
    for check in checks:
        for text in expressions(check):
            _try(compile_expr, text, names, params, check, problems)
    for measure in measures:
        _try(compile_measure, measure.expr, names, params, measure, problems)


def _try(
    compiler: Callable[[str, Sequence[str], Mapping[str, Any]], object],
    text: str,
    names: Sequence[str],
    params: Mapping[str, Any],
    item: Any,
    problems: Problems,
) -> None:
    try:
        compiler(text, names, params)
    except ConfigError as error:
        problems.add(item.where, getattr(item, "name", None) or item.kind, str(error))


class _Finding(NamedTuple):
    verdict: Verdict
    at_ms: int | None
    detail: str


def _result(
    check: Check, columns: Columns, params: Mapping[str, Any], slack_ms: int
) -> CheckResult:
    compiled = [compile_expr(text, columns.names, params) for text in expressions(check)]
    if not columns:
        found = _Finding(Verdict.INCONCLUSIVE, None, "nothing was recorded")
    else:
        found = KINDS[check.kind](check, columns, compiled)
    if found.verdict is Verdict.FAIL and slack_ms:
        looser = KINDS[check.kind](_loosened(check, slack_ms), columns, compiled)
        if looser.verdict in {Verdict.PASS, Verdict.MARGINAL}:
            detail = f"{found.detail}; within the {slack_ms} ms that this record resolves"
            found = _Finding(Verdict.MARGINAL, found.at_ms, detail)
    return CheckResult(
        name=check.name,
        kind=check.kind,
        text=text_of(check),
        verdict=found.verdict,
        at_ms=found.at_ms,
        detail=found.detail,
        where=str(check.where),
    )


def _loosened(check: Check, slack_ms: int) -> Check:
    """The check as it would be if things may have been `slack_ms` earlier or later."""
    later = {
        key: check.values[key] + slack_ms for key in ("limit_ms", "by_ms") if key in check.values
    }
    return replace(check, values={**check.values, **later, "slack_ms": slack_ms})


def _lasting(bad: Sequence[int], columns: Columns, slack_ms: int) -> list[int]:
    """Of these rows, those in runs that lasted longer than `slack_ms`."""
    kept: list[int] = []
    run: list[int] = []
    for row in [*bad, -1]:
        if run and row != run[-1] + 1:
            if len(run) * _tick_ms(columns.t_ms) > slack_ms:
                kept += run
            run = []
        run.append(row)
    return kept


def _at(columns: Columns, row: int) -> str:
    return duration_text(columns.t_ms[row])


def _throughout(check: Check, columns: Columns, compiled: Sequence[Expr]) -> _Finding:
    """`always`: certainly false nowhere. `never`: certainly true nowhere."""
    truth = compiled[0].column(columns)
    rows = window(columns.t_ms, check.values.get("from_ms"), check.values.get("to_ms"))
    unknown = sum(math.isnan(truth[row]) for row in rows)
    if unknown == len(rows):
        what = "never measured" if rows else "no row of the record is in its window"
        return _Finding(Verdict.INCONCLUSIVE, None, what)
    wanted = check.kind == "always"
    bad = [row for row in rows if bool(truth[row]) != wanted and not math.isnan(truth[row])]
    if slack_ms := check.values.get("slack_ms", 0):
        bad = _lasting(bad, columns, slack_ms)
    if not bad:
        note = f"; not measured in {unknown} of {len(rows)} rows" if unknown else ""
        return _Finding(Verdict.PASS, None, f"held in {len(rows) - unknown} rows{note}")
    times = sum(row - before != 1 for before, row in zip([-2, *bad], bad, strict=False))
    last = next(row for row, after in zip(bad, [*bad[1:], -1], strict=True) if after != row + 1)
    until = f"until {_at(columns, last + 1)}" if last + 1 < rows.stop else "to the end"
    again = f", {times} times in all" if times > 1 else ""
    seen = compiled[0].seen(columns, bad[0])
    detail = f"{seen} at {_at(columns, bad[0])}; {str(not wanted).lower()} {until}{again}"
    return _Finding(Verdict.FAIL, columns.t_ms[bad[0]], detail)


def _within(check: Check, columns: Columns, compiled: Sequence[Expr]) -> _Finding:
    """After each rise of `when`, `then` is certainly true no later than the limit."""
    when, then = compiled
    asked = when.column(columns)
    rises = _rises(asked)
    if not rises:
        if all(map(math.isnan, asked)):
            return _Finding(Verdict.INCONCLUSIVE, None, f"{when.text}: never measured")
        ok = check.values.get("optional", False)
        return _Finding(Verdict.PASS if ok else Verdict.INCONCLUSIVE, None, "never triggered")
    if not check.values.get("every", True):
        rises = rises[:1]
    answers = then.column(columns)
    next_true = _next_true(answers)
    limit_ms, last_ms = check.values["limit_ms"], columns.t_ms[-1]
    slowest, undecided = (-1, 0), None
    for row in rises:
        asked_ms, answer = columns.t_ms[row], next_true[row]
        took_ms = None if answer is None else columns.t_ms[answer] - asked_ms
        if took_ms is not None and took_ms <= limit_ms:
            slowest = max(slowest, (took_ms, row), key=lambda each: each[0])
        elif last_ms - asked_ms < limit_ms:
            undecided = f"triggered at {_at(columns, row)}, but the run ended before the limit"
        else:
            rows = window(columns.t_ms, asked_ms, asked_ms + limit_ms)
            if all(math.isnan(answers[each]) for each in rows):
                undecided = f"{then.text}: never measured after {_at(columns, row)}"
                continue
            seen = ", ".join(each.seen(columns, rows[-1]) for each in compiled if each.names)
            came = "never true" if took_ms is None else f"true after {duration_text(took_ms)}"
            detail = f"triggered at {_at(columns, row)}, {came}; {seen} at {_at(columns, rows[-1])}"
            return _Finding(Verdict.FAIL, asked_ms + limit_ms, detail)
    if undecided is not None:
        return _Finding(Verdict.INCONCLUSIVE, None, undecided)
    took_ms, row = slowest
    detail = f"{len(rises)} times, slowest {duration_text(took_ms)} at {_at(columns, row)}"
    marginal_ms = check.values.get("marginal_ms")
    slow = marginal_ms is not None and took_ms > marginal_ms
    return _Finding(Verdict.MARGINAL if slow else Verdict.PASS, None, detail)


def _rises(truth: Sequence[float]) -> list[int]:
    """Rows in which it becomes certainly true; the first row counts."""
    rises, before = [], False
    for row, value in enumerate(truth):
        now = holds(value)
        if now and not before:
            rises.append(row)
        before = now
    return rises


def _next_true(truth: Sequence[float]) -> list[int | None]:
    """For each row, the first one from it on that is certainly true."""
    found: list[int | None] = [None] * len(truth)
    upcoming: int | None = None
    for row in range(len(truth) - 1, -1, -1):
        if holds(truth[row]):
            upcoming = row
        found[row] = upcoming
    return found


def _settles(check: Check, columns: Columns, compiled: Sequence[Expr]) -> _Finding:
    """Some stay in the band begins by `by` and lasts for `hold` (None: to the end)."""
    values = compiled[0].column(columns)
    if all(map(math.isnan, values)):
        return _Finding(Verdict.INCONCLUSIVE, None, "never measured")
    to, band, by_ms = check.values["to"], check.values["band"], check.values["by_ms"]
    hold_ms = check.values.get("hold_ms")
    longest, t_ms = (-1, 0), columns.t_ms
    for first, last in _stays([abs(value - to) <= band for value in values]):
        if t_ms[first] > by_ms:
            break
        stayed_ms, to_end = t_ms[last] - t_ms[first], last == len(values) - 1
        if to_end if hold_ms is None else stayed_ms >= hold_ms:
            marginal_ms = check.values.get("marginal_ms")
            slow = marginal_ms is not None and t_ms[first] > marginal_ms
            verdict = Verdict.MARGINAL if slow else Verdict.PASS
            return _Finding(verdict, None, f"settled at {_at(columns, first)}")
        if to_end:
            what = f"in the band since {_at(columns, first)}, but the run ended before the hold"
            return _Finding(Verdict.INCONCLUSIVE, None, what)
        longest = max(longest, (stayed_ms, first), key=lambda each: each[0])
    if t_ms[-1] + _tick_ms(t_ms) < by_ms:
        what = f"the run ended at {duration_text(t_ms[-1])}, before it had to settle"
        return _Finding(Verdict.INCONCLUSIVE, None, what)
    row = window(t_ms, None, by_ms)[-1]
    stay = f"; stayed {duration_text(longest[0])} from {_at(columns, longest[1])} at most"
    detail = f"{compiled[0].seen(columns, row)} at {_at(columns, row)}, wanted {to:g} +- {band:g}"
    return _Finding(Verdict.FAIL, t_ms[row], detail + (stay if longest[0] >= 0 else ""))


def _stays(inside: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last row of each stay."""
    stays, first = [], None
    for row, now in enumerate([*inside, False]):
        if now and first is None:
            first = row
        elif not now and first is not None:
            stays.append((first, row - 1))
            first = None
    return stays


def _tick_ms(t_ms: Sequence[int]) -> int:
    return t_ms[-1] - t_ms[-2] if len(t_ms) > 1 else 0


def _ends(_check: Check, columns: Columns, compiled: Sequence[Expr]) -> _Finding:
    """Certainly true in the last row."""
    truth = compiled[0].column(columns)
    seen = f"{compiled[0].seen(columns, len(truth) - 1)} at {_at(columns, len(truth) - 1)}"
    if math.isnan(truth[-1]):
        return _Finding(Verdict.INCONCLUSIVE, None, f"not measured at the end; {seen}")
    if truth[-1]:
        return _Finding(Verdict.PASS, None, seen)
    since = len(truth) - 1
    while since and not truth[since - 1]:
        since -= 1
    detail = f"{seen}; false since {_at(columns, since)}"
    return _Finding(Verdict.FAIL, columns.t_ms[-1], detail)


KINDS: dict[str, Callable[[Check, Columns, Sequence[Expr]], _Finding]] = {
    "always": _throughout,
    "never": _throughout,
    "within": _within,
    "settles": _settles,
    "ends": _ends,
}
