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

from tests.bench._serve_cases import OURS, PEERS, Case, Outcome, all_cases, replay
from tests.bench._table import Report, Row, Target
from tests.data import ABSENT, power_traces

CLAIRVOYANT = "clairvoyant, upper bound"
PROCESSES = 2
Outcomes = Mapping[str, Outcome | None]
"""By policy, PEERS and OURS and CLAIRVOYANT; None where its library is absent."""


def outcome(job: tuple[Case, str]) -> Outcome | None:
    """One cell of the table; None if what it needs is not installed."""
    case, policy = job
    if policy != CLAIRVOYANT:
        return replay(case, policy)
    try:
        from tests.bench._serve_clairvoyant import clairvoyant_served
    except ImportError:
        return None
    return Outcome(clairvoyant_served(*case.build()), 0)


def outcomes(cases: Iterable[Case]) -> dict[Case, Outcomes]:
    """Every policy on every case, on both cores; one job is short against the whole."""
    jobs = [(case, policy) for case in cases for policy in (*OURS, CLAIRVOYANT, *PEERS)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        done = list(pool.map(outcome, jobs))
    table: dict[Case, dict[str, Outcome | None]] = {}
    for (case, policy), each in zip(jobs, done, strict=True):
        table.setdefault(case, {})[policy] = each
    return dict(table)


def label(policy: str, found: Outcome | None) -> str:
    """Name of a policy, with its trips if it had any."""
    if found is None:
        return f"{policy} (absent)"
    return f"{policy} ({found.trips} trip{'s' * (found.trips > 1)})" if found.trips else policy


def rows(case: Case, found: Outcomes) -> list[Row]:
    """Ours against each other policy and against the bound."""
    ours = found[OURS[-1]]
    return [
        Row(case.name, "served %", percent(ours), label(name, each), percent(each), True)
        for name, each in found.items()
        if name != OURS[-1]
    ]


def percent(found: Outcome | None) -> float | None:
    """Energy served, % of what was demanded."""
    return None if found is None else 100 * found.served


def targets(table: Mapping[Case, Outcomes]) -> list[Target]:
    """No trip of any of ours; nobody serves more, on any case, whatever it trips."""
    trips = sum(found[name].trips for found in table.values() for name in OURS)
    promises = [Target("trips of ours, all cases", trips, 0)]
    for case, found in table.items():
        others = {n: o for n, o in found.items() if n not in (OURS[-1], CLAIRVOYANT)}
        best = max(others, key=lambda name: others[name].served)
        gain = found[OURS[-1]].served / others[best].served
        name = f"{case.name}: ours ÷ {label(best, others[best])}"
        promises.append(Target(name, gain, 1.0, at_least=True))
    return promises


def notes(table: Mapping[Case, Outcomes]) -> list[str]:
    """Per level: mean over the cases of each policy, and what ours has of the bound."""
    lines = []
    for level in sorted({case.level for case in table}):
        at_level = {case: found for case, found in table.items() if case.level == level}
        lines.append(f"mean served at {level:g} x, {len(at_level)} workloads:")
        lines += means(list(at_level.values()))
        for case, found in at_level.items():
            if (bound := found[CLAIRVOYANT]) is not None:
                margin = found[OURS[-1]].served / bound.served
                lines.append(f"  served ÷ clairvoyant {100 * margin:6.2f} %  {case.trace_name}")
    return lines


def means(found: list[Outcomes]) -> list[str]:
    """One line per policy, best first: its mean over some cases, and on how many it trips."""
    lines = []
    for name in found[0]:
        present = [each for case in found if (each := case[name]) is not None]
        if present:
            mean = sum(each.served for each in present) / len(present)
            tripped = sum(each.trips > 0 for each in present)
            in_trips = f", trips on {tripped}" if tripped else ""
            lines.append((mean, f"  {100 * mean:6.2f} %  {name}{in_trips}"))
    return [line for _, line in sorted(lines, reverse=True)]


def run(quick: bool) -> Report:
    """The whole table."""
    table = outcomes(all_cases(quick))
    lines = [row for case, found in table.items() for row in rows(case, found)]
    absent = [] if power_traces() else [ABSENT]
    return Report("serve", lines, targets(table), absent + notes(table))
