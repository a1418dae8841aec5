# SPDX-License-Identifier: Apache-2.0
"""Cases on the MicroPython VM with a firmware of one's own."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from hil.devices import VirtualSource
from hil.drivers.vm import VmBoard
from hil.scenario.load import load
from hil.scenario.model import Case
from hil.session import LIBRARY, SessionOptions, run_on
from hil.verdict import RunResult, Verdict
from tests.hil.planted.bug import Bug

HEALTHY = Path(__file__).with_name("healthy.yaml")
GOOD = (Verdict.PASS, Verdict.MARGINAL, Verdict.SKIP)


class SourceBoard(VmBoard):
    """Compiles its sources in the VM: a bug is run once or twice, and is not worth bytecode."""

    def __init__(self, config: Path, **options: Any) -> None:
        """See VmBoard."""
        super().__init__(config, **options, compiled=False)


class Kill(NamedTuple):
    """What saw a bug."""

    case: str
    check: str
    """First check or measurement that failed."""
    detail: str


def run(case: Case, firmware: Path | None) -> RunResult:
    """One case on the firmware of that folder; None: ours."""
    source = VirtualSource(SourceBoard, firmware)
    return run_on(source, SessionOptions(), case, lambda _run: None)


def failed(result: RunResult) -> Kill | None:
    """What failed; None if nothing did, or if the board has died: that needs no scenario."""
    if result.verdict is not Verdict.FAIL or died(result):
        return None
    for check in result.checks:
        if check.verdict is Verdict.FAIL:
            return Kill(result.case, check.name, check.detail)
    for each in result.measurements:
        if each.verdict is Verdict.FAIL:
            return Kill(result.case, each.name, f"{each.value:g} {each.unit}")
    return None


def died(result: RunResult) -> bool:
    """Whether the first reason is none of a check or a measurement: the board has gone."""
    names = (*(c.name for c in result.checks), *(m.name for m in result.measurements))
    told = tuple(f"{name}: " for name in names)
    return bool(result.reasons) and not result.reasons[0].startswith(told)


def library(scenarios: Path = LIBRARY) -> list[Case]:
    """All cases of the library."""
    return load([scenarios])


def healthy() -> Case:
    """The smoke that every bug passes."""
    return load([HEALTHY])[0]


def in_order(bug: Bug, cases: Iterable[Case], intended: bool = False) -> list[Case]:
    """Those first that cover what the bug breaks, the short ones first among them.

    `intended`: only those.
    """
    broken = set(bug.breaks)
    chosen = [case for case in cases if not intended or broken & set(case.covers)]
    return sorted(chosen, key=lambda c: (not broken & set(c.covers), c.duration_ms, c.name))
