# SPDX-License-Identifier: Apache-2.0
"""What a rack is made of: feeds, loads, fans, air; and how one is sized for a trace."""

import math
from dataclasses import dataclass, field

from edge.errors import ConfigError
from firmware_py.channels import MAX_FANS, MAX_GROUPS, MAX_LOADS, MAX_ZONES
from hil.plant.air import AirSpec, FanSpec
from hil.plant.bbu import BbuSpec
from hil.plant.feeds import FeedSpec
from hil.plant.liquid import LiquidSpec
from hil.plant.meters import MeterSpec
from hil.plant.psu import CLASSES
from hil.plant.relays import RelaySpec
from hil.plant.server import CapSpec, LoadSpec, ThrottleSpec
from hil.trace import Trace

CONTINUOUS = 0.8
"""Share of a breaker's rating for continuous load, NEC 210.20(A): the static policy's limit."""

CAP_FLOOR = 0.3
"""Lowest cap over maximum of an 8-GPU server: 8 x 200 W GPU limit (of 700 W) and its host."""

SHARE_SPREAD = 0.02
"""Two PSU sides share within this of one half: droop sharing is never exact."""

FAN_W_PER_W = 0.015
"""Fan-wall power at full speed over the rack's peak power."""

FULL_FAN_RISE_K = 14.0
"""Air temperature rise at peak power and full fan speed that sizes the flow, K."""

DC_RATIO = 0.94
"""DC over AC power of a server at its maximum, roughly: the rest heats the air in any case."""

HEAT_J_K_PER_W = 4.0
"""Thermal mass per watt of maximum power, J/(K W)."""


CORDS = {"AB": 0.5, "A": 1.0, "B": 0.0}
"""Cords of a load: the share of feed A that goes with them (AB: any)."""

__all__ = ["FeedSpec", "InrushSpec", "RackSpec", "static_caps"]


@dataclass(frozen=True, slots=True)
class InrushSpec:
    """What a load takes when it is switched on: its bulk capacitors charge."""

    times: float = 4.0
    """Over the load's current at its maximum, RMS. Raritan: 3 to 5 times for 20 to 50 ms."""
    for_ms: int = 20


