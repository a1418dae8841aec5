# SPDX-License-Identifier: Apache-2.0
"""Who carries caps to devices: the caller's thread (virtual time) or one worker per device.

A worker has at most one cap on its way; of caps that wait only the newest is sent, since an
older one is no longer wanted. Results come back through a queue: threads share nothing else.
"""

import queue
import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from edge.actuate.base import Actuator, Applied
from edge.errors import ActuatorError


class CapResult(NamedTuple):
    """End of one cap write."""

    load: int
    cap_mw: int
    applied: Applied | None
    """None if it failed."""
    error: ActuatorError | None


class StandingLimit(NamedTuple):
    """What a device held before this daemon told it anything."""

    load: int
    limit_mw: int | None
    """None if there is no limit, or it could not be read."""


class Executor(Protocol):
    """Carries caps; `results` and `limits` never block."""

    def ask_limits(self) -> None:
        """Read the limit that stands in every device, before any cap is sent."""

    def limits(self) -> list[StandingLimit]:
        """Limits that have been read since the last call."""

    def submit(self, load: int, cap_mw: int, verify: bool = False) -> None:
        """Send a cap to a device, in place of one that still waits for it.

        `verify`: read back what the device then enforces, if its answer does not tell.
        """

    def results(self) -> list[CapResult]:
        """Writes that have ended since the last call."""

    def close(self) -> None:
        """Let writes under way end, send no others, close the actuators."""


def _carry(actuator: Actuator, load: int, cap_mw: int, verify: bool) -> CapResult:
    try:
        applied = actuator.apply(cap_mw / 1000)
        if verify and applied.enforced_w is None:
            applied = actuator.verify(cap_mw / 1000)
        return CapResult(load, cap_mw, applied, None)
    except ActuatorError as error:
        return CapResult(load, cap_mw, None, error)
    except Exception as error:
        text = f"load {load}: driver failed: {error!r}; report this"
        return CapResult(load, cap_mw, None, ActuatorError(text))


def _standing(actuator: Actuator, load: int) -> StandingLimit:
    try:
        limit_w = actuator.read().requested_w
    except Exception:
        limit_w = None  # the first cap meets the same trouble, and reports it
    # BMCs that cannot say "no limit" say 0.
    return StandingLimit(load, int(limit_w * 1000) if limit_w and limit_w > 0 else None)


class InlineExecutor:
    """Calls the device at once, in the caller's thread."""

    def __init__(self, actuators: Sequence[Actuator]) -> None:
        self._actuators = actuators
        self._done: list[CapResult] = []
        self._limits: list[StandingLimit] = []

    def ask_limits(self) -> None:
        """See Executor."""
        self._limits += [_standing(actuator, i) for i, actuator in enumerate(self._actuators)]

    def limits(self) -> list[StandingLimit]:
        """See Executor."""
        limits, self._limits = self._limits, []
        return limits

    def submit(self, load: int, cap_mw: int, verify: bool = False) -> None:
        """See Executor."""
        self._done.append(_carry(self._actuators[load], load, cap_mw, verify))

    def results(self) -> list[CapResult]:
        """See Executor."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """See Executor."""
        for actuator in self._actuators:
            actuator.close()


ItemT = TypeVar("ItemT")


def _drain(items: "queue.SimpleQueue[ItemT]") -> list[ItemT]:
    taken = []
    while not items.empty():
        taken.append(items.get_nowait())
    return taken


class ThreadedExecutor:
    """One daemon thread per device: a slow BMC delays nobody else."""

    def __init__(self, actuators: Sequence[Actuator]) -> None:
        self._done: queue.SimpleQueue[CapResult] = queue.SimpleQueue()
        self._limits: queue.SimpleQueue[StandingLimit] = queue.SimpleQueue()
        self._workers = [
            _Worker(load, actuator, self._done, self._limits)
            for load, actuator in enumerate(actuators)
        ]

    def ask_limits(self) -> None:
        """See Executor."""
        for worker in self._workers:
            worker.ask_limit()

    def limits(self) -> list[StandingLimit]:
        """See Executor."""
        return _drain(self._limits)

    def submit(self, load: int, cap_mw: int, verify: bool = False) -> None:
        """See Executor."""
        self._workers[load].submit(cap_mw, verify)

    def results(self) -> list[CapResult]:
        """See Executor."""
        return _drain(self._done)

    def close(self) -> None:
        """See Executor. Waits for all workers together at most STOP_S."""
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(STOP_S / len(self._workers))


STOP_S = 2.0
"""Longest wait for writes under way at the end; a BMC that hangs is left to its own timeout."""


class _Worker(threading.Thread):
    """Sends the newest cap of one device."""

    def __init__(
        self,
        load: int,
        actuator: Actuator,
        done: "queue.SimpleQueue[CapResult]",
        limits: "queue.SimpleQueue[StandingLimit]",
    ) -> None:
        super().__init__(name=f"cap-{load}", daemon=True)
        self._load = load
        self._actuator = actuator
        self._done = done
        self._limits = limits
        self._wake = threading.Condition()
        self._next: tuple[int, bool] | None = None
        self._ask = False
        self._stopping = False
        self.start()

    def submit(self, cap_mw: int, verify: bool) -> None:
        with self._wake:
            self._next = cap_mw, verify
            self._wake.notify()

    def ask_limit(self) -> None:
        with self._wake:
            self._ask = True
            self._wake.notify()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def run(self) -> None:
        while not self._wait():
            ask, cap = self._take()
            if ask:
                self._limits.put(_standing(self._actuator, self._load))
            if cap is not None:
                self._done.put(_carry(self._actuator, self._load, *cap))
        self._actuator.close()

    def _wait(self) -> bool:
        """Wait for something to do; True if that is to stop."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._ask or self._next is not None)
            return self._stopping

    def _take(self) -> tuple[bool, tuple[int, bool] | None]:
        with self._wake:
            ask, self._ask = self._ask, False
            cap, self._next = self._next, None
            return ask, cap
