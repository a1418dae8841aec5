# SPDX-License-Identifier: Apache-2.0
"""Faults that move a knob which others may hold too: the knob follows all that hold it.

Two faults on one feed, one relay or one clock may begin and end in any order; what the knob
does is worked out from those that are left.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from hil.plant.rack import Rack
from hil.ports import Fault, Ports

_HOLDERS: WeakKeyDictionary[Rack, dict[str, list[tuple["Shared", Any]]]] = WeakKeyDictionary()
"""By run (each has a plant of its own) and knob, who holds it with what, in order of start."""

Apply = Callable[[Ports, Sequence[Any]], object]


class Shared(Fault):
    """Holds `value` on `knob`; `apply(ports, values)` gets what all hold, empty at the end."""

    def __init__(self, knob: str, value: Any, apply: Apply) -> None:
        self._knob = knob
        self._value = value
        self._apply = apply

    def start(self, ports: Ports, _now_ms: int) -> None:
        """Join those that hold the knob."""
        holders = _HOLDERS.setdefault(ports.plant, {}).setdefault(self._knob, [])
        holders.append((self, self._value))
        try:
            self._apply(ports, [value for _, value in holders])
        except Exception:
            holders.pop()
            raise

    def stop(self, ports: Ports, _now_ms: int) -> None:
        """Leave them."""
        holders = _HOLDERS[ports.plant][self._knob]
        holders[:] = [each for each in holders if each[0] is not self]
        self._apply(ports, [value for _, value in holders])


class Ticking(Fault):
    """A fault that acts over time: asked once per tick, between stimulus and plant step."""

    @abstractmethod
    def tick(self, ports: Ports, now_ms: int) -> None:
        """Move on to `now_ms`."""
