# SPDX-License-Identifier: Apache-2.0
"""Link faults that know no frames: noise, delay, stalls, speed, silence, echo, the plug."""

import random
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from hil.faults.base import Params, Toggled, fault
from hil.faults.link_base import Direction, Filter, OnLine, Out, Way, joined
from hil.faults.uart import heard
from hil.options import Options
from hil.ports import LINE, Fault, Line, Ports

BITS_PER_BYTE = 10


class Babble(Direction):
    """Noise on an open line, or boot text of somebody."""

    bytes_per_tick: Annotated[int, Field(ge=1, le=1000)] = 20
    """Random bytes each 100 ms."""


class Babbling(Filter):
    """Random bytes between what is said."""

    def __init__(self, line: Line, params: Babble, rng: random.Random) -> None:
        super().__init__(line)
        self._n = params.bytes_per_tick
        self._rng = rng

    def disturb(self, data: bytes, _now_ms: int) -> Out:
        """Nothing is hurt."""
        return [(0, data)]

    def alone(self, _now_ms: int) -> Out:
        """Noise."""
        self.count += self._n
        return [(0, self._rng.randbytes(self._n))]


@fault("link.babble", "random bytes between the frames", Babble, LINE)
def _babble(params: Babble, rng: random.Random) -> OnLine:
    return OnLine(params.direction, rng, lambda line, own: Babbling(line, params, own))


class Delaying(Filter):
    """Everything later, in order, also at its end: a byte never overtakes another."""

    def __init__(self, line: Line, delay_ms: Callable[[int, int], float]) -> None:
        """`delay_ms(bytes, now_ms)`: how late a block would be if it were alone."""
        super().__init__(line)
        self._delay_ms = delay_ms
        self._last_ms = 0

    def disturb(self, data: bytes, now_ms: int) -> Out:
        """Late, and never before what was sent earlier."""
        due_ms = now_ms + round(self._delay_ms(len(data), now_ms))
        self._last_ms = max(self._last_ms, due_ms)
        self.count += 1
        return [(self._last_ms - now_ms, data)]

    def send(self, data: bytes, now_ms: int) -> Out:
        """After its end: wait until what is under way has arrived."""
        if self._closing and now_ms < self._last_ms:
            return [(self._last_ms - now_ms, data)]
        return super().send(data, now_ms)

    def idle(self, now_ms: int) -> Out:
        """As `send`."""
        return () if now_ms < self._last_ms else super().idle(now_ms)


class Latency(Direction):
    """A slow way: a hub, a radio, a busy adapter."""

    ms: Annotated[int, Field(ge=0, le=60_000)] = 200
    """Later by this."""
    jitter_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    """And by up to this, at random; the order stays."""


@fault("link.latency", "bytes come late, with jitter, in order", Latency, LINE)
def _latency(params: Latency, rng: random.Random) -> OnLine:
    def make(line: Line, own: random.Random) -> Delaying:
        return Delaying(line, lambda _n, _now: params.ms + own.randint(0, params.jitter_ms))

    return OnLine(params.direction, rng, make)


class Throttle(Direction):
    """A slower line that still works."""

    baud: Annotated[int, Field(ge=300, le=115_200)] = 9600
    """Bits per second; 10 bits make a byte."""


class Pace:
    """How late a block is on a line of `baud` instead of its own, with what queues before it."""

    def __init__(self, line: Line, baud: int) -> None:
        self._line = line
        self._baud = baud
        self._free_at_ms = 0.0

    def delay_ms(self, n: int, now_ms: int) -> float:
        """Extra ms of a block of `n` bytes sent at `now_ms`."""
        bits = n * BITS_PER_BYTE * 1000
        self._free_at_ms = max(self._free_at_ms, now_ms) + bits / self._baud
        return max(self._free_at_ms - now_ms - bits / self._line.baud, 0.0)


@fault("link.throttle", "the line is slower: a lower baud rate on both ends", Throttle, LINE)
def _throttle(params: Throttle, rng: random.Random) -> OnLine:
    return OnLine(
        params.direction, rng, lambda line, _: Delaying(line, Pace(line, params.baud).delay_ms)
    )


class Stall(Direction):
    """An adapter that gives nothing out for a while."""

    burst_ms: Annotated[int, Field(ge=100)] | None = None
    """Everything comes at once each time this has passed; null: only at the end of the fault."""


