# SPDX-License-Identifier: Apache-2.0
"""Air of a rack with several fans and up to four zones.

Fans blow in parallel into one plenum, each with a damper against back-flow, on linear curves:
p = s^2 - (1 - w) n s q, rack p = ratio w Q^2, in units of one fan's no-flow pressure and the free
flow of all n at full speed (s: speed over full). Summed over the fans that deliver this is a
quadratic in Q. Each zone gets the same flow and is one thermal mass, exact at a constant inlet;
the inlet follows the mixed outlet from step to step.
"""

import math
from collections.abc import Sequence

from hil.plant.air import AIR_J_M3_K, Air, AirSpec, FanSpec

SLOWEST = 1e-3
"""A fan slower than this over full speed delivers nothing."""


class ZonedAir(Air):
    """As Air; fans and zones have their own readings."""

    __slots__ = ("_duty", "_load_w", "_resistance", "_rpm", "_zone_c", "_zone_of")

    def __init__(
        self,
        spec: AirSpec,
        fans: FanSpec,
        zone_of: Sequence[int],
        load_w: Sequence[float],
        start: tuple[float, int],
    ) -> None:
        """`zone_of`: zone of each load; `load_w`: their draws, read at each step.

        start: heat, W, and fan duty, permille, of the steady state to begin with.
        """
        self._resistance = 1.0
        self._rpm = [fans.max_rpm * start[1] / 1000] * fans.count
        self._duty = [start[1]] * fans.count
        self._zone_of = tuple(zone_of)
        self._zone_c = [spec.room_c]
        self._load_w = load_w
        super().__init__(spec, fans, *start)
        self._zone_c = [self.outlet_c] * spec.zones
        self.inlet_c = self._inlet_c()

    @property
    def rpm(self) -> list[float]:
        """Of each fan."""
        return self._rpm

    @property
    def zone_c(self) -> list[float]:
        """Outlet temperature of each zone."""
        return self._zone_c

    def set_duty(self, permille: list[int] | tuple[int, ...]) -> None:
        """Command each fan, 0..1000; fewer than there are: the last one's for the rest."""
        last = len(permille) - 1
        self._duty = [permille[min(f, last)] for f in range(self.fans.count)]

    def conductance_w_k(self) -> float:
        """Heat carried out of the rack per kelvin of outlet over room, W/K."""
        return AIR_J_M3_K * self._flow_m3_s() * (1.0 - self._recirculation)

    def stored_j(self) -> float:
        """Heat taken up by the thermal masses since the start, J."""
        each_j_k = self.spec.heat_capacity_j_k / self.spec.zones
        return each_j_k * sum(celsius - self.start_c for celsius in self._zone_c)

    def step_fans(self, dt_s: float, powered: bool) -> float:
        """Move the fans toward their commands; returns their power, W (0 without a feed)."""
        if dt_s != self._fan_decay_dt_s:
            self._fan_decay_dt_s = dt_s
            self._fan_decay = -math.expm1(-dt_s / self._fan_tau_s)
        max_rpm, decay, rpm = self.fans.max_rpm, self._fan_decay, self._rpm
        cubes = fastest = 0.0
        for f, duty in enumerate(self._duty):
            target = max_rpm * duty / 1000 * self.health[f] if powered else 0.0
            rpm[f] = now = rpm[f] + decay * (target - rpm[f])
            cubes += (now / max_rpm) ** 3
            fastest = max(fastest, now)
        self.fan_rpm = fastest
        self.fan_w = self.fans.max_w * cubes / self.fans.count if powered else 0.0
        return self.fan_w

    def step(self, dt_s: float, heat_w: float) -> None:
        """Take up `heat_w` for `dt_s`, in the zones in proportion to their loads' draw."""
        zones = self.spec.zones
        capacity_j_k = self.spec.heat_capacity_j_k / zones
        conductance_w_k = AIR_J_M3_K * self._flow_m3_s() / zones
        gone = -math.expm1(-conductance_w_k * dt_s / capacity_j_k)
        inlet_c = self._inlet_c()
        outlets = self._zone_c
        shares = self._shares()
        for z, celsius in enumerate(outlets):
            settled_k = heat_w * shares[z] / conductance_w_k
            over_k = celsius - inlet_c
            self.carried_j += (
                conductance_w_k * settled_k * dt_s + capacity_j_k * (over_k - settled_k) * gone
            )
            outlets[z] = celsius + (settled_k - over_k) * gone
        self.outlet_c = outlets[0]
        self.inlet_c = self._inlet_c()

    def _inlet_c(self) -> float:
        mixed_c = sum(self._zone_c) / len(self._zone_c)
        return self.room_c + self._recirculation * (mixed_c - self.room_c)

    def _resist(self, ratio: float) -> None:
        self._resistance = ratio
        super()._resist(ratio)

    def _flow_m3_s(self) -> float:
        fans, rpm = self.fans, self._rpm
        fastest, slowest = max(rpm), min(rpm)
        if fastest == slowest:
            flow = fastest / fans.max_rpm * self._flow_ratio
        else:
            speeds = sorted((n / fans.max_rpm for n in rpm), reverse=True)
            flow = parallel_flow(speeds, fans.operating_ratio, self._resistance)
        return fans.leak_m3_s * self._flow_ratio + fans.flow_m3_s * flow

    def _shares(self) -> list[float]:
        """Part of the heat that each zone takes."""
        zones = self.spec.zones
        if zones == 1:
            return [1.0]
        watts = [0.0] * zones
        for zone, load_w in zip(self._zone_of, self._load_w, strict=True):
            watts[zone] += load_w
        total_w = sum(watts)
        return [each / total_w for each in watts] if total_w > 0 else [1.0 / zones] * zones


def parallel_flow(speeds: Sequence[float], operating_ratio: float, ratio: float) -> float:
    """Flow of parallel fans over their free flow; speeds over full speed, fastest first.

    A fan whose no-flow pressure is below the plenum's is shut off by its damper.
    """
    count = len(speeds)
    for delivering in range(count, 0, -1):
        slowest = speeds[delivering - 1]
        if slowest < SLOWEST:
            continue
        push = pull = 0.0
        for s in speeds[:delivering]:
            push += s
            pull += 1.0 / s
        slope = (1.0 - operating_ratio) * count
        bend = ratio * operating_ratio * pull
        flow = (math.sqrt(slope * slope + 4.0 * bend * push) - slope) / (2.0 * bend)
        if ratio * operating_ratio * flow * flow <= slowest * slowest:
            return flow
    return 0.0
