# SPDX-License-Identifier: Apache-2.0
"""The constraints of the rack as rows: sum of coef x cap, plus what is not controlled, <= limit.

This is the only place that knows which rows exist; what each may carry at a moment is in
`edge.limits`. A row counts the caps, not the draws: it holds whatever the loads then want.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge.config import Config, LoadConfig

PPM = 1_000_000
RACK = -1
"""Row.feed of a row about the whole rack."""


class Kind(StrEnum):
    """What a row protects."""

    FEED = "feed"  # the breaker of a feed, all poles together
    PHASE = "phase"  # one pole of it
    CONTINUOUS = "continuous"  # what a feed may carry for hours
    SURVIVOR = "survivor"  # a feed's breaker, should the other feed die now (N-1)
    CONTRACT = "contract"
    COOLING = "cooling"
    SITE = "site"  # floor and lease of the site
    DEMAND = "demand"  # the tariff's demand window
    RAMP = "ramp"  # how fast the rack's power may rise
    BBU = "bbu"  # the battery carries the rack through


SHEDDING = (Kind.FEED, Kind.PHASE)
"""Rows worth switching loads off for; under the others caps end at the minimums."""


@dataclass(frozen=True, slots=True)
class Row:
    """One constraint over all loads."""

    name: str
    kind: Kind
    feed: int
    """Index of the feed whose breaker it is about; RACK if it is about none."""
    coef_ppm: tuple[int, ...]
    """Share of each load's power that counts here, rounded up."""
    rest_ppm: tuple[int, ...]
    """Share of each feed's uncontrolled power that counts here."""


def rack_rows(config: Config, lost: int | None = None) -> tuple[Row, ...]:
    """Every row; while feed `lost` is dead the others carry what they shared with it."""
    feeds = [index for index in range(len(config.feeds)) if index != lost]
    rows = [_feed_row(config, index, lost, Kind.FEED) for index in feeds]
    rows += [row for index in feeds for row in _phase_rows(config, index, lost)]
    rows += [
        _feed_row(config, index, lost, Kind.CONTINUOUS)
        for index in feeds
        if config.feeds[index].continuous_ratio < 1
    ]
    if lost is None and config.control.redundancy != "none":
        rows += [_survivor_row(config, index, 1 - index) for index in feeds if len(feeds) > 1]
    return (*rows, *_rack_rows(config, lost))


def _shares(config: Config, feed: int, lost: int | None) -> list[float]:
    """Part of each load's power on `feed`: of what it draws while `lost` is dead, if one is."""
    shares = []
    for load in config.loads:
        share = config.share(load, config.feeds[feed])
        gone = config.share(load, config.feeds[lost]) if lost is not None else 0.0
        shares.append(share / (1 - gone) if gone < 1 else 0.0)
    return shares


def _ppm(shares: Sequence[float]) -> tuple[int, ...]:
    return tuple(min(PPM, math.ceil(share * PPM - 1e-6)) for share in shares)


def _rest(config: Config, feed: int, lost: int | None, share: float = 1.0) -> tuple[int, ...]:
    """Whose uncontrolled power `feed` carries: its own, and a dead feed's moves over."""
    carried = math.ceil(share * PPM)
    return tuple(carried if index in (feed, lost) else 0 for index in range(len(config.feeds)))


def _feed_row(config: Config, feed: int, lost: int | None, kind: Kind) -> Row:
    coef = _ppm(_shares(config, feed, lost))
    hours = f" {config.feeds[feed].continuous_h:g} h" if kind is Kind.CONTINUOUS else ""
    return Row(config.feeds[feed].name + hours, kind, feed, coef, _rest(config, feed, lost))


def phase_share(load: LoadConfig, feed: str, phase: int, phases: int) -> float:
    """Part of what a load takes from `feed` that flows on `phase`."""
    named = load.phases.get(feed)
    return 1 / phases if named is None else float(named == phase)


def _phase_rows(config: Config, feed: int, lost: int | None) -> list[Row]:
    """One row per pole, where a load hangs on a single one; balanced poles need none."""
    item = config.feeds[feed]
    if not any(item.name in load.phases for load in config.loads):
        return []
    shares = _shares(config, feed, lost)
    rows = []
    for phase in range(1, item.phases + 1):
        coef = _ppm(
            [
                share * phase_share(load, item.name, phase, item.phases)
                for load, share in zip(config.loads, shares, strict=True)
            ]
        )
        rest = _rest(config, feed, lost, 1 / item.phases)
        rows.append(Row(f"{item.name} L{phase}", Kind.PHASE, feed, coef, rest))
    return rows


def _survivor_row(config: Config, feed: int, lost: int) -> Row:
    name = f"{config.feeds[feed].name} if {config.feeds[lost].name} dies"
    coef = _ppm(_shares(config, feed, lost))
    return Row(name, Kind.SURVIVOR, feed, coef, _rest(config, feed, lost))


def _rack_rows(config: Config, lost: int | None) -> list[Row]:
    limits = config.limits
    present = {
        Kind.CONTRACT: limits.contract_w,
        Kind.COOLING: limits.cooling_w,
        Kind.SITE: limits.site_floor_w,
        Kind.DEMAND: limits.demand_w,
        Kind.RAMP: limits.ramp_w_per_s,
        Kind.BBU: config.bbu,
    }
    alive = [1.0 if _is_fed(config, load, lost) else 0.0 for load in config.loads]
    every = (PPM,) * len(config.feeds)
    return [
        Row(kind.value, kind, RACK, _ppm(alive), every)
        for kind, given in present.items()
        if given is not None
    ]


def _is_fed(config: Config, load: LoadConfig, lost: int | None) -> bool:
    return lost is None or config.share(load, config.feeds[lost]) < 1
