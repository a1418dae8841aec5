# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the C core: does a test notice each small change of native/src?

    python -m tests.native.mutate [--file frame.c] [--jobs 2] [--sample N --seed K] [--json]
                                  [--state FILE [--again]] [--quick | --plain] [--unexplained]

All mutants within functions meet the C driver as one program. What it does not notice is compiled
by itself; a mutant that does not compile, or whose object code is that of the original or of
another, is not counted. The others meet the Python tests that execute the changed line, then the C
driver under ASan and UBSan. Exit code 1 if a survivor is not explained in mutation/survivors.toml.
"""

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from tests.native.mutation import survivors
from tests.native.mutation.bench import (
    Bench,
    core_of,
    object_code,
    original_code,
    place_of,
    prepare,
    sanitized_objects,
)
from tests.native.mutation.core import HEADERS, NATIVE, ROOT, SOURCES
from tests.native.mutation.forks import run_schema
from tests.native.mutation.judge import (
    Fate,
    Timed,
    convene,
    drive,
    drive_core,
    is_property,
    judge,
    time_all,
    trial,
)
from tests.native.mutation.mutants import Mutant, mutants
from tests.native.mutation.reach import Reach, judges_of, measure, quick_files
from tests.native.mutation.schemata import within_functions
from tests.native.mutation.state import NOT_NOTICED, State

PLAIN_S = 0.2
"""--plain leaves out tests that take longer."""
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
    parser.add_argument("--state", type=Path, help="fates found before; new ones are added")
    parser.add_argument("--again", action="store_true", help="judge anew what was not noticed")
    parser.add_argument("--quick", action="store_true", help="C driver only, not the Python tests")
    parser.add_argument(
        "--plain", action="store_true", help="only quick Python tests without hypothesis"
    )
    parser.add_argument(
        "--unexplained",
        action="store_true",
        help="leave what has met the C driver and has a reason",
    )
    return parser.parse_args()


def _chosen(given: argparse.Namespace, made: list[Mutant]) -> list[Mutant]:
    if given.sample is not None:
        drawn = random.Random(given.seed).sample(range(len(made)), min(given.sample, len(made)))
        return [made[i] for i in sorted(drawn)]
    return made[: given.limit]


def _recalled(cases: list[_Case], state: State) -> tuple[list[Result], list[_Case]]:
    """What the state knows, and the others: what it has as OPEN has met the C driver already."""
    known = [(case.mutant, state.of(case.mutant)) for case in cases]
    results = [(mutant, fate) for mutant, fate in known if fate and fate is not Fate.OPEN]
    settled = {mutant for mutant, _ in results}
    return results, [case for case in cases if case.mutant not in settled]


def _screened(cases: list[_Case], _jobs: int, state: State) -> tuple[list[Result], list[_Case]]:
    """File by file: what the C driver notices of the mutants within functions, and the others."""
    noticed: list[Result] = []
    for file in dict.fromkeys(case.mutant.file for case in cases):
        made = [case.mutant for case in cases if case.mutant.file == file]
        held = within_functions(NATIVE / "src" / file, made)
        fates = run_schema(cases[0].bench, file, held)
        for mutant, fate in zip(held, fates, strict=True):
            state.keep(mutant, fate)
            if fate is not Fate.OPEN:
                noticed.append((mutant, fate))
        sys.stderr.write(f"{file}: {fates.count(Fate.OPEN)} of {len(fates)} left\n")
    settled = {mutant for mutant, _ in noticed}
    return noticed, [case for case in cases if case.mutant not in settled]


def _sifted(cases: list[_Case], jobs: int, state: State) -> tuple[list[Result], list[_Case]]:
    """Compile all: those that are not counted, and those to be judged."""
    settled: list[Result] = []
    open_: list[_Case] = []
    seen: set[bytes] = set()
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for case, code in zip(cases, pool.imap(_compile, cases), strict=True):
            fate = _fate_of_code(case, code, seen)
            if fate is None:
                open_.append(case)
            else:
                settled.append((case.mutant, fate))
                state.keep(case.mutant, fate)
            seen.add(code or b"")
    return settled, open_


def _fate_of_code(case: _Case, code: bytes | None, seen: set[bytes]) -> Fate | None:
    if code is None:
        return Fate.INVALID
    if code == original_code(case.bench, case.mutant.file):
        return Fate.EQUIVALENT
    return Fate.DUPLICATE if code in seen else None


def _drive(case: _Case) -> Fate:
    return drive(case.bench, case.number, case.mutant)


def _driven(cases: list[_Case], jobs: int, state: State) -> tuple[list[Result], list[_Case]]:
    """Those outside functions that the C driver notices, and the others, linked."""
    others = [case for case in cases if state.of(case.mutant)]
    cases = [case for case in cases if not state.of(case.mutant)]
    for case in others:
        core_of(case.bench, case.number, case.mutant)
    if cases and drive_core(cases[0].bench, cases[0].bench.original) is not Fate.OPEN:
        raise RuntimeError("the unchanged core does not pass the C driver")
    noticed: list[Result] = []
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for case, fate in zip(cases, pool.imap(_drive, cases), strict=True):
            state.keep(case.mutant, fate)
            if fate is Fate.OPEN:
                others.append(case)
            else:
                noticed.append((case.mutant, fate))
    return noticed, others


class _Hearing:
    """Judges the cases on the tests that pytest collected."""

    def __init__(
        self, cases: list[_Case], jobs: int, state: State, *, is_plain: bool = False
    ) -> None:
        self._cases, self._jobs, self._state = cases, jobs, state
        self._is_plain = is_plain
        self.results: list[Result] = []

    def __call__(self, items: list[pytest.Item]) -> None:
        bench = self._cases[0].bench
        if self._is_plain:
            items = [item for item in items if not is_property(item)]
        judging = _judge_plainly if self._is_plain else _judge
        timed = time_all(bench.original, items, bench.folder)
        _collected.extend(each for each in timed if not self._is_plain or each.cpu_s < PLAIN_S)
        with multiprocessing.get_context("fork").Pool(self._jobs) as pool:
            for mutant, fate in pool.imap(judging, self._cases):
                self._state.keep(mutant, fate)
                self.results.append((mutant, fate))
                if len(self.results) % 50 == 0:
                    sys.stderr.write(f"{len(self.results)} of {len(self._cases)}\n")


_collected: list[Timed] = []
"""The quickest first; reaches the pool's processes by fork, since a test cannot be pickled."""


