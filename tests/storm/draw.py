# SPDX-License-Identifier: Apache-2.0
"""Scenarios from a seed, and their simpler relatives for shrinking."""

from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from hil.plant.breaker import Breaker, Curve
from tests.storm.scenario import (
    LEAD_IN_MS,
    TARGET_RATIO,
    TICK_MS,
    Devices,
    Line,
    Load,
    Meter,
    Pattern,
    Phase,
    Redundancy,
    Scenario,
    share,
)

MNT = 1.13
"""Conventional non-tripping current over In, IEC 60898-1."""
FIT = 0.96
"""Part of the target that minimums and fans may use: meters are wrong by up to 1 %."""
FEEDS = (0, 1)
USED_AT_MOST = 1.08
"""What a host with overdraft lets both feeds carry together, of their ratings."""
RELAYS_S = 0.3
"""From the loss of a feed to open relays: a reading, the decision, two ticks of the relay."""


def scenario(seed: int) -> Scenario:
    """The scenario of a seed; equal seeds give equal scenarios on every machine."""
    random = Random(seed)
    loads = _loads(random)
    redundancy = random.choice(list(Redundancy))
    continuous_ratio = 1.0 if random.random() < 0.7 else 0.8
    fans_w = random.choice((0.0, random.uniform(0.005, 0.05))) * sum(x.max_w for x in loads)
    limit_w = _limits(random, loads, fans_w, redundancy)
    rating_w = limit_w[0] / continuous_ratio, limit_w[1] / continuous_ratio
    length_ms = random.randrange(40_000, 90_001, TICK_MS)
    lost_ms = random.randrange(12_000, length_ms - 12_000, TICK_MS)
    lost_feed = random.choice(FEEDS) if random.random() < 0.5 else None
    back_ms = lost_ms + random.randrange(5_000, 30_001, TICK_MS)
    hot_start = random.random() < 0.1
    made = Scenario(
        seed=seed,
        length_ms=length_ms,
        loads=loads,
        rating_w=rating_w,
        continuous_ratio=continuous_ratio,
        never=_never(random, loads, limit_w, fans_w),
        redundancy=redundancy,
        overdraft=random.choice((0.0, 0.5)),
        fans_w=fans_w,
        theta=(random.uniform(0, 1 / MNT**2), random.uniform(0, 1 / MNT**2)),
        phases=_phases(random, length_ms, lost_ms, hot_start),
        hot_start=hot_start,
        lost_feed=lost_feed,
        lost_ms=lost_ms,
        back_ms=back_ms if random.random() < 0.3 else None,
        line=_line(random, length_ms),
        devices=_devices(random, len(loads), length_ms),
        meter=_meter(random, loads),
    )
    return made if relays_can_help(made) else replace(made, lost_feed=None)


def relays_can_help(made: Scenario) -> bool:
    """Whether a promise, or the board's relays, cover the feed that is lost.

    Without redundancy the board is all there is; where not even relays are quick enough, nobody
    has promised anything. With overdraft on top that is nearly everywhere.
    """
    lost = made.lost_feed
    if lost is None or made.redundancy is not Redundancy.NONE:
        return True
    left, used = 1 - lost, USED_AT_MOST if made.overdraft else TARGET_RATIO
    whole_w = made.fans_w + sum(x.max_w * share(x, left, lost) for x in made.loads)
    carried_w = min(whole_w, used * sum(made.rating_w))
    survivor = Breaker(Curve(), made.rating_w[left], (used / MNT) ** 2)
    return survivor.time_to_trip_s(carried_w) >= RELAYS_S


def _loads(random: Random) -> tuple[Load, ...]:
    groups = random.randint(1, 4)
    scale_w = random.choice((400, 1_000, 3_000, 8_000))
    uneven, single = random.random() < 0.5, random.random() < 0.3
    loads = []
    for _ in range(random.randint(2, 16)):
        max_w = round(scale_w * random.uniform(0.5, 1.5))
        floor_w = round(max_w * random.uniform(0.1, 0.45))
        share_a = round(random.uniform(0.2, 0.8) if uneven else random.uniform(0.48, 0.52), 4)
        if single and random.random() < 0.3:
            share_a = float(random.choice(FEEDS))
        loads.append(
            Load(
                max_w=max_w,
                floor_w=floor_w,
                idle_w=round(floor_w * random.uniform(0.2, 1.0)),
                share_a=share_a,
                weight=random.randint(1, 4),
                priority=random.randint(0, 2),
                group=random.randrange(groups),
            )
        )
    return tuple(loads)


def carried_w(
    loads: tuple[Load, ...], powers_w: list[float], fans_w: float, feed: int, lost: int | None
) -> float:
    """What a feed carries if each load draws `powers_w`."""
    fans = fans_w / 2 if lost is None else fans_w
    return fans + sum(share(x, feed, lost) * w for x, w in zip(loads, powers_w, strict=True))


def _limits(
    random: Random, loads: tuple[Load, ...], fans_w: float, redundancy: Redundancy
) -> tuple[float, float]:
    """Oversubscribed, but such that the minimums fit, on the survivor if that is promised."""
    over = random.uniform(1.0, 2.2)
    maxima, minima = [x.max_w for x in loads], [x.floor_w for x in loads]
    limits = []
    for feed in FEEDS:
        least = carried_w(loads, minima, fans_w, feed, None)
        if redundancy is not Redundancy.NONE:
            least = max(least, carried_w(loads, minima, fans_w, feed, 1 - feed))
        peak = carried_w(loads, maxima, fans_w, feed, None)
        limits.append(max(peak / over, least / TARGET_RATIO / FIT, 200.0))
    return limits[0], limits[1]


