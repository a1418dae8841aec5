# SPDX-License-Identifier: Apache-2.0
"""Two runs of one case on the page: tables, and both lines over their difference."""

from collections.abc import Sequence
from html import escape

from hil.fidelity import Comparison, EventMatch, Match, SignalMatch
from hil.record import Recorder
from hil.report.axis import TimeAxis, number
from hil.report.plot import Lane, Series
from hil.report.rows import RowLane
from hil.report.run_lanes import Stack
from hil.report.stack_html import Sizes, stack_html
from hil.report.tables import badge, folded, seconds, table
from hil.report.units import unit_of

DRAWN_MAX = 8
"""Signals drawn: those out of tolerance first, then those that differ most for their size."""
REASONS_LISTED = 12


def compare_stack(comparison: Comparison) -> Stack | None:
    """Both lines of the worst signals, and their difference; None without two records."""
    a, b = comparison.a.record, comparison.b.record
    if a is None or b is None or not comparison.rows:
        return None
    at_b = {t_ms: row for row, t_ms in enumerate(b.t_ms)}
    pairs = [(row, at_b[t_ms]) for row, t_ms in enumerate(a.t_ms) if t_ms in at_b]
    drawn = sorted(filter(_differs, comparison.signals), key=_badness)[:DRAWN_MAX]
    lanes: list[Lane | RowLane] = []
    fails = []
    for each in drawn:
        lanes += _both(each, comparison, a, b, pairs)
        if each.first_out_ms is not None:
            fails.append((each.first_out_ms / 1000, f"{each.name} out of tolerance"))
    if not lanes:
        return None
    t_s = [a.t_ms[row] / 1000 for row, _ in pairs]
    return Stack(TimeAxis(t_s[-1], fails=fails), t_s, lanes)


def _differs(each: SignalMatch) -> bool:
    return each.match is Match.OUT or each.max_deviation > 0.0


def _badness(each: SignalMatch) -> tuple[bool, int, str]:
    return each.match is not Match.OUT, each.first_out_ms or 0, each.name


def _both(
    each: SignalMatch,
    comparison: Comparison,
    a: Recorder,
    b: Recorder,
    pairs: Sequence[tuple[int, int]],
) -> list[Lane]:
    unit = unit_of(each.name)
    all_a, all_b = a.signal(each.name), b.signal(each.name)
    values_a = [all_a[row] * unit.scale for row, _ in pairs]
    values_b = [all_b[row] * unit.scale for _, row in pairs]
    difference = [y - x for x, y in zip(values_a, values_b, strict=True)]
    label_a, label_b = comparison.a.device, comparison.b.device
    if label_a == label_b:
        label_a, label_b = f"A {label_a}", f"B {label_b}"
    lines = (Series(label_a, "c0", values_a), Series(label_b, "c1 dash", values_b))
    return [
        Lane(f"{each.name}: {each.match}", unit.text, lines, height_px=90),
        Lane("Difference, B - A", unit.text, (Series("", "c3", difference),), height_px=50),
    ]


def compare_html(
    comparison: Comparison, key: str, stack: Stack | None, sizes: Sizes, opened: bool
) -> str:
    """The section of one comparison."""
    a, b = comparison.a, comparison.b
    counts = dict.fromkeys(Match, 0)
    for each in comparison.signals:
        counts[each.match] += 1
    summary = ", ".join(f"{count} {match}" for match, count in counts.items() if count)
    reasons = "".join(f"<li>{escape(r)}</li>" for r in comparison.reasons[:REASONS_LISTED])
    more = len(comparison.reasons) - REASONS_LISTED
    reasons += f"<li>{more} more in run.json</li>" if more > 0 else ""
    drawing = stack_html(stack, key, sizes) if stack else ""
    is_open = " open" if opened else ""
    return (
        f'<details class="run" id="{escape(key)}" data-case="{escape(a.case)}" '
        f'data-verdict="{comparison.verdict}"{is_open}><summary>{badge(comparison.verdict)} '
        f"<b>{escape(a.case)}</b> A: {escape(a.device)}, B: {escape(b.device)} "
        f'<span class="dim">{summary}</span></summary><div class="body">'
        f'<p>{comparison.rows} rows compared.</p><ul class="reasons">{reasons}</ul>{drawing}'
        f"{_signals(comparison.signals)}{_events(comparison.events)}</div></details>"
    )


def _signals(signals: Sequence[SignalMatch]) -> str:
    heads = (
        "",
        "signal",
        "largest",
        "mean",
        "RMS",
        "tolerance",
        "rows out",
        "first at",
        "A, B then",
    )
    css = ("v", "", "n", "n", "n", "n", "n", "t", "n")
    bad = [each for each in signals if each.match not in (Match.MATCH, Match.IGNORED)]
    good = [each for each in signals if each not in bad]
    out = f"<h2>Signals</h2>{table(heads, map(_signal_row, bad), css)}" if bad else ""
    if good:
        out += folded(f"{len(good)} signals agree", table(heads, map(_signal_row, good), css))
    return out


def _signal_row(each: SignalMatch) -> tuple[str, ...]:
    tolerance = each.tolerance
    allowed = ""
    if tolerance is not None:
        allowed = f"{tolerance.absolute:g}"
        allowed += f" + {100 * tolerance.relative:g} %" if tolerance.relative else ""
        allowed += f", ±{tolerance.shift_ticks} ticks" if tolerance.shift_ticks else ""
    compared = each.match in (Match.MATCH, Match.OUT)
    return (
        each.match,
        escape(each.name),
        f"{number(each.max_deviation)}" if compared else "",
        f"{number(each.mean_deviation)}" if compared else "",
        f"{number(each.rms_deviation)}" if compared else "",
        allowed,
        str(each.out_rows or ""),
        seconds(each.first_out_ms),
        "{:.6g}, {:.6g}".format(*each.first_out) if each.first_out else "",
    )


def _events(events: Sequence[EventMatch]) -> str:
    if not events:
        return ""
    rows = [
        (
            escape(each.source),
            escape(each.kind),
            str(each.paired),
            f"{each.max_shift_ms} ms",
            _times(each.only_a_ms),
            _times(each.only_b_ms),
        )
        for each in events
    ]
    heads = ("source", "kind", "in both", "largest shift", "only in A", "only in B")
    return f"<h2>Events</h2>{table(heads, rows, ('', '', 'n', 'n', '', ''))}"


def _times(times_ms: Sequence[int]) -> str:
    shown = ", ".join(seconds(t_ms) for t_ms in times_ms[:4])
    return shown + (f" and {len(times_ms) - 4} more" if len(times_ms) > 4 else "")