@dataclass(frozen=True, slots=True)
class RackSpec:
    """A rack on two feeds."""

    loads: tuple[LoadSpec, ...]
    feeds: tuple[FeedSpec, FeedSpec]
    fans: FanSpec = field(default_factory=FanSpec)
    air: AirSpec = field(default_factory=AirSpec)
    caps: CapSpec = field(default_factory=CapSpec)
    boot_s: float = 60.0
    """A load that was cut off idles this long before it works again (a short POST)."""
    noise: float = 0.003
    """Half-width of the uniform relative noise on every draw."""
    seed: int = 0
    psu: str = "titanium"
    """80 PLUS class, of hil.plant.psu.CLASSES."""
    inrush: InrushSpec | None = None
    throttle: ThrottleSpec | None = None
    """None: heat limits no load."""
    auto_start: bool = False
    """A load that lost its power starts by itself when it is back ("last state" of a BMC)."""
    relays: RelaySpec = field(default_factory=RelaySpec)
    meters: MeterSpec = field(default_factory=MeterSpec)
    frequency_hz: float | None = None
    """Mains, where the board has a meter for it."""
    bbu: BbuSpec | None = None
    liquid: LiquidSpec | None = None
    liquid_share: float = 0.8
    """Part of the servers' DC power that cold plates take; GB200 NVL72: about 0.85."""
    facility_c: float = 18.0
    rh: float = 0.4

    def __post_init__(self) -> None:
        """Refuse what cannot be built; raises ConfigError with every problem."""
        problems = _problems(self)
        if problems:
            raise ConfigError("rack: " + "\nrack: ".join(problems))

    @property
    def rating_w(self) -> float:
        """Continuous rating of both feeds together, W."""
        return self.feeds[0].rating_w + self.feeds[1].rating_w

    @property
    def air_w(self) -> float:
        """Heat of the servers at their maximums that is left to the air, W."""
        max_w = sum(load.max_w for load in self.loads)
        return max_w if self.liquid is None else max_w * (1.0 - DC_RATIO * self.liquid_share)

    @classmethod
    def for_trace(
        cls, trace: Trace, oversubscription: float = 1.5, *, groups: int = 4, seed: int = 0
    ) -> "RackSpec":
        """Size a rack for a trace: both feeds equal, together peak demand / oversubscription.

        A load's maximum is its own recorded peak, its idle the recorded minimum. Loads fall into
        `groups` relay groups in their order: the last columns are shed first.
        """
        if not 0 < oversubscription < math.inf:
            raise ConfigError(f"oversubscription is {oversubscription}: give a number above 0")
        n = len(trace.names)
        groups = min(groups, n)
        loads = []
        for i, name in enumerate(trace.names):
            column = trace.column(i)
            max_w = max(*column, 1.0)
            share_a = 0.5 + SHARE_SPREAD * ((i * 5 + seed * 3) % 9 - 4) / 4
            loads.append(
                LoadSpec(name, min(column), max_w, CAP_FLOOR * max_w, share_a, i * groups // n)
            )
        peak_w = max(trace.peak_w, 1.0)
        rating_a = peak_w / oversubscription / 2 / (230.0 * 3)
        return cls(
            tuple(loads),
            (FeedSpec("A", rating_a), FeedSpec("B", rating_a)),
            fans=FanSpec(
                max_w=FAN_W_PER_W * peak_w,
                flow_m3_s=peak_w / (1206.0 * FULL_FAN_RISE_K),
                leak_m3_s=0.03 * peak_w / (1206.0 * FULL_FAN_RISE_K),
            ),
            air=AirSpec(heat_capacity_j_k=HEAT_J_K_PER_W * peak_w),
            seed=seed,
        )


def _problems(spec: RackSpec) -> list[str]:
    found = [] if spec.loads else ["no loads: a rack needs at least one"]
    if len(spec.loads) > MAX_LOADS:
        found.append(f"{len(spec.loads)} loads: a board meters at most {MAX_LOADS}")
    for load in spec.loads:
        found += _load_problems(spec, load)
    for feed in spec.feeds:
        if not (0 < feed.rating_a < math.inf and feed.voltage_v > 0 and feed.phases > 0):
            found.append(f"feed {feed.name}: rating, voltage and phases must be above 0")
    if not 1 <= spec.fans.count <= MAX_FANS:
        found.append(f"{spec.fans.count} fans: a board drives 1 to {MAX_FANS}")
    if not 1 <= spec.air.zones <= MAX_ZONES:
        found.append(f"{spec.air.zones} zones: a board has 1 to {MAX_ZONES}")
    if spec.psu not in CLASSES:
        found.append(f"psu class {spec.psu!r}: choose one of {', '.join(CLASSES)}")
    if not 0 <= spec.liquid_share <= 1:
        found.append("liquid_share must be within 0..1")
    if spec.feeds[0].name == spec.feeds[1].name:
        found.append(f"feed {spec.feeds[0].name}: two feeds need two names")
    return found


def _load_problems(spec: RackSpec, load: LoadSpec) -> list[str]:
    found = []
    if not 0 <= load.idle_w <= load.max_w < math.inf or load.max_w <= 0:
        found.append(f"load {load.name}: need 0 <= idle_w <= max_w and max_w > 0")
    if not 0 <= load.cap_floor_w <= load.max_w:
        found.append(f"load {load.name}: cap_floor_w must be within 0..max_w")
    if not 0 <= load.share_a <= 1:
        found.append(f"load {load.name}: share_a must be within 0..1")
    if not 0 <= load.group < MAX_GROUPS:
        found.append(f"load {load.name}: group must be within 0..{MAX_GROUPS - 1}")
    if load.cords not in CORDS or (load.cords != "AB" and load.share_a != CORDS[load.cords]):
        found.append(f"load {load.name}: cords must be AB, A (share_a 1) or B (share_a 0)")
    if not 0 <= load.zone < spec.air.zones:
        found.append(f"load {load.name}: zone must be within 0..{spec.air.zones - 1}")
    if load.phase is not None and not 1 <= load.phase <= min(f.phases for f in spec.feeds):
        found.append(f"load {load.name}: phase must be one of the feeds', from 1")
    return found


def static_caps(spec: RackSpec) -> list[float]:
    """Caps of the static policy, W: each load's share, by its maximum, of 80 % of the breakers.

    Scaled so that every feed row fits: sum of share x cap <= 0.8 x rating on A and on B.
    """
    rows = (
        (spec.feeds[0].rating_w, sum(load.share_a * load.max_w for load in spec.loads)),
        (spec.feeds[1].rating_w, sum((1 - load.share_a) * load.max_w for load in spec.loads)),
    )
    scale = min(CONTINUOUS * rating_w / full_w for rating_w, full_w in rows if full_w > 0)
    return [min(1.0, scale) * load.max_w for load in spec.loads]
