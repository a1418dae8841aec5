# SPDX-License-Identifier: Apache-2.0
"""What a kind of fault is, and the list of all kinds that the files of this package fill."""

import random
from abc import abstractmethod
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ConfigDict

from hil.options import Options
from hil.ports import CAPABILITIES, Fault, Ports


class Params(Options):
    """Parameters of a kind; the line below each is its documentation, with its unit."""

    model_config = ConfigDict(use_attribute_docstrings=True)


P = TypeVar("P", bound=Options)
Make = Callable[[P, random.Random], Fault]


@dataclass(frozen=True, slots=True)
class FaultType:
    """One row of the catalogue."""

    kind: str
    """`layer.kind`."""
    layer: str
    doc: str
    """One line, for people."""
    model: type[Options]
    """What a scenario may say of it."""
    needs: frozenset[str]
    """Capabilities, of hil.ports."""
    make: Callable[[Any, random.Random], Fault]
    """A fresh fault from validated parameters; all its chance comes from the generator."""
    forges: bool
    """It puts frames on the line that are valid, and that neither side has ever said."""


CATALOGUE: dict[str, FaultType] = {}
"""Every kind by its name. Filled when hil.faults is imported."""


def fault(
    kind: str, doc: str, model: type[P], *needs: str, forges: bool = False
) -> Callable[[Make[P]], Make[P]]:
    """Enter a maker, or a class of (params, rng), as `kind`. ValueError if that is taken."""
    if kind in CATALOGUE or not set(needs) <= set(CAPABILITIES):
        raise ValueError(f"fault {kind}: taken, or needs {needs} that no device has")

    def enter(make: Make[P]) -> Make[P]:
        layer = kind.split(".", 1)[0]
        CATALOGUE[kind] = FaultType(kind, layer, doc, model, frozenset(needs), make, forges)
        return make

    return enter


class Prepared(Fault):
    """A fault that wants to watch from the beginning of the run: it needs a past."""

    @abstractmethod
    def prepare(self, ports: Ports) -> None:
        """Called once, before the first tick."""


class Transforming(Fault):
    """A fault that is one function over readings (`sensors`) or outputs (`actuators`)."""

    side = "sensors"

    def start(self, ports: Ports, _now_ms: int) -> None:
        """Apply from now on, behind the faults that are there already."""
        getattr(ports, self.side).append(self.change)

    def stop(self, ports: Ports, _now_ms: int) -> None:
        """Take it out, wherever it stands."""
        getattr(ports, self.side).remove(self.change)

    @abstractmethod
    def change(self, now_ms: int, words: "array[int]") -> None:
        """Change int32[N_IN] or int32[N_OUT] in place."""


class Toggled(Fault):
    """A fault that is one call at its start and one at its end."""

    def __init__(
        self, on: Callable[[Ports, int], object], off: Callable[[Ports, int], object] | None = None
    ) -> None:
        """`off` None: it cannot be undone, or ends by itself."""
        self._on = on
        self._off = off

    def start(self, ports: Ports, now_ms: int) -> None:
        """Do it."""
        self._on(ports, now_ms)

    def stop(self, ports: Ports, now_ms: int) -> None:
        """Undo it."""
        if self._off is not None:
            self._off(ports, now_ms)
