# SPDX-License-Identifier: Apache-2.0
"""From what the board measured to the cap of each load: pure, no I/O, no clock.

Each decision walks the same way:

1. Readings that cannot be true are treated as missing (edge.readings).
2. Demand: a load near its cap wants more than it, because the cap hides how much; any other
   wants its draw plus headroom. Both are smoothed so that dips do not count (edge.demand).
3. Rooms: what the caps on each row may sum to (edge.rows), less the devices that do not obey.
4. Targets: weighted max-min by demand, the leftover spread evenly (edge.plan).
5. Writes: first what must fall, then what may rise into proven slack, because a load that is
   still being lowered counts at its old cap (edge.caps).

Stale telemetry, a missing feed reading, or no telemetry yet can only lower caps.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from edge.caps import CapLedger
from edge.config import Config
from edge.demand import Demand
from edge.plan import Plan, Targets, load_range_mw
from edge.readings import Snapshot, believe
from edge.rows import FeedWatch, feed_rows
from edge.shedding import Shedding

GROWTH = 1.15
"""A load at its cap wants this times its cap, or its fair share if that is more. Asking for the
maximum instead would reserve watts that others can use at once."""
LAZY = 4
"""Changes that serve no demand now are made only beyond this times the deadband."""


class Rule(StrEnum):
    """Why a load has the cap it has."""

    STARTUP = "startup"  # nothing measured yet: at most the fair share
    STALE = "stale"  # telemetry too old: lowered to the fair share
    BLIND = "blind"  # a feed reading is missing: nothing rises
    DEMAND = "demand"  # gets what it asks for, and its part of what is left
    ROW = "row"  # a row keeps it below its request
    WAIT = "wait"  # a raise waits for slack that is not proven yet
    OVERLOAD = "overload"  # lowered at once: the caps in force exceed a row
    QUARANTINE = "quarantine"  # does not obey; counted at its highest power
    SHED = "shed"  # its minimum does not fit


@dataclass(frozen=True, slots=True)
class CapWrite:
    """One cap to be told to a device."""

    load: int
    cap_mw: int
    rule: Rule


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and why."""

    now_ms: int
    writes: tuple[CapWrite, ...]
    """In this order: what falls before what rises."""
    shed_groups: int
    """For the board's SHED command: bit g set keeps group g off."""
    cap_mw: tuple[int, ...]
    """Per load, commanded after the writes."""
    rule: tuple[Rule, ...]
    """Per load."""
    row: tuple[int, ...]
    """Per load: index in `room_mw` of the row that limits it, -1 if none does."""
    room_mw: tuple[int, ...]
    """Per row: what caps may sum to."""
    lost_feed: int | None
    blind: Rule | None
    """STARTUP, STALE or BLIND if this decision could only lower, whatever the rules say."""


@dataclass(slots=True)
class _Turn:
    """What the steps of one decision share."""

    now_ms: int
    plan: Plan
    room_mw: list[int]
    request_mw: list[int]
    targets: Targets
    rule: list[Rule]
    writes: list[CapWrite]


