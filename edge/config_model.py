# SPDX-License-Identifier: Apache-2.0
"""What may stand in `rack.toml`, section by section.

Numbers are in human units (W, A, V, s); ratios are 0..1. Each field checks its own range here;
what spans sections (names, sums, limits) is checked in `edge.config`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from edge.config_device import (
    CONTROLS,
    DryrunActuator,
    DryrunBattery,
    RedfishActuator,
    RedfishBattery,
    Section,
)
from edge.core import CURVES, Curve, TripPoint, derated_ma

MAX_FEEDS = 2
"""The board meters feed A and feed B; the first feed of the file is A, the second is B."""

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=rf"^[^\s/{CONTROLS}]+$")]
Watts = Annotated[float, Field(gt=0, le=1e6)]
Share = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Ratio = Annotated[float, Field(gt=0, le=1)]


class RackConfig(Section):
    """Who we are, in logs and metrics."""

    name: Name
    state_file: Annotated[str, Field(min_length=1, pattern=rf"^[^{CONTROLS}]+$")] | None = None
    """Where a restarted daemon finds how much of the hours rule is used up; without it, all."""


class BoardConfig(Section):
    """The rack controller's serial line, any URL pyserial knows."""

    port: Annotated[str, Field(min_length=1, pattern=rf"^[^{CONTROLS}]+$")]
    baud: Annotated[int, Field(ge=1200, le=12_000_000)] = 115_200
    lease_ttl_s: Annotated[float, Field(ge=0.5, le=30)] = 3.0
    owner: Annotated[int, Field(ge=1, le=0xFFFF_FFFF)] = 1
    """Lease owner id; two daemons on one board need different ones."""
    key_file: Annotated[str, Field(min_length=1, pattern=rf"^[^{CONTROLS}]+$")] | None = None
    """The board's key (`rackedge board key new`), relative to this file. With it nobody without
    the key can take this host's lease, and the host takes none from a board without the key."""


CurveName = Literal[
    "iec60898_b",
    "iec60898_c",
    "iec60898_d",
    "ul489_c",
    "ul489_d",
    "iec60947_mccb",
    "iec60269_gg",
]
"""Families of `edge.core.CURVES`."""


class CurvePoints(Section):
    """A breaker by points of its maker's curve: [multiple of In, fastest s, slowest s] each."""

    points: Annotated[tuple[tuple[float, float, float], ...], Field(min_length=1)]
    mnt: Annotated[float, Field(ge=1, le=2)]
    """Multiple of In that it carries for ever."""
    magnetic: tuple[float, float]
    """Multiples of In: the lowest that may trip at once, the lowest that must."""

    @field_validator("points", "magnetic", mode="before")
    @classmethod
    def _as_tuples(cls, value: object) -> object:
        """TOML has arrays, and whole numbers where a float is meant."""
        if not isinstance(value, list):
            return value
        return tuple(
            tuple(float(x) if isinstance(x, int) else x for x in each)
            if isinstance(each, list)
            else float(each)
            if isinstance(each, int)
            else each
            for each in value
        )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.fitted()
        return self

    def fitted(self) -> Curve:
        """The band through the points; ValueError says which point does not fit."""
        points = [TripPoint(*point) for point in self.points]
        low, high = self.magnetic
        return Curve.from_points(points, self.mnt, low, high)


