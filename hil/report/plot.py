# SPDX-License-Identifier: Apache-2.0
"""Aligned time plots as SVG text: no library, opens offline, readable without JavaScript."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH_PX = 1180
LEFT_PX = 74
RIGHT_PX = 14
BUCKETS = 900
"""Columns a series is reduced to; each keeps its minimum and maximum, so no peak is lost."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a lane. `css` is a class of the report's style sheet."""

    label: str
    css: str
    values: Sequence[float]
    """float[n], one per sample of the lane's time grid, in the lane's unit."""


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


@dataclass(frozen=True, slots=True)
class Marker:
    """An event at one instant."""

    t_s: float
    css: str
    label: str


def _ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` + 1 round values in [low, high]."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


def buckets(values: Sequence[float], count: int = BUCKETS) -> list[tuple[float, float]]:
    """(minimum, maximum) of each of at most `count` equal parts, in order."""
    total = len(values)
    count = min(count, total)
    edges = [i * total // count for i in range(count + 1)]
    parts = (values[a:b] for a, b in pairwise(edges))
    return [(min(part), max(part)) for part in parts]


class _Scale:
    """Value to pixel, linear or logarithmic."""

    def __init__(self, lane: Lane, reduced: Sequence[Sequence[tuple[float, float]]]) -> None:
        lows = [low for line in reduced for low, _ in line] + [each.value for each in lane.levels]
        highs = [high for line in reduced for _, high in line] + [e.value for e in lane.levels]
        low = min(lows) if lane.lowest is None else lane.lowest
        high = max(highs) if lane.highest is None else lane.highest
        if high <= low:
            high = low + 1.0
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
            return _ticks(self.low, self.high, 4)
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**k for k in range(first, last + 1)]


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def x_of(t_s: float, duration_s: float) -> float:
    """Pixel of a time."""
    return LEFT_PX + (WIDTH_PX - LEFT_PX - RIGHT_PX) * (t_s / duration_s if duration_s else 0.0)


def _path(line: Sequence[tuple[float, float]], scale: _Scale) -> str:
    width = WIDTH_PX - LEFT_PX - RIGHT_PX
    steps: list[str] = []
    for i, (low, high) in enumerate(line):
        x = LEFT_PX + width * (i + 0.5) / len(line)
        steps.append(f"L{x:.1f} {scale.y(high):.1f}")
        if high != low:
            steps.append(f"V{scale.y(low):.1f}")
    return "M" + " ".join(steps)[1:]


def _time_grid(duration_s: float, height_px: int, labels: bool) -> list[str]:
    width = WIDTH_PX - LEFT_PX - RIGHT_PX
    out = [f'<rect class="panel" x="{LEFT_PX}" width="{width}" height="{height_px}"/>']
    for t_s in _ticks(0, duration_s, 10):
        x = x_of(t_s, duration_s)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height_px}"/>')
        if labels:
            text = f"{t_s:g} s"
            out.append(f'<text class="tick" x="{x:.1f}" y="{height_px + 14}">{text}</text>')
    return out


def lane_svg(lane: Lane, duration_s: float) -> str:
    """One lane as a figure: legend and SVG."""
    reduced = [buckets(each.values) for each in lane.series]
    scale = _Scale(lane, reduced)
    parts = _time_grid(duration_s, lane.height_px, labels=False)
    for value in scale.ticks():
        y = scale.y(value)
        parts.append(
            f'<line class="grid" x1="{LEFT_PX}" x2="{WIDTH_PX - RIGHT_PX}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="value" x="{LEFT_PX - 6}" y="{y + 3.5:.1f}">{_number(value)}</text>'
        )
    labels = []
    for level in lane.levels:
        y = scale.y(level.value)
        parts.append(
            f'<line class="level {level.css}" x1="{LEFT_PX}" x2="{WIDTH_PX - RIGHT_PX}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        labels.append(
            f'<text class="leveltext" x="{WIDTH_PX - RIGHT_PX - 4}" y="{y - 3:.1f}">'
            f"{escape(level.label)} {_number(level.value)} {escape(lane.unit)}</text>"
        )
    parts += [
        f'<path class="line {series.css}" d="{_path(line, scale)}"/>'
        for series, line in zip(lane.series, reduced, strict=True)
    ]
    parts += labels  # above the lines that cross them
    legend = " ".join(
        f'<span class="key {css}">{escape(label)}</span>'
        for label, css in dict.fromkeys((s.label, s.css) for s in lane.series)
        if label
    )
    note = f' <span class="note">{escape(lane.note)}</span>' if lane.note else ""
    return (
        f"<figure><figcaption><b>{escape(lane.title)}</b>, {escape(lane.unit)} "
        f"{legend}{note}</figcaption>"
        f'<svg class="lane" viewBox="0 0 {WIDTH_PX} {lane.height_px}" role="img" '
        f'aria-label="{escape(lane.title)}">{"".join(parts)}</svg></figure>'
    )


def events_svg(rows: Sequence[tuple[str, Sequence[Marker]]], duration_s: float) -> str:
    """The event lane: one row of markers per kind, with the time axis below."""
    row_px = 20
    height = row_px * len(rows)
    parts = _time_grid(duration_s, height, labels=True)
    for number, (name, markers) in enumerate(rows):
        y = row_px * (number + 0.5)
        parts.append(f'<text class="value" x="{LEFT_PX - 6}" y="{y + 3.5}">{escape(name)}</text>')
        parts += [
            f'<circle class="mark {m.css}" cx="{x_of(m.t_s, duration_s):.1f}" cy="{y}" r="4">'
            f"<title>{m.t_s:.1f} s: {escape(m.label)}</title></circle>"
            for m in markers
        ]
    return (
        "<figure><figcaption><b>Events</b> (point at a mark to read it)</figcaption>"
        f'<svg class="lane" viewBox="0 0 {WIDTH_PX} {height + 20}" role="img" '
        f'aria-label="Events">{"".join(parts)}</svg></figure>'
    )
