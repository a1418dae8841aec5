# SPDX-License-Identifier: Apache-2.0
"""Fans and air: one thermal mass (the servers) cooled by one stream of air.

C * T' = P - G * (T - T_in), G = rho * cp * V, T = outlet temperature, and a fraction r of the
outlet air comes back to the inlet: T_in = T_room + r * (T - T_room). With P and G constant over
a step the solution is exact, and so is the heat that the air has carried out. Racks with several
fans or zones: hil/plant/zones.py.
"""

import math
from dataclasses import dataclass

AIR_J_M3_K = 1.20 * 1005.0
"""Density (20 degC, 101 kPa) times specific heat of dry air, J/(m^3 K), ASHRAE Fundamentals."""

MOST_RECIRCULATION = 0.85
"""However the aisle is blocked, some air comes from the room."""


@dataclass(frozen=True, slots=True)
class FanSpec:
    """A wall of equal fans at full speed; flow goes with speed, power with its cube."""

    max_rpm: float = 6000.0
    max_w: float = 1200.0
    """Of all fans together."""
    flow_m3_s: float = 4.5
    """Of all fans together, into the free rack."""
    leak_m3_s: float = 0.15
    """Flow with the fans stopped (the servers' own draught)."""
    tau_s: float = 1.5
    """Speed follows the command with this time constant."""
    count: int = 1
    operating_ratio: float = 0.5
    """Static pressure at the working point over that at no flow: where the rack's resistance
    meets the fan's curve. Axial fans work at 0.3 to 0.7 of it, clear of their stall."""


@dataclass(frozen=True, slots=True)
class AirSpec:
    """Room and thermal mass."""

    room_c: float = 24.0
    recirculation: float = 0.08
    """Share of outlet air that comes back to the inlet."""
    heat_capacity_j_k: float = 320_000.0
    """Metal of the servers: about 4 J/K per watt of maximum power gives minutes, as recorded."""
    blocked_recirculation: float = 0.5
    """Added to `recirculation` as the aisle closes: what it does not give comes round the rack."""
    zones: int = 1
    """Parts of the rack with an outlet temperature of their own."""
    blocked: float = 0.0
    """Share of the aisle's opening that is blocked at the start."""


