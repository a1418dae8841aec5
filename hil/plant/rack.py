# SPDX-License-Identifier: Apache-2.0
"""The rack: demand and commands in, feed power, breaker state and temperatures out.

`step(dt_ms)` is the only way time passes. Readings are plain attributes and lists that are
updated in place; they hold what was true during the last step (powers, currents) or is true at
its end (theta, trips, temperatures). What a rack does not have costs it nothing.
"""

import math
from collections.abc import Sequence
from typing import Protocol

from hil.plant.demand import SettableDemand
from hil.plant.settable import SETTABLE, Settable, check_value, settable
from hil.plant.setters import make_air, make_liquid, make_meters, setters
from hil.plant.spec import RackSpec
from hil.plant.wiring import Wiring

__all__ = ["SETTABLE", "Rack", "Sampler"]


class Sampler(Protocol):
    """Anything that knows the demand at a time; `hil.trace.Demand` is one."""

    def at(self, t_ms: int) -> Sequence[float]:
        """W per load."""


class Rack(Wiring):
    """Two feeds through two breakers into servers and fans, cooled by air and coolant."""

    def __init__(
        self,
        spec: RackSpec,
        demand: Sampler,
        theta: tuple[float, float] | None = None,
        fan_permille: int = 1000,
    ) -> None:
        """Start cold of events: an idle rack in its steady state, or with the given `theta`."""
        super().__init__(spec)
        self._demand = demand
        self.air = make_air(spec, self._servers.load_w, fan_permille)
        self.liquid = make_liquid(spec)
        self._parts = self.bbu is not None or self.liquid is not None
        self.extras = self._parts or spec.frequency_hz is not None or spec.relays.feedback
        """The board reads more than power, air and fans."""
        self.meters = make_meters(spec)
        """Between truth and readings; None: exact."""
        self._setters = setters(self)
        self._known: dict[str, Settable] = {}
        self._start_breakers(theta, self.air.fan_w)

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
        elif self.bbu is not None and self.bbu.gave_up and self._carried:
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
        entry = self._known.get(name)
        if entry is None:
            entry = settable(name, [load.name for load in self.spec.loads], self.parts)
            self._known[name] = entry
        check_value(name, entry, value)
        self._setters[name](value)

    def own_demand(self) -> SettableDemand:
        """The demand that a stimulus sets; from the first call on it is the rack's."""
        if not isinstance(self._demand, SettableDemand):
            self._demand = SettableDemand(self.spec.loads, self._demand.at(self.now_ms))
        return self._demand

    @property
    def parts(self) -> frozenset[str]:
        """What it has of `liquid`, `bbu`, `frequency_hz`."""
        fitted = {"liquid": self.liquid, "bbu": self.bbu, "frequency_hz": self.spec.frequency_hz}
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

    def set_fan_lag(self, tau_s: float | None) -> None:
        """Time constant with which the fans follow their duty, s; None: their own."""
        self.air.set_lag(self.spec.fans.tau_s if tau_s is None else tau_s)

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
            if self._carried:
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

    def _publish_air(self) -> None:
        air = self.air
        self.inlet_c = air.inlet_c
        self.outlet_c = air.outlet_c
        self.fan_rpm = air.fan_rpm
        self.fan_w = air.fan_w
