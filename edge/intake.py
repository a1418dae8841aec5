# SPDX-License-Identifier: Apache-2.0
"""Which readings the decision may use: judged by range, history, and by each other.

A refused load counts at its cap and a refused feed blinds the decision, so a fault can only lower
caps. Each value is judged in this order:

1. Alone: what no rack can draw (edge.readings).
2. Against its own last value and the other meters: slips of unit, and values that some meters use
   as sentinel (edge.witness). A change that the feeds confirm is believed, whatever its size. A
   fall to zero is never a slip. What is too small for the feeds to show is too small to matter.
3. All loads against all feeds.
4. Against its own past: frozen (edge.frozen), or good again too recently (edge.probation).

What this cannot see: a unit that was wrong from the first reading on (a load 1000 times too small
then counts as uncontrolled power, by the feeds), and a feed that is wrong by a plausible factor.
"""

from collections.abc import Sequence

from edge.frozen import FrozenWatch
from edge.probation import Probation
from edge.readings import (
    DOUBTFUL,
    NOISE_MW,
    SENTINELS,
    SLIP_RATIO,
    Fault,
    ReadingFault,
    Readings,
    Snapshot,
    contradict,
    feed_top_mw,
    impossible,
    load_top_mw,
)
from edge.source_clock import SourceClock
from edge.witness import Doubt, Witness

STALE_MS = 500
"""As control.stale_s."""
LATCHED_RATIO = 32
"""After a slip, whatever is nearer (by ratio) to 1000 times off than to the old level is one."""
_MARKED = SENTINELS | DOUBTFUL


_DARK = frozenset((Fault.MISSING, Fault.SENTINEL, Fault.NEGATIVE, Fault.ABSURD))


