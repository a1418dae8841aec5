# SPDX-License-Identifier: Apache-2.0
"""Link faults that act on whole frames: lost, doubled, late, damaged, glued together, stale."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from firmware_py.link.messages import EVENT
from hil.faults.base import Prepared, fault
from hil.faults.frames import IDS, MessageName, frame_of
from hil.faults.link_base import Direction, Filter, FrameFilter, OnLine, Out, SomeFrames
from hil.ports import LINE, Line, Ports

Blocks = Sequence[tuple[int, bytes]]


class Mapped(FrameFilter):
    """A chosen frame becomes what one function makes of it: (frame, rng) -> blocks."""

    def __init__(
        self,
        line: Line,
        params: SomeFrames,
        rng: random.Random,
        become: Callable[[bytes, random.Random], Blocks],
    ) -> None:
        super().__init__(line, params, rng)
        self._become = become

    def frame(self, frame: bytes, _now_ms: int) -> Blocks:
        """Apply it."""
        return self._become(frame, self.rng)


def _mapped(
    params: SomeFrames, rng: random.Random, become: Callable[[bytes, random.Random], Blocks]
) -> OnLine:
    return OnLine(params.direction, rng, lambda line, own: Mapped(line, params, own, become))


@fault("link.drop", "frames vanish", SomeFrames, LINE)
def _drop(params: SomeFrames, rng: random.Random) -> OnLine:
    return _mapped(params, rng, lambda _frame, _rng: ())


class Duplicate(SomeFrames):
    """Frames that come more than once."""

    times: Annotated[int, Field(ge=2, le=10)] = 2
    """How often each chosen frame comes."""


@fault("link.duplicate", "frames come twice", Duplicate, LINE)
def _duplicate(params: Duplicate, rng: random.Random) -> OnLine:
    return _mapped(params, rng, lambda frame, _rng: [(0, frame)] * params.times)


class Reorder(SomeFrames):
    """Frames that later ones overtake."""

    probability: Annotated[float, Field(gt=0, le=1)] = 0.3
    """That a chosen frame is hit."""
    by_ms: Annotated[int, Field(ge=1, le=10_000)] = 250
    """How much later a frame comes."""


@fault("link.reorder", "frames arrive behind later ones", Reorder, LINE)
def _reorder(params: Reorder, rng: random.Random) -> OnLine:
    return _mapped(params, rng, lambda frame, _rng: [(params.by_ms, frame)])


class Flip(SomeFrames):
    """Bit errors."""

    bits: Annotated[int, Field(ge=1, le=64)] = 1
    """Bits turned over in each chosen frame, delimiters included."""


@fault("link.flip", "bits turn over", Flip, LINE)
def _flip(params: Flip, rng: random.Random) -> OnLine:
    def become(frame: bytes, rng: random.Random) -> Blocks:
        damaged = bytearray(frame)
        for bit in rng.sample(range(8 * len(frame)), min(params.bits, 8 * len(frame))):
            damaged[bit >> 3] ^= 1 << (bit & 7)
        return [(0, bytes(damaged))]

    return _mapped(params, rng, become)


class Truncate(SomeFrames):
    """Frames without their end."""

    lost_b: Annotated[int, Field(ge=1, le=240)] | None = None
    """Bytes lost before the closing delimiter; null: by chance."""


@fault("link.truncate", "frames lose their last bytes; the delimiter comes", Truncate, LINE)
def _truncate(params: Truncate, rng: random.Random) -> OnLine:
    def become(frame: bytes, rng: random.Random) -> Blocks:
        inside = len(frame.strip(b"\0"))
        lost = rng.randint(1, inside) if params.lost_b is None else min(params.lost_b, inside)
        return [(0, frame[: -1 - lost] + b"\0")]

    return _mapped(params, rng, become)


class Merging(FrameFilter):
    """A chosen frame loses the delimiters between it and the next."""

    def __init__(self, line: Line, params: SomeFrames, rng: random.Random) -> None:
        super().__init__(line, params, rng)
        self._open = False

    def frame(self, frame: bytes, now_ms: int) -> Blocks:
        """Without its closing delimiter."""
        ((_, begun),) = self.other(frame, now_ms)
        self._open = True
        return [(0, begun[:-1])]

    def other(self, frame: bytes, _now_ms: int) -> Blocks:
        """Without its opening one if the frame before has merged into it."""
        begun = frame.lstrip(b"\0") if self._open else frame
        self._open = False
        return [(0, begun)]


@fault("link.merge", "delimiters are lost: two frames become one", SomeFrames, LINE)
def _merge(params: SomeFrames, rng: random.Random) -> OnLine:
    return OnLine(params.direction, rng, lambda line, own: Merging(line, params, own))


class Replay(SomeFrames):
    """Frames of the past between those of now."""

    ago_s: Annotated[int, Field(ge=1, le=3600)] = 10
    """Age of what is repeated, s."""


class Replaying(FrameFilter):
    """Behind each frame of now, one of a while ago."""

    def __init__(self, line: Line, params: Replay, rng: random.Random) -> None:
        super().__init__(line, params, rng)
        self._ago_ms = params.ago_s * 1000
        self._past: deque[tuple[int, bytes]] = deque()
        self.active = False

    def frame(self, frame: bytes, now_ms: int) -> Blocks:
        """Remember it, and repeat the oldest that is old enough."""
        past = self._past
        past.append((now_ms, frame))
        if past[0][0] > now_ms - self._ago_ms:
            self.count -= 1
            return [(0, frame)]
        _, old = past.popleft()
        return [(0, frame), (0, old)] if self.active else [(0, frame)]


class Replayed(Prepared):
    """Listens from the beginning of the run, repeats from its start on."""

    def __init__(self, params: Replay, rng: random.Random) -> None:
        self._line = OnLine(params.direction, rng, lambda line, own: Replaying(line, params, own))

    @property
    def filters(self) -> list[Filter]:
        """One per direction."""
        return self._line.filters

    def prepare(self, ports: Ports) -> None:
        """Listen."""
        self._line.start(ports, 0)

    def start(self, ports: Ports, now_ms: int) -> None:
        """Repeat; without `prepare` there is nothing from before now."""
        if not self._line.filters:
            self._line.start(ports, now_ms)
        for each in self._line.filters:
            if isinstance(each, Replaying):
                each.active = True

    def stop(self, ports: Ports, now_ms: int) -> None:
        """Neither repeat nor listen."""
        self._line.stop(ports, now_ms)


@fault("link.replay", "frames of some seconds ago come again", Replay, LINE)
def _replay(params: Replay, rng: random.Random) -> Replayed:
    return Replayed(params, rng)


class Stranger(Direction):
    """Another board's frames on this board's line."""

    message: MessageName = "TELEMETRY"
    """What it says; payloads are random."""
    payload_b: Annotated[int, Field(ge=0, le=200)] = 60
    """Length of each payload, bytes."""
    period_ms: Annotated[int, Field(ge=100)] = 100
    """How often."""


class Foreign(Filter):
    """Sound frames, of a session that nobody here has."""

    def __init__(self, line: Line, params: Stranger, rng: random.Random) -> None:
        super().__init__(line)
        self._params = params
        self._rng = rng
        self._session = rng.randrange(1, 1 << 16)
        self._due_ms = 0

    def disturb(self, data: bytes, _now_ms: int) -> Out:
        """Nothing is hurt."""
        return [(0, data)]

    def alone(self, now_ms: int) -> Out:
        """A frame each period."""
        if now_ms < self._due_ms:
            return ()
        self._due_ms = now_ms + self._params.period_ms
        kind = IDS[self._params.message]
        payload = self._rng.randbytes(self._params.payload_b)
        self.count += 1
        return [(0, frame_of(kind, EVENT, self.count & 0xFFFF, self._session, payload))]


@fault("link.stranger", "sound frames of another board", Stranger, LINE, forges=True)
def _stranger(params: Stranger, rng: random.Random) -> OnLine:
    return OnLine(params.direction, rng, lambda line, own: Foreign(line, params, own))
