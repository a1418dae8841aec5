# SPDX-License-Identifier: Apache-2.0
"""Tables and badges as HTML; whatever comes from outside is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import chain, repeat

from hil.verdict import Verdict

SIGNS = {
    Verdict.PASS: "✓",
    Verdict.MARGINAL: "≈",
    Verdict.INCONCLUSIVE: "?",
    Verdict.FAIL: "✗",
    Verdict.SKIP: "–",  # noqa: RUF001 - a dash
}
"""Beside the word: verdicts are not told apart by colour alone."""


def badge(verdict: Verdict) -> str:
    """Sign and word of a verdict."""
    return f'<span class="badge v-{verdict.lower()}">{SIGNS[verdict]} {verdict}</span>'


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    css: Sequence[str] = (),
    marks: Iterable[str] = (),
) -> str:
    """A table of cells that are HTML already.

    `css`: class of each column. `marks`: attributes of each row, HTML already.
    """
    classes = [f' class="{each}"' if each else "" for each in css] or [""] * len(heads)
    head = "".join(f"<th{c}>{escape(h)}</th>" for h, c in zip(heads, classes, strict=True))
    body = "".join(
        f"<tr{mark and chr(32) + mark}>"
        + "".join(f"<td{c}>{cell}</td>" for cell, c in zip(row, classes, strict=True))
        + "</tr>"
        for row, mark in zip(rows, chain(marks, repeat("")), strict=False)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def folded(heading: str, inside: str) -> str:
    """Something that a reader opens."""
    return f"<details><summary>{escape(heading)}</summary>{inside}</details>"


def seconds(t_ms: int | None) -> str:
    """Time of a run for a person; nothing for None."""
    return "" if t_ms is None else f"{t_ms / 1000:.1f} s"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, those without a value left out."""
    inside = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs if v)
    return f"<dl>{inside}</dl>"
