# SPDX-License-Identifier: Apache-2.0
"""What `rackedge board journal` prints."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge.board_journal import Journal, Row, span, unix_s
from edge.cli._target import show, tell
from edge.link import events as ev

if TYPE_CHECKING:
    from edge.board_client import BoardClient

CLOCK_S = 1.0
"""How long the comparison of the clocks is waited for; without it there is no time of day."""
REREAD_S = 2.0
"""While following: rows that the board had not written yet when it was asked."""


def print_journal(board: "BoardClient", *, follow: bool, as_json: bool) -> None:
    """All rows; with `follow` what comes then, until Ctrl-C."""
    for _ in board.stream(CLOCK_S):
        if board.session.clock.offset_ms is not None:
            break
    kept = Journal(board)
    rows = [document(row, board) for row in kept.rows()]
    if as_json and not follow:
        show({"board": board.board.tail, "boot_count": board.board.boot_count, "rows": rows})
        return
    out: Callable[[dict[str, Any]], None] = _print_json if as_json else _print_line
    for row in rows:
        out(row)
    if not rows:
        tell(f"{board.board.tail} has no event in its journal")
    if follow:
        _follow(board, kept, out)


def document(row: Row, board: "BoardClient") -> dict[str, Any]:
    """A row for scripts: `time` is Unix time, null where only the board's own clock is known."""
    said = row.said
    return {
        "seq": row.seq,
        "time": unix_s(row, board, time.time()),
        "boot": row.boot,
        "board_ms": row.t_ms,
        "kind": said.kind,
        "text": said.text,
        "count": row.count,
        "code": row.code,
        "group": row.group,
        "reason": row.reason,
        "arg": row.arg,
    }


def _follow(board: "BoardClient", kept: Journal, out: Callable[[dict[str, Any]], None]) -> None:
    """Events come at once over the link; the board writes its journal later, to spare its flash."""
    told: set[tuple[int, ...]] = set()
    while True:
        for event in board.stream(REREAD_S):
            if isinstance(event, ev.BoardEvent):
                values = event.values
                row = Row(
                    *(-1, values.t_ms, board.board.boot_count & 0xFFFF),
                    *(values.code, values.group, values.reason, 1, values.arg),
                )
                told.add(row.event)
                out(document(row, board) | {"seq": None})
            elif isinstance(event, ev.Rebooted):
                told.clear()
                tell("the board has started again")
            elif isinstance(event, ev.Lost):
                tell(f"the board is silent for {event.silent_ms} ms; waiting for it")
            elif isinstance(event, ev.Connected):
                tell(f"{event.board.tail} answers again")
        if board.session.state.value == "ready":
            for row in kept.rows():
                if row.event not in told:
                    out(document(row, board))


def _print_json(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


def _print_line(row: dict[str, Any]) -> None:
    if row["time"] is None:
        clock = f" +{span(row['board_ms'])}" if row["board_ms"] else ""
        when = f"boot {row['boot']}{clock}"
    else:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["time"]))
    often = f" ({row['count']} times)" if row["count"] > 1 else ""
    print(f"{when:20}  {row['kind']:11} {row['text']}{often}", flush=True)
