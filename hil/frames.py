# SPDX-License-Identifier: Apache-2.0
"""A passive decoder of the line: bytes of both directions in, entries and counters out.

It never answers and never asks again. What is no frame is kept, byte for byte, so that the record
of a run shows what a fault did to the line. Entries do not depend on how the bytes were cut up.
"""

from collections import deque
from dataclasses import dataclass

from edge.core.frame import Frame, FrameDecoder
from edge.link.fields import BoardEvent, HelloR, Telemetry
from edge.link.messages import OWN, ShortPayloadError, UnknownMessageError
from firmware_py.link.messages import AUTH, AUTH_BYTES, EVENT
from hil.verdict import BoardIdentity, FrameEntry

RUN_MAX_BYTES = 512
"""A longer run without a delimiter, twice any frame, is garbage and recorded in such pieces."""
REMEMBERED = 32
"""BOARD_EVENTs among which a copy is recognised: a line that duplicates adds no event."""
LATE = 1 << 15
"""A number that rises by more has come from behind."""
NO_FRAME = ("garbage", "crc", "unknown")
"""Names of entries that are no message of ours."""


@dataclass(slots=True)
class LineCounters:
    """One direction of the line."""

    frames: int = 0
    """Intact frames, of unknown messages too."""
    crc_errors: int = 0
    garbage_bytes: int = 0
    """Bytes between delimiters that are not even a damaged frame."""


@dataclass(slots=True)
class _Direction:
    counters: LineCounters
    held: bytes = b""
    overlong: bool = False


class Sniffer:
    """Both directions of one line."""

    def __init__(self) -> None:
        self.up = LineCounters()
        self.down = LineCounters()
        self.telemetry: Telemetry | None = None
        """The last one that passed."""
        self.identity: BoardIdentity | None = None
        """Of the first HELLO_R that passed."""
        self.telemetry_ms: int | None = None
        """When it passed."""
        self.board_events: list[tuple[int, BoardEvent]] = []
        """All that passed, (ms, values), copies left out; the reader may empty it."""
        self._directions = (_Direction(self.down), _Direction(self.up))
        self._decoder = FrameDecoder()
        self.gaps = 0
        """Events that the board numbered and that did not pass, from the first that did."""
        self._numbered: tuple[int, int] | None = None  # session, number of the last event
        self._seen: deque[bytes] = deque(maxlen=REMEMBERED)

    @property
    def frames(self) -> int:
        """Intact frames of both directions."""
        return self.up.frames + self.down.frames

    @property
    def crc_errors(self) -> int:
        """Damaged frames of both directions."""
        return self.up.crc_errors + self.down.crc_errors

    @property
    def garbage_bytes(self) -> int:
        """Bytes of both directions that are no frame."""
        return self.up.garbage_bytes + self.down.garbage_bytes

    def take(self, up: bool, data: bytes, now_ms: int) -> list[FrameEntry]:
        """The entries that `data` completes, oldest first. `now_ms`: when its last byte passed."""
        direction = self._directions[up]
        *whole, rest = (direction.held + data).split(b"\0")
        entries: list[FrameEntry] = []
        for run in whole:
            self._close(direction, up, run, now_ms, entries)
        direction.held = self._cut(direction, up, rest, now_ms, entries)
        return entries

    def finish(self, now_ms: int) -> list[FrameEntry]:
        """What was on its way when the line fell silent for good: garbage."""
        entries: list[FrameEntry] = []
        for up, direction in enumerate(self._directions):
            if direction.held:
                entries.append(_garbage(direction, bool(up), direction.held, now_ms))
            direction.held, direction.overlong = b"", False
        return entries

    def _cut(
        self, direction: _Direction, up: bool, run: bytes, now_ms: int, entries: list[FrameEntry]
    ) -> bytes:
        """Record what can no longer be a frame; returns what is left of the run."""
        while len(run) >= RUN_MAX_BYTES:
            direction.overlong = True
            entries.append(_garbage(direction, up, run[:RUN_MAX_BYTES], now_ms))
            run = run[RUN_MAX_BYTES:]
        return run

    def _close(
        self, direction: _Direction, up: bool, run: bytes, now_ms: int, entries: list[FrameEntry]
    ) -> None:
        run = self._cut(direction, up, run, now_ms, entries)
        if run and direction.overlong:
            entries.append(_garbage(direction, up, run, now_ms))
        elif run:
            entries.append(self._judge(direction, up, run, now_ms))
        direction.overlong = False

    def _judge(self, direction: _Direction, up: bool, run: bytes, now_ms: int) -> FrameEntry:
        damaged = self._decoder.crc_errors
        frames = self._decoder.feed(b"\0" + run + b"\0")
        if frames:
            direction.counters.frames += 1
            return FrameEntry(now_ms, up, run, self._read(frames[0], up, run, now_ms))
        if self._decoder.crc_errors == damaged:
            return _garbage(direction, up, run, now_ms)
        direction.counters.crc_errors += 1
        return FrameEntry(now_ms, up, run, "crc")

    def _count(self, frame: Frame) -> None:
        """Numbers rise by one within a session; a late one is no gap."""
        last, self._numbered = self._numbered, (frame.session, frame.seq)
        if last is not None and last[0] == frame.session:
            missing = (frame.seq - last[1] - 1) & 0xFFFF
            self.gaps += missing if missing < LATE else 0

    def _read(self, frame: Frame, up: bool, run: bytes, now_ms: int) -> str:
        if up and frame.flags & EVENT:
            self._count(frame)
        try:
            name, values = OWN.unpack(frame.type, body_of(frame))
        except (UnknownMessageError, ShortPayloadError):
            return "unknown"
        if up and isinstance(values, Telemetry):
            self.telemetry, self.telemetry_ms = values, now_ms
        elif up and isinstance(values, HelloR) and self.identity is None:
            self.identity = identity_of(values)
        elif up and isinstance(values, BoardEvent) and run not in self._seen:
            self._seen.append(run)
            self.board_events.append((now_ms, values))
        return name


def body_of(frame: Frame) -> bytes:
    """The payload without the counter and MAC of an authenticated frame."""
    return frame.payload[:-AUTH_BYTES] if frame.flags & AUTH else frame.payload


def identity_of(hello: HelloR) -> BoardIdentity:
    """Which board says so: `tail` is its machine and its unique id."""
    machine, _, uid = hello.tail.partition(" ")
    firmware = f"{hello.fw_major}.{hello.fw_minor}.{hello.fw_patch}"
    return BoardIdentity(machine, uid, firmware, hello.config_crc)


def _garbage(direction: _Direction, up: bool, run: bytes, now_ms: int) -> FrameEntry:
    direction.counters.garbage_bytes += len(run)
    return FrameEntry(now_ms, up, run, "garbage")
