# SPDX-License-Identifier: Apache-2.0
"""A rack's coolant loop: cold plates, pump, reservoir, CDU heat exchanger, facility water valve.

Three thermal masses in a ring (plates; return line and reservoir; supply line), joined by the
coolant's heat flow. Every heat flow is worked out once a step and booked on both sides, so heat
in = heat stored + heat to the facility + heat to the room, to rounding.

    plates      q = m cp (1 - exp(-UA / m cp)) (T_plate - T_supply)   wall of one temperature
    exchanger   q = eps C_min (T_return - T_facility)                 counter-flow, eps by NTU
    pump        head = s^2 H0 - a Q^2,  system = k Q^2                s: speed over full speed
"""

import math
from dataclasses import dataclass

PG25_KG_M3 = 1019.2
"""Density of 25 % propylene glycol at 30 degC (glycol data of Airedale's DeltaChill manual)."""

PG25_J_KG_K = 3940.0
"""Its specific heat at 30 degC, same table."""

WATER_J_KG_K = 4180.0
"""Specific heat of water at 20..40 degC."""

GRAVITY_M_S2 = 9.81

STEP_S = 0.1
"""Longer steps are cut into pieces of at most this."""

LPM_KG_S = PG25_KG_M3 / 60_000.0
"""kg/s of coolant per l/min."""

WATER_LPM_KG_S = 1.0 / 60.0

HEAT_EXPONENT = 0.7
"""Film coefficient over flow in a chevron plate exchanger, Shah and Sekulic 2003: 0.6..0.8."""

FLOODED = 0.08
"""Share of the available NPSH that a suction below the reservoir keeps when the loop is all air."""

ROPE_L = 0.05
"""Coolant on the floor that a leak rope notices."""


@dataclass(frozen=True, slots=True)
class LiquidSpec:
    """A loop for about 100 kW."""

    head_pa: float = 330_000.0
    """H0: shut-off head at full speed; with the loop below it gives 150 l/min at 40 psi (RPU)."""
    pump_pa_lpm2: float = 2.4
    """a: head that the pump itself loses, Pa per (l/min)^2."""
    system_pa_lpm2: float = 12.2
    """k: loop resistance, Pa per (l/min)^2."""
    pump_tau_s: float = 0.8
    """Speed follows the command with this time constant (drive ramp and inertia)."""
    pump_rpm: float = 4000.0
    """At full speed."""
    npsh_available_m: float = 6.0
    """Suction head over vapour pressure, full reservoir, no air."""
    npsh_required_m: float = 3.0
    """At full speed; goes with its square."""
    air_lock: float = 0.12
    """Gas fraction at which a centrifugal pump loses its prime; Guelich: about 0.1."""
    suction_permille: float = 60.0
    """Below this level the pump begins to draw air."""
    loop_l: float = 40.0
    """Volume of pipes, manifolds and plates."""
    reservoir_l: float = 12.0
    separation: float = 0.5
    """Share of the air that one pass through the separator takes out."""
    pump_efficiency: float = 0.5
    """Hydraulic over electric power."""

    plate_j_k: float = 45_000.0
    """Plates and what sits on them: copper and silicon of 80 kW."""
    plate_w_k: float = 3_000.0
    """UA from plates to coolant, at `plate_lpm`: about 0.03 K/W on each kilowatt chip."""
    plate_lpm: float = 100.0
    plate_exponent: float = 0.3
    """Laminar channels: conductance rises little with flow."""
    return_j_k: float = 120_000.0
    """Coolant in the return line and the reservoir."""
    supply_j_k: float = 80_000.0
    """Coolant in the exchanger and the supply line."""
    room_w_k: float = 10.0
    """Each line to the room."""

    exchanger_w_k: float = 14_000.0
    """UA at the nominal flows of both sides."""
    coolant_lpm: float = 100.0
    water_lpm: float = 130.0
    """Facility flow with the valve open."""
    rangeability: float = 40.0
    """Equal-percentage valve: largest over smallest controllable flow, IEC 60534-2-4."""
    travel_s: float = 45.0
    """Full stroke of the valve's motor."""


