# SPDX-License-Identifier: Apache-2.0
"""Fans of an air-cooled rack: the firmware against what fans are usually driven by.

Load steps 12, 30, 12, 22 kW and the recorded traces, on a plant that is off from what the
controllers were set up for. Everything is seeded. The firmware runs on its shipped defaults. They
were tuned on the steps; only that small power swings are followed slowly came from the traces.

How it is made comparable: all are to hold one setpoint. IAE counts |outlet - setpoint| of the true
temperature, over the time in which the load can be held there with fans between minimum and full
(a matter of load and plant, the same seconds for all). The targets are against the best of the
PIDs, metric by metric, and again against the fan curve. The latter are not all met: a curve has
no setpoint, and where it lets the rack run warmer it spends less on fans, where colder it peaks
lower. The notes have its mean error, and what fans must travel at least to hold a setpoint.
"""

import multiprocessing
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from hil.trace import read_trace
from tests.bench._cooling_peers import CURVE, NO_AHEAD, OURS, PEERS, controller
from tests.bench._cooling_plant import (
    LIMIT_C,
    MISMATCHES,
    SETPOINT_C,
    Mismatch,
    Profile,
    Score,
    least_travel_percent,
    run_once,
)
from tests.bench._table import Report, Row, Target
from tests.data import ABSENT, power_traces

PROCESSES = 2
SEEDS = (1, 2, 3)
STEPS = Profile("steps", ((0.0, 12e3), (600.0, 30e3), (1500.0, 12e3), (2400.0, 22e3)), 3300.0, 30e3)
TWIN = "llama2_70b_inference_1_node_meter_dropout"
"""The same server and job as another trace: a case for sensors, not for fans."""

METRICS = (  # of Score, unit, target: ours over the best (of the peak: less than the best)
    ("iae_ks", "K s", 0.6),
    ("over_k", "K", 0.0),
    ("above_s", "s", None),
    ("fan_wh", "Wh", 1.0),
    ("travel_percent", "%", 0.2),
)
TITLES = {
    "iae_ks": "IAE",
    "over_k": "peak over setpoint",
    "above_s": f"time above {LIMIT_C:g} degC",
    "fan_wh": "fan energy",
    "travel_percent": "fan travel",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A set of profiles, counted together, under one mismatch."""

    name: str
    profiles: tuple[Profile, ...]
    off: Mismatch
    seeds: tuple[int, ...] = (1,)

    @property
    def title(self) -> str:
        return f"{self.name}, {self.off.name}"


Scores = Mapping[str, Score | None]
"""By controller; None where its library is absent."""


def traces() -> tuple[Profile, ...]:
    """Recorded total power, each on a rack made for its peak."""
    found = []
    for path in power_traces():
        if path.stem != TWIN:
            trace = read_trace(path)
            start_s = trace.t_s[0]
            rows = zip(trace.t_s, map(sum, trace.watts), strict=True)
            heat = tuple((t_s - start_s, watts) for t_s, watts in rows)
            found.append(Profile(path.stem, heat, trace.duration_s, trace.peak_w))
    return tuple(found)


def cases(quick: bool) -> list[Case]:
    if quick:
        return [Case("steps", (STEPS,), off) for off in MISMATCHES[:3]]
    made = [Case("steps", (STEPS,), off, SEEDS) for off in MISMATCHES]
    if recorded := traces():
        made += [Case("all traces", recorded, off) for off in MISMATCHES]
        made += [Case(trace.name, (trace,), MISMATCHES[0]) for trace in recorded]
    return made


def score(job: tuple[Case, str]) -> Score | None:
    """One controller on one case; None if its library is not installed."""
    case, name = job
    try:
        return Score.total(
            [
                run_once(profile, case.off, controller(name, profile), seed)
                for profile in case.profiles
                for seed in case.seeds
            ],
            len(case.seeds),
        )
    except ImportError:
        return None


def scores(found: Iterable[Case]) -> dict[Case, Scores]:
    jobs = [(case, name) for case in found for name in (OURS, NO_AHEAD, *PEERS)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        done = list(pool.map(score, jobs))
    table: dict[Case, dict[str, Score | None]] = {}
    for (case, name), each in zip(jobs, done, strict=True):
        table.setdefault(case, {})[name] = each
    return dict(table)


def rows(case: Case, found: Scores) -> list[Row]:
    lines = []
    ours = found[OURS]
    for metric, unit, _ in METRICS:
        for name in PEERS:
            peer = found[name]
            label = f"{name} (absent)" if peer is None else name
            value = None if peer is None else getattr(peer, metric)
            lines.append(
                Row(f"{case.title}: {TITLES[metric]}", unit, getattr(ours, metric), label, value)
            )
    return lines


def targets(case: Case, found: Scores) -> list[Target]:
    """Ours over the best PID, and over the fan curve, for each metric."""
    pids = {name: peer for name in PEERS if name != CURVE and (peer := found[name])}
    return [
        target(case, metric, limit, found[OURS], peers)
        for peers in (pids, {CURVE: found[CURVE]})
        for metric, _, limit in METRICS
        if limit is not None and peers
    ]


def target(case: Case, metric: str, limit: float, ours: Score, peers: Scores) -> Target:
    best = min(peers, key=lambda name: getattr(peers[name], metric))
    mine, theirs = getattr(ours, metric), getattr(peers[best], metric)
    title = f"{case.title}: {TITLES[metric]}"
    if metric == "over_k":
        return Target(f"{title}, K above {best}", mine - theirs, 0.0)
    return Target(f"{title} ÷ {best}", mine / theirs, limit)


def notes(table: Mapping[Case, Scores]) -> list[str]:
    """What explains the targets: bias, least travel, and what the feed-forward brings."""
    lines = [
        f"setpoint {SETPOINT_C:g} degC; the PIDs have the gains that the firmware ships and run "
        "once a second, as phosphor-pid-control does; the firmware runs ten times a second",
        "a controller that ends a trace above the setpoint has not yet paid for that cooling",
    ]
    for case, found in table.items():
        lines += [f"{case.title}: {name}: {each}" for name, each in found.items() if each]
        if case.name == "steps":
            least = least_travel_percent(case.profiles[0], case.off)
            lines.append(f"{case.title}: from level to level the fans must travel {least:.0f} %")
    return lines


def run(quick: bool) -> Report:
    """All cases; `quick`: one short profile at three flows."""
    table = scores(cases(quick))
    lines = [row for case, found in table.items() for row in rows(case, found)]
    promises = [each for case, found in table.items() for each in targets(case, found)]
    absent = [] if power_traces() else [ABSENT]
    return Report("cooling", lines, promises, absent + notes(table))
