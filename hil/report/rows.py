# SPDX-License-Identifier: Apache-2.0
"""Lanes of rows: spans and marks under a name, for what is no number."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from hil.report.axis import (
    LABEL_PX,
    LEFT_PX,
    RIGHT_PX,
    WIDTH_PX,
    TimeAxis,
    background,
    foreground,
)
from hil.report.plot import svg

ROW_PX = 20
NAME_CHARS = 20
"""Longer names are cut beside the lane; the whole name shows when pointed at."""
CUT_LEAST = 5
"""A span's text of which less would be left is not shown at all."""
CHAR_PX = 6.2
"""Width of a character in a span, roughly."""
MARK_GAP_PX = 5.0
"""Marks of one kind closer than this are drawn as one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts, s."""

    begin_s: float
    end_s: float
    css: str
    text: str


@dataclass(frozen=True, slots=True)
class Marker:
    """Something at one instant."""

    t_s: float
    css: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a lane of rows."""

    name: str
    spans: Sequence[Span] = ()
    marks: Sequence[Marker] = ()


@dataclass(frozen=True, slots=True)
class RowLane:
    """Rows on the stack's time axis."""

    title: str
    rows: Sequence[Row] = field(default_factory=tuple)
    group: str = ""
    note: str = ""

    @property
    def height_px(self) -> int:
        """Without the labels of an axis."""
        return ROW_PX * len(self.rows)


def cut(text: str, chars: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= chars else text[: max(chars - 1, 0)].rstrip() + "…"


def _span_svg(span: Span, axis: TimeAxis, top_px: float) -> str:
    x, width = _place(span, axis)
    when = f"{span.begin_s:.1f} to {span.end_s:.1f} s"
    return (
        f'<g class="span {span.css}"><rect x="{x:.1f}" y="{top_px + 2:g}" width="{width:.1f}" '
        f'height="{ROW_PX - 4}"/><title>{when}: {escape(span.text)}</title></g>'
    )


def _place(span: Span, axis: TimeAxis) -> tuple[float, float]:
    x = axis.x(max(span.begin_s, 0.0))
    return x, max(axis.x(min(span.end_s, axis.end_s)) - x, 2.0)


def _word_svg(span: Span, axis: TimeAxis, top_px: float, free_px: float) -> str:
    """The text of a span: inside it, or behind it if nothing follows up to `free_px`."""
    x, width = _place(span, axis)
    room = int((width - 10) / CHAR_PX)
    behind = int((free_px - x - width - 8) / CHAR_PX)
    outside = len(span.text) > room and behind > room
    shown = cut(span.text, behind if outside else room)
    if not shown or (len(shown) < CUT_LEAST and shown != span.text):
        return ""
    at, css = (x + width + 5, "in beside") if outside else (x + 7, f"in {span.css}")
    return f'<text class="{css}" x="{at:.1f}" y="{top_px + 14:g}">{escape(shown)}</text>'


def _marks_svg(marks: Sequence[Marker], axis: TimeAxis, middle_px: float) -> list[str]:
    out: list[str] = []
    last: dict[str, float] = {}
    for mark in sorted(marks, key=lambda each: each.t_s):
        x = axis.x(mark.t_s)
        if x - last.get(mark.css, -MARK_GAP_PX) < MARK_GAP_PX:
            continue
        last[mark.css] = x
        title = f"<title>{mark.t_s:.1f} s: {escape(mark.label)}</title>"
        out.append(
            f'<circle class="mark {mark.css}" cx="{x:.1f}" cy="{middle_px:g}" r="4">{title}'
            "</circle>"
        )
    return out


def rows_svg(lane: RowLane, axis: TimeAxis, labels: bool = False) -> str:
    """The drawing of one lane of rows, with the time axis below if `labels`."""
    height = lane.height_px
    parts = background(axis, height, labels)
    for place, row in enumerate(lane.rows):
        top = ROW_PX * place
        parts.append(
            f'<text class="value" x="{LEFT_PX - 6}" y="{top + 13.5:g}">'
            f"{escape(cut(row.name, NAME_CHARS))}<title>{escape(row.name)}</title></text>"
        )
        parts += [_span_svg(span, axis, top) for span in row.spans]
    parts += foreground(axis, height)
    for place, row in enumerate(lane.rows):
        last = len(row.spans) - 1
        parts += [
            _word_svg(span, axis, ROW_PX * place, WIDTH_PX - RIGHT_PX if i == last else 0.0)
            for i, span in enumerate(row.spans)
        ]
        parts += _marks_svg(row.marks, axis, ROW_PX * (place + 0.5))
    return svg(lane.title, height + (LABEL_PX if labels else 0), parts)
