# SPDX-License-Identifier: Apache-2.0
"""How much of the demanded energy each policy serves, and what it trips, on oversubscribed racks.

Every recorded trace and the generated workload, at three levels of oversubscription, on the
emulated rack with breakers on the fast edge of their band: static caps at 80 % of the rating,
two published controllers at 80 and 100 % of it, and the daemon with the real firmware in virtual
time. A trip opens the breaker for the rest of the run. Everything is seeded: the same on any
machine.
"""

import multiprocessing
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor

from tests.bench import _serve_cases as serve
from tests.bench._serve_cases import Case, Outcome
from tests.bench._table import Report, Row, Target
from tests.data import ABSENT, power_traces

CLAIRVOYANT = "clairvoyant, upper bound"
PROCESSES = 2
Outcomes = Mapping[str, Outcome]


def outcome(job: tuple[Case, str]) -> Outcome:
    """One cell of the table."""
    case, policy = job
    if policy == CLAIRVOYANT:
        from tests.bench._serve_clairvoyant import clairvoyant_served

        return Outcome(clairvoyant_served(*case.build()), 0)
    return serve.replay(case, policy)


def outcomes(cases: Iterable[Case]) -> dict[Case, dict[str, Outcome]]:
    """Every policy on every case, on both cores; a job is short against the whole."""
    policies = (*serve.OURS, CLAIRVOYANT, *serve.PEERS)
    jobs = [(case, policy) for case in cases for policy in policies]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        done = list(pool.map(outcome, jobs))
    table: dict[Case, dict[str, Outcome]] = {}
    for (case, policy), each in zip(jobs, done, strict=True):
        table.setdefault(case, {})[policy] = each
    return table


def rows(case: Case, found: Outcomes) -> list[Row]:
    """Ours against each other policy and against the bound."""
    ours = found[serve.OURS[-1]]
    return [
        Row(case.name, "served %", 100 * ours.served, label(name, each.trips), 100 * each.served,
            more_is_better=True)
        for name, each in found.items()
        if name != serve.OURS[-1]
    ]  # fmt: skip


def label(policy: str, trips: int) -> str:
    """Name of a policy, and its trips if it had any."""
    return f"{policy} ({trips} trip{'s' * (trips > 1)})" if trips else policy


def targets(table: Mapping[Case, Outcomes]) -> list[Target]:
    """No trip of any of ours; nobody serves more, on any case, whatever it trips."""
    trips = sum(found[name].trips for found in table.values() for name in serve.OURS)
    promises = [Target("trips of ours, all cases", trips, 0)]
    for case, found in table.items():
        others = {n: o for n, o in found.items() if n not in (serve.OURS[-1], CLAIRVOYANT)}
        best = max(others, key=lambda name: others[name].served)
        gain = found[serve.OURS[-1]].served / others[best].served
        name = f"{case.name}: ours ÷ {label(best, others[best].trips)}"
        promises.append(Target(name, gain, 1.0, at_least=True))
    return promises


def notes(table: Mapping[Case, Outcomes]) -> list[str]:
    """Per level: mean over the cases of each policy, and what ours has of the bound."""
    lines = []
    for level in sorted({case.level for case in table}):
        at_level = {case: found for case, found in table.items() if case.level == level}
        names = next(iter(at_level.values()))
        means = {
            name: sum(found[name].served for found in at_level.values()) / len(at_level)
            for name in names
        }
        lines.append(f"mean served at {level:g} x, {len(at_level)} workloads:")
        for name in sorted(means, key=means.__getitem__, reverse=True):
            tripped = sum(found[name].trips > 0 for found in at_level.values())
            in_trips = f", trips on {tripped}" if tripped else ""
            lines.append(f"  {100 * means[name]:6.2f} %  {name}{in_trips}")
        for case, found in at_level.items():
            margin = found[serve.OURS[-1]].served / found[CLAIRVOYANT].served
            lines.append(f"  served ÷ clairvoyant {100 * margin:6.2f} %  {case.trace_name}")
    return lines


def run(quick: bool) -> Report:
    """The whole table."""
    table = outcomes(serve.cases(quick))
    lines = [row for case, found in table.items() for row in rows(case, found)]
    absent = [] if power_traces() else [ABSENT]
    return Report("serve", lines, targets(table), absent + notes(table))
