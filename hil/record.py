# SPDX-License-Identifier: Apache-2.0
"""The run record: every signal of one run on one time grid, and what happened when.

A record holds no wall-clock time and no machine facts, so that the same seed gives the same
bytes; `digest()` is what a replay is compared with.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hil.decisions import DecisionEntry


class RunEvent(NamedTuple):
    """Something that happened at one instant of the run."""

    t_ms: int
    """Time since the start of the run."""
    source: str
    """Who says so: `plant`, `board` or `host`."""
    kind: str
    """Short word: `trip`, `shed`, `restore`, `state`, `lease`, `cut`, `raise`, `link`."""
    text: str
    """One line for a person."""


@dataclass(slots=True)
class Recorder:
    """Signals (float64[rows, len(names)]) and events of one policy."""

    names: tuple[str, ...]
    """One name per signal, unit last: `feed_a_w`, `inlet_c`, `cap_gpu03_w`."""
    t_ms: "array[int]" = field(default_factory=lambda: array("q"))
    events: list[RunEvent] = field(default_factory=list)
    decisions: list[DecisionEntry] = field(default_factory=list)
    """Those of the host that changed something; empty under a policy without a host."""
    _values: "array[float]" = field(default_factory=lambda: array("d"))

    def append(self, t_ms: int, values: Sequence[float]) -> None:
        """Add one row; `values` has one number per name."""
        if len(values) != len(self.names):
            raise ValueError(f"{len(values)} values for {len(self.names)} signals")
        self.t_ms.append(t_ms)
        self._values.extend(values)

    def event(self, t_ms: int, source: str, kind: str, text: str) -> None:
        """Add one event."""
        self.events.append(RunEvent(t_ms, source, kind, text))

    def __len__(self) -> int:
        """Rows so far."""
        return len(self.t_ms)

    def signal(self, name: str) -> "array[float]":
        """All values of one signal, oldest first. Raises KeyError for an unknown name."""
        try:
            column = self.names.index(name)
        except ValueError:
            raise KeyError(f"no signal {name!r}; there are {', '.join(self.names)}") from None
        return self._values[column :: len(self.names)]

    def rows(self) -> "Iterator[tuple[int, array[float]]]":
        """(t_ms, values) of each row."""
        width = len(self.names)
        for row, t_ms in enumerate(self.t_ms):
            yield t_ms, self._values[row * width : (row + 1) * width]

    def digest(self) -> str:
        """SHA-256 of names, times, values (bit patterns), events and decisions, hexadecimal."""
        sha = hashlib.sha256("\x1f".join(self.names).encode())
        sha.update(self.t_ms.tobytes())
        sha.update(self._values.tobytes())
        for event in self.events:
            sha.update("\x1f".join(map(str, event)).encode() + b"\n")
        for decision in self.decisions:
            sha.update(repr(decision).encode() + b"\n")
        return sha.hexdigest()


def combined_digest(recorders: Iterable[Recorder]) -> str:
    """One SHA-256 over several records, in order."""
    return hashlib.sha256("".join(each.digest() for each in recorders).encode()).hexdigest()
