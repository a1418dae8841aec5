# SPDX-License-Identifier: Apache-2.0
"""From what the board measured to the cap of each load: pure, no I/O, no clock.

Each decision walks the same way:

1. Readings that cannot be true are treated as missing (edge.readings).
2. Demand: a load near its cap wants more than it, because the cap hides how much; any other
   wants its draw plus headroom. Both are smoothed so that dips do not count (edge.demand).
3. Rooms: what the caps on each row may sum to (edge.rooms), less the devices that do not obey.
4. Targets: weighted max-min by demand, the leftover spread evenly (edge.plan).
5. Writes: first what must fall, then what may rise into proven slack, because a load that is
   still being lowered counts at its old cap (edge.writes, edge.caps).

Stale telemetry, a missing feed reading, or no telemetry yet can only lower caps.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from edge.caps import CapLedger
from edge.config import Config
from edge.demand import Demand
from edge.feed import FeedWatch
from edge.intake import Intake
from edge.oscillation import LimitCycleWatch, OscillationWatch
from edge.plan import Plan, Targets, load_range_mw
from edge.readings import Readings, Snapshot
from edge.reason import CapWrite, Decision, RowState, Rule
from edge.rooms import Rooms
from edge.rows import Kind, rack_rows
from edge.settle import SettleWatch
from edge.shedding import Shedding
from edge.writes import Turn, Writer

GROWTH = 1.15
"""A load at its cap wants this times its cap, or its fair share if that is more. Asking for the
maximum instead would reserve watts that others can use at once."""
SWING_RATIO = 0.03
"""Swings smaller than this part of the ratings are meter noise and ripple."""
HURRY = 2
"""A breaker that trips within so many reaction times cannot be waited for."""
POLL_MS = (100, 2_000)
"""Between readings, before two have been seen, and the most that is learned from a pause."""


class Decider:
    """Remembers what one decision owes the next; same inputs and seed give the same caps."""

    def __init__(self, config: Config, seed: int = 0, wall_offset_ms: int = 0) -> None:
        """`wall_offset_ms` + now_ms is Unix time: tariffs and memories go by it."""
        control = config.control
        self._min_mw, self._max_mw = load_range_mw(config)
        self._stale_ms = int(control.stale_s * 1000)
        self._band_mw = int(control.deadband_w * 1000)
        self._headroom = 1 + control.headroom_ratio
        self._hungry_ratio = control.hungry_ratio
        hold_ms = int(control.hold_s * 1000)
        random = Random(seed)  # noqa: S311 - spreads releases, keeps no secret
        n = len(config.loads)
        self.settle = SettleWatch(n, int(control.settle_s * 1000))
        self.caps = CapLedger(self._max_mw, self.settle, hold_ms)
        self.feeds = [FeedWatch(feed.rating_mw, control, random) for feed in config.feeds]
        self.rooms = Rooms(config, self.feeds, random, wall_offset_ms)
        lost = (None, *range(len(config.feeds))) if len(config.feeds) > 1 else (None,)
        self._plans = {gone: Plan(config, rack_rows(config, gone)) for gone in lost}
        self._lost: int | None = None
        self._demand = Demand(n, hold_ms, control.reserve_sigma)
        self._shedding = Shedding(config)
        self._writer = Writer(config, self.caps, self.settle)
        swing_mw = int(SWING_RATIO * sum(feed.rating_mw for feed in config.feeds))
        self._oscillation = OscillationWatch(least_mw=swing_mw)
        self._cycle = LimitCycleWatch(least_mw=swing_mw)
        self.intake = Intake(
            [feed.rating_mw for feed in config.feeds],
            self._max_mw,
            load_group=[load.group for load in config.loads],
            stale_ms=self._stale_ms,
        )
        self._off = [False] * n
        self._turn: Turn | None = None
        self._seen = False
        self._read_ms: int | None = None
        self._poll_ms = POLL_MS[0]
        self._recharge_mw = 0

    @property
    def readings_refused(self) -> int:
        """Values that were missing or could not be true, since the start."""
        return sum(self.intake.counts.values())

    @property
    def _recharge_bound_mw(self) -> int:
        """The most that recharging draws apart from what is uncontrolled."""
        return self.rooms.battery.proven_mw if self.rooms.battery else 0

    def decide(self, snapshot: Snapshot) -> Decision:
        """The next step from what is known now."""
        fresh = snapshot.age_ms is not None and snapshot.age_ms <= self._stale_ms
        readings = self.intake.take(snapshot, self.caps.cap_mw)
        trusted = fresh and self._observe(snapshot, readings)
        blind = None
        if not trusted:
            blind = Rule.BLIND if fresh else Rule.STALE if self._seen else Rule.STARTUP
        self._seen = self._seen or fresh
        self._turn = turn = self._plan(snapshot, readings, fresh, blind)
        self._writer.lower(turn, self._cycle.damping)
        if trusted:
            self._writer.raise_(turn, self._cycle.damping, self._recharge_bound_mw)
        return self._decision(turn, readings, blind, snapshot.off_groups)

    def rest(self, now_ms: int) -> tuple[CapWrite, ...]:
        """Caps for a rack that is left alone: only lowered, to what it may carry for ever."""
        last = self._turn
        if last is None:
            return ()
        limits = self.rooms.resting_mw(last.plan, last.limit_mw)
        room = self.rooms.room_mw(last.plan, limits, self._shedding.pins(self.caps, self._off))
        defiant = [a and not dark for a, dark in zip(last.absent, self._off, strict=True)]
        targets = last.plan.standing(last.request_mw, defiant, self._off, room)
        turn = replace(last, now_ms=now_ms, limit_mw=limits, room_mw=room, targets=targets)
        turn.writes = []
        self._writer.rest(turn)
        return tuple(turn.writes)

    def _decision(
        self, turn: Turn, readings: Readings, blind: Rule | None, off_groups: int
    ) -> Decision:
        caps = self.caps
        change_mw = sum(write.cap_mw - write.before_mw for write in turn.writes)
        if change_mw:
            self._cycle.wrote(change_mw, turn.now_ms)
        counted = [0 if gone else c for c, gone in zip(caps.cap_mw, turn.absent, strict=True)]
        plan = turn.plan
        rows = tuple(
            RowState(row.name, row.kind, limit, room, plan.used_mw(counted, index))
            for index, (row, limit, room) in enumerate(
                zip(plan.rows, turn.limit_mw, turn.room_mw, strict=True)
            )
        )
        return Decision(
            now_ms=turn.now_ms,
            writes=tuple(turn.writes),
            shed_groups=self._shed(turn, off_groups),
            recharge_mw=self._recharge_mw,
            cap_mw=tuple(caps.cap_mw),
            rule=tuple(turn.rule),
            row=tuple(turn.targets.row),
            absent=tuple(turn.absent),
            rows=rows,
            lost_feed=self._lost,
            blind=blind,
            reaction_ms=self.rooms.reaction_ms,
            swing=self._oscillation.swing,
            damping=self._cycle.damping,
            faults=readings.faults,
        )

    def _observe(self, snapshot: Snapshot, readings: Readings) -> bool:
        """Take the readings in; False if a living feed has none."""
        now_ms = snapshot.now_ms
        draws, caps = readings.load_mw, self.caps
        metered = None not in draws
        known = [b if d is None else d for d, b in zip(draws, caps.bound_mw, strict=True)]
        normal, plan = self._plans[None], self._plans[self._lost]
        battery = self.rooms.battery
        recharge_drawn_mw = battery.drawn_mw if battery else 0
        for index, (feed, value) in enumerate(zip(self.feeds, readings.feed_mw, strict=True)):
            source = normal if index == self._lost else plan
            row = source.row_of_feed[index]
            recharge_mw = source.recharge_used_mw(recharge_drawn_mw, row)
            feed.update(value, source.used_mw(known, row), now_ms, metered, recharge_mw)
        self._demand.update(self._wishes(draws), now_ms)
        self._off = self._shedding.off(snapshot.off_groups)
        caps.observe(draws, now_ms, self._off)
        lost = [index for index, feed in enumerate(self.feeds) if feed.lost]
        self._lost = lost[0] if len(lost) == 1 and len(self.feeds) > 1 else None
        self._learn_poll(now_ms)
        if all(v is not None or i == self._lost for i, v in enumerate(readings.feed_mw)):
            total_mw = sum(value or 0 for value in readings.feed_mw)
            self._oscillation.update(total_mw, now_ms)
            self._cycle.update(total_mw, now_ms)
            return True
        return False

    def _learn_poll(self, now_ms: int) -> None:
        """How far readings lie apart: fast to grow, slow to forget a pause."""
        if self._read_ms is not None and now_ms > self._read_ms:
            apart_ms = min(now_ms - self._read_ms, POLL_MS[1])
            self._poll_ms = max(apart_ms, self._poll_ms - self._poll_ms // 64 - 1)
        self._read_ms = now_ms

    def _wishes(self, draws: list[int | None]) -> list[int]:
        """What each load wants as far as this tick tells, mW."""
        fair = self._plans[self._lost].latest_fair_mw
        hungry, headroom, margin = self._hungry_ratio, self._headroom, self._band_mw
        return [
            cap
            if draw is None
            else int(draw * headroom) + margin
            if draw < cap * hungry
            else min(top, max(int(cap * GROWTH), share))
            for draw, cap, top, share in zip(
                draws, self.caps.cap_mw, self._max_mw, fair, strict=True
            )
        ]

    def _plan(
        self, snapshot: Snapshot, readings: Readings, fresh: bool, blind: Rule | None
    ) -> Turn:
        """Limits, rooms, requests and targets of this turn."""
        plan, caps, now_ms = self._plans[self._lost], self.caps, snapshot.now_ms
        self.rooms.reaction_ms = self._poll_ms + (snapshot.age_ms or 0) + self.settle.slowest_ms
        known = readings.feed_mw if fresh else [None] * len(self.feeds)
        carried = [self._carried_mw(index, mw) for index, mw in enumerate(known)]
        shares = [self._phase_share(plan, index) for index in range(len(self.feeds))]
        self.rooms.take(carried, shares, snapshot.bbu, now_ms)
        limits = self.rooms.limits_mw(plan, caps.bound_mw)
        pins = self._shedding.pins(caps, self._off)
        absent = [q or dark for q, dark in zip(caps.quarantined, self._off, strict=True)]
        if fresh:
            self._correct(plan, limits, pins, absent, now_ms)
        room = self.rooms.room_mw(plan, limits, pins)
        battery = self.rooms.battery
        wish_mw = battery.recharge_wish_mw(now_ms) if battery and blind is None else 0
        plan.fair_mw(room)
        wanted = self._demand.request_mw
        if not fresh:  # at most the fair share, and less where the rows have become narrower
            wanted = list(map(min, plan.latest_fair_mw, caps.cap_mw))
        request = list(map(min, map(max, wanted, self._min_mw), self._max_mw))
        defiant = [q and not dark for q, dark in zip(caps.quarantined, self._off, strict=True)]
        targets = plan.standing(request, defiant, self._off, room, wish_mw)
        if not fresh:
            fair = list(map(min, request, targets.cap_mw))
            targets = Targets(fair, [-1] * len(fair), [False] * len(fair))
        self._recharge_mw = targets.recharge_mw
        if battery:
            battery.grant(self._recharge_mw, now_ms)
        rule = [blind or (Rule.DEMAND if row < 0 else Rule.ROW) for row in targets.row]
        draws = readings.load_mw
        return Turn(now_ms, plan, limits, room, request, draws, absent, targets, rule, [])

    def _carried_mw(self, feed: int, measured: int | None) -> int:
        """What a feed carries: measured, or the most that is possible as far as is proven."""
        if measured is not None:
            return measured
        plan = self._plans[self._lost]
        if feed == self._lost:
            return 0
        row = plan.row_of_feed[feed]
        rest_mw = self.rooms.rest_mw(plan.rows[row])
        recharge_mw = plan.recharge_used_mw(self._recharge_bound_mw, row)
        return plan.used_mw(self.caps.bound_mw, row) + rest_mw + recharge_mw

    def _phase_share(self, plan: Plan, feed: int) -> float:
        """Part of a feed's power on its worst pole, by the draws that are proven possible."""
        bound = self.caps.bound_mw
        poles = [
            plan.used_mw(bound, index)
            for index, row in enumerate(plan.rows)
            if row.kind is Kind.PHASE and row.feed == feed
        ]
        total = plan.used_mw(bound, plan.row_of_feed[feed]) if poles else 0
        return max(poles) / total if total else 0.0

    def _correct(
        self,
        plan: Plan,
        limits: Sequence[int],
        pins: list[int],
        absent: Sequence[bool],
        now_ms: int,
    ) -> None:
        """Let each feed cut further where caps that fit do not explain what is measured."""
        bounds = self._writer.bounds(absent)
        for feed in plan.row_of_feed:
            watch, row = self.feeds[feed], plan.row_of_feed[feed]
            pinned = plan.used_mw(pins, row) if pins else 0
            pinned += plan.recharge_used_mw(self._recharge_bound_mw, row)
            room = limits[row] - self.rooms.rest_mw(plan.rows[row]) - watch.correction_mw
            fits = not watch.over or plan.used_mw(bounds, row) + pinned <= room
            left_ms = self.rooms.breakers[feed].time_to_trip_ms(watch.measured_mw or 0)
            urgent = not fits and left_ms < HURRY * self.rooms.reaction_ms
            if urgent:  # not if what was commanded explains it and has only not had its time
                owed = self.caps.owed_mw(now_ms)
                owed = [0 if gone else mw for mw, gone in zip(owed, absent, strict=True)]
                urgent = plan.used_mw(owed, row) + pinned <= room
            watch.correct(now_ms, fits, urgent, self.settle.slowest_ms)

    def _shed(self, turn: Turn, off_groups: int) -> int:
        """Ask the board to shed where minimums do not fit and caps cannot help in time."""
        reaction_ms = self.rooms.reaction_ms
        left_ms = [
            breaker.time_to_trip_ms(feed.measured_mw)
            for breaker, feed in zip(self.rooms.breakers, self.feeds, strict=True)
            if feed.measured_mw is not None and not feed.lost
        ]
        hot = any(feed.hot for feed in self.feeds)
        return self._shedding.decide(
            turn.targets.shed,
            self.caps,
            turn.now_ms,
            off_groups=off_groups,
            urgent=any(left < HURRY * reaction_ms for left in left_ms),
            hot_for_ms=HURRY * self.settle.slowest_ms if hot else None,
        )
