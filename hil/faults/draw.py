# SPDX-License-Identifier: Apache-2.0
"""Random combinations of faults for a rack: which, when, how long, how bad."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hil.faults import CATALOGUE
from hil.ports import CAPABILITIES
from hil.scenario.model import FaultSpec, Where

TICK_MS = 100


@dataclass(frozen=True, slots=True)
class Range:
    """What a rack and a run have to break."""

    loads: int = 8
    groups: int = 4
    fans: int = 1
    parts: frozenset[str] = frozenset()
    """Of `liquid`, `bbu`, `frequency`."""
    duration_ms: int = 60_000
    capabilities: frozenset[str] = frozenset(CAPABILITIES)


Draw = Callable[[random.Random, Range], Mapping[str, Any]]

SENSORS = [
    "feed_a_mw",
    "feed_b_mw",
    "feed_a_ma",
    "feed_b_ma",
    "feed_a_mv",
    "feed_b_mv",
    "inlet_mc",
    "outlet_mc",
    "fan0_rpm",
]
_SPAN = {"mw": 2_000_000, "ma": 5_000, "mv": 40_000, "mc": 10_000, "rpm": 2_000}
"""A noticeable error, by unit."""


def _sensor(rng: random.Random, of: Range) -> str:
    return rng.choice([*SENSORS, f"load{rng.randrange(of.loads)}_mw"])


def _span(name: str) -> int:
    return _SPAN[name.rsplit("_", 1)[-1]]


def _target(rng: random.Random, of: Range) -> dict[str, Any]:
    return {"target": _sensor(rng, of)}


def _error(key: str, low: float, high: float, *, whole: bool) -> Draw:
    """A sensor, and an error between `low` and `high` of what is noticeable on it."""

    def draw(rng: random.Random, of: Range) -> Mapping[str, Any]:
        name = _sensor(rng, of)
        error = rng.uniform(low, high) * _span(name)
        return {"target": name, key: round(error) if whole else round(error, 3)}

    return draw


def _swap(rng: random.Random, of: Range) -> Mapping[str, Any]:
    a, b = rng.sample([*SENSORS, *(f"load{i}_mw" for i in range(of.loads))], 2)
    return {"a": a, "b": b}


def _load_swap(rng: random.Random, of: Range) -> Mapping[str, Any]:
    a, b = rng.sample(range(max(of.loads, 2)), 2)
    return {"a": a, "b": b}


def _one(key: str, low: int, high: int) -> Draw:
    return lambda rng, _: {key: rng.randint(low, high)}


def _real(key: str, low: float, high: float) -> Draw:
    return lambda rng, _: {key: round(rng.uniform(low, high), 3)}


def _pick(key: str, *choices: Any) -> Draw:
    return lambda rng, _: {key: rng.choice(choices)}


def _group(rng: random.Random, of: Range) -> Mapping[str, Any]:
    return {"group": rng.randrange(of.groups)}


def _fan(rng: random.Random, of: Range) -> Mapping[str, Any]:
    return {"fan": rng.randrange(of.fans)}


def _load(rng: random.Random, of: Range) -> Mapping[str, Any]:
    return {"load": rng.randrange(of.loads)}


def _both(*draws: Draw) -> Draw:
    return lambda rng, of: {k: v for draw in draws for k, v in draw(rng, of).items()}


_FEED = _pick("feed", "a", "b")
_WAY = _pick("direction", "up", "down", "both")
_CHANCE = _real("probability", 0.05, 0.6)

DRAWS: dict[str, Draw] = {
    **dict.fromkeys(("sensor.open", "sensor.short_high", "sensor.short_low"), _target),
    **dict.fromkeys(("sensor.stuck", "sensor.absurd", "data.frozen_but_noisy"), _target),
    "sensor.wrap": _both(_target, _one("bits", 12, 24)),
    "sensor.bias": _error("by", -1, 1, whole=True),
    "sensor.drift": _error("per_s", -0.1, 0.1, whole=False),
    "sensor.noise": _error("sigma", 0.05, 0.5, whole=False),
    "sensor.spike": _error("height", 0.5, 2, whole=True),
    "sensor.quantise": _error("step", 0.1, 1, whole=True),
    "sensor.gain": _both(_target, _real("factor", 0.5, 1.5)),
    "sensor.late": _both(_target, _one("delay_ms", 200, 10_000)),
    "sensor.dropout": _both(_target, _one("length_ms", 100, 3000)),
    "sensor.swap": _swap,
    "data.feed_power_low": _both(_pick("feed", "a", "b", "both"), _real("shown", 0.5, 0.95)),
    "data.load_power_swapped": _load_swap,
    "data.lying_cap": _load,
    **dict.fromkeys(("actuator.relay_welded", "actuator.relay_open"), _group),
    "actuator.relay_slow": _both(_group, _one("ms", 100, 5000)),
    "actuator.relay_bounce": _both(_group, _one("ms", 100, 2000)),
    **dict.fromkeys(("actuator.fan_stall", "actuator.fan_tach_lie"), _fan),
    "actuator.fan_slow": _both(_fan, _real("ratio", 0.2, 0.9)),
    "actuator.pump_slow": _real("ratio", 0.2, 0.9),
    "actuator.output_stuck": _pick("target", "relays", "fan*_permille", "pump_permille"),
    **dict.fromkeys(("link.drop", "link.flip", "link.truncate"), _both(_WAY, _CHANCE)),
    **dict.fromkeys(("link.duplicate", "link.reorder", "link.merge"), _both(_WAY, _CHANCE)),
    "link.replay": _both(_WAY, _CHANCE, _one("ago_s", 1, 30)),
    "link.babble": _both(_WAY, _one("bytes_per_tick", 1, 200)),
    "link.latency": _both(_WAY, _one("ms", 10, 2000), _one("jitter_ms", 0, 500)),
    "link.throttle": _both(_WAY, _pick("baud", 2400, 9600, 19200)),
    "link.stall": _WAY,
    "link.silence": _WAY,
    "link.stranger": _WAY,
    "link.forge": _pick("mac", "wrong", "none"),
    "link.baud_mismatch": _both(_WAY, _real("ratio", 0.25, 4)),
    "link.echo": _pick("hears", "host", "board"),
    **dict.fromkeys(("power.feed_loss", "power.breaker_trip"), _FEED),
    "power.feed_sag": _both(_FEED, _real("to", 0.5, 0.95)),
    "power.phase_loss": _both(_FEED, _one("phase", 1, 3)),
    "power.psu_fail": _both(_load, _pick("side", "a", "b")),
    "power.brownout": _one("dark_ms", 100, 5000),
    "power.inrush": _both(_FEED, _real("times", 0.5, 4)),
    "power.frequency": _one("by_mhz", -1500, 500),
    "power.bbu_empty": _real("left", 0, 0.3),
    "thermal.inlet_rise": _both(_real("by_k", 2, 15), _real("over_s", 0, 60)),
    "thermal.crac_loss": _real("k_per_min", 0.5, 3),
    **dict.fromkeys(("thermal.blocked_aisle", "thermal.filter_clog"), _real("share", 0.2, 0.9)),
    "thermal.flow_blocked": _real("share", 0.2, 0.9),
    "thermal.recirculation": _real("by", 0.05, 0.4),
    "thermal.facility_warm": _real("by_k", 2, 20),
    "thermal.humidity": _real("to", 0.6, 0.95),
    "thermal.leak": _real("lpm", 0.1, 5),
    "thermal.pump_air": _real("share", 0.05, 0.3),
    "mcu.reset": _pick("cause", "pin", "soft", "watchdog", "power_on"),
    "mcu.hang": _one("ms", 200, 1900),
    "mcu.heap_pressure": _one("kib", 170, 190),
    "mcu.clock_drift": _one("ppm", -20_000, 20_000),
    "mcu.clock_wrap": _one("before_ms", 0, 5000),
    "mcu.brownout_loop": _one("times", 2, 8),
    "host.clock_step": _one("ms", -7_200_000, 7_200_000),
    **dict.fromkeys(("host.bmc_error", "host.bmc_slow", "host.bmc_ignore"), _load),
    "data.replayed_day": _one("ago_s", 1, 60),
    "data.time_shifted": _one("behind_s", 1, 20),
}
"""Ranges of what is drawn; kinds that are not here are drawn with their defaults."""

_PART = {
    "liquid": (
        "actuator.pump_fail", "actuator.pump_slow", "actuator.valve_stuck", "thermal.flow_blocked",
        "thermal.facility_warm", "thermal.leak", "thermal.pump_air",
    ),
    "bbu": ("power.bbu_empty", "power.bbu_fail"),
    "frequency": ("power.frequency",),
}  # fmt: skip
"""Kinds that need a part of the rack."""


def kinds_for(of: Range, layers: Collection[str] | None = None) -> list[str]:
    """Kinds that this rack and device can have, in the order of their names."""
    missing = {kind for part, kinds in _PART.items() if part not in of.parts for kind in kinds}
    return [
        kind
        for kind, each in sorted(CATALOGUE.items())
        if each.needs <= of.capabilities
        and kind not in missing
        and (layers is None or each.layer in layers)
    ]


def draw(
    rng: random.Random, n: int, of: Range = Range(), layers: Collection[str] | None = None
) -> Sequence[FaultSpec]:
    """`n` faults of different kinds, each within the run, on the grid of ticks."""
    kinds = kinds_for(of, layers)
    chosen = rng.sample(kinds, min(n, len(kinds)))
    ticks = of.duration_ms // TICK_MS
    specs = []
    for i, kind in enumerate(chosen, start=1):
        start = rng.randrange(1, max(ticks * 3 // 4, 2))
        length = rng.randint(1, max(ticks // 4, 1))
        values = DRAWS[kind](rng, of) if kind in DRAWS else {}
        where = Where("drawn", i)
        specs.append(FaultSpec(kind, values, where, start * TICK_MS, None, length * TICK_MS))
    return specs
