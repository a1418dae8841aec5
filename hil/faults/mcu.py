# SPDX-License-Identifier: Apache-2.0
"""Faults of the microcontroller: resets, hangs, heap, clock."""

import random
from struct import unpack_from
from typing import Annotated, Literal

from pydantic import Field

from firmware_py.link.messages import HEADER_BYTES, TELEMETRY
from firmware_py.store import reset
from hil.faults.base import Params, Prepared, Toggled, fault
from hil.faults.frames import Cutter, body_of
from hil.faults.link_base import Filter, Out
from hil.faults.shared import Shared, Ticking
from hil.options import Options
from hil.ports import HEAP_SIZE, LINE, MCU, POWER, RESET, Line, Ports

CAUSES = {
    "power_on": reset.CAUSE_POWER_ON,
    "pin": reset.CAUSE_PIN,
    "watchdog": reset.CAUSE_WATCHDOG,
    "soft": reset.CAUSE_SOFT,
}

CLOCK_MASK = (1 << 30) - 1
"""Board time is a counter of 30 bits."""


class Reset(Params):
    """One reset."""

    cause: Literal["pin", "soft", "watchdog", "power_on"] = "pin"
    """What the port reports as its cause."""
    dark_ms: Annotated[int, Field(ge=0, le=600_000)] = 500
    """No instruction runs for so long; interpreter and imports take 500."""


@fault("mcu.reset", "one reset, of a cause that can be chosen", Reset, RESET)
def _reset(params: Reset, _: random.Random) -> Toggled:
    return Toggled(lambda ports, _now: ports.board.reset(CAUSES[params.cause], params.dark_ms))


def _hang(ports: Ports, holders: object) -> None:
    ports.board.hang(bool(holders))


@fault("mcu.watchdog", "the loop hangs until the watchdog resets the board", Options, MCU)
def _watchdog(_params: Options, _: random.Random) -> Shared:
    return Shared("hang", True, _hang)


class Hang(Params):
    """A loop that stands still and goes on."""

    ms: Annotated[int, Field(ge=100, le=600_000)] = 1500
    """For so long; below the watchdog's time (2 s) nothing resets."""


@fault("mcu.hang", "the loop stands still for a while: a long flash write, a GC pause", Hang, MCU)
class Hung(Ticking):
    """Ends by itself, or at its stop if that is earlier."""

    def __init__(self, params: Hang, _: random.Random) -> None:
        self._ms = params.ms
        self._until_ms: int | None = None
        self._knob = Shared("hang", True, _hang)

    def start(self, ports: Ports, now_ms: int) -> None:
        """Stand still."""
        self._until_ms = now_ms + self._ms
        self._knob.start(ports, now_ms)

    def tick(self, ports: Ports, now_ms: int) -> None:
        """Go on when it is time."""
        if self._until_ms is not None and now_ms >= self._until_ms:
            self.stop(ports, now_ms)

    def stop(self, ports: Ports, now_ms: int) -> None:
        """Go on."""
        if self._until_ms is not None:
            self._until_ms = None
            self._knob.stop(ports, now_ms)


class Heap(Params):
    """A smaller heap."""

    kib: Annotated[int, Field(ge=32, le=4096)] = 176
    """Size, KiB; the usual one is 192, and a board with every part may not boot in 160."""


@fault("mcu.heap_pressure", "boots into a small heap", Heap, HEAP_SIZE, RESET)
def _heap_pressure(params: Heap, _: random.Random) -> Shared:
    return Shared(
        "heap", params.kib, lambda ports, kib: ports.board.heap(min(kib) if kib else None)
    )


class Drift(Params):
    """A crystal that is off."""

    ppm: Annotated[int, Field(ge=-200_000, le=200_000)] = 5000
    """Fast if positive; an RC oscillator is off by up to 20 000."""


@fault("mcu.clock_drift", "the board's clock runs fast or slow", Drift, MCU)
def _clock_drift(params: Drift, _: random.Random) -> Shared:
    return Shared("drift", params.ppm, lambda ports, all_ppm: ports.board.drift(sum(all_ppm)))


class ClockWrap(Params):
    """A clock shortly before it rolls over."""

    before_ms: Annotated[int, Field(ge=0, le=600_000)] = 5000
    """The jump goes so close to 2^30 ms, 12.4 days."""


class Listening(Filter):
    """Knows the board's time from its telemetry."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._cutter = Cutter()
        self.offset_ms = 0
        """Board time less time of the run; 0 until telemetry has come."""

    def disturb(self, data: bytes, now_ms: int) -> Out:
        """Listen."""
        for frame in self._cutter.cut(data):
            body = body_of(frame)
            if body is not None and body[1] == TELEMETRY:
                self.offset_ms = unpack_from("<I", body, HEADER_BYTES)[0] - now_ms
        return [(0, data)]


@fault(
    "mcu.clock_wrap", "the board's clock jumps to just before it rolls over", ClockWrap, MCU, LINE
)
class Wrapping(Prepared):
    """One jump."""

    def __init__(self, params: ClockWrap, _: random.Random) -> None:
        self._before_ms = params.before_ms
        self._ear: Listening | None = None

    def prepare(self, ports: Ports) -> None:
        """Listen for the board's time."""
        self._ear = Listening(ports.up)
        self._ear.open()

    def start(self, ports: Ports, now_ms: int) -> None:
        """Jump."""
        board_ms = now_ms + (self._ear.offset_ms if self._ear else 0)
        ports.board.jump((CLOCK_MASK + 1 - self._before_ms - board_ms) & CLOCK_MASK)
        if self._ear:
            self._ear.close()

    def stop(self, ports: Ports, now_ms: int) -> None:
        """Time does not go back."""


class Brownouts(Params):
    """A supply that comes and goes."""

    times: Annotated[int, Field(ge=2, le=100)] = 6
    """How many resets."""
    within_ms: Annotated[int, Field(ge=500, le=600_000)] = 6000
    """All of them in so long, equally spaced."""
    dark_ms: Annotated[int, Field(ge=0, le=60_000)] = 500
    """Without supply each time."""


@fault("mcu.brownout_loop", "the supply fails again and again", Brownouts, POWER)
class BrownoutLoop(Ticking):
    """Resets at equal distances."""

    def __init__(self, params: Brownouts, _: random.Random) -> None:
        self._params = params
        self._left = 0
        self._due_ms = 0

    def start(self, ports: Ports, now_ms: int) -> None:
        """The first one is now."""
        self._left = self._params.times
        self._due_ms = now_ms
        self.tick(ports, now_ms)

    def tick(self, ports: Ports, now_ms: int) -> None:
        """Another one, if it is time."""
        if self._left and now_ms >= self._due_ms:
            self._left -= 1
            self._due_ms += self._params.within_ms // self._params.times
            ports.board.reset(reset.CAUSE_POWER_ON, self._params.dark_ms)

    def stop(self, _ports: Ports, _now_ms: int) -> None:
        """No more of them."""
        self._left = 0
