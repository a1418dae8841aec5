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
COLUMNS_MIN = 300
"""A series keeps at least so many columns, however many there are."""
COLUMNS_MAX = 40_000


def columns_for(stacks: Sequence[Stack]) -> int:
    """Columns a series may have, so that the page stays small."""
    samples = [(len(s.t_s), 1 + series_count(s)) for s in stacks]
    if sum(rows * series for rows, series in samples) <= FLOATS_MAX:
        return max((rows for rows, _ in samples), default=COLUMNS_MIN)
    series = sum(count for _, count in samples)
    return min(max(FLOATS_MAX // (2 * series), COLUMNS_MIN), COLUMNS_MAX)


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
