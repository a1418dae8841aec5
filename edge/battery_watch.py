# SPDX-License-Identifier: Apache-2.0
"""Who reads the battery shelf: the caller's thread (virtual time) or a worker of its own.

A reading is as old as its question: what a slow shelf answers may have been true only then. What
is older than FRESH_MS is not known any more. Readings come back through a queue: threads share
nothing else.
"""

import queue
import threading
from typing import NamedTuple, Protocol

from edge.actuate.base import BatterySource
from edge.errors import ActuatorError
from edge.rack_limit import BbuState

PERIOD_MS = 1_000
"""Between questions: a ride-through of 240 s moves by 0.4 % in it."""
BACKOFF_MS = (1_000, 10_000)
"""Wait after a failure, doubled by each that follows; the first retry still comes before a shelf
that has timed out once (2 s) counts as silent."""
FRESH_MS = 5_000
"""A reading that is older does not count."""
FIRST_S = 2.0
"""Longest wait for the first reading. Without one the first decision would take the shelf for
empty, and caps that are cut to the minimums come back only in steps."""
STOP_S = 2.0
"""Longest wait for a question under way at the end."""


class Clock(Protocol):
    """Where `now` comes from; edge.control has one."""

    def now_ms(self) -> int:
        """Milliseconds since any fixed moment."""


class Polled(NamedTuple):
    """Answer to one question."""

    asked_ms: int
    state: BbuState | None
    """None if it failed."""
    trouble: str
    """Why it failed."""


class BatteryWatch(Protocol):
    """What the battery shelf said last; `newest` never waits for a device in real time."""

    def start(self, now_ms: int) -> None:
        """Begin to ask; wait for the first answer at most FIRST_S."""

    def newest(self, now_ms: int) -> BbuState | None:
        """What it holds; None if that is not known now."""

    @property
    def trouble(self) -> str:
        """Why the last question failed; empty if it did not."""

    def close(self) -> None:
        """Ask no more, give connections back."""


class Newest:
    """Keeps the last answer that is one, and the time for which it counts."""

    def __init__(self) -> None:
        self.trouble = "no reading yet"
        self._good: Polled | None = None

    def take(self, polled: Polled) -> None:
        """An answer came."""
        self.trouble = polled.trouble
        if polled.state is not None:
            self._good = polled

    def state(self, now_ms: int) -> BbuState | None:
        """What is known at `now_ms`."""
        good = self._good
        if good is None or now_ms - good.asked_ms > FRESH_MS:
            return None
        return good.state


class Pace:
    """When to ask again."""

    def __init__(self) -> None:
        self._backoff_ms = BACKOFF_MS[0]

    def next_ms(self, polled: Polled, now_ms: int) -> int:
        """Time of the next question; now, if the last took longer than the period."""
        if polled.state is not None:
            self._backoff_ms = BACKOFF_MS[0]
            return max(now_ms, polled.asked_ms + PERIOD_MS)
        wait_ms, self._backoff_ms = self._backoff_ms, min(self._backoff_ms * 2, BACKOFF_MS[1])
        return now_ms + wait_ms


def _poll(source: BatterySource, asked_ms: int) -> Polled:
    try:
        return Polled(asked_ms, source.read(), "")
    except ActuatorError as error:
        return Polled(asked_ms, None, str(error))
    except Exception as error:
        return Polled(asked_ms, None, f"driver failed: {error!r}; report this")


class InlineBatteryWatch:
    """Asks in the caller's thread when it is due, in the caller's time."""

    def __init__(self, source: BatterySource) -> None:
        self._source = source
        self._newest = Newest()
        self._pace = Pace()
        self._due_ms: int | None = None

    def start(self, now_ms: int) -> None:
        """See BatteryWatch."""
        self.newest(now_ms)

    def newest(self, now_ms: int) -> BbuState | None:
        """See BatteryWatch."""
        if self._due_ms is None or now_ms >= self._due_ms:
            polled = _poll(self._source, now_ms)
            self._newest.take(polled)
            self._due_ms = self._pace.next_ms(polled, now_ms)
        return self._newest.state(now_ms)

    @property
    def trouble(self) -> str:
        """See BatteryWatch."""
        return self._newest.trouble

    def close(self) -> None:
        """See BatteryWatch."""
        self._source.close()


class ThreadedBatteryWatch:
    """Asks in a daemon thread: a shelf that hangs delays no decision."""

    def __init__(self, source: BatterySource, clock: Clock) -> None:
        """`clock` is the one whose time is passed to `newest`."""
        self._source = source
        self._clock = clock
        self._newest = Newest()
        self._answers: queue.SimpleQueue[Polled] = queue.SimpleQueue()
        self._answered = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="battery", daemon=True)

    def start(self, now_ms: int) -> None:  # noqa: ARG002 - the thread has the clock
        """See BatteryWatch."""
        self._thread.start()
        self._answered.wait(FIRST_S)

    def newest(self, now_ms: int) -> BbuState | None:
        """See BatteryWatch."""
        while not self._answers.empty():
            self._newest.take(self._answers.get_nowait())
        return self._newest.state(now_ms)

    @property
    def trouble(self) -> str:
        """See BatteryWatch."""
        return self._newest.trouble

    def close(self) -> None:
        """See BatteryWatch. Waits at most STOP_S; a shelf that hangs is left to its timeout."""
        self._stop.set()
        if self._thread.ident is None:
            self._source.close()
        else:
            self._thread.join(STOP_S)

    def _run(self) -> None:
        pace = Pace()
        while not self._stop.is_set():
            polled = _poll(self._source, self._clock.now_ms())
            self._answers.put(polled)
            self._answered.set()
            now_ms = self._clock.now_ms()
            self._stop.wait((pace.next_ms(polled, now_ms) - now_ms) / 1000)
        self._source.close()
