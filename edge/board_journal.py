# SPDX-License-Identifier: Apache-2.0
"""The board's event journal: its rows, when they were, what they say."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from edge.board_client import BoardClient
from edge.board_events import EventText, event_text
from edge.link import fields
from firmware_py.link import messages as m

U32 = 1 << 32
U16 = 0xFFFF


class Row(NamedTuple):
    """One row of JOURNAL_DATA, as on the wire."""

    seq: int
    t_ms: int
    """Board time, ms, modulo 2^32: of the first of `count` events. Its clock may begin anywhere,
    on most boards at the boot."""
    boot: int
    """Boot count modulo 2^16."""
    code: int
    group: int
    reason: int
    count: int  # type: ignore[assignment]
    """How often it came from then on until it was written, at most 255."""
    arg: int
    """Of the last of them."""

    @property
    def said(self) -> EventText:
        """In words."""
        return event_text(self.code, self.group, self.reason, self.arg)

    @property
    def event(self) -> tuple[int, ...]:
        """What tells it from all others, whether it came as a BOARD_EVENT or as a row."""
        return self.boot, self.t_ms, self.code, self.group, self.reason


def live_row(values: fields.BoardEvent, boot_count: int) -> Row:
    """A BOARD_EVENT as the row it will be; its seq is not known yet: -1."""
    code, group, reason = values.code, values.group, values.reason
    return Row(-1, values.t_ms, boot_count & U16, code, group, reason, 1, values.arg)


class Journal:
    """Reads on from where the last reading ended."""

    def __init__(self, board: BoardClient) -> None:
        self._board = board
        self._next = 0

    def rows(self) -> Iterator[Row]:
        """Rows kept that were not read yet, the oldest first. Raises LinkError."""
        while True:
            data = self._read()
            yield from (Row(*row) for row in struct.iter_unpack(m.JOURNAL_ROW, whole(data.tail)))
            if data.next == data.end or data.next <= self._next:
                self._next = data.next
                return
            self._next = data.next

    def _read(self) -> fields.JournalData:
        data: fields.JournalData = self._board.stored("JOURNAL_READ", seq=self._next)
        if data.end < self._next:  # the flash was erased meanwhile: it counts from 1 again
            self._next = 0
            data = self._board.stored("JOURNAL_READ", seq=0)
        return data


def whole(tail: bytes) -> bytes:
    """Without bytes of a row that this version does not know."""
    return tail[: len(tail) - len(tail) % struct.calcsize(m.JOURNAL_ROW)]


def unix_s(row: Row, board: BoardClient, unix_now_s: float) -> float | None:
    """When it was; None for another boot, for EV_BOOT, and before the clocks were compared.

    The board's u32 counter goes round after 49.7 days: older rows of the same boot look younger.
    """
    offset_ms = board.session.clock.offset_ms
    if row.code == m.EV_BOOT:  # noted before the board's clock began
        return None
    if offset_ms is None or row.boot != board.board.boot_count & U16:
        return None
    device_ms = board.now_ms + round(offset_ms)
    return unix_now_s - (device_ms - row.t_ms) % U32 / 1000


def span(ms: int) -> str:
    """`3d 02:04:11` or `02:04:11`."""
    seconds = ms // 1000
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock
