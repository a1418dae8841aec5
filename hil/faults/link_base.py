# SPDX-License-Identifier: Apache-2.0
"""What link faults have in common: which direction, which frames, and an end without loss.

A filter that is stopped still holds what it has held back; it hands that over at its next turn
and then takes itself off the line, wherever in the row it stands.
"""

import random
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from hil.faults.base import Params
from hil.faults.frames import Cutter, MessageNames, Selector
from hil.ports import Fault, Line, Ports

Way = Literal["up", "down", "both"]
Out = Iterable[tuple[int, bytes]]
Probability = Annotated[float, Field(gt=0, le=1)]


class Direction(Params):
    """Which way of the line."""

    direction: Way = "both"
    """`up`: board to host, `down`: host to board, `both`."""


class SomeFrames(Direction):
    """Which frames, how often."""

    only: MessageNames | None = None
    """Message names; null: every frame."""
    probability: Probability = 1.0
    """That a chosen frame is hit."""


class Filter:
    """One direction's disturbance; `line` is where it stands."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._closing = False
        self.count = 0
        """How often it has struck."""

    def open(self) -> None:
        """Step into the line, behind what is there."""
        self._line.filters.append(self)

    def close(self) -> None:
        """Hold nothing back any more, and leave at the next turn."""
        self._closing = True

    def send(self, data: bytes, now_ms: int) -> Out:
        """See hil.ports.LineFilter."""
        if self._closing:
            return [*self._leave(now_ms), (0, data)]
        return self.disturb(data, now_ms)

    def idle(self, now_ms: int) -> Out:
        """See hil.ports.LineFilter."""
        return self._leave(now_ms) if self._closing else self.alone(now_ms)

    @abstractmethod
    def disturb(self, data: bytes, now_ms: int) -> Out:
        """What goes out in place of `data`."""

    def alone(self, _now_ms: int) -> Out:
        """What goes out by itself, once per tick."""
        return ()

    def held(self, _now_ms: int) -> Out:
        """What it holds back; asked once, at its end."""
        return ()

    def _leave(self, now_ms: int) -> Out:
        # A new list: whoever is walking over the old one skips nobody.
        self._line.filters = [each for each in self._line.filters if each is not self]
        return self.held(now_ms)


class FrameFilter(Filter):
    """A disturbance of whole frames; bytes between frames and frames not chosen pass."""

    def __init__(self, line: Line, params: SomeFrames, rng: random.Random) -> None:
        super().__init__(line)
        self._cutter = Cutter()
        self._selector = Selector(params.only)
        self._probability = params.probability
        self.rng = rng

    def disturb(self, data: bytes, now_ms: int) -> Out:
        """Each complete frame by itself; consecutive ones that leave together stay together."""
        out: list[tuple[int, bytes]] = []
        for frame in self._cutter.cut(data):
            out += self.frame(frame, now_ms) if self._hit(frame) else self.other(frame, now_ms)
        return joined(out)

    def _hit(self, frame: bytes) -> bool:
        hit = self._selector.takes(frame) and self.rng.random() < self._probability
        self.count += hit
        return hit

    def alone(self, _now_ms: int) -> Out:
        """Bytes that never became a frame."""
        return joined([(0, self._cutter.overdue())])

    def held(self, _now_ms: int) -> Out:
        """Bytes that are no frame yet."""
        return joined([(0, self._cutter.take())])

    @abstractmethod
    def frame(self, frame: bytes, now_ms: int) -> Sequence[tuple[int, bytes]]:
        """What a chosen frame becomes."""

    def other(self, frame: bytes, _now_ms: int) -> Sequence[tuple[int, bytes]]:
        """What a frame becomes that is not chosen."""
        return ((0, frame),)


def joined(blocks: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Neighbours of equal delay in one block: a UART sends them back to back anyway."""
    out: list[tuple[int, bytes]] = []
    for delay_ms, block in blocks:
        if not block:
            continue
        if out and out[-1][0] == delay_ms:
            out[-1] = (delay_ms, out[-1][1] + block)
        else:
            out.append((delay_ms, block))
    return out


MakeFilter = Callable[[Line, random.Random], Filter]


class OnLine(Fault):
    """A fault that is one filter per direction, each with chance of its own."""

    def __init__(self, direction: Way, rng: random.Random, make: MakeFilter) -> None:
        self._direction = direction
        # One generator per direction: how much is said one way does not change the other.
        self._seeds = {"up": rng.getrandbits(64), "down": rng.getrandbits(64)}
        self._make = make
        self.filters: list[Filter] = []

    def start(self, ports: Ports, _now_ms: int) -> None:
        """Step into the line."""
        for name, line in (("up", ports.up), ("down", ports.down)):
            if self._direction in (name, "both"):
                rng = random.Random(self._seeds[name])  # noqa: S311 - reproducible, no secret
                self.filters.append(self._make(line, rng))
        for each in self.filters:
            each.open()

    def stop(self, _ports: Ports, _now_ms: int) -> None:
        """Give out what is held, then leave."""
        for each in self.filters:
            each.close()
