# SPDX-License-Identifier: Apache-2.0
"""Faults laid over a quantity of the plant that the stimulus may move at the same time.

The quantity is what it would be without faults (its base), changed by each fault in order of
start. A value that is not the one written last was set by the stimulus: it is the new base. Values
are told apart as objects: a stimulus may well set what a fault has just made of another base.
"""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from hil.faults.shared import Ticking
from hil.plant.rack import SETTABLE, Rack
from hil.ports import Ports, Unsupported

Change = Callable[[float, float], float]
"""`change(base, since_s)`: the quantity so long after the start of the fault."""


def _liquid(name: str) -> Callable[[Rack], float | None]:
    return lambda rack: None if rack.liquid is None else getattr(rack.liquid, name)


_READ: dict[str, Callable[[Rack], float | None]] = {
    "room_c": lambda rack: rack.air.room_c,
    "rh": lambda rack: rack.rh,
    "blocked_aisle": lambda rack: rack.air.blocked,
    "filter_clog": lambda rack: rack.air.clog,
    "recirculation": lambda rack: rack.air._own_recirculation,
    "facility_c": _liquid("facility_c"),
    "leak_lpm": _liquid("leak_lpm"),
    "loop_blocked": _liquid("blocked"),
    "freq_hz": lambda rack: rack.freq_hz,
    "feed_a_v": lambda rack: rack.feeds.mains_v[0],
    "feed_b_v": lambda rack: rack.feeds.mains_v[1],
}
"""How the present value of a settable is read; None: this rack has no such part."""


class Layers:
    """One quantity of one rack and the faults over it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._base = 0.0
        self._written: float | None = None
        self.over: list[Overlaid] = []

    def apply(self, rack: Rack, now_ms: int) -> None:
        """Work out the quantity and set it. Raises Unsupported."""
        value = _READ[self._name](rack)
        if value is None:
            part = SETTABLE[self._name].needs
            raise Unsupported(f"{self._name}: this rack has no {part}: add it to the rack")
        if value is not self._written:
            self._base = value
        value = self._base
        for each in self.over:
            value = each.changed(value, now_ms)
        known = SETTABLE[self._name]
        value = min(max(value, known.low), known.high)
        rack.set(self._name, value)
        self._written = _READ[self._name](rack)


_LAYERS: WeakKeyDictionary[Rack, dict[str, Layers]] = WeakKeyDictionary()


class Overlaid(Ticking):
    """A change of one settable quantity for the time of the fault."""

    def __init__(self, name: str, change: Change) -> None:
        self._name = name
        self._change = change
        self._start_ms = 0

    def changed(self, base: float, now_ms: int) -> float:
        """What it makes of `base`."""
        return self._change(base, (now_ms - self._start_ms) / 1000)

    def start(self, ports: Ports, now_ms: int) -> None:
        """Lay it over."""
        self._start_ms = now_ms
        layers = _LAYERS.setdefault(ports.plant, {}).setdefault(self._name, Layers(self._name))
        layers.over.append(self)
        try:
            layers.apply(ports.plant, now_ms)
        except Unsupported:
            layers.over.remove(self)
            raise

    def tick(self, ports: Ports, now_ms: int) -> None:
        """Follow base and time."""
        _LAYERS[ports.plant][self._name].apply(ports.plant, now_ms)

    def stop(self, ports: Ports, now_ms: int) -> None:
        """Take it off; the others stay."""
        layers = _LAYERS[ports.plant][self._name]
        layers.over.remove(self)
        layers.apply(ports.plant, now_ms)


def ramped(whole: float, over_s: float, since_s: float) -> float:
    """`whole`, reached in a straight line after `over_s`; at once for 0."""
    return whole if over_s <= 0 else whole * min(since_s / over_s, 1.0)
