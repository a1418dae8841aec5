# SPDX-License-Identifier: Apache-2.0
"""One plant under one policy: what `demo` runs three of, on one clock."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Sequence

from firmware_py.channels import N_IN
from hil.drivers.device import VirtualDevice
from hil.engine.virtual import TICK_MS
from hil.plant import io
from hil.plant.rack import Rack
from hil.record import Recorder
from hil.report.demo import NEVER_S
from hil.result import PolicyMetrics, PolicyResult

J_PER_WH = 3600.0
BASE_SIGNALS = (
    "demand_w",
    "load_w",
    "feed_a_w",
    "feed_b_w",
    "ttt_s",
    "inlet_c",
    "outlet_c",
    "fan_ratio",
)


def time_to_trip_s(rack: Rack) -> float:
    """Seconds until the nearer breaker opens at its present current, at most NEVER_S; 0: open."""
    feeds = zip(rack.spec.feeds, rack.tripped, strict=True)
    times = [0.0 if tripped else rack.time_to_trip_s(feed.name) for feed, tripped in feeds]
    return min(*times, NEVER_S)


class PolicyRun(ABC):
    """A plant, its record and its numbers; subclasses add who controls it."""

    name = ""

    def __init__(self, rack: Rack) -> None:
        self.rack = rack
        names = [load.name for load in rack.spec.loads]
        per_load = [f"load_{n}_w" for n in names] + [f"cap_{n}_w" for n in names]
        self.record = Recorder((*BASE_SIGNALS, *per_load))
        self.inputs: array[int] = array("i", bytes(4 * N_IN))
        io.fill_inputs(rack, self.inputs)  # a board never runs without readings
        self.peak_utilisation = 0.0
        self.max_inlet_c = rack.inlet_c
        self._ratings_w = [feed.rating_w for feed in rack.spec.feeds]
        self._trips_seen = [False] * len(rack.spec.feeds)

    @abstractmethod
    def step_to(self, now_ms: int) -> None:
        """Advance to `now_ms`, the next multiple of TICK_MS."""

    def lose(self, feed: str, now_ms: int) -> None:
        """Take the supply of a feed away."""
        self.rack.fail_feed(feed)
        self.record.event(now_ms, "plant", "loss", f"feed {feed} has lost its supply")

    def finish(self) -> None:  # noqa: B027 - most runs have nothing beside their steps
        """No more steps: stop what runs beside them, so that the numbers stand still."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the run holds."""

    def plant_step(self) -> None:
        """One tick of physics, then the meters."""
        self.rack.step(TICK_MS)
        io.fill_inputs(self.rack, self.inputs)

    def observe(self, now_ms: int) -> None:
        """Record one row and the plant's events."""
        rack = self.rack
        feed_a_w, feed_b_w = rack.feed_w
        self.peak_utilisation = max(
            self.peak_utilisation, feed_a_w / self._ratings_w[0], feed_b_w / self._ratings_w[1]
        )
        self.max_inlet_c = max(self.max_inlet_c, rack.inlet_c)
        ttt_s = time_to_trip_s(rack)
        row = (sum(rack.demand_w), sum(rack.load_w), feed_a_w, feed_b_w, ttt_s)
        temperatures = (rack.inlet_c, rack.outlet_c, rack.fan_rpm / rack.spec.fans.max_rpm)
        self.record.append(now_ms, (*row, *temperatures, *rack.load_w, *rack.cap_enforced_w))
        for feed, tripped in enumerate(rack.tripped):
            if tripped and not self._trips_seen[feed]:
                self._trips_seen[feed] = True
                name = rack.spec.feeds[feed].name
                self.record.event(now_ms, "plant", "trip", f"breaker of feed {name} opened")

    def result(self) -> PolicyResult:
        """The numbers so far."""
        rack = self.rack
        metrics = PolicyMetrics(
            trips=rack.trips,
            first_trip_s=rack.first_trip_s,
            served_ratio=rack.served_j / rack.demand_j if rack.demand_j else 1.0,
            peak_utilisation=self.peak_utilisation,
            energy_wh=rack.served_j / J_PER_WH,
            max_inlet_c=self.max_inlet_c,
        )
        return PolicyResult(self.name, metrics, self.record)


class BaselineRun(PolicyRun):
    """No host and no shedding: the controller only drives the fans.

    With `caps_w` each load stands under a fixed cap from the start (static); without, none has
    one (uncapped).
    """

    def __init__(
        self, name: str, rack: Rack, board: VirtualDevice, caps_w: Sequence[float] | None = None
    ) -> None:
        self.name = name
        super().__init__(rack)
        self._board = board
        for load, cap_w in enumerate(caps_w or ()):
            rack.set_cap(load, cap_w)

    def step_to(self, now_ms: int) -> None:
        """One tick: physics, then the fan controller."""
        self.plant_step()
        self._board.exchange(now_ms, self.inputs, b"")
        io.apply_outputs(self.rack, self._board.outputs)
        self.observe(now_ms)

    def close(self) -> None:
        """Stop the controller."""
        self._board.close()


Progress = Callable[[int, Sequence[PolicyRun]], None]
"""Called with the time, ms, and the runs, in the order uncapped, static, rackedge."""