class Intake:
    """Takes every snapshot in order; `counts` says how many values were refused for what."""

    def __init__(
        self,
        feed_max_mw: Sequence[int],
        load_max_mw: Sequence[int],
        *,
        load_group: Sequence[int] | None = None,
        stale_ms: int = STALE_MS,
    ) -> None:
        """`feed_max_mw`: ratings. `load_group`: a load in a group that is off may fall freely."""
        self.counts = dict.fromkeys(Fault, 0)
        self._feeds = len(feed_max_mw)
        self._top_mw = [*map(feed_top_mw, feed_max_mw), *map(load_top_mw, load_max_mw)]
        self._group = load_group
        self._stale_ms = stale_ms
        n = len(self._top_mw)
        self._level_mw: list[int | None] = [None] * n
        self._clock = SourceClock()
        self._witness = Witness(self._feeds)
        self._frozen = FrozenWatch(feed_max_mw, load_max_mw)
        self._slipped: set[int] = set()
        # One more slot than channels: the last is the snapshot as a whole.
        self._probation = Probation(n + 1)
        self._last: Snapshot | None = None
        self._answer = Readings([], [], ())

    def take(self, snapshot: Snapshot, cap_mw: Sequence[int]) -> Readings:
        """Judge the readings of `snapshot`; `cap_mw` per load: commanded, what it may draw."""
        age_ms, now_ms = snapshot.age_ms, snapshot.now_ms
        if age_ms is None or age_ms > self._stale_ms:
            return self._nothing(Fault.STALE, -1 if age_ms is None else age_ms)
        arrived_ms = now_ms - age_ms
        if self._is_repeated(snapshot, arrived_ms):
            return self._answer
        self._last = snapshot
        source_ms, whole = snapshot.source_ms, len(self._top_mw)
        if source_ms is not None:
            good = self._clock.goes_on(source_ms, arrived_ms)
            faults = {} if good else {whole: Fault.TIME}
            self._probation.hold(faults, arrived_ms, (whole,))
            if faults:
                self._answer = self._nothing(faults[whole], source_ms)
                return self._answer
        values = [*snapshot.feed_mw, *snapshot.load_mw]
        faults = self._find(values, snapshot.off_groups, cap_mw, arrived_ms)
        believed = self._settle(values, faults)
        self._answer = self._report(snapshot, believed, faults)
        return self._answer

    def _is_repeated(self, snapshot: Snapshot, arrived_ms: int) -> bool:
        last = self._last
        return (
            last is not None
            and last.age_ms is not None
            and last.now_ms - last.age_ms == arrived_ms
            and last.source_ms == snapshot.source_ms
            and last.feed_mw == snapshot.feed_mw
            and last.load_mw == snapshot.load_mw
        )

    def _nothing(self, fault: Fault, value: int) -> Readings:
        self.counts[fault] += 1
        loads = len(self._top_mw) - self._feeds
        found = (ReadingFault("snapshot", 0, fault, value),)
        return Readings([None] * self._feeds, [None] * loads, found)

    def _find(
        self, values: list[int], off_groups: int, cap_mw: Sequence[int], arrived_ms: int
    ) -> dict[int, Fault]:
        """Faults by channel. Values that are noise below zero become zero in place."""
        faults, doubts = self._alone(values, off_groups)
        feeds, witness = self._feeds, self._witness
        carried_mw, drawn_mw = self._sums(values, faults)
        if doubts:
            rest_mw = carried_mw - drawn_mw
            faults |= witness.refuse(doubts, faults, self._level_mw, values, rest_mw)
        if not faults:
            contrary = contradict(carried_mw, drawn_mw)
        elif min(faults) >= feeds:
            known = [0 if i in faults else mw for i, mw in enumerate(values)]
            contrary = contradict(carried_mw, sum(known[feeds:]))
        else:
            contrary = False
        if contrary:
            faults = dict.fromkeys(range(feeds, len(values)), Fault.CONTRADICTION) | faults
        frozen = self._frozen.find(
            values, cap_mw, witness.rest_mw or 0.0, witness.loads_mw, carried_mw, arrived_ms
        )
        if frozen:
            faults = dict.fromkeys(frozen, Fault.FROZEN) | faults
        self._probation.hold(faults, arrived_ms, range(len(values)))
        return faults

    def _alone(
        self, values: list[int], off_groups: int
    ) -> tuple[dict[int, Fault], dict[int, Doubt]]:
        """What each value tells with no other than its own last one."""
        faults: dict[int, Fault] = {}
        doubts: dict[int, Doubt] = {}
        slip, levels, tops = SLIP_RATIO[0], self._level_mw, self._top_mw
        for i, value in enumerate(values):
            level = levels[i]
            if (
                0 <= value <= tops[i]
                and value not in _MARKED
                and (not level or not value or level < value * slip < level * slip * slip)
                and i not in self._slipped
            ):
                continue
            fault = impossible(value, tops[i], level)
            if fault is not None:
                faults[i] = fault
                continue
            doubt = self._doubt(i, value, level)
            if doubt is not None and level is None:
                faults[i] = doubt.fault
            elif doubt is not None and not (
                value < doubt.instead_mw and self._is_off(i, off_groups)
            ):
                doubts[i] = doubt
            values[i] = max(0, value)
        return faults, doubts

    def _doubt(self, i: int, value: int, level_mw: int | None) -> Doubt | None:
        if value in DOUBTFUL:
            near_mw = max(NOISE_MW, value // 10)
            if level_mw is None or abs(value - level_mw) > near_mw:
                return Doubt(Fault.SENTINEL, level_mw or 0)
        if value <= 0 or not level_mw:
            return None
        low, high = (LATCHED_RATIO, 1 << 62) if i in self._slipped else SLIP_RATIO
        if low * value <= level_mw <= high * value and value * 1000 <= self._top_mw[i]:
            return Doubt(Fault.SCALE, value * 1000)
        if low * level_mw <= value <= high * level_mw:
            return Doubt(Fault.SCALE, value // 1000)
        return None

    def _sums(self, values: list[int], faults: dict[int, Fault]) -> tuple[int, int]:
        """What feeds and loads carry; a refused channel counts as it last did."""
        if faults:
            levels = self._level_mw
            values = [(levels[i] or 0) if i in faults else v for i, v in enumerate(values)]
        return sum(values[: self._feeds]), sum(values[self._feeds :])

    def _is_off(self, i: int, off_groups: int) -> bool:
        group = self._group
        return i >= self._feeds and bool(group and off_groups >> group[i - self._feeds] & 1)

    def _settle(self, values: list[int], faults: dict[int, Fault]) -> list[int | None]:
        """What is believed, and what the next snapshot is judged by."""
        believed: list[int | None] = [*values]
        for i, fault in faults.items():
            believed[i] = None
            if fault is Fault.SCALE:
                self._slipped.add(i)
        if self._slipped:
            self._slipped.intersection_update(faults)
        carried_mw, drawn_mw = self._sums(values, faults)
        if not faults:
            self._level_mw = believed
            self._witness.follow(carried_mw, drawn_mw)
            return believed
        levels = self._level_mw
        self._level_mw = [
            old if new is None else new for new, old in zip(believed, levels, strict=True)
        ]
        # A load that never has a reading must not keep the rest from being followed.
        if min(faults) >= self._feeds and _DARK.issuperset(faults.values()):
            self._witness.follow(carried_mw, drawn_mw)
        return believed

    def _report(
        self, snapshot: Snapshot, believed: list[int | None], faults: dict[int, Fault]
    ) -> Readings:
        feeds = self._feeds
        found = []
        for i in sorted(faults):
            self.counts[faults[i]] += 1
            if i < feeds:
                found.append(ReadingFault("feed", i, faults[i], snapshot.feed_mw[i]))
            else:
                load = i - feeds
                found.append(ReadingFault("load", load, faults[i], snapshot.load_mw[load]))
        return Readings(believed[:feeds], believed[feeds:], tuple(found))
