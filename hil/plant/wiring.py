# SPDX-License-Identifier: Apache-2.0
"""The way of power into the loads: feeds, breakers, cords, battery, relays; and what breaks it."""

from hil.plant.bbu import Bbu
from hil.plant.cords import Cords
from hil.plant.feeds import Feeds
from hil.plant.psu import CLASSES
from hil.plant.relays import Relays
from hil.plant.server import Servers
from hil.plant.spec import RackSpec

STARTS_BELOW = 0.99
"""Heat of a breaker that has not tripped, however hot its surroundings."""


class Wiring:
    """What of a rack is upstream of its servers, and the servers; hil.plant.rack has the rest."""

    def __init__(self, spec: RackSpec) -> None:
        self.spec = spec
        psu = CLASSES[spec.psu]
        self._servers = Servers(spec.loads, spec.caps, spec.boot_s, spec.noise, spec.seed, psu)
        self.feeds = Feeds(spec.feeds, [load.phase for load in spec.loads])
        self._cords = Cords(spec.loads)
        self.relays = Relays(spec.relays)
        self.bbu = None if spec.bbu is None else Bbu(spec.bbu)
        self.group_of = tuple(load.group for load in spec.loads)
        self.groups = 1 + max(self.group_of)
        self.on = [True] * len(spec.loads)
        """Each load has power and a closed contact."""
        self.on_battery = False
        """Fans and pump are carried by the battery shelf."""
        self.now_ms = 0
        self.trips = 0
        self.first_trip_s: float | None = None
        self.rewire()

    def set_relays(self, mask: int) -> None:
        """Bit g set: relay group g is on. A load switched on again boots first."""
        if mask != self.relays.command:
            self.relays.set(mask, self.now_ms)
            if self.relays.settle(self.now_ms):
                self._switch()

    def fail_feed(self, name: str) -> None:
        """Take the supply of a feed away, upstream of its breaker."""
        self.feeds.cut[self.feeds.index(name)] = True
        self.rewire()

    def restore_feed(self, name: str) -> None:
        """Give the supply back; a tripped breaker stays open, dark loads stay off."""
        self.feeds.cut[self.feeds.index(name)] = False
        self.rewire()

    def lose_phase(self, name: str, phase: int) -> None:
        """Take one phase, 1..3, of a feed away. Raises ValueError."""
        feed = self.feeds.index(name)
        if not 1 <= phase <= self.spec.feeds[feed].phases:
            raise ValueError(
                f"feed {name} has no phase {phase}: 1 to {self.spec.feeds[feed].phases}"
            )
        self.feeds.lost[feed].add(phase)
        self.rewire()

    def restore_phase(self, name: str, phase: int) -> None:
        """Give a phase back."""
        self.feeds.lost[self.feeds.index(name)].discard(phase)
        self.rewire()

    def fail_psu(self, load: int, side: str) -> None:
        """Break the PSUs of a load on side `A` or `B`; the other side takes over."""
        self._cords.set_psu(load, side, works=False)
        self.rewire()

    def restore_psu(self, load: int, side: str) -> None:
        """Mend them; a load that went dark stays off unless it starts by itself."""
        self._cords.set_psu(load, side, works=True)
        self.rewire()

    def surge(self, load: int, times: float, for_ms: int) -> None:
        """A load takes `times` its rated current (RMS) for some ms of the next step.

        It heats the breakers and may pass their magnetic gate; meters are too slow for it. A load
        on the battery shelf takes it from there.
        """
        if load in self._cords.on_battery:
            return
        share_a = self._servers.part_a[load]
        of = self.spec.loads[load]
        for feed, share in enumerate((share_a, 1.0 - share_a)):
            if self.feeds.live[feed] and share > 0.0:
                spec = self.spec.feeds[feed]
                phases = spec.phases if of.phase is None else 1
                rated_a = of.max_w * share / (spec.voltage_v * phases)
                self.feeds.surge(feed, times * rated_a, for_ms / 1000)

    def trip(self, name: str) -> None:
        """Open a breaker, as by hand or by its own fault."""
        feed = self.feeds.index(name)
        if not self.feeds.tripped[feed]:
            self.feeds.breakers[feed].tripped = self.feeds.tripped[feed] = True
            self._tripped(1)

    def reclose(self, name: str) -> None:
        """Close a tripped breaker by hand; it keeps its heat."""
        feed = self.feeds.index(name)
        self.feeds.breakers[feed].tripped = self.feeds.tripped[feed] = False
        self.rewire()

    def restart(self) -> None:
        """Switch on, by hand, the loads that went dark and have power again."""
        self.rewire(start=True)

    def rewire(self, start: bool = False) -> None:
        """After something upstream of the loads has changed: work out who has power."""
        feeds, bbu = self.feeds, self.bbu
        feeds.refresh()
        carries = bbu is not None and bbu.carries
        self.on_battery = carries and not any(feeds.live)
        self._cords.wire(feeds, self._servers, carries, start or self.spec.auto_start)
        if bbu is not None and any(feeds.live):
            bbu.gave_up = False
        self._switch()

    def time_to_trip_s(self, name: str) -> float:
        """Seconds to the trip of a feed's breaker at its present current; inf if never."""
        feed = self.feeds.index(name)
        return self.feeds.breakers[feed].time_to_trip_s(self.feeds.amps[feed])

    def is_off(self, load: int) -> bool:
        """Whether a load is cut off (relay or no feed)."""
        return self._servers.is_off(load)

    @property
    def _carried(self) -> bool:
        """The battery shelf carries something."""
        return self.on_battery or bool(self._cords.on_battery)

    def _start_breakers(self, theta: tuple[float, float] | None, own_w: float) -> None:
        fan_w = own_w / 2
        a_w = sum(load.idle_w * load.share_a for load in self.spec.loads) + fan_w
        b_w = sum(load.idle_w * (1 - load.share_a) for load in self.spec.loads) + fan_w
        for i, idle_w in enumerate((a_w, b_w)):
            breaker = self.feeds.breakers[i]
            # A trace without pauses has an idle above the rating; nobody starts a tripped rack.
            settled = breaker.heating(min(idle_w * self.spec.feeds[i].a_per_w, breaker.rating_a))
            breaker.theta = min(settled, STARTS_BELOW) if theta is None else theta[i]
            self.feeds.theta[i] = breaker.theta

    def _tripped(self, trips: int) -> None:
        self.trips += trips
        if self.first_trip_s is None:
            self.first_trip_s = self.now_ms / 1000
        self.rewire()

    def _switch(self) -> None:
        closed, inrush = self.relays.closed, self.spec.inrush
        for i, group in enumerate(self.group_of):
            self.on[i] = on = bool(closed >> group & 1) and not self._cords.dark[i]
            if self._servers.switch(self.now_ms, i, on) and inrush is not None:
                self.surge(i, inrush.times, inrush.for_ms)
