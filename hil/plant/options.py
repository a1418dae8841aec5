# SPDX-License-Identifier: Apache-2.0
"""What a scenario says of its rack, and the rack that this makes.

Every field has a default that fits a rack of eight 8-GPU servers of 10.2 kW on two oversubscribed
feeds. A list where one value would do is dealt out to the loads in turn.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field

from hil.options import Options
from hil.plant.air import AIR_J_M3_K, AirSpec, FanSpec
from hil.plant.bbu import BbuSpec
from hil.plant.breaker import Curve
from hil.plant.feeds import FeedSpec
from hil.plant.liquid import LiquidSpec
from hil.plant.meters import MeterSpec
from hil.plant.options_parts import (
    BbuOptions,
    BreakerOptions,
    CapOptions,
    FanOptions,
    InrushOptions,
    LiquidOptions,
    MeterOptions,
    PsuOptions,
    RelayOptions,
    ThrottleOptions,
)
from hil.plant.relays import RelaySpec
from hil.plant.server import CapSpec, LoadSpec, ThrottleSpec
from hil.plant.spec import (
    CAP_FLOOR,
    CORDS,
    DC_RATIO,
    HEAT_J_K_PER_W,
    SHARE_SPREAD,
    InrushSpec,
    RackSpec,
)


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


T = TypeVar("T")
Watts = Annotated[float, Field(gt=0, le=100_000)]
PerLoad = BeforeValidator(_tuple)


class RackOptions(Options):
    """The plant, as people describe a rack."""

    loads: Annotated[int, Field(ge=1, le=32, description="Servers; named s1, s2, ...")] = 8
    max_w: Annotated[
        Watts | tuple[Watts, ...],
        PerLoad,
        Field(description="Highest AC draw of a server, W (8 x H100: 10.2 kW)"),
    ] = 10_200.0
    idle_w: Annotated[
        Watts | tuple[Watts, ...], PerLoad, Field(description="AC draw of an idle server, W")
    ] = 2_400.0
    cap_floor_w: Annotated[
        Watts | tuple[Watts, ...] | None,
        PerLoad,
        Field(description="Lowest draw that a cap can force, W; default: 0.3 of max_w"),
    ] = None
    groups: Annotated[
        int, Field(ge=1, le=16, description="Relay groups; the last one is shed first")
    ] = 4
    share_a: Annotated[
        float | tuple[float, ...] | None,
        PerLoad,
        Field(description="Part of a load's draw on feed A, 0..1; default: a half within 2 %"),
    ] = None
    cords: Annotated[
        Literal["AB", "A", "B"] | tuple[Literal["AB", "A", "B"], ...],
        PerLoad,
        Field(description="Feeds that a load is plugged into; A or B: it dies with that feed"),
    ] = "AB"
    phase: Annotated[
        tuple[Annotated[int, Field(ge=1, le=3)], ...] | None,
        PerLoad,
        Field(description="Phase 1..3 that a load hangs on; default: every load on all, evenly"),
    ] = None
    oversubscription: Annotated[
        float, Field(ge=0.1, le=10, description="Sum of max_w over both breakers' ratings")
    ] = 1.5
    rating_a: Annotated[
        float | None,
        Field(ge=0.05, le=200, description="In of each breaker, A; in place of oversubscription"),
    ] = None
    voltage_v: Annotated[float, Field(ge=40, le=500, description="Line to neutral, V")] = 230.0
    phases: Annotated[Literal[1, 2, 3], Field(description="Phases of each feed")] = 3
    breaker: BreakerOptions = BreakerOptions()
    breaker_b: Annotated[
        BreakerOptions | None, Field(description="Of feed B, if it is another than feed A's")
    ] = None
    psu: PsuOptions = PsuOptions()
    cap: CapOptions = CapOptions()
    inrush: InrushOptions | None = InrushOptions()
    throttle: ThrottleOptions | None = ThrottleOptions()
    boot_s: Annotated[
        float, Field(ge=0, le=3600, description="A load that was off idles so long, s")
    ] = 60.0
    auto_start: Annotated[
        bool, Field(description="Loads that lost their power start by themselves when it is back")
    ] = False
    relays: RelayOptions = RelayOptions()
    bbu: Annotated[BbuOptions | None, Field(description="Battery shelf")] = None
    meters: MeterOptions = MeterOptions()
    frequency_hz: Annotated[
        float | None, Field(ge=40, le=70, description="Mains, Hz; null: no meter for it")
    ] = 50.0
    fans: FanOptions = FanOptions()
    zones: Annotated[
        int, Field(ge=1, le=4, description="Parts with an outlet temperature of their own")
    ] = 1
    room_c: Annotated[float, Field(ge=-20, le=60, description="Supply air, degC")] = 24.0
    rh: Annotated[float, Field(ge=0, le=1, description="Relative humidity of the room")] = 0.4
    recirculation: Annotated[
        float, Field(ge=0, le=0.8, description="Outlet air that comes back, aisle free")
    ] = 0.08
    blocked_aisle: Annotated[
        float, Field(ge=0, le=0.95, description="Share of the aisle that is blocked at the start")
    ] = 0.0
    liquid: Annotated[LiquidOptions | None, Field(description="Coolant loop")] = None
    noise: Annotated[
        float, Field(ge=0, le=0.2, description="Half-width of the noise on every draw, relative")
    ] = 0.003


def build(options: RackOptions, seed: int) -> RackSpec:
    """The rack that the options describe. Raises ConfigError with every problem."""
    loads = tuple(_load(options, i, seed) for i in range(options.loads))
    peak_w = sum(load.max_w for load in loads)
    bbu, liquid, heat = options.bbu, options.liquid, options.throttle
    return RackSpec(
        loads,
        _feeds(options, peak_w),
        fans=_fans(options, peak_w),
        air=AirSpec(
            room_c=options.room_c,
            recirculation=options.recirculation,
            heat_capacity_j_k=HEAT_J_K_PER_W * peak_w,
            zones=options.zones,
            blocked=options.blocked_aisle,
        ),
        caps=CapSpec(options.cap.dead_time_s, options.cap.tau_s),
        boot_s=options.boot_s,
        noise=options.noise,
        seed=seed,
        psu=options.psu.efficiency,
        inrush=None if options.inrush is None else InrushSpec(**options.inrush.model_dump()),
        throttle=None if heat is None else ThrottleSpec(**heat.model_dump()),
        auto_start=options.auto_start,
        relays=RelaySpec(**options.relays.model_dump()),
        meters=MeterSpec(**options.meters.model_dump()),
        frequency_hz=options.frequency_hz,
        bbu=None if bbu is None else BbuSpec(**bbu.model_dump()),
        liquid=None if liquid is None else _liquid(liquid),
        liquid_share=0.0 if liquid is None else liquid.share,
        facility_c=18.0 if liquid is None else liquid.facility_c,
        rh=options.rh,
    )


def _dealt(value: T | tuple[T, ...], i: int) -> T:
    return value[i % len(value)] if isinstance(value, tuple) else value


def _load(options: RackOptions, i: int, seed: int) -> LoadSpec:
    max_w = _dealt(options.max_w, i)
    floor_w = _dealt(options.cap_floor_w, i)
    cords = _dealt(options.cords, i)
    spread = ((i * 5 + seed * 3) % 9 - 4) / 4
    share_a = _dealt(options.share_a, i)
    if cords != "AB":
        share_a = CORDS[cords]
    elif share_a is None:
        share_a = 0.5 + SHARE_SPREAD * spread
    return LoadSpec(
        f"s{i + 1}",
        idle_w=_dealt(options.idle_w, i),
        max_w=max_w,
        cap_floor_w=CAP_FLOOR * max_w if floor_w is None else floor_w,
        share_a=share_a,
        group=i * min(options.groups, options.loads) // options.loads,
        cords=cords,
        phase=None if options.phase is None else options.phase[i % len(options.phase)],
        zone=i * options.zones // options.loads,
        droop_w=options.psu.sharing_error * max_w * spread if cords == "AB" else 0.0,
    )


def _feeds(options: RackOptions, peak_w: float) -> tuple[FeedSpec, FeedSpec]:
    rating_a = options.rating_a
    if rating_a is None:
        rating_a = peak_w / options.oversubscription / 2 / (options.voltage_v * options.phases)
    a, b = (
        FeedSpec(
            name,
            rating_a,
            options.voltage_v,
            options.phases,
            Curve.of(breaker.curve, breaker.edge),
            breaker.ambient_c,
        )
        for name, breaker in (("A", options.breaker), ("B", options.breaker_b or options.breaker))
    )
    return a, b


def _fans(options: RackOptions, peak_w: float) -> FanSpec:
    fans = options.fans
    to_air_w = peak_w
    if options.liquid is not None:
        to_air_w *= 1.0 - DC_RATIO * options.liquid.share
    flow_m3_s = to_air_w / (AIR_J_M3_K * fans.design_rise_k)
    return FanSpec(
        max_rpm=fans.max_rpm,
        max_w=fans.power_ratio * to_air_w,
        flow_m3_s=flow_m3_s,
        leak_m3_s=0.03 * flow_m3_s,
        tau_s=fans.tau_s,
        count=fans.count,
        operating_ratio=fans.operating_ratio,
    )


def _liquid(options: LiquidOptions) -> LiquidSpec:
    return LiquidSpec(**options.model_dump(exclude={"share", "facility_c"}))
