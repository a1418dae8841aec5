# SPDX-License-Identifier: Apache-2.0
"""Which event frames were missed, by the board's u16 counter."""

from enum import Enum, unique

WINDOW = 64
"""Counters behind the newest that are remembered. A frame older than that counts as late."""


@unique
class Arrival(Enum):
    """How a frame came."""

    NEW = "new"
    """Newer than all before."""
    LATE = "late"
    """Overtaken on the way, seen for the first time: its values are stale."""
    DUPLICATE = "duplicate"
    """Seen before."""


class EventCounter:
    """Counts gaps; a frame that comes late after all is taken out of the count again."""

    def __init__(self) -> None:
        self.gaps = 0
        self.late = 0
        self.duplicates = 0
        self._newest: int | None = None
        self._seen = 0  # bit i set: counter newest - i has come

    def restart(self) -> None:
        """Begin a new series at whatever counter comes next; totals stay."""
        self._newest = None

    def note(self, counter: int) -> Arrival:
        """Book the counter (u16) of one frame."""
        if self._newest is None:
            # Frames before the first are not owed: they count as seen.
            self._newest, self._seen = counter, (1 << WINDOW) - 1
            return Arrival.NEW
        ahead = (counter - self._newest) & 0xFFFF
        if 0 < ahead < 0x8000:
            self.gaps += ahead - 1
            self._seen = (self._seen << min(ahead, WINDOW) | 1) & ((1 << WINDOW) - 1)
            self._newest = counter
            return Arrival.NEW
        return self._behind((-ahead) & 0xFFFF)

    def _behind(self, age: int) -> Arrival:
        if age < WINDOW and self._seen >> age & 1:
            self.duplicates += 1
            return Arrival.DUPLICATE
        self.late += 1
        if age < WINDOW:
            self._seen |= 1 << age
            self.gaps -= 1
        return Arrival.LATE
