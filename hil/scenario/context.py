# SPDX-License-Identifier: Apache-2.0
"""What the items of one scenario are read against."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from edge.errors import ConfigError
from hil.options import Options
from hil.scenario.duration import duration_text
from hil.scenario.expr import compile_expr
from hil.scenario.problem import Problems
from hil.scenario.source import Node


class FaultKind(Protocol):
    """What is asked of an entry of the catalogue (hil.faults.FaultType)."""

    @property
    def doc(self) -> str:
        """One line."""

    @property
    def model(self) -> type[Options]:
        """Its parameters."""

    @property
    def needs(self) -> frozenset[str]:
        """Capabilities."""


class SettableSignal(Protocol):
    """What is asked of a signal that can be set (an entry of hil.plant.rack.SETTABLE)."""

    @property
    def unit(self) -> str:
        """Of its values."""

    @property
    def low(self) -> float:
        """Least value."""

    @property
    def high(self) -> float:
        """Greatest value."""


@dataclass(frozen=True, slots=True)
class World:
    """What a scenario can name, and the day."""

    settable: Mapping[str, SettableSignal]
    catalogue: Mapping[str, FaultKind]
    data_dir: Path | None
    today: date
    requirements: frozenset[str] | None
    """None: not checked."""


@dataclass(slots=True)
class Context:
    """One point of one scenario."""

    world: World
    params: Mapping[str, Any]
    problems: Problems
    duration_ms: int | None
    """None: it is wrong itself."""
    skip: str | None = None
    """Why the case must not run."""

    def tell(self, node: Node, what: str, *path: str) -> None:
        """A problem at the node that `path` leads to, as far as it is there."""
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[part]
        self.problems.add(node.where, node.path, what)

    def expression(self, text: str, node: Node, *path: str) -> None:
        """See that an expression is one; its signals are known with the rack."""
        try:
            compile_expr(text, None, self.params)
        except ConfigError as error:
            self.tell(node, str(error), *path)

    def moment(self, at_ms: int | None, node: Node, *path: str) -> None:
        """See that a moment is in the run: what comes later would never be seen."""
        if at_ms is not None and self.duration_ms is not None and at_ms > self.duration_ms:
            end = duration_text(self.duration_ms)
            what = f"{duration_text(at_ms)} is after the end of the run ({end}); write less"
            self.tell(node, f"{what}, or a longer `duration`", *path)

    def order(self, early: int | None, late: int | None, node: Node, *path: str) -> None:
        """See that one duration is not longer than another."""
        if early is not None and late is not None and early > late:
            what = f"{duration_text(early)} is more than {duration_text(late)}; write less"
            self.tell(node, what, *path)