class Decider:
    """Remembers what one decision owes the next; same inputs and seed give the same caps."""

    def __init__(self, config: Config, seed: int = 0) -> None:
        control = config.control
        self._min_mw, self._max_mw = load_range_mw(config)
        self._settle_ms = int(control.settle_s * 1000)
        self._stale_ms = int(control.stale_s * 1000)
        self._band_ratio = control.deadband_ratio
        self._band_mw = int(control.deadband_w * 1000)
        self._headroom = 1 + control.headroom_ratio
        self._hungry_ratio = control.hungry_ratio
        hold_ms = int(control.hold_s * 1000)
        self.caps = CapLedger(self._max_mw, self._settle_ms, hold_ms)
        random = Random(seed)  # noqa: S311 - spreads releases, keeps no secret
        self.feeds = [FeedWatch(feed, control, random) for feed in config.feeds]
        lost = (None, *range(len(config.feeds))) if len(config.feeds) > 1 else (None,)
        self._plans = {gone: Plan(config, feed_rows(config, gone)) for gone in lost}
        self._lost: int | None = None
        self._demand = Demand(len(config.loads), hold_ms, control.reserve_sigma)
        self._shedding = Shedding(config)
        self._seen = False
        self.readings_refused = 0
        """Values that were missing or could not be true, since the start."""

    def decide(self, snapshot: Snapshot) -> Decision:
        """The next step from what is known now."""
        fresh = snapshot.age_ms is not None and snapshot.age_ms <= self._stale_ms
        trusted = fresh and self._observe(snapshot)
        blind = None
        if not trusted:
            blind = Rule.BLIND if fresh else Rule.STALE if self._seen else Rule.STARTUP
        self._seen = self._seen or fresh
        turn = self._plan(snapshot, fresh, blind)
        self._lower(turn)
        if trusted:
            self._raise(turn)
        return Decision(
            turn.now_ms,
            tuple(turn.writes),
            self._shed(turn),
            tuple(self.caps.cap_mw),
            tuple(turn.rule),
            tuple(turn.targets.row),
            tuple(turn.room_mw),
            self._lost,
            blind,
        )

    def _observe(self, snapshot: Snapshot) -> bool:
        """Take the readings in; False if a living feed has none."""
        now_ms = snapshot.now_ms
        readings = believe(snapshot, self._max_mw)
        self.readings_refused += readings.refused
        draws, caps = readings.load_mw, self.caps
        metered = None not in draws
        known = [b if d is None else d for d, b in zip(draws, caps.bound_mw, strict=True)]
        normal, plan = self._plans[None], self._plans[self._lost]
        for index, (feed, value) in enumerate(zip(self.feeds, readings.feed_mw, strict=True)):
            source = normal if index == self._lost else plan
            feed.update(value, source.used_mw(known, source.row_of_feed[index]), now_ms, metered)
        self._demand.update(self._wishes(draws), now_ms)
        caps.observe(draws, now_ms)
        lost = [index for index, feed in enumerate(self.feeds) if feed.lost]
        self._lost = lost[0] if len(lost) == 1 and len(self.feeds) > 1 else None
        return all(v is not None or i == self._lost for i, v in enumerate(readings.feed_mw))

    def _wishes(self, draws: list[int | None]) -> list[int]:
        """What each load wants as far as this tick tells, mW."""
        plan = self._plans[self._lost]
        fair = plan.fair_mw([self.feeds[row.feed].room_mw for row in plan.rows])
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

    def _plan(self, snapshot: Snapshot, fresh: bool, blind: Rule | None) -> _Turn:
        """Rooms, requests and targets of this turn."""
        plan, caps = self._plans[self._lost], self.caps
        pins = self._shedding.pins(caps, snapshot.off_groups)
        room = []
        for row, item in enumerate(plan.rows):
            feed = self.feeds[item.feed]
            pinned = plan.used_mw(pins, row) if pins else 0
            if fresh:
                fits = not feed.over or plan.used_mw(self._bounds(), row) + pinned <= feed.room_mw
                feed.correct(snapshot.now_ms, fits)
            room.append(max(0, feed.room_mw - pinned))
        if fresh:
            wanted = self._demand.request_mw
            request = list(map(min, map(max, wanted, self._min_mw), self._max_mw))
            targets = plan.targets(request, caps.quarantined, room)
        else:
            request = self._max_mw
            n = len(request)
            targets = Targets(plan.fair_mw(room), [-1] * n, [False] * n)
        rule = [blind or (Rule.DEMAND if row < 0 else Rule.ROW) for row in targets.row]
        return _Turn(snapshot.now_ms, plan, room, request, targets, rule, [])

    def _bounds(self) -> list[int]:
        """Proven bounds; quarantined loads are in the rooms already."""
        caps = self.caps
        if True not in caps.quarantined:
            return caps.bound_mw
        return [0 if q else b for b, q in zip(caps.bound_mw, caps.quarantined, strict=True)]

    def _band(self, cap_mw: int) -> int:
        return max(self._band_mw, int(cap_mw * self._band_ratio))

    def _write(self, turn: _Turn, load: int, cap_mw: int, rule: Rule) -> None:
        self.caps.send(load, cap_mw, turn.now_ms)
        turn.rule[load] = rule
        turn.writes.append(CapWrite(load, cap_mw, rule))

    def _ready(self, load: int, now_ms: int) -> bool:
        caps = self.caps
        return not caps.in_flight[load] and now_ms - caps.sent_ms[load] >= self._settle_ms

    def _lower(self, turn: _Turn) -> None:
        """Write what must fall: beyond the deadband, or at once where the caps exceed a row."""
        caps, now_ms = self.caps, turn.now_ms
        waiting = any(
            request > cap and target > cap
            for request, target, cap in zip(
                turn.request_mw, turn.targets.cap_mw, caps.cap_mw, strict=True
            )
        )
        lazy = 1 if waiting else LAZY
        later: list[tuple[int, int, int]] = []
        for load, target in enumerate(turn.targets.cap_mw):
            cap = caps.cap_mw[load]
            if caps.quarantined[load]:
                if caps.retry_due(load, now_ms):
                    self._write(turn, load, cap, Rule.QUARANTINE)
                turn.rule[load] = Rule.QUARANTINE
                continue
            if turn.targets.shed[load]:
                turn.rule[load] = Rule.SHED
                target = self._min_mw[load]  # noqa: PLW2901 - what the device obeys
            if caps.asked[load]:
                continue
            if not caps.known[load]:
                self._write(turn, load, target, turn.rule[load])
            elif target < cap:
                if cap - target >= lazy * self._band(cap) and self._ready(load, now_ms):
                    self._write(turn, load, target, turn.rule[load])
                else:
                    later.append((cap - target, load, target))
        self._fit(turn, later)

    def _fit(self, turn: _Turn, later: list[tuple[int, int, int]]) -> None:
        """Lower the rest, largest step first, until the commanded caps satisfy every row."""
        caps = self.caps
        later.sort(reverse=True)
        for _, load, target in later:
            counted = [0 if q else c for c, q in zip(caps.cap_mw, caps.quarantined, strict=True)]
            rows = enumerate(turn.room_mw)
            if all(turn.plan.used_mw(counted, row) <= room for row, room in rows):
                return
            self._write(turn, load, target, Rule.OVERLOAD)

    def _raise(self, turn: _Turn) -> None:
        """Write what may rise: into slack left by the proven bounds, hungry loads first."""
        caps, now_ms = self.caps, turn.now_ms
        bound = self._bounds()
        want, hungry, ready = [*bound], [False] * len(bound), []
        for load, target in enumerate(turn.targets.cap_mw):
            cap = caps.cap_mw[load]
            if target <= cap or caps.quarantined[load]:
                continue
            hungry[load] = turn.request_mw[load] > cap
            band = self._band(cap) * (1 if hungry[load] else LAZY)
            if target - cap >= min(band, self._max_mw[load] - cap) and self._ready(load, now_ms):
                want[load] = target
                ready.append((load, target, band))
        if not ready:
            return
        allowed = turn.plan.raises(bound, want, hungry, turn.room_mw)
        for load, target, band in ready:
            cap = caps.cap_mw[load]
            new = min(target, allowed[load]) if allowed else cap
            if new - cap >= min(band, target - cap):
                self._write(turn, load, new, turn.rule[load])
            else:
                turn.rule[load] = Rule.WAIT

    def _shed(self, turn: _Turn) -> int:
        over = any(f.measured_mw is not None and f.measured_mw >= f.limit_mw for f in self.feeds)
        hot = any(f.measured_mw is not None and f.measured_mw >= f.release_mw for f in self.feeds)
        return self._shedding.decide(turn.targets.shed, self.caps, turn.now_ms, over, hot)
