# SPDX-License-Identifier: Apache-2.0
"""What the cooling controllers of the benchmark run against, and what is counted.

The air path of hil/plant, sized as hil sizes a rack; an outlet sensor as on a board: a lag,
noise, steps of its converter. One run: warm-up at the first load, then the profile.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from hil.plant.air import AIR_J_M3_K, Air, AirSpec, FanSpec
from hil.plant.spec import FAN_W_PER_W, FULL_FAN_RISE_K, HEAT_J_K_PER_W

TICK_S = 0.1
WARM_UP_S = 1200.0
"""At the first load, not counted: a rack has been running before it is looked at."""

SETPOINT_C = 46.0
"""Outlet air, 22 K above the room: with 30 % less flow the full fans just hold 30 kW there."""

LIMIT_C = SETPOINT_C + 4.0
MIN_PERMILLE = 150
SENSOR_LAG_S = 5.0
SENSOR_NOISE_C = 0.15
SENSOR_STEP_C = 0.25


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What the plant is, over what a controller was set up for."""

    flow: float = 1.0
    heat_capacity: float = 1.0
    power_meter: float = 1.0
    """Power read over power drawn: the gain of a feed-forward."""

    @property
    def name(self) -> str:
        """As it stands in the table."""
        parts = (("flow", self.flow), ("mass", self.heat_capacity), ("meter", self.power_meter))
        return ", ".join(f"{n} {v - 1:+.0%}" for n, v in parts if v != 1.0) or "as designed"


