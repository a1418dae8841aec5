# SPDX-License-Identifier: Apache-2.0
"""Random combinations of faults on top of a scenario; a failing one is made as small as it goes."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from hil.devices import DeviceSource, source_of
from hil.faults.combine import shrink
from hil.faults.draw import Range, draw
from hil.faults.schedule import needs_of
from hil.plant.demand import SettableDemand
from hil.plant.options import build
from hil.plant.rack import Rack
from hil.ports import HOST
from hil.scenario.model import Case, FaultSpec
from hil.session import SessionOptions, run_on
from hil.unwind import unwinding
from hil.verdict import RunResult, Verdict

FAULTS = (2, 5)
"""Fewest and most faults of a combination."""
SHRINK_RUNS = 60
"""Most runs spent on making one failing combination smaller."""


def combinations(options: SessionOptions, cases: Sequence[Case], count: int) -> Iterator[RunResult]:
    """`count` combinations, dealt out to the cases in turn; the same for the same seeds.

    A result whose verdict is FAIL is that of the smallest combination that was found to fail; its
    first reason lists those faults.
    """
    with ExitStack() as stack:
        stack.enter_context(unwinding())
        source = stack.enter_context(source_of(options.device, options.bench, options.firmware))
        for number in range(count):
            case = cases[number % len(cases)]
            rng = random.Random(f"{case.seed}/combine/{number}")  # noqa: S311 - no secret
            drawn = draw(rng, rng.randint(*FAULTS), surroundings(case, source))
            yield _tried(options, source, case, drawn, number)


def surroundings(case: Case, source: DeviceSource) -> Range:
    """What the rack of a case has to break."""
    spec = build(case.rack, case.seed)
    rack = Rack(spec, SettableDemand(spec.loads))
    able = source.capabilities if case.host.kind == "daemon" else source.capabilities - {HOST}
    return Range(
        loads=len(spec.loads),
        groups=rack.groups,
        fans=spec.fans.count,
        parts=rack.parts,
        duration_ms=case.duration_ms,
        capabilities=able,
    )


def _tried(
    options: SessionOptions,
    source: DeviceSource,
    case: Case,
    drawn: Sequence[FaultSpec],
    number: int,
) -> RunResult:
    result = _run(options, source, case, drawn, number)
    if result.verdict is not Verdict.FAIL:
        return result

    def fails(specs: Sequence[FaultSpec]) -> bool:
        return _run(options, source, case, specs, number).verdict is Verdict.FAIL

    small = shrink(drawn, fails, SHRINK_RUNS)
    result = _run(options, source, case, small.specs, number)
    faults = "; ".join(small.text.splitlines()) or "no fault at all"
    sure = "" if small.complete else ", perhaps not the smallest"
    result.reasons = (f"fails with: {faults} ({small.runs} runs{sure})", *result.reasons)
    return result


def _run(
    options: SessionOptions,
    source: DeviceSource,
    case: Case,
    specs: Sequence[FaultSpec],
    number: int,
) -> RunResult:
    needs = case.needs | needs_of(specs)
    name = f"{case.name}+{number + 1}"
    combined = replace(case, name=name, faults=(*case.faults, *specs), needs=needs)
    result = run_on(source, options, combined, lambda _run: None)
    result.replay = f"{options.command(case)} --combine={number + 1}"
    return result
