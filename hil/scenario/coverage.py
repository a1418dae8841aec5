# SPDX-License-Identifier: Apache-2.0
"""Which scenario proves which requirement, and under faults of which layer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.scenario.model import Case
from hil.scenario.problem import Problems
from hil.scenario.requirements import Requirement, read_requirements

NO_FAULT = "none"
"""Layer of a scenario that injects nothing."""
LAYERS = ("sensor", "actuator", "link", "power", "thermal", "mcu", "host", "data", NO_FAULT)
"""Columns of the table, in this order; others follow by name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement."""

    requirement: Requirement
    scenarios: dict[str, tuple[str, ...]]
    """By layer of its faults, the scenarios that cover it, sorted."""

    @property
    def covered(self) -> bool:
        """Some scenario covers it, none of them in quarantine."""
        return bool(self.scenarios)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole table."""

    layers: tuple[str, ...]
    rows: tuple[Row, ...]
    unknown: tuple[str, ...]
    """What cases cover without being a requirement, sorted."""

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Ids of the requirements that no scenario covers."""
        return tuple(row.requirement.id for row in self.rows if not row.covered)

    def markdown(self) -> str:
        """The table for documents: a row per requirement, a column per layer."""
        lines = [
            "| requirement | " + " | ".join(self.layers) + " |",
            "|---|" + "---|" * len(self.layers),
        ]
        for row in self.rows:
            cells = [", ".join(row.scenarios.get(layer, ())) or "" for layer in self.layers]
            title = row.requirement.title.replace("|", "\\|")
            missing = "" if row.covered else " **no scenario**"
            lines.append(f"| {row.requirement.id} {title}{missing} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def layers_of(case: Case) -> frozenset[str]:
    """Layers of the faults of a case; `none` if it has no fault."""
    return frozenset(each.kind.split(".", 1)[0] for each in case.faults) or frozenset({NO_FAULT})


def coverage(requirements: Sequence[Requirement], cases: Iterable[Case]) -> Coverage:
    """The table of these cases. A case in quarantine proves nothing and is left out."""
    found: dict[str, dict[str, set[str]]] = {}
    for case in cases:
        if case.quarantined:
            continue
        for name in case.covers:
            for layer in layers_of(case):
                found.setdefault(name, {}).setdefault(layer, set()).add(case.scenario)
    present = {layer for by_layer in found.values() for layer in by_layer}
    layers = [layer for layer in LAYERS if layer in present]
    layers += sorted(present - set(LAYERS))
    rows = tuple(
        Row(each, {layer: tuple(sorted(s)) for layer, s in found.get(each.id, {}).items()})
        for each in requirements
    )
    unknown = sorted(set(found) - {each.id for each in requirements})
    return Coverage(tuple(layers), rows, tuple(unknown))


def requirements_of(path: Path) -> tuple[Requirement, ...]:
    """The requirements of a file. Raises ConfigError with everything wrong in it."""
    problems = Problems()
    requirements = read_requirements(path, problems)
    if problems:
        raise problems.error()
    return requirements