def _judge_plainly(case: _Case) -> Result:
    fate = trial(place_of(case.bench, case.number) / "core.so", _collected)
    return case.mutant, Fate.OPEN if fate is Fate.SURVIVED else fate


def _judge(case: _Case) -> Result:
    files = {each.test for each in case.judges}
    tests = [each for each in _collected if each.item.path.relative_to(ROOT).as_posix() in files]
    return case.mutant, judge(case.bench, case.number, case.mutant, tests)


def _print(results: list[Result], explained: dict[tuple[str, str, str, str], str]) -> None:
    for file in sorted({mutant.file for mutant, _ in results}):
        fates = Counter(fate for mutant, fate in results if mutant.file == file)
        counted = sum(count for fate, count in fates.items() if fate not in NOT_COUNTED)
        print(f"{file}: {counted} mutants counted; " + _tally(fates))
    for mutant, fate in results:
        if fate in NOT_NOTICED:
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
    files.sort(key=lambda path: path.stat().st_size)
    made = [mutant for source in files for mutant in mutants(source)]
    state = State(given.state, again=given.again)
    with tempfile.TemporaryDirectory() as name:
        bench = prepare(Path(name))
        chosen = _chosen(given, made)
        cases = [_Case(bench, number, mutant, []) for number, mutant in enumerate(chosen)]
        results, open_ = _recalled(cases, state)
        left: list[_Case] = []
        if given.unexplained:
            explained = {entry.key for entry in survivors.load()}
            left = [
                case for case in open_ if state.of(case.mutant) and case.mutant.key in explained
            ]
            open_ = [case for case in open_ if case not in left]
        met = [case for case in open_ if state.of(case.mutant)]
        noticed, fresh = _screened([case for case in open_ if case not in met], given.jobs, state)
        results += noticed
        open_ = met + fresh
        for stage in (_sifted, _driven):
            settled, open_ = stage(open_, given.jobs, state)
            results += settled
        if given.quick:
            left, open_ = left + open_, []
        results += [(case.mutant, Fate.OPEN) for case in left]
        if open_:
            results += _heard(open_, given.jobs, state, is_plain=given.plain)
    return _report(given, made, results, time.monotonic() - start)


def _heard(cases: list[_Case], jobs: int, state: State, *, is_plain: bool) -> list[Result]:
    """What the Python tests make of them, and then the sanitizers; of plain tests it is not
    measured which reach a line, as all of them together take less."""
    bench = cases[0].bench
    if is_plain:
        hearing = _Hearing(cases, jobs, state, is_plain=True)
        convene(bench, quick_files(), hearing)
        return hearing.results
    covered = bench.folder / "covered"
    covered.mkdir()
    reached = measure(covered)
    judged = [
        replace(case, judges=judges_of(reached, case.mutant.file, case.mutant.line))
        for case in cases
    ]
    sanitized_objects(bench.folder)
    hearing = _Hearing(judged, jobs, state)
    convene(bench, [each.test for each in reached], hearing)
    return hearing.results


def _report(
    given: argparse.Namespace,
    made: list[Mutant],
    results: list[Result],
    took_s: float,
) -> int:
    results.sort(key=lambda result: (result[0].file, result[0].start, result[0].text))
    entries = survivors.load()
    explained = {entry.key: entry.reason for entry in entries}
    survived = {mutant.key for mutant, fate in results if fate in NOT_NOTICED}
    noticed = {mutant.key for mutant, _ in results} - survived
    files = {mutant.file for mutant in made}
    old = survivors.stale(entries, {mutant.key for mutant in made}, noticed, files)
    open_ = [m for m, fate in results if fate in NOT_NOTICED and m.key not in explained]
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
