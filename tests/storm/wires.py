# SPDX-License-Identifier: Apache-2.0
"""What is between board, host and servers: lines that lose, writes that take time and fail.

Times are ms of the run; everything happens at ticks.
"""

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.storm.scenario import Devices, Line, Scenario

RETRY_MS = 300
"""A command without an answer is sent again (RFC 6298 on a line of some 100 ms)."""
RENEW_MS = 1_000
"""A lease is renewed so often (edge.link.lease)."""


class Sample(NamedTuple):
    """One TELEMETRY with its LOADS, as sent."""

    feed_mw: tuple[int, ...]
    load_mw: tuple[int, ...]
    off_groups: int


class _Noise:
    def __init__(self, line: Line, random: Random) -> None:
        self._line = line
        self._random = random

    def eats(self, now_ms: int) -> bool:
        """Whether a message that is sent now gets lost."""
        if any(start <= now_ms < end for start, end in self._line.bursts):
            return True
        return self._random.random() < self._line.loss


class Uplink:
    """Telemetry: in order, late, some of it lost."""

    def __init__(self, line: Line, random: Random) -> None:
        self._noise = _Noise(line, random)
        self._delay_ms = line.delay_ms
        self._way: deque[tuple[int, Sample]] = deque()

    def send(self, sample: Sample, now_ms: int) -> None:
        """Put it on the line."""
        if not self._noise.eats(now_ms):
            self._way.append((now_ms + self._delay_ms, sample))

    def receive(self, now_ms: int) -> Sample | None:
        """The newest that has arrived since the last call."""
        newest = None
        while self._way and self._way[0][0] <= now_ms:
            newest = self._way.popleft()[1]
        return newest


class Downlink:
    """The lease with its shed mask: sent when it changes, renewed, and repeated until it arrives.

    One message stands for LEASE and SHED; the board's own handlers take it.
    """

    def __init__(self, line: Line, random: Random) -> None:
        self._noise = _Noise(line, random)
        self._delay_ms = line.delay_ms
        self._sent: int | None = None
        self._due_ms = 0
        self._way: deque[tuple[int, int]] = deque()

    def hold(self, mask: int, now_ms: int) -> None:
        """Keep the board at this mask of groups to hold off."""
        if mask == self._sent and now_ms < self._due_ms:
            return
        self._sent = mask
        if self._noise.eats(now_ms):
            self._due_ms = now_ms + RETRY_MS
        else:
            self._due_ms = now_ms + RENEW_MS
            self._way.append((now_ms + self._delay_ms, mask))

    def receive(self, now_ms: int) -> int | None:
        """The newest mask that has arrived since the last call."""
        newest = None
        while self._way and self._way[0][0] <= now_ms:
            newest = self._way.popleft()[1]
        return newest


@dataclass(slots=True)
class _Trip:
    cap_mw: int
    reach_ms: int
    end_ms: int
    arrives: bool
    fails: bool
    reached: bool = False


class Writes:
    """Cap writes as edge.executor carries them: one at a time per device, newest waits."""

    def __init__(self, scenario: Scenario, random: Random) -> None:
        self._devices: Devices = scenario.devices
        self._random = random
        self._under_way: dict[int, _Trip] = {}
        self._waiting: dict[int, int] = {}
        self._late: list[tuple[int, int, int]] = []

    def submit(self, load: int, cap_mw: int, now_ms: int) -> None:
        """Send a cap, in place of one that still waits."""
        if load in self._under_way:
            self._waiting[load] = cap_mw
        else:
            self._start(load, cap_mw, now_ms)

    def _start(self, load: int, cap_mw: int, now_ms: int) -> None:
        random, devices = self._random, self._devices
        ack_ms = int(devices.ack_ms * random.uniform(0.3, 1.0))
        fails = random.random() < devices.lost_writes
        reach_ms = int(ack_ms * random.random())
        self._under_way[load] = _Trip(
            cap_mw,
            now_ms + reach_ms,
            now_ms + ack_ms,
            arrives=not fails or random.random() < 0.5,
            fails=fails,
        )

    def arrivals(self, now_ms: int) -> list[tuple[int, int]]:
        """(load, cap in mW) that servers take now."""
        taken = [(load, cap) for at, load, cap in self._late if at <= now_ms]
        self._late = [item for item in self._late if item[0] > now_ms]
        for load, trip in self._under_way.items():
            if trip.reached or trip.reach_ms > now_ms:
                continue
            trip.reached = True
            if not trip.arrives:
                continue
            if self._odd(load, now_ms):
                if self._devices.odd_late_ms:
                    self._late.append((now_ms + self._devices.odd_late_ms, load, trip.cap_mw))
            else:
                taken.append((load, trip.cap_mw))
        return taken

    def results(self, now_ms: int) -> list[tuple[int, int, bool]]:
        """(load, cap in mW, failed) of the writes that end now; what waited starts."""
        ended = [(load, t) for load, t in self._under_way.items() if t.end_ms <= now_ms]
        for load, _ in ended:
            del self._under_way[load]
            if load in self._waiting:
                self._start(load, self._waiting.pop(load), now_ms)
        return [(load, trip.cap_mw, trip.fails) for load, trip in ended]

    def _odd(self, load: int, now_ms: int) -> bool:
        return load == self._devices.odd and now_ms >= self._devices.odd_from_ms
