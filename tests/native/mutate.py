# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the C core: does a test notice each small change of native/src?

    python -m tests.native.mutate [--file frame.c] [--jobs 2] [--sample N --seed K] [--json]

A mutant that does not compile, or whose object code is that of the original or of an earlier
mutant, is not counted. The others meet the Python tests that execute the changed line, then the
fuzz driver under ASan and UBSan. Exit code 1 if a survivor is not explained in
mutation/survivors.toml.
"""

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.native.mutation import survivors
from tests.native.mutation.bench import Bench, object_code, original_code, prepare
from tests.native.mutation.core import HEADERS, ROOT, SOURCES
from tests.native.mutation.judge import Fate, convene, judge, trial
from tests.native.mutation.mutants import Mutant, mutants
from tests.native.mutation.reach import Reach, judges_of, measure

NOT_COUNTED = (Fate.INVALID, Fate.EQUIVALENT, Fate.DUPLICATE)
Result = tuple[Mutant, Fate]


@dataclass(frozen=True, slots=True)
class _Case:
    bench: Bench
    number: int
    mutant: Mutant
    judges: list[Reach]


def _compile(case: _Case) -> bytes | None:
    return object_code(case.bench, case.number, case.mutant)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.native.mutate", description=__doc__)
    names = [path.name for path in (*SOURCES, *HEADERS)]
    parser.add_argument("--file", action="append", choices=names, help="default: all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only the first N mutants")
    parser.add_argument("--sample", type=int, help="only N mutants, drawn with --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one document on stdout")
    return parser.parse_args()


def _chosen(given: argparse.Namespace, made: list[Mutant]) -> list[Mutant]:
    if given.sample is not None:
        drawn = random.Random(given.seed).sample(range(len(made)), min(given.sample, len(made)))
        return [made[i] for i in sorted(drawn)]
    return made[: given.limit]


def _sift(cases: list[_Case], jobs: int) -> tuple[list[Result], list[_Case]]:
    """Compile all: those that are not counted, and those to be judged."""
    settled: list[Result] = []
    open_: list[_Case] = []
    seen: set[bytes] = set()
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for case, code in zip(cases, pool.imap(_compile, cases), strict=True):
            if code is None:
                settled.append((case.mutant, Fate.INVALID))
            elif code == original_code(case.bench, case.mutant.file):
                settled.append((case.mutant, Fate.EQUIVALENT))
            elif code in seen:
                settled.append((case.mutant, Fate.DUPLICATE))
            else:
                seen.add(code)
                open_.append(case)
    return settled, open_


class _Hearing:
    """Judges the cases on the tests that pytest collected; `cpu_s`: what all of them take."""

    def __init__(self, cases: list[_Case], jobs: int, cpu_s: float) -> None:
        self._cases, self._jobs, self._cpu_s = cases, jobs, cpu_s
        self.results: list[Result] = []

    def __call__(self, items: list[pytest.Item]) -> None:
        if trial(self._cases[0].bench.original, items, self._cpu_s) is not Fate.SURVIVED:
            raise RuntimeError("the unchanged core does not pass the tests")
        of_file: dict[str, list[pytest.Item]] = {}
        for item in items:
            of_file.setdefault(item.path.relative_to(ROOT).as_posix(), []).append(item)
        _collected.update(of_file)
        with multiprocessing.get_context("fork").Pool(self._jobs) as pool:
            for result in pool.imap_unordered(_judge, self._cases):
                self.results.append(result)
                if len(self.results) % 50 == 0:
                    sys.stderr.write(f"{len(self.results)} of {len(self._cases)}\n")


_collected: dict[str, list[pytest.Item]] = {}
"""By test file; reaches the pool's processes by fork, since a test cannot be pickled."""


def _judge(case: _Case) -> Result:
    hearings = [(_collected[each.test], each.cpu_s) for each in case.judges]
    return case.mutant, judge(case.bench, case.number, case.mutant, hearings)


def _print(results: list[Result], explained: dict[tuple[str, str, str, str], str]) -> None:
    for file in sorted({mutant.file for mutant, _ in results}):
        fates = Counter(fate for mutant, fate in results if mutant.file == file)
        counted = sum(count for fate, count in fates.items() if fate not in NOT_COUNTED)
        print(f"{file}: {counted} mutants counted; " + _tally(fates))
    for mutant, fate in results:
        if fate is Fate.SURVIVED:
            reason = explained.get(mutant.key, "NOT EXPLAINED")
            print(f"\n{mutant.file}:{mutant.line}: in {mutant.function or 'no function'}: {reason}")
            print(f"  - {mutant.before}\n  + {mutant.after}")


def _tally(fates: Counter[Fate]) -> str:
    return ", ".join(f"{fate.value}: {fates[fate]}" for fate in Fate if fates[fate])


def main() -> int:
    """Make, judge, report; 1 if a survivor has no reason."""
    given = _arguments()
    start = time.monotonic()
    files = [path for path in (*SOURCES, *HEADERS) if not given.file or path.name in given.file]
    made = [mutant for source in files for mutant in mutants(source)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = prepare(folder)
        covered = folder / "covered"
        covered.mkdir()
        reached = measure(covered)
        cases = [
            _Case(bench, number, mutant, judges_of(reached, mutant.file, mutant.line))
            for number, mutant in enumerate(_chosen(given, made))
        ]
        results, open_ = _sift(cases, given.jobs)
        if open_:
            hearing = _Hearing(open_, given.jobs, sum(each.cpu_s for each in reached))
            convene(bench, [each.test for each in reached], hearing)
            results += hearing.results
    return _report(given, made, results, time.monotonic() - start)


def _report(
    given: argparse.Namespace,
    made: list[Mutant],
    results: list[Result],
    took_s: float,
) -> int:
    results.sort(key=lambda result: (result[0].file, result[0].start, result[0].text))
    entries = survivors.load()
    explained = {entry.key: entry.reason for entry in entries}
    survived = {mutant.key for mutant, fate in results if fate is Fate.SURVIVED}
    noticed = {mutant.key for mutant, _ in results} - survived
    files = {mutant.file for mutant in made}
    old = survivors.stale(entries, {mutant.key for mutant in made}, noticed, files)
    open_ = [m for m, fate in results if fate is Fate.SURVIVED and m.key not in explained]
    if given.json:
        rows = [{**asdict(mutant), "fate": fate.name.lower()} for mutant, fate in results]
        document = {"took_s": round(took_s, 1), "mutants": rows, "stale": [e.key for e in old]}
        print(json.dumps(document))
    else:
        _print(results, explained)
        for entry in old:
            print(f"\nstale in survivors.toml: {entry.file}: {entry.before} => {entry.after}")
        print(f"\n{len(survived)} survivors, {len(open_)} not explained, {took_s:.0f} s")
    return 1 if open_ else 0


if __name__ == "__main__":
    sys.exit(main())
