# SPDX-License-Identifier: Apache-2.0
"""What `rackedge board journal` prints."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edge.board_journal import Journal, Row, live_row, span, unix_s
from edge.cli._target import show, tell
from edge.errors import LinkError
from edge.link import events as ev
from edge.link.states import State

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


class _Follower:
    """Events come at once over the link; the board writes its journal later, to spare its flash."""

    def __init__(self, board: "BoardClient", out: Callable[[dict[str, Any]], None]) -> None:
        self._board = board
        self._out = out
        self._told: set[tuple[int, ...]] = set()

    def take(self, event: ev.Event) -> None:
        """Print it, or what became of the link."""
        if isinstance(event, ev.BoardEvent):
            row = live_row(event.values, self._board.board.boot_count)
            self._told.add(row.event)
            self._out(document(row, self._board) | {"seq": None})
        elif isinstance(event, ev.Rebooted):
            self._told.clear()
            tell("the board has started again")
        elif isinstance(event, ev.Lost):
            tell(f"the board is silent for {event.silent_ms} ms; waiting for it")
        elif isinstance(event, ev.Connected):
            tell(f"{event.board.tail} answers again")

    def read(self, kept: Journal) -> None:
        """Print the rows that are new in the journal and were not told yet."""
        with suppress(LinkError):  # the link was lost meanwhile, which is told as such
            for row in kept.rows():
                if row.event not in self._told:
                    self._out(document(row, self._board))
                self._told.discard(row.event)


def _follow(board: "BoardClient", kept: Journal, out: Callable[[dict[str, Any]], None]) -> None:
    follower = _Follower(board, out)
    board.on_event = follower.take
    while True:
        for _ in board.stream(REREAD_S):
            pass
        if board.session.state is State.READY:
            follower.read(kept)


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