class Liquid:
    """The loop; `step` is the only way time passes, readings are attributes."""

    __slots__ = (
        "_speed_dt_s",
        "_speed_gain",
        "_valve_to",
        "air",
        "blocked",
        "condensed_s",
        "dew_c",
        "dp_pa",
        "facility_c",
        "facility_j",
        "flow_lpm",
        "heat_j",
        "leak_l",
        "leak_lpm",
        "plate_c",
        "powered",
        "pump_failed",
        "pump_permille",
        "pump_w",
        "reservoir_l",
        "return_c",
        "rh",
        "room_c",
        "room_j",
        "spec",
        "speed",
        "start_c",
        "supply_c",
        "valve",
        "valve_stuck",
        "water_lpm",
    )

    def __init__(self, spec: LiquidSpec, start_c: float = 24.0, air: float = 0.0) -> None:
        """Begin at rest, everything at `start_c`; `air`: gas share of the loop, 1 is empty."""
        self.spec = spec
        self.start_c = start_c
        self.plate_c = self.return_c = self.supply_c = start_c
        self.room_c = 24.0
        self.rh = 0.4
        self.dew_c = dew_point_c(self.room_c, self.rh)
        self.condensed_s = 0.0
        self.facility_c = 18.0
        self.water_lpm = 0.0
        self.speed = 0.0
        self.pump_permille = 0
        self.pump_w = 0.0
        self.pump_failed = False
        self.powered = True
        """Pump and valve motor have supply."""
        self.valve = 0.0
        self.valve_stuck = False
        self._valve_to = 0.0
        self.flow_lpm = 0.0
        self.dp_pa = 0.0
        self.air = air
        self.blocked = 0.0
        self.reservoir_l = spec.reservoir_l
        self.leak_lpm = 0.0
        self.leak_l = 0.0
        self.heat_j = self.facility_j = self.room_j = 0.0
        self._speed_dt_s = 0.0
        self._speed_gain = 0.0

    @property
    def pump_rpm(self) -> float:
        """What the tach shows."""
        return self.speed * self.spec.pump_rpm

    @property
    def reservoir_permille(self) -> float:
        """Level over its full volume."""
        return 1000.0 * self.reservoir_l / self.spec.reservoir_l

    @property
    def wet(self) -> bool:
        """The leak rope notices."""
        return self.leak_l >= ROPE_L

    @property
    def condensing(self) -> bool:
        """The supply pipe is colder than the dew point of the room."""
        return self.supply_c < self.dew_c

    def stored_j(self) -> float:
        """Heat taken up by the loop since the start, J; coolant that leaks out is not deducted."""
        spec = self.spec
        return (
            spec.plate_j_k * (self.plate_c - self.start_c)
            + spec.return_j_k * (self.return_c - self.start_c)
            + spec.supply_j_k * (self.supply_c - self.start_c)
        )

    def set_pump(self, permille: int) -> None:
        """Command the pump's speed, 0..1000."""
        self.pump_permille = min(max(permille, 0), 1000)

    def set_valve(self, permille: int) -> None:
        """Command the valve's stem, 0 shut .. 1000 open."""
        self._valve_to = min(max(permille, 0), 1000) / 1000

    def step(self, dt_s: float, heat_w: float) -> float:
        """Take up `heat_w` from the servers for `dt_s`, with commands and faults as they stand.

        Returns the pump's mean electric power, W.
        """
        pieces = math.ceil(dt_s / STEP_S - 1e-9)
        pump_w = 0.0
        for _ in range(pieces):
            self._step(dt_s / pieces, heat_w)
            pump_w += self.pump_w
        self.dew_c = dew_point_c(self.room_c, self.rh)
        if self.condensing:
            self.condensed_s += dt_s
        return pump_w / pieces

    def _step(self, dt_s: float, heat_w: float) -> None:
        spec = self.spec
        self._actuate(dt_s)
        self._flow(dt_s)
        coolant_w_k = self.flow_lpm * LPM_KG_S * PG25_J_KG_K
        plate_w = self._plate_w_k(coolant_w_k) * (self.plate_c - self.supply_c)
        along_w = coolant_w_k * (self.return_c - self.supply_c)
        facility_w = self._exchanger_w_k(coolant_w_k) * (self.return_c - self.facility_c)
        return_room_w = spec.room_w_k * (self.return_c - self.room_c)
        supply_room_w = spec.room_w_k * (self.supply_c - self.room_c)
        churn_w = self.pump_w * spec.pump_efficiency
        self.plate_c += dt_s * (heat_w - plate_w) / spec.plate_j_k
        self.return_c += dt_s * (plate_w - along_w - return_room_w) / spec.return_j_k
        self.supply_c += dt_s * (along_w + churn_w - facility_w - supply_room_w) / spec.supply_j_k
        self.heat_j += dt_s * (heat_w + churn_w)
        self.facility_j += dt_s * facility_w
        self.room_j += dt_s * (return_room_w + supply_room_w)

    def _actuate(self, dt_s: float) -> None:
        spec = self.spec
        if dt_s != self._speed_dt_s:
            self._speed_dt_s = dt_s
            self._speed_gain = -math.expm1(-dt_s / spec.pump_tau_s)
        to = 0.0 if self.pump_failed or not self.powered else self.pump_permille / 1000
        self.speed += self._speed_gain * (to - self.speed)
        if self.powered and not self.valve_stuck:
            reach = dt_s / spec.travel_s
            self.valve += min(max(self._valve_to - self.valve, -reach), reach)
        ratio = spec.rangeability
        self.water_lpm = spec.water_lpm * (ratio**self.valve - 1.0) / (ratio - 1.0)

    def _flow(self, dt_s: float) -> None:
        """Flow where pump and system curve meet, then what leak and air do to the coolant."""
        spec = self.spec
        head_pa = self.speed * self.speed * spec.head_pa * self._head_share()
        open_share = 1.0 - self.blocked
        system = spec.system_pa_lpm2 / (open_share * open_share) if open_share > 0 else math.inf
        self.flow_lpm = math.sqrt(head_pa / (spec.pump_pa_lpm2 + system))
        flow2 = self.flow_lpm * self.flow_lpm
        self.dp_pa = head_pa - spec.pump_pa_lpm2 * flow2
        self.pump_w = (
            self.dp_pa * self.flow_lpm / 60_000 / spec.pump_efficiency if self.powered else 0.0
        )
        if self.air > 0.0:
            vented = min(spec.separation * self.flow_lpm * dt_s / 60 / spec.loop_l, 1.0) * self.air
            vented = min(vented, self.reservoir_l / spec.loop_l)
            self.air -= vented
            self.reservoir_l -= vented * spec.loop_l
        if self.leak_lpm > 0.0:
            lost_l = self.leak_lpm * dt_s / 60
            from_l = min(lost_l, self.reservoir_l)
            lost_l = from_l + min(lost_l - from_l, (1.0 - self.air) * spec.loop_l)
            self.reservoir_l -= from_l
            self.air += (lost_l - from_l) / spec.loop_l
            self.leak_l += lost_l

    def _head_share(self) -> float:
        """Head that is left when the suction cavitates: available over required NPSH.

        A flooded suction always gives a slow pump enough, whatever air the loop returns; an
        empty reservoir gives nothing.
        """
        spec = self.spec
        required_m = spec.npsh_required_m * self.speed * self.speed
        available_m = spec.npsh_available_m
        if self.air > 0.0:
            available_m *= max(1.0 - self.air / spec.air_lock, FLOODED)
        level = 1000.0 * self.reservoir_l / spec.reservoir_l
        if level < spec.suction_permille:
            available_m *= level / spec.suction_permille
        return 1.0 if available_m >= required_m else available_m / required_m

    def _plate_w_k(self, coolant_w_k: float) -> float:
        """Heat from the plates per kelvin over the supply, W/K."""
        if coolant_w_k <= 0.0:
            return 0.0
        spec = self.spec
        ua_w_k = spec.plate_w_k * (self.flow_lpm / spec.plate_lpm) ** spec.plate_exponent
        return -coolant_w_k * math.expm1(-ua_w_k / coolant_w_k)

    def _exchanger_w_k(self, coolant_w_k: float) -> float:
        """Heat to the facility per kelvin of return over facility, W/K."""
        water_w_k = self.water_lpm * WATER_LPM_KG_S * WATER_J_KG_K
        least_w_k = min(coolant_w_k, water_w_k)
        if least_w_k <= 0.0:
            return 0.0
        spec = self.spec
        thin = (spec.coolant_lpm / self.flow_lpm) ** HEAT_EXPONENT
        thin += (spec.water_lpm / self.water_lpm) ** HEAT_EXPONENT
        ratio = least_w_k / max(coolant_w_k, water_w_k)
        return least_w_k * effectiveness(2.0 * spec.exchanger_w_k / thin / least_w_k, ratio)


def effectiveness(ntu: float, ratio: float) -> float:
    """Counter-flow exchanger, Kays and London; ratio = C_min / C_max, 0..1."""
    if ratio > 1.0 - 1e-9:
        return ntu / (1.0 + ntu)
    left = math.exp(-ntu * (1.0 - ratio))
    return (1.0 - left) / (1.0 - ratio * left)


def dew_point_c(air_c: float, rh: float) -> float:
    """Dew point over water, Alduchov and Eskridge 1996; rh 0..1."""
    gamma = math.log(max(rh, 1e-4)) + 17.625 * air_c / (243.04 + air_c)
    return 243.04 * gamma / (17.625 - gamma)