MISMATCHES = (
    Mismatch(),
    *(Mismatch(flow=1 + sign * 0.3) for sign in (-1, 1)),
    *(Mismatch(heat_capacity=1 + sign * 0.3) for sign in (-1, 1)),
    *(Mismatch(power_meter=1 + sign * 0.3) for sign in (-1, 1)),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a controller is given every 100 ms."""

    outlet_c: float
    inlet_c: float
    power_w: float


Controller = Callable[[Seen], int]
"""Fan duty, permille; called every 100 ms."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Heat over time: rows of (from second, W); design_w sizes the rack."""

    name: str
    rows: tuple[tuple[float, float], ...]
    seconds: float
    design_w: float


@dataclass(frozen=True, slots=True)
class Score:
    """One controller on one case; lower is better in all but `bias_k`."""

    iae_ks: float
    """Integral of |outlet - setpoint|, K s, while the load can be held there."""
    held_s: float
    """How long that is."""
    over_k: float
    """Peak over the setpoint, K."""
    above_s: float
    """Time above LIMIT_C."""
    fan_wh: float
    travel_percent: float
    """Sum of all changes of the duty."""
    error_ks: float
    """Integral of the signed error, over the same time as iae_ks."""
    end_k: float
    """Error at the end: what is above 0 still has to be cooled."""

    @property
    def mean_k(self) -> float:
        """Mean |error|, K."""
        return self.iae_ks / max(self.held_s, TICK_S)

    @property
    def bias_k(self) -> float:
        """Mean error, K: above 0 the rack runs warm."""
        return self.error_ks / max(self.held_s, TICK_S)

    def __str__(self) -> str:
        return (
            f"IAE {self.iae_ks:.0f} K s (mean {self.mean_k:.2f} K, bias {self.bias_k:+.2f} K), "
            f"peak {self.over_k:+.1f} K, fans {self.fan_wh:.1f} Wh, "
            f"travel {self.travel_percent:.0f} %, ends at {self.end_k:+.1f} K"
        )

    @classmethod
    def total(cls, runs: Sequence["Score"], seeds: int) -> "Score":
        """Of several profiles together, mean over the seeds; the highest peak, the mean end."""
        sums = {
            field.name: sum(getattr(run, field.name) for run in runs) / seeds
            for field in fields(cls)
        }
        over_k = max(run.over_k for run in runs)
        end_k = sum(run.end_k for run in runs) / len(runs)
        return cls(**sums | {"over_k": over_k, "end_k": end_k})


def plant(profile: Profile, off: Mismatch) -> Air:
    """The rack's air as hil.plant sizes it, off from the design, settled at the first load."""
    flow_m3_s = off.flow * profile.design_w / (AIR_J_M3_K * FULL_FAN_RISE_K)
    fans = FanSpec(
        max_w=FAN_W_PER_W * profile.design_w, flow_m3_s=flow_m3_s, leak_m3_s=0.03 * flow_m3_s
    )
    spec = AirSpec(heat_capacity_j_k=off.heat_capacity * HEAT_J_K_PER_W * profile.design_w)
    return Air(spec, fans, profile.rows[0][1], 500)


def needed_permille(air: Air, heat_w: float) -> float:
    """Duty at which the outlet settles at the setpoint, fan heat apart; may be out of 0..1000."""
    flow_m3_s = heat_w / (SETPOINT_C - air.room_c) / AIR_J_M3_K / (1 - air.spec.recirculation)
    return (flow_m3_s - air.fans.leak_m3_s) / air.fans.flow_m3_s * 1000


def least_travel_percent(profile: Profile, off: Mismatch) -> float:
    """What the duty must move, %, to settle at the setpoint at each row's load, one by one."""
    air = plant(profile, off)
    duties = [
        min(max(needed_permille(air, heat_w), MIN_PERMILLE), 1000) for _, heat_w in profile.rows
    ]
    return sum(abs(after - before) for before, after in pairwise(duties)) / 10


class Sensor:
    """The outlet sensor and its converter."""

    def __init__(self, outlet_c: float, seed: int) -> None:
        self._rng = random.Random(seed)
        self._lagged_c = outlet_c
        self._lag = -math.expm1(-TICK_S / SENSOR_LAG_S)

    def read(self, outlet_c: float) -> float:
        """One sample, degC."""
        self._lagged_c += self._lag * (outlet_c - self._lagged_c)
        noisy_c = self._lagged_c + self._rng.gauss(0.0, SENSOR_NOISE_C)
        return round(noisy_c / SENSOR_STEP_C) * SENSOR_STEP_C


def heats(profile: Profile) -> Iterator[tuple[float, float]]:
    """(seconds, W) of every tick; below 0 s it is the warm-up."""
    row, rows = 0, profile.rows
    for tick in range(round((WARM_UP_S + profile.seconds) / TICK_S)):
        t_s = tick * TICK_S - WARM_UP_S
        while row + 1 < len(rows) and rows[row + 1][0] <= t_s:
            row += 1
        yield t_s, rows[row][1]


def run_once(profile: Profile, off: Mismatch, controller: Controller, seed: int = 1) -> Score:
    """Warm up, then replay the profile and count."""
    air = plant(profile, off)
    sensor = Sensor(air.outlet_c, seed)
    iae = error = over = above_s = fan_j = travel = held_s = 0.0
    for t_s, heat_w in heats(profile):
        before = air.fan_permille
        seen = Seen(sensor.read(air.outlet_c), air.inlet_c, heat_w * off.power_meter)
        air.fan_permille = controller(seen)
        fan_w = air.step_fans(TICK_S, True)
        air.step(TICK_S, heat_w + fan_w)
        if t_s < 0:
            continue
        over_k = air.outlet_c - SETPOINT_C
        if MIN_PERMILLE <= needed_permille(air, heat_w + fan_w) <= 1000:
            iae += abs(over_k) * TICK_S
            error += over_k * TICK_S
            held_s += TICK_S
        over = max(over, over_k)
        above_s += (air.outlet_c > LIMIT_C) * TICK_S
        fan_j += fan_w * TICK_S
        travel += abs(air.fan_permille - before) / 10
    end_k = air.outlet_c - SETPOINT_C
    return Score(iae, held_s, over, above_s, fan_j / 3600, travel, error, end_k)
