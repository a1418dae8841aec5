# SPDX-License-Identifier: Apache-2.0
"""The rack: demand and commands in, feed power, breaker state and temperatures out.

`step(dt_ms)` is the only way time passes. Readings are plain attributes and lists that are
updated in place; they hold what was true during the last step (powers, currents) or is true at
its end (theta, trips, temperatures). What a rack does not have costs it nothing.
"""

import math
from collections.abc import Sequence
from typing import Protocol

from hil.plant.bbu import Bbu
from hil.plant.cords import Cords
from hil.plant.demand import SettableDemand
from hil.plant.feeds import Feeds
from hil.plant.psu import CLASSES
from hil.plant.relays import Relays
from hil.plant.server import Servers
from hil.plant.settable import SETTABLE, check_value, settable
from hil.plant.setters import make_air, make_liquid, make_meters, setters
from hil.plant.spec import InrushSpec, RackSpec

__all__ = ["SETTABLE", "Rack", "Sampler"]

STARTS_BELOW = 0.99
"""Heat of a breaker that has not tripped, however hot its surroundings."""


class Sampler(Protocol):
    """Anything that knows the demand at a time; `hil.trace.Demand` is one."""

    def at(self, t_ms: int) -> Sequence[float]:
        """W per load."""


class Rack:
    """Two feeds through two breakers into servers and fans, cooled by air and coolant."""

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
        psu = CLASSES[spec.psu]
        self._servers = Servers(spec.loads, spec.caps, spec.boot_s, spec.noise, spec.seed, psu)
        self.air = make_air(spec, self._servers.load_w, fan_permille)
        self.feeds = Feeds(spec.feeds, [load.phase for load in spec.loads])
        self._cords = Cords(spec.loads)
        self.relays = Relays(spec.relays)
        self.bbu = None if spec.bbu is None else Bbu(spec.bbu)
        self.liquid = make_liquid(spec)
        self._parts = self.bbu is not None or self.liquid is not None
        self.extras = self._parts or spec.frequency_hz is not None or spec.relays.feedback
        """The board reads more than power, air and fans."""
        self.meters = make_meters(spec)
        """Between truth and readings; None: exact."""
        self.group_of = tuple(load.group for load in spec.loads)
        self.groups = 1 + max(self.group_of)
        self.on = [True] * len(spec.loads)
        """Each load has power and a closed contact."""
        self._setters = setters(self)
        self.now_ms = 0
        self.rewire()
        self._start_breakers(theta)

        self.freq_hz = spec.frequency_hz
        self.rh = spec.rh
        self.demand_w = self._servers.demand_w
        self.load_w = self._servers.load_w
        self.cap_requested_w = self._servers.cap_requested_w
        self.cap_enforced_w = self._servers.cap_enforced_w
        self.feed_w = self.feeds.watts
        self.feed_a = self.feeds.amps
        self.feed_v = self.feeds.volts
        self.theta = self.feeds.theta
        self.tripped = self.feeds.tripped
        self.trips = 0
        self.first_trip_s: float | None = None
        self._publish_air()
        self.served_j = 0.0
        self.demand_j = 0.0
        self.feed_j = 0.0
        self.dc_j = 0.0
        self.psu_loss_j = 0.0
        self.fan_j = 0.0
        self.pump_j = 0.0

    def step(self, dt_ms: int) -> None:
        """Advance by `dt_ms`, with demand, commands and feeds as they stand now."""
        dt_s = dt_ms / 1000
        if self.relays.moving and self.relays.settle(self.now_ms + dt_ms // 2):
            self._switch()
        if self.spec.throttle is not None:
            self._throttle()
        servers, feeds = self._servers, self.feeds
        a_live, b_live = feeds.live
        fan_w = self.air.step_fans(dt_s, a_live or b_live or self.on_battery)
        if self._cords.drooping:
            self._cords.droop(servers)
        wanted_w, ac_w, a_w, dc_w = servers.step(self.now_ms, dt_s, self._demand.at(self.now_ms))
        own_w, total_w = fan_w, ac_w + fan_w
        heat_w = total_w
        if self._parts:
            own_w, total_w, heat_w = self._run_parts(dt_s, ac_w, dc_w, fan_w)
        own_a_w = own_w / 2
        if a_live and b_live:
            a_w += own_a_w
        else:
            a_w = total_w if a_live else 0.0
            own_a_w = own_w if a_live else 0.0
        self.now_ms += dt_ms
        phase_w = None
        if feeds.uneven:
            even_w = (own_a_w, own_w - own_a_w if b_live else 0.0)
            load_w, on_battery = servers.load_w, self._cords.on_battery
            phase_w = feeds.by_phase(load_w, servers.part_a, on_battery, even_w)
        trips = feeds.carry(dt_s, a_w, total_w - a_w, phase_w)
        if trips:
            self._tripped(trips)
        elif self.bbu is not None and self.bbu.gave_up:
            self.rewire()
        self.air.step(dt_s, heat_w)
        self._publish_air()
        self.served_j += ac_w * dt_s
        self.demand_j += wanted_w * dt_s
        self.feed_j += total_w * dt_s
        self.dc_j += dc_w * dt_s
        self.psu_loss_j += (ac_w - dc_w) * dt_s
        self.fan_j += fan_w * dt_s

    def set(self, name: str, value: float) -> None:
        """Set a signal of SETTABLE, or `demand_w_NAME`. Raises ConfigError."""
        entry = settable(name, [load.name for load in self.spec.loads], self.parts)
        check_value(name, entry, value)
        self._setters[name](value)

    def own_demand(self) -> SettableDemand:
        """The demand that a stimulus sets; from the first call on it is the rack's."""
        if not isinstance(self._demand, SettableDemand):
            self._demand = SettableDemand(self.spec.loads, self._demand.at(self.now_ms))
        return self._demand

    @property
    def parts(self) -> frozenset[str]:
        """What it has of `liquid`, `bbu`, `frequency`."""
        fitted = {"liquid": self.liquid, "bbu": self.bbu, "frequency": self.spec.frequency_hz}
        return frozenset(name for name, part in fitted.items() if part is not None)

    def set_cap(self, load: int, watts: float | None) -> None:
        """Request a power cap on a load, W of AC input; None takes it off."""
        self._servers.set_cap(self.now_ms, load, watts)

    def set_fan(self, permille: int) -> None:
        """Command the speed of all fans, 0..1000."""
        self.set_fans((permille,))

    def set_fans(self, permille: Sequence[int]) -> None:
        """Command each fan, 0..1000; fewer than there are: the last one's for the rest."""
        self.air.set_duty([min(max(duty, 0), 1000) for duty in permille])

    def set_fan_health(self, fan: int, ratio: float) -> None:
        """How fast a fan turns over what it is told: 1 sound, 0 stalled. Raises IndexError."""
        self.air.health[fan] = ratio

    def set_relays(self, mask: int) -> None:
        """Bit g set: relay group g is on. A load switched on again boots first."""
        if mask != self.relays.command:
            self.relays.set(mask, self.now_ms)
            if self.relays.settle(self.now_ms):
                self._switch()

    def set_room(self, celsius: float) -> None:
        """Set the temperature of the supply air."""
        self.air.room_c = celsius
        if self.liquid is not None:
            self.liquid.room_c = celsius

    def set_recharge(self, watts: float) -> None:
        """Set-point of the battery shelf's recharge, W at the feeds. Raises ValueError."""
        if self.bbu is None or not 0.0 <= watts < math.inf:
            raise ValueError(f"recharge of {watts!r} W: no shelf, or no finite value >= 0")
        self.bbu.recharge_set_w = watts

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

    def trip(self, name: str) -> None:
        """Open a breaker, as by hand or by its own fault."""
        feed = self.feeds.index(name)
        if not self.tripped[feed]:
            self.feeds.breakers[feed].tripped = self.tripped[feed] = True
            self._tripped(1)

    def reclose(self, name: str) -> None:
        """Close a tripped breaker by hand; it keeps its heat."""
        feed = self.feeds.index(name)
        self.feeds.breakers[feed].tripped = self.tripped[feed] = False
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
        """Fans and pump are carried by the battery shelf."""
        self._cords.wire(feeds, self._servers, carries, start or self.spec.auto_start)
        if bbu is not None and any(feeds.live):
            bbu.gave_up = False
        self._switch()

    def time_to_trip_s(self, name: str) -> float:
        """Seconds to the trip of a feed's breaker at its present current; inf if never."""
        feed = self.feeds.index(name)
        return self.feeds.breakers[feed].time_to_trip_s(self.feed_a[feed])

    def is_off(self, load: int) -> bool:
        """Whether a load is cut off (relay or no feed)."""
        return self._servers.is_off(load)

    @property
    def throttled(self) -> int:
        """Loads that heat limits."""
        return self._servers.throttled

    @property
    def fan_rpms(self) -> list[float]:
        """Speed of each fan."""
        return self.air.rpm

    @property
    def zone_c(self) -> list[float]:
        """Outlet temperature of each zone."""
        return self.air.zone_c

    @property
    def carried_j(self) -> float:
        """Heat that the air has carried out, J."""
        return self.air.carried_j

    @property
    def stored_j(self) -> float:
        """Heat stored in the servers' mass since the start, J."""
        return self.air.stored_j()

    @property
    def unaccounted_j(self) -> float:
        """Energy in, less energy stored and carried away, J: rounding, if the plant is right."""
        out_j = self.carried_j + self.stored_j
        if self.liquid is not None:
            loop = self.liquid
            out_j += loop.facility_j + loop.room_j + loop.stored_j()
        if self.bbu is not None:
            out_j += self.bbu.stored_j - self.bbu.start_j
        return self.feed_j - out_j

    def _run_parts(
        self, dt_s: float, ac_w: float, dc_w: float, fan_w: float
    ) -> tuple[float, float, float]:
        """Coolant loop and battery: (fans and the like, from the feeds, heat into the air), W."""
        live = self.feeds.live
        own_w, heat_w, battery_w = fan_w, ac_w + fan_w, 0.0
        if self.liquid is not None:
            loop = self.liquid
            plate_w = dc_w * self.spec.liquid_share
            loop.powered = live[0] or live[1] or self.on_battery
            pump_w = loop.step(dt_s, plate_w)
            own_w += pump_w
            heat_w += pump_w * (1.0 - loop.spec.pump_efficiency) - plate_w
            self.pump_j += pump_w * dt_s
        bbu = self.bbu
        if bbu is not None:
            if self._cords.on_battery or self.on_battery:
                battery_w = sum(self.load_w[i] for i in self._cords.on_battery)
                battery_w += own_w if self.on_battery else 0.0
                heat_w += bbu.discharge(dt_s, battery_w)
            elif live[0] or live[1]:
                recharge_w = bbu.recharge_w(dt_s)
                own_w += recharge_w
                heat_w += recharge_w * (1.0 - bbu.spec.charge_efficiency)
            else:
                bbu.power_w = 0.0
        total_w = ac_w + own_w - battery_w if live[0] or live[1] else 0.0
        return own_w, total_w, heat_w

    def _throttle(self) -> None:
        spec = self.spec.throttle
        if spec is None:
            return
        over_k = self.inlet_c - spec.inlet_c
        if self.liquid is not None:
            over_k = max(over_k, self.liquid.plate_c - spec.plate_c)
        self._servers.throttle(min(max(over_k / spec.band_k, 0.0), 1.0))

    def _start_breakers(self, theta: tuple[float, float] | None) -> None:
        fan_w = self.air.fan_w / 2
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
                self._inrush(i, inrush)

    def _inrush(self, load: int, inrush: InrushSpec) -> None:
        share_a = self._servers.part_a[load]
        for feed, share in enumerate((share_a, 1.0 - share_a)):
            if self.feeds.live[feed] and share > 0.0:
                spec, of = self.spec.feeds[feed], self.spec.loads[load]
                phases = spec.phases if of.phase is None else 1
                rated_a = of.max_w * share / (spec.voltage_v * phases)
                self.feeds.surge(feed, inrush.times * rated_a, inrush.for_ms / 1000)

    def _publish_air(self) -> None:
        air = self.air
        self.inlet_c = air.inlet_c
        self.outlet_c = air.outlet_c
        self.fan_rpm = air.fan_rpm
        self.fan_w = air.fan_w