class FeedConfig(Section):
    """One feed with its branch breaker."""

    name: Name
    breaker_a: Annotated[float, Field(gt=0, le=6300)]
    """Rated current In of the breaker, per pole."""
    voltage_v: Annotated[float, Field(ge=40, le=1000)] = 230.0
    """Line to neutral."""
    phases: Annotated[int, Field(ge=1, le=3)] = 3
    curve: CurveName = "iec60898_c"
    """Family of the breaker."""
    curve_points: CurvePoints | None = None
    """Its own curve, in place of a family's."""
    power_factor: Annotated[float, Field(ge=0.5, le=1)] = 1.0
    """Lowest real over apparent power of what the feed carries; servers have 0.95 to 1."""
    ambient_c: Annotated[float, Field(ge=-40, le=70)] | None = None
    """Air at the breaker; None: not above the temperature it is calibrated for."""
    calibrated_c: Annotated[float, Field(ge=0, le=60)] = 30.0
    """Temperature at which the breaker has its rating (IEC 60898: 30; UL 489: 40)."""
    continuous_ratio: Ratio = 0.8
    """Share of the rating that may flow for `continuous_h` or more (NEC 210.20(A)); 1.0 only for
    a breaker listed for 100 %."""
    continuous_h: Annotated[float, Field(ge=0.1, le=24)] = 3.0
    """How long a cold feed may carry its whole rating before `continuous_ratio` holds."""
    before_w: Annotated[float, Field(ge=0, le=1e7)] | None = None
    """What the feed carried in the hours before the first start; None: all that it may carry
    continuously, so nothing is saved up."""
    limit_w: Watts | None = None
    """Contract or upstream limit, if lower than what the breaker allows."""

    @property
    def rating_w(self) -> float:
        """Breaker rating as real power."""
        return self.rating_ma / 1000 * self.voltage_v * self.phases * self.power_factor

    @property
    def rating_mw(self) -> int:
        """The same, mW."""
        return int(self.rating_w * 1000)

    @property
    def rating_ma(self) -> int:
        """Rated current of a pole at the ambient temperature, mA."""
        nominal_ma = int(self.breaker_a * 1000)
        if self.ambient_c is None:
            return nominal_ma
        return derated_ma(nominal_ma, int(self.ambient_c * 1000), int(self.calibrated_c * 1000))

    @property
    def breaker_curve(self) -> Curve:
        """The tripping band."""
        return CURVES[self.curve] if self.curve_points is None else self.curve_points.fitted()

    @property
    def continuous_w(self) -> float:
        """What may flow continuously, W: breaker rating and contract, whichever is lower."""
        continuous = self.rating_w * self.continuous_ratio
        return continuous if self.limit_w is None else min(continuous, self.limit_w)


class LoadConfig(Section):
    """One server or shelf whose power can be capped."""

    name: Name
    channel: Annotated[int, Field(ge=0, le=31)]
    """Index in the board's LOADS message."""
    priority: Annotated[int, Field(ge=0, le=127)] = 0
    """Class; 0 is served first and shed last."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Share inside its class."""
    min_w: Annotated[float, Field(ge=0, le=1e6)]
    """Lowest cap the device obeys."""
    max_w: Watts
    step_w: Watts = 1.0
    group: Annotated[int, Field(ge=0, le=15)] = 0
    """Shed group: the board's relay that switches it."""
    feeds: dict[str, Share] = Field(default_factory=dict)
    """Share of the power taken from each feed; empty: evenly from all."""
    phases: dict[str, Annotated[int, Field(ge=1, le=3)]] = Field(default_factory=dict)
    """Phase (1..3) of each feed that a single-phase load hangs on; not named: evenly on all."""
    actuator: Annotated[DryrunActuator | RedfishActuator, Field(discriminator="kind")]


