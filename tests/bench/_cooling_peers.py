# SPDX-License-Identifier: Apache-2.0
"""The controllers of the cooling benchmark: the firmware, and what others run.

Peers are written here from their descriptions, except simple-pid, which is the library. All
PIDs have the gains that the firmware ships, permille per K and per K s, and run once a second
(the thermal cycle of phosphor-pid-control; faster only makes them follow more noise). None of
them knows the power.
"""

from array import array
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

from firmware_py.channels import MAX_FANS
from firmware_py.decide.cool import Cooler
from firmware_py.link.events import Events
from firmware_py.store.schema_air import AIR, FAN, ZONE
from tests.bench._cooling_plant import MIN_PERMILLE, SETPOINT_C, Controller, Profile, Seen

PERIOD_TICKS = 10
KP = float(dict(row[:2] for row in ZONE)["kp_permille_k"])
KI = dict(row[:2] for row in ZONE)["ki_ppm_k"] * 10 / 1000
"""Permille per K s: the firmware's is ppm per K and tick of 100 ms."""


def section(rows: tuple, **changed: int) -> SimpleNamespace:
    """A section of the configuration with its shipped defaults."""
    return SimpleNamespace(**{row[0]: row[1] for row in rows} | changed)


def firmware(profile: Profile, **changed: int) -> Controller:
    """The board's own classes on shipped defaults; only what describes the rack is set."""
    air = {k: v for k, v in changed.items() if k in dict(r[:2] for r in AIR)}
    zone = {k: v for k, v in changed.items() if k in dict(r[:2] for r in ZONE)}
    config = SimpleNamespace(
        air=section(AIR, **{"design_w": round(profile.design_w)} | air),
        zones=[section(ZONE, **{"setpoint_mc": round(SETPOINT_C * 1000)} | zone)],
        fans=[section(FAN, min_permille=MIN_PERMILLE)],
        feeds=[],
    )
    cooler = Cooler(config, Events())
    sense = SimpleNamespace(
        zone_mc=array("i", [0] * 4), inlet_mc=0, total_w=0, fan_rpm=array("i", [0] * MAX_FANS)
    )

    def step(seen: Seen) -> int:
        sense.zone_mc[0] = round(seen.outlet_c * 1000)
        sense.inlet_mc = round(seen.inlet_c * 1000)
        sense.total_w = round(seen.power_w)
        cooler.step(sense, 0)
        return cooler.out_permille

    return step


def each_second(step: Callable[[float], float]) -> Controller:
    """Call once a second with the outlet temperature; hold between."""
    tick, duty = 0, 500

    def controller(seen: Seen) -> int:
        nonlocal tick, duty
        if tick % PERIOD_TICKS == 0:
            duty = round(step(seen.outlet_c))
        tick += 1
        return duty

    return controller


def simple_pid(profile: Profile) -> Controller:
    """PyPI simple-pid with output limits: it clamps its integral to them."""
    from simple_pid import PID

    pid = PID(
        -KP,
        -KI,
        0.0,
        setpoint=SETPOINT_C,
        sample_time=None,
        output_limits=(MIN_PERMILLE, 1000),
        starting_output=500,
    )
    return each_second(lambda outlet_c: pid(outlet_c, dt=1.0))


def bmc_pid(profile: Profile) -> Controller:
    """As BMC firmware has it: integral clamped to limits of its own, output clamped, zone maximum.

    The highest of its PIDs and of the zone's minimum; here one sensor, as the others have.
    """
    integral = 500.0

    def step(outlet_c: float) -> float:
        nonlocal integral
        error_k = outlet_c - SETPOINT_C
        integral = min(max(integral + KI * error_k, 0.0), 1000.0)
        return max(min(max(KP * error_k + integral, 0.0), 1000.0), MIN_PERMILLE)

    return each_second(step)


def bmc_pid_slew(profile: Profile) -> Controller:
    """The same with its slew limits (-2 % and +10 % a cycle), the integral set from the output."""
    integral, last = 500.0, 500.0

    def step(outlet_c: float) -> float:
        nonlocal integral, last
        error_k = outlet_c - SETPOINT_C
        integral = min(max(integral + KI * error_k, 0.0), 1000.0)
        wanted = min(max(KP * error_k + integral, MIN_PERMILLE), 1000.0)
        output = min(max(wanted, last - 20.0), last + 100.0)
        if output != wanted:
            integral = output - KP * error_k
        last = output
        return output

    return each_second(step)


CURVE_SPAN_K = 4.0
CURVE_STEPS = 9
HYSTERESIS_K = 2.0


def fan_curve(profile: Profile) -> Controller:
    """A stepwise curve with hysteresis: minimum at 4 K below the setpoint, full at the limit."""
    held_c = SETPOINT_C

    def step(outlet_c: float) -> float:
        nonlocal held_c
        if not held_c - HYSTERESIS_K <= outlet_c <= held_c:
            held_c = outlet_c if outlet_c > held_c else outlet_c + HYSTERESIS_K
        share = (held_c - SETPOINT_C + CURVE_SPAN_K) / (2 * CURVE_SPAN_K)
        stair = round(min(max(share, 0.0), 1.0) * CURVE_STEPS)
        return MIN_PERMILLE + (1000 - MIN_PERMILLE) * stair / CURVE_STEPS

    return each_second(step)


OURS, CURVE = "ours", "fan curve"
NO_AHEAD = "ours without feed-forward"
PEERS: dict[str, Callable[[Profile], Controller]] = {
    "simple-pid": simple_pid,
    "BMC PID": bmc_pid,
    "BMC PID, slew": bmc_pid_slew,
    CURVE: fan_curve,
}


def controller(name: str, profile: Profile) -> Controller:
    """By its name in PEERS, OURS or NO_AHEAD."""
    if name == NO_AHEAD:
        blind = firmware(profile)
        return lambda seen: blind(replace(seen, power_w=0.0))
    return firmware(profile) if name == OURS else PEERS[name](profile)
