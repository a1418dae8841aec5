# SPDX-License-Identifier: Apache-2.0
"""The smallest rack that answers caps late: for tests of the decision, in virtual time.

Each load follows its cap with a dead time and a first-order lag; feeds carry their shares plus
fans. Small on purpose: the real physics is hil.plant.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from edge.config import Config, parse_config
from edge.decide import Decider
from edge.readings import Snapshot
from edge.reason import Decision

TICK_MS = 100
PLAIN = 'redundancy = "none"\noverdraft_fraction = 0.0\n'
"""The rating is the limit, and a dead feed is no row."""


def rack_config(
    loads: int = 8,
    limit_w: float = 25_000,
    *,
    max_w: float = 10_000,
    min_w: float = 1_000,
    extra: Callable[[int], str] = lambda _load: "",
    control: str = PLAIN,
    feed: str = "continuous_ratio = 1.0",
    rack: str = "",
) -> Config:
    """Two feeds of `limit_w` each and equal loads on both."""
    text = f'[rack]\nname = "r"\n{rack}\n[board]\nport = "loop://"\n'
    for name in "AB":
        text += f'[[feeds]]\nname = "{name}"\nbreaker_a = {limit_w / 690}\n{feed}\n'
    for i in range(loads):
        text += f'[[loads]]\nname = "n{i}"\nchannel = {i}\nmin_w = {min_w}\nmax_w = {max_w}\n'
        text += f'group = {i % 16}\nactuator = {{ kind = "dryrun" }}\n{extra(i)}\n'
    return parse_config(text + "[control]\n" + control)


Demand = Callable[[float], Sequence[float]]


@dataclass
class FakeRack:
    """`step` moves 100 ms on; writes land after `delay_s` and settle with `tau_s`."""

    config: Config
    demand: Demand
    seed: int = 0
    delay_s: float = 0.2
    tau_s: float = 0.25
    fans_w: float = 0.0
    noise: float = 0.003
    deaf: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    off: int = 0

    def __post_init__(self) -> None:
        n = len(self.config.loads)
        self.random = Random(self.seed)
        self.top_w = [load.max_w for load in self.config.loads]
        self.requested_w = [*self.top_w]
        self.enforced_w = [*self.top_w]
        self.queue: list[tuple[float, int, float]] = []
        self.draw_w = [0.0] * n
        self.t_s = 0.0
        self.served_j = 0.0
        self.demand_j = 0.0
        self.ends: list[tuple[int, int, int, bool]] = []
        """Writes on their way: when they end, load, cap, whether they succeed."""

    def set_cap(self, load: int, watts: float) -> None:
        self.queue.append((self.t_s + self.delay_s, load, watts))

    def step(self) -> None:
        dt = TICK_MS / 1000
        self.t_s += dt
        while self.queue and self.queue[0][0] <= self.t_s:
            _, load, watts = self.queue.pop(0)
            if load not in self.deaf:
                self.requested_w[load] = watts
        follow = 1 - math.exp(-dt / self.tau_s) if self.tau_s else 1.0
        alive = len(self.lost) < len(self.config.feeds)
        for i, wanted in enumerate(self.demand(self.t_s)):
            self.enforced_w[i] += follow * (self.requested_w[i] - self.enforced_w[i])
            on = alive and not self.off & 1 << self.config.loads[i].group
            draw = min(wanted, self.top_w[i], self.enforced_w[i]) if on else 0.0
            self.draw_w[i] = draw
            self.served_j += draw * dt
            self.demand_j += min(wanted, self.top_w[i]) * dt

    def feed_w(self) -> list[float]:
        total = sum(self.draw_w) + self.fans_w
        n = len(self.config.feeds)
        return [0.0 if f in self.lost else total / (n - len(self.lost)) for f in range(n)]

    def snapshot(self, now_ms: int, age_ms: int | None = 0) -> Snapshot:
        jitter = [1 + self.random.uniform(-self.noise, self.noise) for _ in self.draw_w]
        loads = tuple(int(w * 1000 * j) for w, j in zip(self.draw_w, jitter, strict=True))
        feeds = tuple(int(w * 1000) for w in self.feed_w())
        return Snapshot(now_ms, age_ms, feeds, loads, self.off)


def run(
    rack: FakeRack,
    decider: Decider,
    seconds: float,
    *,
    ack_ms: int = 0,
    failures: float = 0.0,
    check: Callable[[FakeRack, Decision], None] | None = None,
) -> list[Decision]:
    """Close the loop for `seconds`; each write ends after `ack_ms`.

    `failures`: share of writes that are reported as failed; half of these did arrive.
    """
    decisions = []
    ends = rack.ends
    start = round(rack.t_s * 1000)
    for now_ms in range(start, start + int(seconds * 1000), TICK_MS):
        while ends and ends[0][0] <= now_ms:
            _, load, cap_mw, good = ends.pop(0)
            if good:
                decider.caps.confirm(load, cap_mw, None, now_ms)
            else:
                decider.caps.fail(load, cap_mw, now_ms)
        decision = decider.decide(rack.snapshot(now_ms))
        for write in decision.writes:
            good = rack.random.random() >= failures
            if good or rack.random.random() < 0.5:
                rack.set_cap(write.load, write.cap_mw / 1000)
            ends.append((now_ms + ack_ms, write.load, write.cap_mw, good))
        decisions.append(decision)
        rack.step()
        if check is not None:
            check(rack, decision)
    return decisions
