# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.storm [--count N] [--seed FIRST] [--jobs N] [--json] | --one SEED`."""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from multiprocessing import Pool

from rich.console import Console
from rich.table import Table

from tests.storm.draw import CALM, scenario, without
from tests.storm.loop import run
from tests.storm.outcome import Outcome
from tests.storm.report import HEADINGS, Summary
from tests.storm.scenario import Scenario
from tests.storm.timeline import Timeline

BATCH = 10
SHOWN = 40
"""Failing seeds in the table; --json has all."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("--count", type=int, default=10_000, help="scenarios (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--one", type=int, metavar="SEED", help="run one scenario")
    parser.add_argument("--verbose", action="store_true", help="with --one: print its time line")
    parser.add_argument(
        "--shrink", action="store_true", help="with --one: first take away all it can fail without"
    )
    return parser


def run_seed(seed: int) -> Outcome:
    """One scenario; the unit of work of a process."""
    return run(scenario(seed))


def outcomes(first: int, count: int, jobs: int) -> Iterator[Outcome]:
    """In the order of their seeds, whatever `jobs` is."""
    gc.freeze()  # the firmware collects at each boot; modules need not be looked at again
    seeds = range(first, first + count)
    if jobs <= 1:
        yield from map(run_seed, seeds)
        return
    with Pool(jobs) as pool:
        yield from pool.imap(run_seed, seeds, BATCH)


def shrink(full: Scenario, attempt: Callable[[Scenario], Outcome] = run) -> Scenario:
    """The scenario without each trouble that it fails the same way without."""
    kind = _kind(attempt(full))
    for trouble in CALM:
        calmer = without(full, frozenset({trouble}))
        if calmer != full and _kind(attempt(calmer)) & kind:
            full = calmer
    return full


def _kind(outcome: Outcome) -> frozenset[str]:
    return frozenset(problem.split()[0] for problem in outcome.problems)


def storm(first: int, count: int, jobs: int, as_json: bool) -> int:
    """Run many; returns the exit code."""
    progress, summary, started = sys.stderr.isatty(), Summary(), time.monotonic()
    for done, outcome in enumerate(outcomes(first, count, jobs), 1):
        summary.add([outcome])
        if progress and done % BATCH == 0:
            failed = len(summary.failures)
            print(f"\r{done}/{count}, {failed} failed", end="", file=sys.stderr, flush=True)
    if progress:
        print(file=sys.stderr)
    _show(summary, time.monotonic() - started, as_json)
    return 1 if summary.failures else 0


def _show(summary: Summary, took_s: float, as_json: bool) -> None:
    runs = summary.tallies["all"].runs
    if as_json:
        document = {
            "name": "storm",
            "seconds": took_s,
            "categories": [asdict(tally) for tally in summary.tallies.values()],
            "failures": [{**asdict(f), "replay": f.replay} for f in summary.failures],
        }
        print(json.dumps(document, indent=1))
        return
    table = Table(*HEADINGS, title=f"{runs} scenarios, {took_s / max(1, runs):.3f} s each")
    for tally in summary.tallies.values():
        table.add_row(*tally.cells())
    console = Console(width=None if sys.stdout.isatty() else 132, highlight=False)
    console.print(table)
    for failure in summary.failures[:SHOWN]:
        print(f"{failure.seed}: {'; '.join(failure.problems)}\n    {failure.replay}")
    if len(summary.failures) > SHOWN:
        print(f"... and {len(summary.failures) - SHOWN} more")


def one(seed: int, verbose: bool, smaller: bool) -> int:
    """Run one; returns the exit code."""
    chosen = shrink(scenario(seed)) if smaller else scenario(seed)
    timeline = Timeline(chosen) if verbose else None
    if timeline is not None:
        print(timeline.head())
    outcome = run(chosen, watch=timeline)
    print(
        f"seed {seed}: max P/In {outcome.max_ratio:.2f}, max theta {outcome.max_theta:.3f}, "
        f"served {outcome.served_ratio:.3f}, {len(outcome.sheds)} groups shed"
    )
    for problem in outcome.problems:
        print(f"  {problem}")
    return 1 if outcome.problems else 0


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if args.one is not None:
        return one(args.one, args.verbose, args.shrink)
    return storm(args.seed, args.count, args.jobs, args.json)


if __name__ == "__main__":
    sys.exit(main())
