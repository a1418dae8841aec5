# SPDX-License-Identifier: Apache-2.0
"""Reading the battery shelf: how often, how long a reading counts, and who waits for it."""

import threading

import pytest

from edge import battery_watch
from edge.battery_watch import (
    FRESH_MS,
    PERIOD_MS,
    BatteryWatch,
    InlineBatteryWatch,
    ThreadedBatteryWatch,
)
from edge.errors import ActuatorError
from edge.rack_limit import BbuState

WAIT_S = 5.0
STATE = BbuState(900_000, discharging=False)


class Source:
    """Answers when `gate` is open, with `once` one time; each answer takes `takes_ms`."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.error: Exception | None = None
        self.takes_ms = 0
        self.time_ms = 0
        self.once = False
        self.asked_ms: list[int] = []
        self.closed = threading.Event()

    def now_ms(self) -> int:
        return self.time_ms

    def read(self) -> BbuState:
        self.asked_ms.append(self.time_ms)
        self.entered.set()
        assert self.gate.wait(WAIT_S)
        if self.once:
            self.gate.clear()
        self.time_ms += self.takes_ms
        if self.error is not None:
            raise self.error
        return STATE

    def close(self) -> None:
        self.closed.set()


def inline(source: Source, until_ms: int, watch: BatteryWatch | None = None) -> BatteryWatch:
    """Let virtual time pass in steps of 100 ms, asking at each."""
    if watch is None:
        watch = InlineBatteryWatch(source)
        watch.start(source.time_ms)
    for now_ms in range(source.time_ms, until_ms + 1, 100):
        source.time_ms = now_ms
        watch.newest(now_ms)
    return watch


def test_it_asks_once_a_second() -> None:
    source = Source()
    watch = inline(source, 3_000)
    assert source.asked_ms == [0, 1_000, 2_000, 3_000]
    assert watch.newest(3_000) == STATE
    assert watch.trouble == ""


def test_a_reading_counts_for_five_seconds_and_no_longer() -> None:
    source = Source()
    watch = inline(source, 0)
    source.error = ActuatorError("shelf: no answer; check it")
    inline(source, FRESH_MS, watch)
    assert watch.newest(FRESH_MS) == STATE
    assert watch.newest(FRESH_MS + 1) is None
    assert watch.trouble == "shelf: no answer; check it"
    source.error = None
    inline(source, 20_000, watch)
    assert watch.newest(20_000) == STATE
    assert watch.trouble == ""


def test_failures_are_asked_about_less_and_less_often_and_an_answer_ends_that() -> None:
    source = Source()
    source.error = ActuatorError("no")
    watch = inline(source, 40_000)
    assert source.asked_ms == [0, 1_000, 3_000, 7_000, 15_000, 25_000, 35_000]
    source.error = None
    inline(source, 47_000, watch)
    assert source.asked_ms[7:] == [45_000, 46_000, 47_000]
    source.error = ActuatorError("no")
    inline(source, 51_000, watch)
    assert source.asked_ms[10:] == [48_000, 49_000, 51_000]


def test_a_bug_in_the_driver_is_trouble_and_no_end() -> None:
    source = Source()
    source.error = KeyError("oops")
    watch = inline(source, 0)
    assert watch.newest(0) is None
    assert "KeyError('oops'); report this" in watch.trouble
    source.error = None
    inline(source, 2_000, watch)
    assert watch.newest(2_000) == STATE


def threaded(source: Source) -> ThreadedBatteryWatch:
    watch = ThreadedBatteryWatch(source, source)
    watch.start(source.time_ms)
    return watch


def test_the_first_reading_is_there_when_start_returns() -> None:
    source = Source()
    watch = threaded(source)
    assert watch.newest(0) == STATE
    watch.close()
    assert source.closed.is_set()


def test_a_slow_shelf_s_reading_is_as_old_as_the_question() -> None:
    source = Source()
    source.takes_ms, source.once = 3_000, True
    watch = threaded(source)
    assert watch.newest(FRESH_MS) == STATE
    assert watch.newest(FRESH_MS + 1) is None
    source.gate.set()
    watch.close()
    assert source.asked_ms[0] == 0


def test_a_shelf_that_hangs_delays_nobody_and_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(battery_watch, "FIRST_S", 0.01)
    monkeypatch.setattr(battery_watch, "STOP_S", 0.01)
    source = Source()
    source.gate.clear()
    watch = threaded(source)
    assert source.entered.wait(WAIT_S)
    assert watch.newest(0) is None
    assert watch.trouble == "no reading yet"
    watch.close()
    assert not source.closed.is_set()  # its thread still uses the connection
    source.gate.set()
    assert source.closed.wait(WAIT_S)


def test_a_failure_at_the_start_is_told_as_soon_as_it_is_known() -> None:
    source = Source()
    source.error = ActuatorError("no shelf; check it")
    watch = threaded(source)
    assert watch.newest(0) is None
    assert watch.trouble == "no shelf; check it"
    watch.close()


def test_a_watch_that_was_never_started_gives_its_connection_back() -> None:
    source = Source()
    ThreadedBatteryWatch(source, source).close()
    assert source.closed.is_set()
    assert not source.asked_ms


def test_a_shelf_slower_than_the_period_is_asked_again_at_once() -> None:
    source = Source()
    source.takes_ms = PERIOD_MS
    watch = threaded(source)
    source.entered.clear()
    assert source.entered.wait(WAIT_S)
    watch.close()
    assert source.asked_ms[:2] == [0, PERIOD_MS]
