# SPDX-License-Identifier: Apache-2.0
"""The data of one stack for the page's script: small, exact to float32, no peak lost.

Text is JSON; numbers are one block of little-endian float32, its bytes sorted by significance,
deflated, base64. First come the times, then each series: one array, or minima and then maxima if
it was reduced.
"""

import base64
import json
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence

from hil.report.axis import TimeAxis
from hil.report.plot import Lane, buckets
from hil.report.rows import RowLane
from hil.report.run_lanes import Stack

FLOATS_MAX = 1_800_000
"""Numbers of one page, about 7 MB before they are deflated."""
COLUMNS_MIN = 60
"""A series keeps at least so many columns, however many there are."""
COLUMNS_MAX = 40_000
WEIGHT = 4
"""A run that is no PASS may have so many times the columns of one that is."""


def columns_for(stacks: Sequence[Stack | None], closer: Sequence[bool]) -> list[int]:
    """Columns that the series of each stack may have, so that the page stays small.

    `closer`: the stacks that somebody will look at closely.
    """
    rows = [len(stack.t_s) if stack else 0 for stack in stacks]
    series = [1 + series_count(stack) if stack else 0 for stack in stacks]
    if sum(r * s for r, s in zip(rows, series, strict=True)) <= FLOATS_MAX:
        return rows
    weights = [WEIGHT if each else 1 for each in closer]
    shares = sum(s * w for s, w in zip(series, weights, strict=True))
    return [min(max(FLOATS_MAX * w // (2 * shares), COLUMNS_MIN), COLUMNS_MAX) for w in weights]


def series_count(stack: Stack) -> int:
    """Lines in all lanes."""
    return sum(len(lane.series) for lane in stack.lanes if isinstance(lane, Lane))


def pack(stack: Stack, columns: int) -> str:
    """JSON that may stand inside a <script>."""
    reduced = len(stack.t_s) > columns
    numbers = array("f")
    if reduced:
        numbers.extend((a + b) / 2 for a, b in buckets(stack.t_s, columns))
    else:
        numbers.extend(stack.t_s)
    count = len(numbers)
    for lane in stack.lanes:
        for series in lane.series if isinstance(lane, Lane) else ():
            if reduced:
                parts = buckets(series.values, columns)
                numbers.extend(low for low, _ in parts)
                numbers.extend(high for _, high in parts)
            else:
                numbers.extend(iter(series.values))  # from an array of doubles too
    document = {
        "end": stack.axis.end_s,
        "n": count,
        "reduced": reduced,
        **_overlay(stack.axis),
        "lanes": [_lane(each) if isinstance(each, Lane) else _rows(each) for each in stack.lanes],
        "z": _deflated(numbers),
    }
    return script_json(document)


def script_json(document: Mapping[str, object]) -> str:
    """JSON in which nothing ends a <script> or begins a comment."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _deflated(numbers: "array[float]") -> str:
    if sys.byteorder == "big":
        numbers.byteswap()
    raw = numbers.tobytes()
    sorted_bytes = b"".join(raw[place::4] for place in range(4))
    return base64.b64encode(zlib.compress(sorted_bytes, 6)).decode()


def _overlay(axis: TimeAxis) -> dict[str, object]:
    return {"shades": [list(s) for s in axis.shades], "fails": [list(f) for f in axis.fails]}


def _lane(lane: Lane) -> dict[str, object]:
    return {
        "title": lane.title,
        "unit": lane.unit,
        "h": lane.height_px,
        "log": lane.log,
        "low": lane.lowest,
        "high": lane.highest,
        "levels": [[level.label, level.css, level.value] for level in lane.levels],
        "series": [[series.label, series.css] for series in lane.series],
    }


def _rows(lane: RowLane) -> dict[str, object]:
    rows = [
        [
            row.name,
            [[s.begin_s, s.end_s, s.css, s.text] for s in row.spans],
            [[m.t_s, m.css, m.label] for m in row.marks],
        ]
        for row in lane.rows
    ]
    return {"title": lane.title, "h": lane.height_px, "rows": rows}