def _never(
    random: Random, loads: tuple[Load, ...], limit_w: tuple[float, float], fans_w: float
) -> frozenset[int]:
    """Maybe some groups are never shed; their maxima then fit either feed alone."""
    if random.random() < 0.6:
        return frozenset()
    never: set[int] = set()
    for group in range(random.randint(1, 2)):
        tops = [x.max_w if x.group in {*never, group} else 0.0 for x in loads]
        alone = [carried_w(loads, tops, fans_w, feed, 1 - feed) for feed in FEEDS]
        if all(w <= TARGET_RATIO * limit for w, limit in zip(alone, limit_w, strict=True)):
            never.add(group)
    return frozenset(never & {x.group for x in loads})


PERIODS_MS = {
    Pattern.STEPS: (4_000, 15_000),
    Pattern.SQUARE: (200, 9_000),
    Pattern.RAMPS: (4_000, 30_000),
    Pattern.ASLEEP: (16_000, 30_000),
    Pattern.SWAP: (3_000, 24_000),
    Pattern.AMBUSH: (10_000, 10_000),
    Pattern.WALK: (500, 8_000),
}
"""Shortest and longest."""


def _phases(random: Random, length_ms: int, lost_ms: int, hot_start: bool) -> tuple[Phase, ...]:
    start_ms, phases = 0 if hot_start else LEAD_IN_MS, []
    while start_ms < length_ms:
        pattern = random.choice(list(Pattern))
        shortest, longest = PERIODS_MS[pattern]
        period_ms = max(2 * TICK_MS, round(shortest * (longest / shortest) ** random.random()))
        duty = random.uniform(0.2, 0.8)
        depth = 1.0 if random.random() < 0.7 else random.uniform(0.6, 1.0)
        phases.append(Phase(start_ms, pattern, period_ms, duty, depth))
        start_ms += random.randrange(15_000, 40_001, TICK_MS)
    if random.random() < 0.3:
        phases.append(Phase(lost_ms + 500, Pattern.STEPS, 60_000, 0.8, 1.0))
        phases.sort(key=lambda phase: phase.start_ms)
    return tuple(phases)


def _line(random: Random, length_ms: int) -> Line:
    bursts = []
    if random.random() < 0.3:
        for _ in range(random.randint(1, 3)):
            start_ms = random.randrange(LEAD_IN_MS, length_ms)
            bursts.append((start_ms, start_ms + random.randint(300, 2_000)))
    loss = random.choice((0.0, random.uniform(0, 0.05), random.uniform(0, 0.2)))
    return Line(random.choice((0, random.randint(0, 300))), loss, tuple(bursts))


def _devices(random: Random, loads: int, length_ms: int) -> Devices:
    odd = random.randrange(loads) if random.random() < 0.25 else None
    late_ms = random.choice((0, random.randint(500, 5_000)))
    return Devices(
        dead_s=random.uniform(0, 0.8),
        tau_s=random.uniform(0.05, 0.8),
        ack_ms=random.choice((0, random.randint(0, 300), random.randint(0, 1_500))),
        lost_writes=random.choice((0.0, 0.0, random.uniform(0, 0.1))),
        odd=odd,
        odd_from_ms=random.choice((0, random.randrange(length_ms))),
        odd_late_ms=late_ms,
    )


def _meter(random: Random, loads: tuple[Load, ...]) -> Meter:
    finest_w = min(load.max_w for load in loads)
    quantum_mw = random.choice([mw for mw in (1, 100, 1_000, 10_000) if mw <= 5 * finest_w])
    return Meter(random.uniform(0, 0.01), random.uniform(0, 0.005), quantum_mw)


CALM = {
    "line": lambda s: replace(s, line=Line()),
    "meter": lambda s: replace(s, meter=Meter()),
    "odd": lambda s: replace(s, devices=replace(s.devices, odd=None)),
    "writes": lambda s: replace(s, devices=replace(s.devices, ack_ms=0, lost_writes=0.0)),
    "slow": lambda s: replace(s, devices=replace(s.devices, dead_s=0.2, tau_s=0.25)),
    "fans": lambda s: replace(s, fans_w=0.0),
    "theta": lambda s: replace(s, theta=(0.0, 0.0)),
    "loss": lambda s: replace(s, lost_feed=None),
    "back": lambda s: replace(s, back_ms=None),
    "never": lambda s: replace(s, never=frozenset()),
    "overdraft": lambda s: replace(s, overdraft=0.0),
    "classes": lambda s: replace(s, loads=tuple(replace(x, weight=1, priority=0) for x in s.loads)),
    "phases": lambda s: replace(s, phases=s.phases[:1]),
}
"""Each takes one trouble away."""


def without(full: Scenario, troubles: frozenset[str]) -> Scenario:
    """The scenario less some of its troubles (keys of CALM)."""
    for trouble in sorted(troubles):
        full = CALM[trouble](full)
    return full


def scenarios() -> st.SearchStrategy[Scenario]:
    """For hypothesis: shrinks toward fewer troubles, then smaller seeds."""
    every = frozenset(CALM)
    kept = st.one_of(st.frozensets(st.sampled_from(sorted(CALM))), st.just(every))
    seeds = st.integers(0, 1 << 32)
    return st.builds(lambda keep, seed: without(scenario(seed), every - keep), kept, seeds)