class Stalling(Filter):
    """Holds all, then a burst."""

    def __init__(self, line: Line, burst_ms: int | None) -> None:
        super().__init__(line)
        self._burst_ms = burst_ms
        self._bytes = bytearray()
        self._since_ms: int | None = None
        self._last_ms = 0

    def disturb(self, data: bytes, now_ms: int) -> Out:
        """Hold it."""
        if self._since_ms is None:
            self._since_ms = now_ms
        self._bytes += data
        self._last_ms = max(self._last_ms, now_ms)
        self.count += len(data)
        return ()

    def alone(self, now_ms: int) -> Out:
        """The burst, when it is time."""
        since_ms = self._since_ms
        if self._burst_ms is None or since_ms is None or now_ms - since_ms < self._burst_ms:
            return ()
        return self.held(now_ms)

    def held(self, now_ms: int) -> Out:
        """All that has gathered, not before the filters in front of it let go of the last of it."""
        burst = bytes(self._bytes)
        self._bytes.clear()
        self._since_ms = None
        return joined([(max(self._last_ms - now_ms, 0), burst)])


@fault("link.stall", "nothing comes, then all of it at once", Stall, LINE)
def _stall(params: Stall, rng: random.Random) -> OnLine:
    return OnLine(params.direction, rng, lambda line, _: Stalling(line, params.burst_ms))


class Silence(Direction):
    """A broken wire."""

    direction: Way = "up"
    """`up`: the board cannot be heard, `down`: the host cannot, `both`."""


class Mapped(Filter):
    """Each block becomes what one function makes of it."""

    def __init__(self, line: Line, become: Callable[[bytes], bytes]) -> None:
        super().__init__(line)
        self._become = become

    def disturb(self, data: bytes, _now_ms: int) -> Out:
        """Apply it."""
        self.count += len(data)
        return [(0, self._become(data))]


@fault("link.silence", "one direction is dead", Silence, LINE)
def _silence(params: Silence, rng: random.Random) -> OnLine:
    return OnLine(params.direction, rng, lambda line, _: Mapped(line, lambda _: b""))


class BaudMismatch(Direction):
    """Two ends that were set up differently."""

    ratio: Annotated[float, Field(ge=0.05, le=20)] = 0.5
    """Receiver's baud rate over the sender's; within 4 % of 1 everything is understood."""


@fault("link.baud_mismatch", "receiver at another baud rate: garbage", BaudMismatch, LINE)
def _baud_mismatch(params: BaudMismatch, rng: random.Random) -> OnLine:
    return OnLine(
        params.direction, rng, lambda line, _: Mapped(line, lambda data: heard(data, params.ratio))
    )


class Echo(Params):
    """RS-485 with the receiver left on."""

    hears: Literal["host", "board"] = "host"
    """Who gets its own bytes back."""


class Injecting(Filter):
    """Says what it is given, at its next turn."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.pending = bytearray()

    def disturb(self, data: bytes, now_ms: int) -> Out:
        """First what waits."""
        return [*self.held(now_ms), (0, data)]

    def alone(self, now_ms: int) -> Out:
        """What waits."""
        return self.held(now_ms)

    def held(self, _now_ms: int) -> Out:
        """What waits, once."""
        said = bytes(self.pending)
        self.pending.clear()
        self.count += len(said)
        return joined([(0, said)])


@fault("link.echo", "a side hears itself", Echo, LINE)
class Echoing(Fault):
    """A tap on one direction that feeds the other."""

    def __init__(self, params: Echo, _: random.Random) -> None:
        self._host_hears = params.hears == "host"
        self.filters: list[Filter] = []

    def start(self, ports: Ports, _now_ms: int) -> None:
        """Join the pairs."""
        to, of = (ports.up, ports.down) if self._host_hears else (ports.down, ports.up)
        back = Injecting(to)

        def tap(data: bytes) -> bytes:
            back.pending.extend(data)
            return data

        self.filters = [back, Mapped(of, tap)]
        for each in self.filters:
            each.open()

    def stop(self, _ports: Ports, _now_ms: int) -> None:
        """Part them."""
        for each in self.filters:
            each.close()


@fault("link.unplug", "the cable is pulled; at the end it is a new device", Options, LINE)
def _unplug(_params: Options, _: random.Random) -> Toggled:
    return Toggled(lambda ports, _now: ports.cable.unplug(), lambda ports, _now: ports.cable.plug())