class ControlConfig(Section):
    """How hard the daemon pushes; the defaults suit BMCs that settle in about a second."""

    target_ratio: Ratio = 0.95
    """The caps together may use this much of each limit."""
    cap_ratio: Ratio = 0.98
    """Measured power above this for `settle_s` cuts further (Thunderbolt's upper band)."""
    release_ratio: Ratio = 0.90
    """Below this such a further cut is given back."""
    settle_s: Seconds = 1.5
    """Time a device needs to follow a new cap, until its own is learned; no second change
    sooner."""
    redundancy: Literal["none", "strict", "reactive"] = "reactive"
    """What a dead feed may do to the other. `strict`: its breaker stays within its rating at
    once. `reactive`: it is overloaded for no longer than cutting the caps takes. `none`: the
    board has to shed."""
    overdraft_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    """A breaker may be loaded above its rating while our reaction takes no more than this share
    of the time in which it could trip; 0: never above the rating."""
    heat_ratio: Annotated[float, Field(ge=0.5, lt=1)] = 0.96
    """Share of the heat that trips a breaker (fast edge) that is used at the cap band. The board
    sheds where a step of 25 % would trip within 0.3 s: with IEC 60898 that is above 0.965."""
    shed_ttt_s: Seconds = 3.0
    """`shed.feed_loss_ttt_ms` of the board, in s: it sheds when a feed dies and the other would
    trip sooner."""
    deadband_ratio: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    deadband_w: Annotated[float, Field(ge=0, le=10_000)] = 50.0
    """Changes smaller than the larger of these two are not written."""
    stale_s: Annotated[float, Field(ge=0.1, le=10)] = 0.5
    """Telemetry older than this can only lower caps."""
    hold_s: Annotated[float, Field(ge=1, le=600)] = 10.0
    """How far back the demand of a load looks; longer than the dips of training steps."""
    reserve_sigma: Annotated[float, Field(ge=0, le=4)] = 0.7
    """Standard deviations of the recent swing that are reserved above the mean draw: more serves
    spikes better, less leaves more to others."""
    headroom_ratio: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Added to the draw of a load that its cap does not limit."""
    hungry_ratio: Annotated[float, Field(gt=0.5, lt=1)] = 0.97
    """A draw at or above this share of the cap means that the cap hides demand."""


class LimitsConfig(Section):
    """Limits of the whole rack beside its breakers; what is not given does not limit.

    None of them sheds a load: where the minimums do not fit, caps stand at the minimums.
    """

    contract_w: Watts | None = None
    """Never above this."""
    cooling_w: Watts | None = None
    """Heat that the cooling carries away."""
    site_floor_w: Watts | None = None
    """What the site guarantees this rack without a lease; leases come above it."""
    demand_w: Watts | None = None
    """Mean power that the tariff's demand window may reach."""
    demand_window_s: Annotated[float, Field(ge=60, le=7200)] = 900.0
    demand_sliding: bool = False
    """False: windows follow each other (aligned to the clock); True: any window counts."""
    ramp_w_per_s: Watts | None = None
    """How fast the rack's power may rise."""


class BbuConfig(Section):
    """The rack's battery shelf: caps keep the rack within what it could carry now."""

    energy_wh: Annotated[float, Field(gt=0, le=1e6)]
    """Usable energy when full. Lower it as the cells age: recharging is asked for until the
    source reports this much."""
    power_w: Watts
    """Highest discharge power."""
    recharge_w: Watts
    """Highest recharge power, at the feeds."""
    ride_through_s: Annotated[float, Field(gt=0, le=3600)] = 240.0
    """How long it has to carry the rack (Open Rack V3: up to 240 s)."""
    efficiency: Annotated[float, Field(gt=0.5, le=1)] = 0.95
    """Energy at the loads over energy taken from the cells."""
    source: Annotated[DryrunBattery | RedfishBattery, Field(discriminator="kind")]
    """Where the stored energy is read. While it is silent the shelf counts as empty, and the
    loads stand at their minimums."""
    actuator: Annotated[DryrunActuator | RedfishActuator, Field(discriminator="kind")] | None = None
    """Takes the recharge power in W as a set-point; 0 must mean: do not recharge. Without it the
    shelf recharges as it likes: room is kept where the loads leave it, and what it draws counts
    as uncontrolled power, as the feeds measure it."""


class Config(Section):
    """A rack that makes sense: every name resolves and the minimums fit."""

    rack: RackConfig
    board: BoardConfig
    feeds: tuple[FeedConfig, ...]
    loads: tuple[LoadConfig, ...]
    control: ControlConfig = ControlConfig()
    limits: LimitsConfig = LimitsConfig()
    bbu: BbuConfig | None = None

    def share(self, load: LoadConfig, feed: FeedConfig) -> float:
        """Share of `load`'s power that `feed` carries while all feeds are alive."""
        return feed_share(load, feed.name, len(self.feeds))


def feed_share(load: LoadConfig, feed: str, n_feeds: int) -> float:
    """Share of the load's power on one feed; evenly over all feeds when none is named."""
    return load.feeds.get(feed, 0.0) if load.feeds else 1.0 / n_feeds
