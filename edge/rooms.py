# SPDX-License-Identifier: Apache-2.0
"""How much each row leaves for caps at a moment."""

from collections.abc import Callable, Sequence
from random import Random

from edge.breaker_limit import BreakerLimit
from edge.config import Config
from edge.feed import LOST_TICKS, FeedWatch
from edge.memory import RackMemory
from edge.plan import Plan
from edge.rack_limit import Battery, BbuState, DemandWindow, Ramp, Release, SiteLease, Staged
from edge.rows import PPM, SHEDDING, Kind, Row

UNMARGINED = (Kind.CONTINUOUS, Kind.DEMAND, Kind.RAMP, Kind.BBU)
"""Rows that are steered by what is measured over a longer time: an error now is made up for."""
FIXED = {Kind.CONTRACT, Kind.COOLING, Kind.SITE}
"""Rows whose limit does not move, or only by somebody's will."""
IMMEDIATE = (Kind.CONTINUOUS, Kind.RAMP)
"""Rows whose limit moves smoothly by itself, and is not released in steps."""
QUANTA = 128
"""Limits move in this part of a feed's rating: caps need not follow each breath of a breaker."""
SHED_MARGIN = 1.1
"""The board judges with its own meter and rounding: its shed time is kept away from by this."""


class Rooms:
    """Limits of all rows, from images and windows that live as long as the daemon."""

    def __init__(
        self, config: Config, feeds: Sequence[FeedWatch], random: Random, wall_offset_ms: int
    ) -> None:
        limits = config.limits
        self._config = config
        self._control = config.control
        self._feeds = feeds
        self._release = Release(random)
        self.breakers = [BreakerLimit(feed, config.control) for feed in config.feeds]
        self._contract_mw = [
            int(feed.limit_w * 1000) if feed.limit_w is not None else None for feed in config.feeds
        ]
        self.site = SiteLease(int((limits.site_floor_w or 0) * 1000))
        self._wall_offset_ms = wall_offset_ms
        self._demand: DemandWindow | None = None
        if limits.demand_w is not None:
            self._demand = DemandWindow(limits, wall_offset_ms)
        self._ramp = Ramp(int(limits.ramp_w_per_s * 1000)) if limits.ramp_w_per_s else None
        self.battery = Battery(config.bbu, random) if config.bbu is not None else None
        self._quantum_mw = max(1, min(feed.rating_mw for feed in config.feeds) // QUANTA)
        self._moving = set(Kind) - FIXED
        if not self._control.overdraft_fraction:
            self._moving -= set(SHEDDING)
        self._margin = config.control.cap_ratio / config.control.target_ratio - 1
        self._staged: dict[str, Staged] = {}
        self._rows: tuple[Row, ...] | None = None
        self._power_mw = 0
        self.reaction_ms = int(config.control.settle_s * 1000)
        self._now_ms = 0
        self._limit: dict[Kind, Callable[[Row, float], int]] = {
            Kind.FEED: lambda row, _: self._feed_mw(row.feed),
            Kind.PHASE: lambda row, _: self._feed_mw(row.feed) // config.feeds[row.feed].phases,
            Kind.CONTINUOUS: lambda row, _: self.breakers[row.feed].continuous_mw(),
            Kind.SURVIVOR: self._survivor_mw,
            Kind.CONTRACT: lambda _row, _: int((limits.contract_w or 0) * 1000),
            Kind.COOLING: lambda _row, _: int((limits.cooling_w or 0) * 1000),
            Kind.SITE: lambda _row, _: self.site.limit_mw(self._now_ms),
            Kind.DEMAND: lambda _row, _: self._demand.limit_mw() if self._demand else 0,
            Kind.RAMP: lambda _row, _: self._ramp_mw(),
            Kind.BBU: lambda _row, _: self.battery.limit_mw(self._now_ms) if self.battery else 0,
        }

    def take(
        self,
        feed_mw: Sequence[int],
        phase_share: Sequence[float],
        bbu: BbuState | None,
        now_ms: int,
    ) -> None:
        """What each feed carries, at most, with `phase_share` of it on its worst pole."""
        self._now_ms = now_ms
        self._power_mw = sum(feed_mw)
        for breaker, mw, share in zip(self.breakers, feed_mw, phase_share, strict=True):
            breaker.heat(mw, share, now_ms)
        if self._demand is not None:
            self._demand.take(self._power_mw, now_ms)
        if self.battery is not None:
            self.battery.take(bbu, now_ms)

    def memory(self, now_ms: int) -> RackMemory:
        """What a restarted daemon has to know."""
        feeds = [
            breaker.memory(config.name, feed.limit_mw)
            for breaker, config, feed in zip(
                self.breakers, self._config.feeds, self._feeds, strict=True
            )
        ]
        return RackMemory(now_ms + self._wall_offset_ms, tuple(feeds))

    def forget(self) -> None:
        """Nothing is known of the hours before: count all of them as used."""
        for breaker in self.breakers:
            breaker.forget()

    def resume(self, memory: RackMemory, now_ms: int) -> None:
        """Go on from a memory; since then each feed may have carried all that it was allowed."""
        away_ms = max(0, now_ms + self._wall_offset_ms - memory.wall_ms)
        for breaker, feed in zip(self.breakers, memory.feeds, strict=True):
            breaker.resume(feed, away_ms)

    def limits_mw(self, plan: Plan, bound_mw: Sequence[int]) -> list[int]:
        """What each row of the plan may carry, margins taken off; `bound_mw` is proven per load."""
        for index, feed in enumerate(self._feeds):
            feed.limit_mw = self._breaker_level_mw(index)
        self._release.tick(self._now_ms)
        if plan.rows != self._rows:
            self._begin(plan, bound_mw)
        return [self._limit_mw(plan, row, index, bound_mw) for index, row in enumerate(plan.rows)]

    def resting_mw(self, plan: Plan, limit_mw: Sequence[int]) -> list[int]:
        """What each row may carry for ever with nobody watching: no overdraft, nothing saved up."""
        return [
            min(limit, self._resting_row_mw(row, limit))
            for row, limit in zip(plan.rows, limit_mw, strict=True)
        ]

    def _resting_row_mw(self, row: Row, limit_mw: int) -> int:
        if row.kind is Kind.DEMAND:
            return int((self._config.limits.demand_w or 0) * 1000)
        if row.kind not in (*SHEDDING, Kind.CONTINUOUS):
            return limit_mw
        feed = self._config.feeds[row.feed]
        rating_mw = self.breakers[row.feed].rating_mw
        if row.kind is Kind.CONTINUOUS:
            return int(rating_mw * feed.continuous_ratio)
        poles = feed.phases if row.kind is Kind.PHASE else 1
        return int(rating_mw * self._control.target_ratio) // poles

    def _begin(self, plan: Plan, bound_mw: Sequence[int]) -> None:
        """Rows that were not there a moment ago begin at what is used, and rise in steps."""
        known = self._rows
        self._rows = plan.rows
        if known is None:
            return
        for index, row in enumerate(plan.rows):
            if row not in known:
                staged = self._staged.setdefault(row.name, Staged(self._release))
                used_mw = plan.used_mw(bound_mw, index) + self.rest_mw(row)
                staged.restart(used_mw)

    def _limit_mw(self, plan: Plan, row: Row, index: int, bound_mw: Sequence[int]) -> int:
        share = 1.0
        if row.kind is Kind.SURVIVOR:
            share = _share_before(plan, row, index, bound_mw)
        limit_mw = self._limit[row.kind](row, share)
        if row.kind not in UNMARGINED:
            limit_mw = int(limit_mw * self._control.target_ratio)
        if row.kind in self._moving:
            limit_mw -= limit_mw % self._quantum_mw
        if row.kind in IMMEDIATE:
            return limit_mw
        staged = self._staged.setdefault(row.name, Staged(self._release))
        return staged.step(limit_mw)

    def rest_mw(self, row: Row) -> int:
        """Uncontrolled power that counts in a row."""
        total = 0
        for feed, part in zip(self._feeds, row.rest_ppm, strict=True):
            total += feed.uncontrolled_mw * part
        return -(-total // PPM)

    def room_mw(self, plan: Plan, limit_mw: Sequence[int], pins: Sequence[int]) -> list[int]:
        """What each row leaves for the caps of the loads that obey."""
        rooms = []
        least = plan.min_mw
        if pins:
            least = [0 if pin else mw for mw, pin in zip(least, pins, strict=True)]
        for index, (row, limit) in enumerate(zip(plan.rows, limit_mw, strict=True)):
            pinned = plan.used_mw(pins, index) if pins else 0
            room = max(0, limit - self.rest_mw(row) - self._correction_mw(row) - pinned)
            needed = plan.used_mw(least, index)
            if row.kind in SHEDDING:  # the margin is there to be used before anything is shed
                needed = min(needed, room + int(limit * self._margin))
            room = max(room, needed)
            rooms.append(room)
        return rooms

    def _correction_mw(self, row: Row) -> int:
        """A feed's correction counts in its own rows; of a phase its part."""
        if row.kind is Kind.FEED:
            return self._feeds[row.feed].correction_mw
        if row.kind is Kind.PHASE:
            return self._feeds[row.feed].correction_mw // self._config.feeds[row.feed].phases
        return 0

    def _breaker_level_mw(self, feed: int) -> int:
        level_mw = self.breakers[feed].level_mw(self.reaction_ms)
        contract_mw = self._contract_mw[feed]
        return level_mw if contract_mw is None else min(level_mw, contract_mw)

    def _feed_mw(self, feed: int) -> int:
        return self._feeds[feed].limit_mw

    def _survivor_mw(self, row: Row, share: float) -> int:
        breaker = self.breakers[row.feed]
        if self._control.redundancy == "strict":
            return breaker.rating_mw
        # The loss is seen LOST_TICKS late; and the board, which does not know what the host is
        # about to do, must have no reason to shed.
        reaction_ms = self.reaction_ms + LOST_TICKS * 100
        fraction = self._control.overdraft_fraction or 0.5
        board_ms = self._control.shed_ttt_s * 1000 * SHED_MARGIN
        return breaker.survivor_mw(int(max(reaction_ms / fraction, board_ms)), share)

    def _ramp_mw(self) -> int:
        assert self._ramp is not None  # noqa: S101 - the row exists only with it
        return self._ramp.limit_mw(self._power_mw, self.reaction_ms, self._now_ms)


def _share_before(plan: Plan, row: Row, index: int, bound_mw: Sequence[int]) -> float:
    """Which part of what the survivor would carry it carries already, by the caps."""
    after = plan.used_mw(bound_mw, index)
    before = plan.used_mw(bound_mw, plan.row_of_feed[row.feed])
    return min(1.0, before / after) if after else 1.0
