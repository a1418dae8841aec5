# SPDX-License-Identifier: Apache-2.0
"""What a benchmark returns, how rounds are interleaved, and how the result is shown.

A benchmark is a module `tests/bench/NAME.py` with `run(quick: bool) -> Report`.
"""

import dataclasses
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One case: ours, or ours against one peer.

    `peer_value` is None where the peer is absent; say so in `peer` ("cobs (absent)").
    """

    case: str
    unit: str
    ours: float | None
    peer: str | None = None
    peer_value: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better ours is, None without both or against nothing.

        peer ÷ ours, above 1 where ours is smaller (faster); ours ÷ peer where more is better.
        """
        above, below = self.peer_value, self.ours
        if self.more_is_better:
            above, below = below, above
        return above / below if above is not None and below else None


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: `value` must be at most `limit`, or at least, where `at_least` is set."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's result; `notes` are printed below the table."""

    name: str
    rows: list[Row]
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def interleave(
    cases: Mapping[str, Callable[[int], object]], loops: int, rounds: int
) -> dict[str, float]:
    """Median µs per loop of each case; every round runs every case once, in turn.

    A case is called with the number of loops it must do, so that the timed part holds nothing
    but its own work. Interleaving gives noise from the machine to all of them alike.
    """
    for call in cases.values():
        call(max(1, loops // 10))
    taken_us: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, call in cases.items():
            start_ns = time.perf_counter_ns()
            call(loops)
            taken_us[name].append((time.perf_counter_ns() - start_ns) / 1e3 / loops)
    return {name: statistics.median(values) for name, values in taken_us.items()}


def percentile(values: list[float], percent: float) -> float:
    """Nearest-rank percentile of a non-empty list."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, min(len(ordered) - 1, int(rank) - 1))]


def machine() -> str:
    """Short description of where the numbers were taken."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {python}"


def to_document(report: Report) -> dict[str, Any]:
    """The one JSON document of `--json`."""
    return {
        "name": report.name,
        "machine": machine(),
        "rows": [_row_document(row) for row in report.rows],
        "targets": [
            {"name": t.name, "value": t.value, "limit": t.limit, "met": t.met}
            for t in report.targets
        ],
    }


def _row_document(row: Row) -> dict[str, Any]:
    document = dataclasses.asdict(row) | {"ratio": row.ratio}
    del document["more_is_better"]  # the ratio has it
    return document


def to_json(report: Report) -> str:
    return json.dumps(to_document(report), indent=2)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def show(report: Report, console: Console) -> None:
    """Print the table, the targets (met or not) and the notes."""
    table = Table("case", "unit", "peer", title=f"{report.name} · {machine()}", box=box.SIMPLE)
    for heading in ("ours", "peer", "gain"):
        table.add_column(heading, justify="right")
    for row in report.rows:
        numbers = (row.ours, row.peer_value, row.ratio)
        table.add_row(row.case, row.unit, row.peer or "-", *map(_number, numbers))
    console.print(table)
    for target in report.targets:
        sign = "≥" if target.at_least else "≤"
        verdict = "met" if target.met else "NOT MET"
        value, limit = _number(target.value), _number(target.limit)
        console.print(
            f"target {target.name}: {value} {sign} {limit} {verdict}",
            highlight=False,
            soft_wrap=True,
        )
    for note in report.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
