# SPDX-License-Identifier: Apache-2.0
"""Fans and air: one thermal mass (the servers) cooled by one stream of air.

C * T' = P - G * (T - T_in), G = rho * cp * V, T = outlet temperature, and a fraction r of the
outlet air comes back to the inlet: T_in = T_room + r * (T - T_room). With P and G constant over
a step the solution is exact, and so is the heat that the air has carried out.
"""

import math
from dataclasses import dataclass

AIR_J_M3_K = 1.20 * 1005.0
"""Density (20 degC, 101 kPa) times specific heat of dry air, J/(m^3 K), ASHRAE Fundamentals."""


@dataclass(frozen=True, slots=True)
class FanSpec:
    """A wall of equal fans at full speed; flow goes with speed, power with its cube."""

    max_rpm: float = 6000.0
    max_w: float = 1200.0
    flow_m3_s: float = 4.5
    leak_m3_s: float = 0.15
    """Flow with the fans stopped (the servers' own draught)."""
    tau_s: float = 1.5
    """Speed follows the command with this time constant."""


@dataclass(frozen=True, slots=True)
class AirSpec:
    """Room and thermal mass."""

    room_c: float = 24.0
    recirculation: float = 0.08
    """Share of outlet air that comes back to the inlet."""
    heat_capacity_j_k: float = 320_000.0
    """Metal of the servers: about 4 J/K per watt of maximum power gives minutes, as recorded."""


class Air:
    """Fan speed, inlet and outlet temperature, heat carried out and heat stored."""

    __slots__ = (
        "_fan_decay",
        "_fan_decay_dt_s",
        "carried_j",
        "fan_permille",
        "fan_rpm",
        "fan_w",
        "fans",
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
        self.fan_permille = fan_permille
        self.fan_rpm = fans.max_rpm * fan_permille / 1000
        self.fan_w = fans.max_w * (self.fan_rpm / fans.max_rpm) ** 3
        self.outlet_c = self.start_c = self.room_c + (heat_w + self.fan_w) / self.conductance_w_k()
        self.inlet_c = self._inlet_c()
        self.carried_j = 0.0
        self._fan_decay_dt_s = 0.0
        self._fan_decay = 0.0

    def conductance_w_k(self) -> float:
        """Heat carried out per kelvin of outlet over room, W/K, at the present fan speed."""
        fans = self.fans
        flow_m3_s = fans.leak_m3_s + fans.flow_m3_s * self.fan_rpm / fans.max_rpm
        return AIR_J_M3_K * flow_m3_s * (1.0 - self.spec.recirculation)

    def stored_j(self) -> float:
        """Heat taken up by the thermal mass since the start, J."""
        return self.spec.heat_capacity_j_k * (self.outlet_c - self.start_c)

    def step_fans(self, dt_s: float, powered: bool) -> float:
        """Move the fans toward their command; returns their power, W (0 without a feed)."""
        if dt_s != self._fan_decay_dt_s:
            self._fan_decay_dt_s = dt_s
            self._fan_decay = -math.expm1(-dt_s / self.fans.tau_s)
        target_rpm = self.fans.max_rpm * self.fan_permille / 1000 if powered else 0.0
        self.fan_rpm += self._fan_decay * (target_rpm - self.fan_rpm)
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

    def _inlet_c(self) -> float:
        return self.room_c + self.spec.recirculation * (self.outlet_c - self.room_c)
