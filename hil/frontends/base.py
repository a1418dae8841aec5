# SPDX-License-Identifier: Apache-2.0
"""What all front-ends have in common: readings go out, caps come back, people learn how to connect.

A front-end may have threads of its own. Caps leave them through a queue, readings reach them
through a list that is replaced whole; everything here is called from the bench's thread.
"""

import queue
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, NamedTuple, Self

from hil.plant.server import LoadSpec

Answer = Literal["error", "slow", "ignore"]
"""error: requests are refused. slow: answered after `slow_s`, or never (see the front-end).
ignore: a cap is acknowledged, and not applied."""

INLET_C = 25.0
"""Inlet air where the caller has no plant for it, degC."""


class Cap(NamedTuple):
    """A cap that a tool asked for; None takes it off."""

    load: int
    watts: float | None


class Frontend(ABC):
    """One way for tools to read and cap the loads of a rack. A context manager."""

    name: ClassVar[str]
    """As in `--serve`."""

    def __init__(self, loads: Sequence[LoadSpec]) -> None:
        self.loads = tuple(loads)
        self.answers: list[Answer | None] = [None] * len(self.loads)
        """What is wrong with the answers of a load; written by the bench at any time."""
        self.load_w: tuple[float, ...] = tuple(load.idle_w for load in self.loads)
        """Newest readings, W; replaced whole, never changed."""
        self.now_ms: int | None = None
        self.inlet_c = INLET_C
        self._caps: queue.SimpleQueue[Cap] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.close()

    @abstractmethod
    def start(self) -> None:
        """Begin to serve. Raises PortError, RuntimeMissing."""

    def refresh(self, now_ms: int, loads_w: Sequence[float], inlet_c: float = INLET_C) -> None:
        """Publish what is true at `now_ms`, and look for what tools have written."""
        self.now_ms, self.inlet_c = now_ms, inlet_c
        self.load_w = tuple(loads_w)

    def take_caps(self) -> list[Cap]:
        """Caps since the last call, oldest first."""
        caps = []
        while not self._caps.empty():
            caps.append(self._caps.get_nowait())
        return caps

    @abstractmethod
    def describe(self) -> list[str]:
        """Lines that tell a user how to point a tool at it; commands stand alone on a line."""

    @abstractmethod
    def close(self) -> None:
        """Stop and give everything back; safe to call twice."""

    def ask(self, load: int, watts: float | None) -> None:
        """Hand a cap to the bench, unless the load ignores its caps; from any thread."""
        if self.answers[load] != "ignore":
            self._caps.put(Cap(load, watts))


class LowestCap:
    """Several limiters on one load: the lowest wins, as in a server."""

    def __init__(self, frontends: Iterable[Frontend]) -> None:
        self._frontends = tuple(frontends)
        self._asked: list[dict[int, float | None]] = [{} for _ in self._frontends]

    def take(self) -> list[Cap]:
        """The caps of the loads that anybody asked something of since the last call."""
        touched: dict[int, None] = {}
        for asked, frontend in zip(self._asked, self._frontends, strict=True):
            for cap in frontend.take_caps():
                asked[cap.load] = cap.watts
                touched[cap.load] = None
        return [Cap(load, self._lowest_w(load)) for load in touched]

    def _lowest_w(self, load: int) -> float | None:
        limits = [asked.get(load) for asked in self._asked]
        return min((watts for watts in limits if watts is not None), default=None)


def file_name(name: str, index: int) -> str:
    """A name for files and directories: the load's own if it can be one, else loadN."""
    plain = all(letter.isalnum() or letter in "-_" for letter in name) and name.isascii()
    return name if name and plain else f"load{index}"
