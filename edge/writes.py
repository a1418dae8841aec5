# SPDX-License-Identifier: Apache-2.0
"""From targets to writes: first what must fall, then what may rise into proven slack."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.caps import CapLedger
from edge.config import Config
from edge.plan import Plan, Targets, load_range_mw
from edge.reason import CapWrite, Rule
from edge.settle import SettleWatch

LAZY = 4
"""Changes that serve no demand now are made only beyond this times the deadband."""


@dataclass(slots=True)
class Turn:
    """What the steps of one decision share."""

    now_ms: int
    plan: Plan
    limit_mw: list[int]
    room_mw: list[int]
    request_mw: list[int]
    draw_mw: list[int | None]
    absent: list[bool]
    """Loads that are not capped now: defiant (counted in the rooms), or without power."""
    targets: Targets
    rule: list[Rule]
    writes: list[CapWrite]


class Writer:
    """Decides which caps are written now, and notes them in the ledger."""

    def __init__(self, config: Config, caps: CapLedger, settle: SettleWatch) -> None:
        self._caps = caps
        self._settle = settle
        self._min_mw, self._max_mw = load_range_mw(config)
        self._band_ratio = config.control.deadband_ratio
        self._band_mw = int(config.control.deadband_w * 1000)
        self._damping = 1.0

    def bounds(self, absent: Sequence[bool]) -> list[int]:
        """Proven bounds of the loads that are not `absent`."""
        bound = self._caps.bound_mw
        if True not in absent:
            return bound
        return [0 if gone else b for b, gone in zip(bound, absent, strict=True)]

    def lower(self, turn: Turn, damping: float) -> None:
        """Write what must fall: beyond the deadband, or at once where the caps exceed a row."""
        caps, now_ms = self._caps, turn.now_ms
        self._damping = damping
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
            if turn.targets.shed[load] or turn.absent[load]:
                turn.rule[load] = Rule.SHED
                target = self._min_mw[load]  # noqa: PLW2901 - it comes back as small as it can
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

    def _fit(self, turn: Turn, later: list[tuple[int, int, int]]) -> None:
        """Lower the rest, largest step first, until the commanded caps satisfy every row."""
        caps = self._caps
        later.sort(reverse=True)
        for _, load, target in later:
            counted = [0 if gone else c for c, gone in zip(caps.cap_mw, turn.absent, strict=True)]
            rows = enumerate(turn.room_mw)
            if all(turn.plan.used_mw(counted, row) <= room for row, room in rows):
                return
            self._write(turn, load, target, Rule.OVERLOAD)

    def rest(self, turn: Turn) -> None:
        """Write what must fall before nobody watches any more."""
        caps = self._caps
        for load, target in enumerate(turn.targets.cap_mw):
            if caps.known[load] and not turn.absent[load] and target < caps.cap_mw[load]:
                self._write(turn, load, target, Rule.REST)

    def raise_(self, turn: Turn, damping: float, recharge_mw: int) -> None:
        """Write what may rise: into slack left by the proven bounds, hungry loads first."""
        caps, now_ms = self._caps, turn.now_ms
        self._damping = damping
        bound = self.bounds(turn.absent)
        want, hungry, ready = [*bound], [False] * len(bound), []
        for load, target in enumerate(turn.targets.cap_mw):
            cap = caps.cap_mw[load]
            if target <= cap or turn.absent[load]:
                continue
            hungry[load] = turn.request_mw[load] > cap
            band = self._band(cap) * (1 if hungry[load] else LAZY)
            if target - cap >= min(band, self._max_mw[load] - cap) and self._ready(load, now_ms):
                want[load] = target
                ready.append((load, target, band))
        if not ready:
            return
        allowed = turn.plan.raises(bound, want, hungry, turn.room_mw, recharge_mw)
        for load, target, band in ready:
            cap = caps.cap_mw[load]
            new = min(target, allowed[load]) if allowed else cap
            if new - cap >= min(band, target - cap):
                self._write(turn, load, new, turn.rule[load])
            else:
                turn.rule[load] = Rule.WAIT

    def _band(self, cap_mw: int) -> int:
        return int(max(self._band_mw, int(cap_mw * self._band_ratio)) * self._damping)

    def _ready(self, load: int, now_ms: int) -> bool:
        caps = self._caps
        since_ms = now_ms - caps.sent_ms[load]
        return not caps.in_flight[load] and since_ms >= self._settle.settle_ms[load]

    def _write(self, turn: Turn, load: int, cap_mw: int, rule: Rule) -> None:
        before_mw = self._caps.cap_mw[load]
        self._caps.send(load, cap_mw, turn.now_ms)
        turn.rule[load] = rule
        row, draw = turn.targets.row[load], turn.draw_mw[load]
        turn.writes.append(
            CapWrite(load, before_mw, cap_mw, rule, row, turn.request_mw[load], draw)
        )
