# SPDX-License-Identifier: Apache-2.0
"""Carrying caps: one worker per device, newest wins, bugs of a driver stay its own."""

import threading
import time

import pytest

from edge.actuate.base import Applied, Reading
from edge.errors import ActuatorError
from edge.executor import CapResult, Executor, InlineExecutor, StandingLimit, ThreadedExecutor

WAIT_S = 5.0


class Bmc:
    """Applies caps when `gate` is open."""

    def __init__(self, error: Exception | None = None) -> None:
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.applied: list[float] = []
        self.closed = False
        self.error = error
        self.limit_w: float | None = None

    def apply(self, watts: float) -> Applied:
        self.entered.set()
        assert self.gate.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        self.applied.append(watts)
        return Applied(watts, None)

    def read(self) -> Reading:
        if self.error is not None:
            raise self.error
        return Reading(None, self.limit_w, None)

    def verify(self, watts: float) -> Applied:
        return Applied(watts, watts)

    def close(self) -> None:
        self.closed = True


def take(executor: Executor, count: int) -> list[CapResult]:
    results: list[CapResult] = []
    deadline = time.monotonic() + WAIT_S
    while len(results) < count and time.monotonic() < deadline:
        results += executor.results()
        time.sleep(0.001)
    return results


def test_inline_results_are_there_at_once() -> None:
    bmc = Bmc()
    bmc.gate.set()
    executor = InlineExecutor([bmc])
    executor.submit(0, 5_000_000)
    assert executor.results() == [CapResult(0, 5_000_000, Applied(5_000, None), None)]
    assert executor.results() == []
    executor.close()
    assert bmc.closed


def test_a_slow_bmc_delays_nobody_else() -> None:
    slow, quick = Bmc(), Bmc()
    quick.gate.set()
    executor = ThreadedExecutor([slow, quick])
    executor.submit(0, 1_000_000)
    executor.submit(1, 2_000_000)
    assert [result.load for result in take(executor, 1)] == [1]
    slow.gate.set()
    assert [result.load for result in take(executor, 1)] == [0]
    executor.close()
    assert slow.closed
    assert quick.closed


def test_of_caps_that_wait_only_the_newest_is_sent() -> None:
    bmc = Bmc()
    executor = ThreadedExecutor([bmc])
    executor.submit(0, 1_000_000)
    assert bmc.entered.wait(WAIT_S)
    for watts in (2, 3, 4):
        executor.submit(0, watts * 1_000_000)
    bmc.gate.set()
    assert [result.cap_mw for result in take(executor, 2)] == [1_000_000, 4_000_000]
    executor.close()
    assert bmc.applied == [1_000, 4_000]


def test_a_refusal_is_a_result() -> None:
    bmc = Bmc(ActuatorError("n1: no"))
    bmc.gate.set()
    executor = InlineExecutor([bmc])
    executor.submit(0, 1_000_000)
    (result,) = executor.results()
    assert result.applied is None
    assert str(result.error) == "n1: no"


def test_a_bug_in_a_driver_is_a_result_too_and_the_worker_lives_on() -> None:
    bmc = Bmc(ZeroDivisionError("oops"))
    bmc.gate.set()
    executor = ThreadedExecutor([bmc])
    executor.submit(0, 1_000_000)
    (result,) = take(executor, 1)
    assert "ZeroDivisionError" in str(result.error)
    bmc.error = None
    executor.submit(0, 1_000_000)
    (result,) = take(executor, 1)
    assert result.applied == Applied(1_000, None)
    executor.close()


@pytest.mark.parametrize("make", [InlineExecutor, ThreadedExecutor])
def test_limits_are_read_and_what_cannot_be_read_is_no_limit(make: type[Executor]) -> None:
    bmcs = [Bmc(), Bmc(), Bmc(), Bmc(ActuatorError("n3: no")), Bmc(KeyError("bug"))]
    bmcs[0].limit_w, bmcs[1].limit_w = 2_600, 0
    executor = make(bmcs)  # type: ignore[call-arg]
    executor.ask_limits()
    limits: list[StandingLimit] = []
    deadline = time.monotonic() + WAIT_S
    while len(limits) < len(bmcs) and time.monotonic() < deadline:
        limits += executor.limits()
        time.sleep(0.001)
    assert [limit.limit_mw for limit in sorted(limits, key=lambda one: one.load)] == [
        2_600_000,
        None,
        None,
        None,
        None,
    ]
    executor.close()
