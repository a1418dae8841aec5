# SPDX-License-Identifier: Apache-2.0
"""report.html: all runs of a session on one page that opens offline."""

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib import resources

from hil.fidelity import Comparison
from hil.report.compare_html import compare_html, compare_stack
from hil.report.names import folder_names
from hil.report.pack import columns_for
from hil.report.run_html import run_html, why
from hil.report.run_lanes import stack_of
from hil.report.stack_html import Sizes, static_columns
from hil.report.tables import badge, table
from hil.verdict import ORDER, RunResult, Verdict

SHOWN_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.MARGINAL, Verdict.PASS, Verdict.SKIP)
PLACE = re.compile(r"<!--([A-Z]+)-->")


def page(results: Sequence[RunResult], comparisons: Sequence[Comparison] = ()) -> str:
    """The whole page. `results` in the order in which they ran."""
    keys = folder_names(results)
    stacks = [stack_of(result) for result in results]
    compared = [compare_stack(each) for each in comparisons]
    verdicts = [result.verdict for result in results] + [each.verdict for each in comparisons]
    closer = [verdict is not Verdict.PASS for verdict in verdicts]
    columns = columns_for([*stacks, *compared], closer)
    drawn = static_columns([*stacks, *compared], closer)
    sizes = [Sizes(*each) for each in zip(columns, drawn, strict=True)]
    opened = _opened(results)
    runs = [
        run_html(result, key, stack, sizes[place], place == opened)
        for place, (result, key, stack) in enumerate(zip(results, keys, stacks, strict=True))
    ]
    sections = [
        compare_html(each, f"fidelity-{n}", stack, sizes[len(results) + n - 1], n == 1 > opened)
        for n, (each, stack) in enumerate(zip(comparisons, compared, strict=True), 1)
    ]
    counts = Counter(result.verdict for result in results)
    parts = {
        "TITLE": escape(f"{_head(counts)} - rackedge hil"),
        "CSS": _asset("page.css"),
        "JS": _asset("page.js"),
        "HEAD": escape(f"rackedge hil: {_head(counts)}"),
        "ABOUT": escape(_about(results) + _fidelity(comparisons)),
        "FILTER": _filter(Counter(verdicts)),
        "INDEX": _index(results, keys),
        "RUNS": "".join(runs),
        "FIDELITY": "<h2>Fidelity</h2>" + "".join(sections) if sections else "",
    }
    # In one pass: a text that looks like a place is none.
    return PLACE.sub(lambda found: parts[found[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return resources.files("hil.report").joinpath(name).read_text(encoding="utf-8")


def _opened(results: Sequence[RunResult]) -> int:
    """The run that is open at first: the only one, or the first of the worst; -1: none."""
    if len(results) == 1:
        return 0
    worst = max((r.verdict for r in results if r.verdict in ORDER), key=ORDER.index, default=None)
    if worst in (None, Verdict.PASS):
        return -1
    return next(i for i, result in enumerate(results) if result.verdict is worst)


def _head(counts: Counter[Verdict]) -> str:
    found = [f"{counts[verdict]} {verdict}" for verdict in SHOWN_FIRST if counts[verdict]]
    return ", ".join(found) or "nothing ran"


def _about(results: Sequence[RunResult]) -> str:
    devices = sorted({result.device for result in results if result.record is not None})
    simulated_s = sum(result.duration_s for result in results)
    took_s = sum(result.wall_s for result in results)
    on = f" on {', '.join(devices)}" if devices else ""
    count = f"{len(results)} run" + ("s" if len(results) != 1 else "")
    return f"{count}{on}: {simulated_s:g} s in {took_s:.1f} s"


def _fidelity(comparisons: Sequence[Comparison]) -> str:
    counts = Counter(each.verdict for each in comparisons)
    return f"; fidelity: {_head(counts)}" if comparisons else ""


def _filter(counts: Counter[Verdict]) -> str:
    return "".join(
        f'<label><input type="checkbox" data-verdict="{verdict}" checked> '
        f"{badge(verdict)} {counts[verdict]}</label>"
        for verdict in SHOWN_FIRST
        if counts[verdict]
    )


def _index(results: Sequence[RunResult], keys: Sequence[str]) -> str:
    if len(results) < 2:
        return ""
    rows = [_index_row(result, key) for result, key in zip(results, keys, strict=True)]
    heads = ("verdict", "case", "device", "checks", "why")
    marks = [f'data-verdict="{r.verdict}" data-case="{escape(r.case)}"' for r in results]
    return table(heads, rows, ("v", "", "t", "n", ""), marks)


def _index_row(result: RunResult, key: str) -> tuple[str, ...]:
    held = sum(check.verdict in (Verdict.PASS, Verdict.MARGINAL) for check in result.checks)
    return (
        badge(result.verdict),
        f'<a href="#{escape(key)}">{escape(result.case)}</a>',
        escape(result.device),
        f"{held} of {len(result.checks)}" if result.checks else "",
        "" if result.verdict is Verdict.PASS else escape(why(result)),
    )