class Air:
    """Fan speed, inlet and outlet temperature, heat carried out and heat stored."""

    __slots__ = (
        "_blocked",
        "_clog",
        "_fan_decay",
        "_fan_decay_dt_s",
        "_fan_tau_s",
        "_flow_ratio",
        "_own_recirculation",
        "_recirculation",
        "carried_j",
        "fan_permille",
        "fan_rpm",
        "fan_w",
        "fans",
        "health",
        "inlet_c",
        "outlet_c",
        "room_c",
        "spec",
        "start_c",
    )

    def __init__(self, spec: AirSpec, fans: FanSpec, heat_w: float, fan_permille: int) -> None:
        self.spec = spec
        self.fans = fans
        self.room_c = spec.room_c
        self.health = [1.0] * fans.count
        """Speed that each fan reaches over that commanded: 0 stalled."""
        self._own_recirculation = self._recirculation = spec.recirculation
        self._blocked = self._clog = 0.0
        self._flow_ratio = 1.0
        if spec.blocked:
            self.obstruct(spec.blocked, 0.0)
        self.fan_permille = fan_permille
        self.fan_rpm = fans.max_rpm * fan_permille / 1000
        self.fan_w = fans.max_w * (self.fan_rpm / fans.max_rpm) ** 3
        self.outlet_c = self.start_c = self.room_c + (heat_w + self.fan_w) / self.conductance_w_k()
        self.inlet_c = self._inlet_c()
        self.carried_j = 0.0
        self.set_lag(fans.tau_s)

    @property
    def rpm(self) -> list[float]:
        """Of each fan."""
        return [self.fan_rpm]

    @property
    def zone_c(self) -> list[float]:
        """Outlet temperature of each zone."""
        return [self.outlet_c]

    @property
    def blocked(self) -> float:
        """Share of the aisle's opening that is blocked."""
        return self._blocked

    @property
    def clog(self) -> float:
        """Share of the filter's area that is clogged."""
        return self._clog

    @property
    def recirculation(self) -> float:
        """Share of outlet air that comes back now."""
        return self._recirculation

    @recirculation.setter
    def recirculation(self, share: float) -> None:
        self._own_recirculation = share
        self.obstruct(self._blocked, self._clog)

    def obstruct(self, blocked: float, clog: float) -> None:
        """Block the aisle and clog the filter, 0..1 each: less flow, more recirculation."""
        self._blocked, self._clog = blocked, clog
        self._resist(resistance(blocked, clog))
        back = self._own_recirculation + self.spec.blocked_recirculation * blocked
        self._recirculation = max(self._own_recirculation, min(back, MOST_RECIRCULATION))

    def set_duty(self, permille: "list[int] | tuple[int, ...]") -> None:
        """Command each fan, 0..1000."""
        self.fan_permille = permille[0]

    def set_lag(self, tau_s: float) -> None:
        """Let the fans follow their duty with another time constant."""
        self._fan_tau_s = tau_s
        self._fan_decay_dt_s = 0.0
        self._fan_decay = 0.0

    def conductance_w_k(self) -> float:
        """Heat carried out per kelvin of outlet over room, W/K, at the present fan speed."""
        fans = self.fans
        flow_m3_s = fans.leak_m3_s + fans.flow_m3_s * self.fan_rpm / fans.max_rpm
        return AIR_J_M3_K * flow_m3_s * self._flow_ratio * (1.0 - self._recirculation)

    def stored_j(self) -> float:
        """Heat taken up by the thermal mass since the start, J."""
        return self.spec.heat_capacity_j_k * (self.outlet_c - self.start_c)

    def step_fans(self, dt_s: float, powered: bool) -> float:
        """Move the fans toward their command; returns their power, W (0 without a feed)."""
        if dt_s != self._fan_decay_dt_s:
            self._fan_decay_dt_s = dt_s
            self._fan_decay = -math.expm1(-dt_s / self._fan_tau_s)
        target_rpm = self.fans.max_rpm * self.fan_permille / 1000 if powered else 0.0
        self.fan_rpm += self._fan_decay * (target_rpm * self.health[0] - self.fan_rpm)
        self.fan_w = self.fans.max_w * (self.fan_rpm / self.fans.max_rpm) ** 3 if powered else 0.0
        return self.fan_w

    def step(self, dt_s: float, heat_w: float) -> None:
        """Take up `heat_w` (servers, PSU loss and fans) for `dt_s`."""
        capacity_j_k = self.spec.heat_capacity_j_k
        conductance_w_k = self.conductance_w_k()
        over_k = self.outlet_c - self.room_c
        settled_k = heat_w / conductance_w_k
        gone = -math.expm1(-conductance_w_k * dt_s / capacity_j_k)
        self.carried_j += (
            conductance_w_k * settled_k * dt_s + capacity_j_k * (over_k - settled_k) * gone
        )
        self.outlet_c += (settled_k - over_k) * gone
        self.inlet_c = self._inlet_c()

    def _resist(self, ratio: float) -> None:
        self._flow_ratio = flow_ratio(self.fans.operating_ratio, ratio)

    def _inlet_c(self) -> float:
        return self.room_c + self._recirculation * (self.outlet_c - self.room_c)


def resistance(blocked: float, clog: float) -> float:
    """Flow resistance over that of the free rack; an opening's goes with 1 / area^2.

    Aisle and clean filter are taken as a tenth each of the whole.
    """
    return 0.8 + 0.1 / (1.0 - blocked) ** 2 + 0.1 / (1.0 - clog) ** 2


def flow_ratio(operating_ratio: float, ratio: float) -> float:
    """Flow at `ratio` times the resistance over the free flow, at any equal speed of all fans.

    Fan: p = 1 - (1 - w) q, rack: p = ratio w q^2, in units of no-flow pressure and free flow;
    w: operating ratio. Both scale with speed^2, so the ratio holds at every speed.
    """
    if ratio == 1.0:
        return 1.0
    slope, bend = 1.0 - operating_ratio, ratio * operating_ratio
    return (math.sqrt(slope * slope + 4.0 * bend) - slope) / (2.0 * bend)
