# SPDX-License-Identifier: Apache-2.0
"""The rack: demand and commands in, feed power, breaker state and temperatures out.

`step(dt_ms)` is the only way time passes. Readings are plain attributes and lists that are
updated in place; they hold what was true during the last step (powers, currents) or is true at
its end (theta, trips, temperatures).
"""

from collections.abc import Sequence
from typing import Protocol

from hil.plant.air import Air
from hil.plant.breaker import Breaker
from hil.plant.server import Servers
from hil.plant.spec import RackSpec


class Sampler(Protocol):
    """Anything that knows the demand at a time; `hil.trace.Demand` is one."""

    def at(self, t_ms: int) -> Sequence[float]:
        """W per load."""


class Rack:
    """Two feeds through two breakers into servers and fans, cooled by air."""

    def __init__(
        self,
        spec: RackSpec,
        demand: Sampler,
        theta: tuple[float, float] | None = None,
        fan_permille: int = 1000,
    ) -> None:
        """Start cold of events: an idle rack in its steady state, or with the given `theta`."""
        self.spec = spec
        self._demand = demand
        self._servers = Servers(spec.loads, spec.caps, spec.boot_s, spec.noise, spec.seed)
        idle_w = sum(load.idle_w for load in spec.loads)
        self._air = Air(spec.air, spec.fans, idle_w, fan_permille)
        self._breakers = tuple(Breaker(feed.curve, feed.rating_a) for feed in spec.feeds)
        self._a_per_w = [feed.a_per_w for feed in spec.feeds]
        self._failed = [False, False]
        self._relays = (1 << 16) - 1
        self._relay_on = [True] * len(spec.loads)
        self._without_power = [False] * len(spec.loads)
        self._start_breakers(theta)

        self.now_ms = 0
        self.demand_w = self._servers.demand_w
        self.load_w = self._servers.load_w
        self.cap_requested_w = self._servers.cap_requested_w
        self.cap_enforced_w = self._servers.cap_enforced_w
        self.feed_w = [0.0, 0.0]
        self.feed_a = [0.0, 0.0]
        self.feed_v = [feed.voltage_v for feed in spec.feeds]
        self.theta = [breaker.theta for breaker in self._breakers]
        self.tripped = [False, False]
        self.trips = 0
        self.first_trip_s: float | None = None
        self._publish_air()
        self.served_j = 0.0
        self.demand_j = 0.0
        self.feed_j = 0.0
        self.dc_j = 0.0
        self.psu_loss_j = 0.0
        self.fan_j = 0.0

    def step(self, dt_ms: int) -> None:
        """Advance by `dt_ms`, with demand, commands and feeds as they stand now."""
        dt_s = dt_ms / 1000
        a_live, b_live = self.feed_v[0] > 0.0, self.feed_v[1] > 0.0
        fan_w = self._air.step_fans(dt_s, a_live or b_live)
        wanted_w, ac_w, a_w, dc_w = self._servers.step(
            self.now_ms, dt_s, self._demand.at(self.now_ms), 2 if a_live and b_live else 1
        )
        total_w = ac_w + fan_w
        if a_live and b_live:
            a_w += fan_w / 2
        else:
            a_w = total_w if a_live else 0.0
        self._carry(dt_s, a_w, total_w - a_w)
        self._air.step(dt_s, total_w)
        self._publish_air()
        self.served_j += ac_w * dt_s
        self.demand_j += wanted_w * dt_s
        self.feed_j += total_w * dt_s
        self.dc_j += dc_w * dt_s
        self.psu_loss_j += (ac_w - dc_w) * dt_s
        self.fan_j += fan_w * dt_s

    def set_cap(self, load: int, watts: float | None) -> None:
        """Request a power cap on a load, W of AC input; None takes it off."""
        self._servers.set_cap(self.now_ms, load, watts)

    def set_fan(self, permille: int) -> None:
        """Command the speed of the fan wall, 0..1000."""
        self._air.fan_permille = min(max(permille, 0), 1000)

    def set_relays(self, mask: int) -> None:
        """Bit g set: relay group g is on. A load switched on again boots first."""
        if mask == self._relays:
            return
        self._relays = mask
        for i, load in enumerate(self.spec.loads):
            self._relay_on[i] = bool(mask >> load.group & 1)
        self._switch()

    def set_room(self, celsius: float) -> None:
        """Set the temperature of the supply air."""
        self._air.room_c = celsius

    def fail_feed(self, name: str) -> None:
        """Take the supply of a feed away, upstream of its breaker."""
        self._failed[self._index(name)] = True
        self._update_feeds()

    def restore_feed(self, name: str) -> None:
        """Give the supply back; a tripped breaker stays open, dark loads stay off."""
        self._failed[self._index(name)] = False
        self._update_feeds()

    def reclose(self, name: str) -> None:
        """Close a tripped breaker by hand; it keeps its heat."""
        feed = self._index(name)
        self._breakers[feed].tripped = self.tripped[feed] = False
        self._update_feeds()

    def restart(self) -> None:
        """Switch on, by hand, the loads that went dark when both feeds were gone."""
        if any(self.feed_v):
            self._without_power = [False] * len(self._without_power)
            self._switch()

    def time_to_trip_s(self, name: str) -> float:
        """Seconds to the trip of a feed's breaker at its present current; inf if never."""
        feed = self._index(name)
        return self._breakers[feed].time_to_trip_s(self.feed_a[feed])

    def is_off(self, load: int) -> bool:
        """Whether a load is cut off (relay or no feed)."""
        return self._servers.is_off(load)

    @property
    def carried_j(self) -> float:
        """Heat that the air has carried out, J."""
        return self._air.carried_j

    @property
    def stored_j(self) -> float:
        """Heat stored in the servers' mass since the start, J."""
        return self._air.stored_j()

    def _start_breakers(self, theta: tuple[float, float] | None) -> None:
        fan_w = self._air.fan_w / 2
        a_w = sum(load.idle_w * load.share_a for load in self.spec.loads) + fan_w
        b_w = sum(load.idle_w * (1 - load.share_a) for load in self.spec.loads) + fan_w
        for i, idle_w in enumerate((a_w, b_w)):
            breaker = self._breakers[i]
            # A trace without pauses has an idle above the rating; nobody starts a tripped rack.
            settled = breaker.heating(min(idle_w * self._a_per_w[i], breaker.rating_a))
            breaker.theta = settled if theta is None else theta[i]

    def _carry(self, dt_s: float, a_w: float, b_w: float) -> None:
        self.now_ms += round(dt_s * 1000)
        self.feed_w[0], self.feed_w[1] = a_w, b_w
        for i, breaker in enumerate(self._breakers):
            self.feed_a[i] = current_a = self.feed_w[i] * self._a_per_w[i]
            if breaker.step(dt_s, current_a):
                self._trip(i)
            self.theta[i] = breaker.theta

    def _trip(self, feed: int) -> None:
        self.tripped[feed] = True
        self.trips += 1
        if self.first_trip_s is None:
            self.first_trip_s = self.now_ms / 1000
        self._update_feeds()

    def _update_feeds(self) -> None:
        for i, feed in enumerate(self.spec.feeds):
            self.feed_v[i] = 0.0 if self._failed[i] or self.tripped[i] else feed.voltage_v
        if not any(self.feed_v):
            self._without_power = [True] * len(self._without_power)
            self._switch()

    def _switch(self) -> None:
        for i, dark in enumerate(self._without_power):
            self._servers.switch(self.now_ms, i, self._relay_on[i] and not dark)

    def _publish_air(self) -> None:
        air = self._air
        self.inlet_c = air.inlet_c
        self.outlet_c = air.outlet_c
        self.fan_rpm = air.fan_rpm
        self.fan_w = air.fan_w

    def _index(self, name: str) -> int:
        for i, feed in enumerate(self.spec.feeds):
            if feed.name == name:
                return i
        raise ValueError(f"no feed {name!r}: the feeds are {[f.name for f in self.spec.feeds]}")
