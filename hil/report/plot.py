# SPDX-License-Identifier: Apache-2.0
"""Lanes of lines as SVG text: no library, opens offline, readable without JavaScript.

page.js draws the same lanes again, from the same data and with the same classes, when a reader
zooms in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from hil.report.axis import (
    LEFT_PX,
    RIGHT_PX,
    WIDTH_PX,
    TimeAxis,
    background,
    foreground,
    label_y,
    number,
    ticks,
)

BUCKETS = 900
"""Columns a series is reduced to; each keeps its minimum and maximum, so no peak is lost."""
NO_VALUE = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a lane. `css` is a class of the page's style sheet."""

    label: str
    css: str
    values: Sequence[float]
    """float[n], one per sample of the stack's time grid, in the lane's unit; NaN: none."""


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line: a limit."""

    label: str
    css: str
    value: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One plot of the stack."""

    title: str
    unit: str
    series: Sequence[Series]
    levels: Sequence[Level] = ()
    height_px: int = 130
    log: bool = False
    lowest: float | None = None
    """Bottom of the axis; None: from the data."""
    highest: float | None = None
    note: str = ""
    group: str = ""
    """What the reader shows and hides together."""


def buckets(values: Sequence[float], count: int = BUCKETS) -> list[tuple[float, float]]:
    """(minimum, maximum) of each of at most `count` equal parts, in order.

    Not available and infinite values are left out; a part of nothing else is NO_VALUE.
    """
    total = len(values)
    count = min(count, total)
    edges = [i * total // count for i in range(count + 1)] if count else []
    parts = (values[a:b] for a, b in pairwise(edges))
    if math.isfinite(sum(values)):
        return [(min(part), max(part)) for part in parts]
    known = ([v for v in part if math.isfinite(v)] for part in parts)
    return [(min(part), max(part)) if part else NO_VALUE for part in known]


class _Scale:
    """Value to pixel, linear or logarithmic."""

    def __init__(self, lane: Lane, reduced: Sequence[Sequence[tuple[float, float]]]) -> None:
        lows = [low for line in reduced for low, _ in line if not math.isnan(low)]
        highs = [high for line in reduced for _, high in line if not math.isnan(high)]
        levels = [each.value for each in lane.levels]
        low = min(lows + levels, default=0.0) if lane.lowest is None else lane.lowest
        high = max(highs + levels, default=0.0) if lane.highest is None else lane.highest
        if high <= low:
            high = low + max(1.0, abs(low) * 1e-3)
        pad = 0.0 if lane.log else 0.06 * (high - low)
        self.low = low if lane.lowest is not None else low - pad
        self.high = high if lane.highest is not None else high + pad
        self._log = lane.log
        self._height = lane.height_px

    def y(self, value: float) -> float:
        """Pixel from the top of the lane."""
        value = min(max(value, self.low), self.high)
        if self._log:
            span = math.log(self.high / self.low)
            return self._height * (1 - math.log(value / self.low) / span)
        return self._height * (1 - (value - self.low) / (self.high - self.low))

    def ticks(self) -> list[float]:
        """Values to label."""
        if not self._log:
            return ticks(self.low, self.high, 4 if self._height >= 100 else 2)
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**k for k in range(first, last + 1)]


def _path(xs: Sequence[float], line: Sequence[tuple[float, float]], scale: _Scale) -> str:
    """Path through the columns; what does not change costs nothing, a gap lifts the pen."""
    steps: list[str] = []
    pen: float | None = None
    flat_x: float | None = None
    for x, (low, high) in zip(xs, line, strict=True):
        if math.isnan(low):
            steps += [f"H{flat_x:.1f}"] if flat_x is not None else []
            pen = flat_x = None
            continue
        near, far = round(scale.y(high), 1), round(scale.y(low), 1)
        if pen is not None and abs(far - pen) < abs(near - pen):
            near, far = far, near
        if near == far == pen:
            flat_x = x
            continue
        if pen is None:
            steps.append(f"M{x:.1f} {near:.1f}H{x + 0.5:.1f}")  # alone it would be invisible
        else:
            steps += [f"H{flat_x:.1f}"] if flat_x is not None else []
            steps.append(f"L{x:.1f} {near:.1f}")
        if near != far:
            steps.append(f"V{far:.1f}")
        pen, flat_x = far, None
    return "".join(steps) + (f"H{flat_x:.1f}" if flat_x is not None else "")


def _positions(t_s: Sequence[float] | None, count: int, axis: TimeAxis) -> list[float]:
    if t_s is None:
        return [axis.x((i + 0.5) / count * axis.end_s) for i in range(count)]
    return [axis.x((first + last) / 2) for first, last in buckets(t_s, count)]


def lane_svg(
    lane: Lane, axis: TimeAxis, t_s: Sequence[float] | None = None, columns: int = BUCKETS
) -> str:
    """The drawing of one lane. `t_s`: time of each sample; None: evenly over the axis."""
    reduced = [buckets(each.values, columns) for each in lane.series]
    scale = _Scale(lane, reduced)
    parts = background(axis, lane.height_px)
    for value in scale.ticks():
        y = scale.y(value)
        parts.append(
            f'<line class="grid" x1="{LEFT_PX}" x2="{WIDTH_PX - RIGHT_PX}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="value" x="{LEFT_PX - 6}" y="{label_y(y, lane.height_px):.1f}">'
            f"{number(value)}</text>"
        )
    labels = []
    for level in lane.levels:
        y = scale.y(level.value)
        parts.append(
            f'<line class="level {level.css}" x1="{LEFT_PX}" x2="{WIDTH_PX - RIGHT_PX}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        labels.append(
            f'<text class="leveltext" x="{WIDTH_PX - RIGHT_PX - 4}" y="{max(y - 3, 9):.1f}">'
            f"{escape(level.label)} {number(level.value)} {escape(lane.unit)}</text>"
        )
    xs = {len(line): _positions(t_s, len(line), axis) for line in reduced}
    parts += [
        f'<path class="line {series.css}" d="{_path(xs[len(line)], line, scale)}"/>'
        for series, line in zip(lane.series, reduced, strict=True)
    ]
    parts += labels  # above the lines that cross them
    parts += foreground(axis, lane.height_px)
    return svg(lane.title, lane.height_px, parts)


def svg(title: str, height_px: float, parts: Sequence[str]) -> str:
    """Parts as one drawing."""
    return (
        f'<svg class="lane" viewBox="0 0 {WIDTH_PX} {height_px:g}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def caption(lane: Lane) -> str:
    """Title, unit and legend."""
    legend = " ".join(
        f'<span class="key {css}">{escape(label)}</span>'
        for label, css in dict.fromkeys((s.label, s.css) for s in lane.series)
        if label
    )
    unit = f", {escape(lane.unit)}" if lane.unit else ""
    note = f' <span class="note">{escape(lane.note)}</span>' if lane.note else ""
    return f"<figcaption><b>{escape(lane.title)}</b>{unit} {legend}{note}</figcaption>"
