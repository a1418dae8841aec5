# SPDX-License-Identifier: Apache-2.0
"""What all lanes share: the time axis, its grid, and what is marked through all of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH_PX = 1180
LEFT_PX = 132
RIGHT_PX = 14
INNER_PX = WIDTH_PX - LEFT_PX - RIGHT_PX
LABEL_PX = 16
"""Height of the labels below an axis."""


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The axis of one stack of lanes; it begins at 0."""

    end_s: float
    shades: Sequence[tuple[float, float]] = ()
    """Spans, s, that are shaded through all lanes: a fault is active."""
    fails: Sequence[tuple[float, str]] = ()
    """Instants, s, and texts that are marked through all lanes: a check failed."""

    def x(self, t_s: float) -> float:
        """Pixel of a time."""
        return LEFT_PX + INNER_PX * (t_s / self.end_s if self.end_s else 0.0)


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` + 1 round values in [low, high]."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A value as it stands beside an axis."""
    value = 0.0 if abs(value) < 1e-12 else value
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def label_y(y: float, height_px: float) -> float:
    """Baseline of the label at `y`, so that none is cut off at an edge."""
    return min(max(y + 3.5, 9.0), height_px - 1.0)


def background(axis: TimeAxis, height_px: float, labels: bool = False) -> list[str]:
    """Panel, shades and grid, to be drawn first."""
    out = [f'<rect class="panel" x="{LEFT_PX}" width="{INNER_PX}" height="{height_px:g}"/>']
    for begin_s, end_s in axis.shades:
        x = axis.x(begin_s)
        width = max(axis.x(end_s) - x, 1.0)
        out.append(f'<rect class="shade" x="{x:.1f}" width="{width:.1f}" height="{height_px:g}"/>')
    for t_s in ticks(0, axis.end_s, 10):
        x = axis.x(t_s)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height_px:g}"/>')
        if labels:
            out.append(f'<text class="tick" x="{x:.1f}" y="{height_px + 14:g}">{t_s:g} s</text>')
    return out


def foreground(axis: TimeAxis, height_px: float) -> list[str]:
    """The marks of failed checks, to be drawn last."""
    return [
        f'<line class="fail" x1="{axis.x(t_s):.1f}" x2="{axis.x(t_s):.1f}" y1="0" '
        f'y2="{height_px:g}"><title>{t_s:.1f} s: {escape(text)}</title></line>'
        for t_s, text in axis.fails
    ]
