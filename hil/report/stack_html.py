# SPDX-License-Identifier: Apache-2.0
"""A stack of lanes as HTML: drawings that stand by themselves, and the data to draw them anew."""

from collections.abc import Collection, Sequence
from html import escape
from typing import NamedTuple

from hil.report.axis import LABEL_PX, background
from hil.report.pack import pack
from hil.report.plot import Lane, lane_svg, svg
from hil.report.rows import RowLane, rows_svg
from hil.report.run_lanes import Stack
from hil.report.signals import GROUPS, SHOWN

STATIC_COLUMNS = (40, 240)
"""Fewest and most of a drawing without JavaScript."""
STATIC_TOTAL = 150_000
"""Columns of all such drawings of a page: 3 MB."""
LEGEND_MAX = 6
LEGEND_CHARS = 90
"""A longer legend gives way to the name of the line that is pointed at."""
KEYS = (
    "Drag over the lanes to zoom in, drag or wheel on the axis to move and zoom, double-click to "
    "see all. Keys on a focused stack: + and -, arrows, 0."
)


class Sizes(NamedTuple):
    """How finely one stack is drawn."""

    data: int
    """Columns of the data that a reader can zoom into."""
    static: int
    """Columns of the drawing without JavaScript."""


def static_columns(stacks: Sequence[Stack | None], closer: Sequence[bool]) -> list[int]:
    """Columns for the drawings of each stack of a page; 0: rows only, as they are too many.

    `closer`: the stacks that somebody will look at closely. They are always drawn.
    """
    least, most = STATIC_COLUMNS
    fits = STATIC_TOTAL // max(sum(map(_drawn, stacks)), 1)
    if fits >= least:
        return [min(fits, most) for _ in stacks]
    looked_at = sum(_drawn(stack) for stack, close in zip(stacks, closer, strict=True) if close)
    fits = min(max(STATIC_TOTAL // max(looked_at, 1), least), most)
    return [fits if close else 0 for close in closer]


def _drawn(stack: Stack | None) -> int:
    """Lines that are drawn without JavaScript."""
    lanes = [lane for lane in stack.lanes if isinstance(lane, Lane)] if stack else []
    return sum(len(lane.series) for lane in lanes if lane.group in ("", *SHOWN))


def stack_html(stack: Stack, key: str, sizes: Sizes, pinned: Collection[str] = ()) -> str:
    """The stack of one run. `pinned`: signals whose lane is open whatever its group."""
    figures = "".join(_figure(lane, stack, sizes, pinned) for lane in stack.lanes)
    axis = svg("Time", LABEL_PX + 4, _axis_parts(stack))
    named = "".join(
        f'<p class="named"><b>{escape(heading)}:</b> {escape(text)}</p>'
        for heading, text in stack.named.items()
    )
    return (
        f'<div class="tools" hidden>{_toggles(stack)}<span class="zoom">'
        '<button type="button" data-do="out" aria-label="zoom out">&minus;</button>'
        '<button type="button" data-do="in" aria-label="zoom in">+</button>'
        '<button type="button" data-do="left" aria-label="earlier">◂</button>'
        '<button type="button" data-do="right" aria-label="later">▸</button>'
        '<button type="button" data-do="all">whole run</button>'
        f'<output></output></span></div><div class="stack" data-key="{escape(key)}" tabindex="0" '
        f'role="group" aria-label="Lanes over time" title="{escape(KEYS)}">'
        f'<div class="axis">{axis}</div>{figures}<div class="cross"></div>'
        f'<div class="select"></div></div>{named}'
        f'<script type="application/json">{pack(stack, sizes.data)}</script>'
    )


def _axis_parts(stack: Stack) -> list[str]:
    parts = background(stack.axis, 0.0, labels=True)
    marks = [
        f'<path class="failhead" d="M{stack.axis.x(t_s):.1f} 20l-4 -7h8z">'
        f"<title>{t_s:.1f} s: {escape(text)}</title></path>"
        for t_s, text in stack.axis.fails
    ]
    return [*parts, *marks]


def _toggles(stack: Stack) -> str:
    groups = dict.fromkeys(lane.group for lane in stack.lanes if lane.group)
    return "".join(
        f'<label><input type="checkbox" data-group="{group}" {_checked(group)}> '
        f"{escape(GROUPS.get(group, group))}</label>"
        for group in groups
        if len(groups) > 1
    )


def _checked(group: str) -> str:
    return "checked" if group in SHOWN else ""


def _figure(lane: Lane | RowLane, stack: Stack, sizes: Sizes, pinned: Collection[str]) -> str:
    closed = lane.group not in ("", *SHOWN) and lane.group in GROUPS
    if isinstance(lane, RowLane):
        drawing = rows_svg(lane, stack.axis)
    else:
        closed = closed and not any(series.label in pinned for series in lane.series)
        # What is closed or too much is drawn by the script once it is opened.
        drawing = (
            svg(lane.title, lane.height_px, ())
            if closed or not sizes.static
            else lane_svg(lane, stack.axis, stack.t_s, sizes.static)
        )
    return (
        f'<figure data-group="{lane.group}"{" hidden" if closed else ""}>'
        f"{_caption(lane)}{drawing}</figure>"
    )


def _caption(lane: Lane | RowLane) -> str:
    unit = f", {escape(lane.unit)}" if isinstance(lane, Lane) and lane.unit else ""
    note = f' <span class="note">{escape(lane.note)}</span>' if lane.note else ""
    return f"<figcaption><b>{escape(lane.title)}</b>{unit} {_legend(lane)}{note}</figcaption>"


def _legend(lane: Lane | RowLane) -> str:
    if isinstance(lane, RowLane):
        return '<span class="read"></span>'
    chars = sum(len(series.label) for series in lane.series)
    if len(lane.series) > LEGEND_MAX or (len(lane.series) > 1 and chars > LEGEND_CHARS):
        return f'<span class="many">{len(lane.series)} lines</span> <span class="read"></span>'
    return " ".join(
        f'<span class="key {series.css}">{escape(series.label)} <i></i></span>'
        for series in lane.series
    )
