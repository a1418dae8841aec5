# SPDX-License-Identifier: Apache-2.0
"""What holds in every run, asked for or not: the bench's own checks.

A fault that is injected on purpose excuses what it causes: damaged frames under faults of the line,
resets under faults of the board or of its supply.
"""

import math
from collections.abc import Callable, Iterator, Set
from typing import TYPE_CHECKING

from hil.verdict import CheckResult, Verdict

if TYPE_CHECKING:
    from hil.engine.run import Run

BALANCE = 1e-6
"""Relative error of the plant's energy balance; more is a defect of the bench."""
DAMAGE = {"link"}
RESETS = {"mcu", "power"}
FORGED = "forged"
"""Beside the layers: frames of somebody else were on the line; what they say counts for nothing."""
LATE = {"mcu", FORGED}


def health(run: "Run", expected: Set[str] = frozenset()) -> Iterator[CheckResult]:
    """One result per invariant that applies: not those that injected faults, or those of the
    layers `expected`, excuse."""
    layers = run.fault_layers() | expected
    for name, excused_by, judge in _INVARIANTS:
        if not layers & excused_by:
            detail = judge(run)
            verdict = Verdict.PASS if detail is None else Verdict.FAIL
            yield CheckResult(name, "health", name, verdict, None, detail or "")


def _column_max(run: "Run", name: str) -> float:
    values = [v for v in run.record.signal(name) if not math.isnan(v)]
    return max(values, default=0.0)


def _no_damage(run: "Run") -> str | None:
    bad, rest = run.sniffer.crc_errors, run.sniffer.garbage_bytes
    if not bad and not rest:
        return None
    return f"{bad} damaged frames and {rest} stray bytes on an undisturbed line"


def _no_reset(run: "Run") -> str | None:
    boots = _column_max(run, "n_boot")
    return f"the board booted {boots:.0f} times" if boots > 1 else None


def _no_overrun(run: "Run") -> str | None:
    missed = _column_max(run, "mcu_missed")
    return f"{missed:.0f} ticks missed their deadline" if missed else None


def _energy_balances(run: "Run") -> str | None:
    error = abs(run.rack.unaccounted_j) / max(run.rack.feed_j, 1.0)
    return f"{error:.1e} of the energy is unaccounted for" if error > BALANCE else None


_INVARIANTS: tuple[tuple[str, set[str], Callable[["Run"], str | None]], ...] = (
    ("no damaged frames", DAMAGE, _no_damage),
    ("no reset unasked", RESETS, _no_reset),
    ("no deadline missed", LATE | RESETS, _no_overrun),
    ("the plant's energy balances", set(), _energy_balances),
)
