# SPDX-License-Identifier: Apache-2.0
"""Meters that repeat one value while the others say that the truth has moved on.

A repeated value alone proves nothing: an idle server on a coarse meter repeats itself for hours,
a BMC refreshes once a minute. A reading is frozen only if

- it is not zero and has been the same, bit for bit, in every arrival for its time: FROZEN_MS,
  and RUN_RATIO times the longest repetition this meter has shown, at most LONGEST_MS;
- the meter is a lively one: it has changed LIVELY_CHANGES times before;
- the rest (feeds less loads) has moved since the repetition began, by more than meters or fans
  explain: the other readings do not fit this one any more.

Of a load whose reading stands above its cap, only a fall of the rest counts: if nothing shows
that it obeys, believing the reading is the safe side. Of a feed, the rest must move against the
loads: fans are on the feeds and not in the loads, but what loads do must show on a feed.
"""

from collections.abc import Sequence

from edge.readings import NOISE_MW

FROZEN_LOAD_MS = 60_000
"""As long as the board waits for a stuck sensor; BMC power lags up to a minute (kepler #644)."""
FROZEN_FEED_MS = 10_000
"""A feed carries many loads, so it is never still for 100 readings while they move; and a frozen
feed hides an overload, so it is found sooner than a breaker at 1.45 In opens."""
RUN_RATIO = 3
LONGEST_MS = 3_600_000
LIVELY_CHANGES = 20
LOAD_SHARE = 4
"""The rest must move by the load's maximum over this: more than the fans of a rack do."""
FEED_SHARE = 20
"""The rest must move by the feed's rating over this."""
METER_SHARE = 50
"""And by what the feeds carry over this: two meters of class 1 disagree by no more."""
GAP_MS = 5_000
"""Without arrivals for so long, a repetition is a new one."""


class FrozenWatch:
    """Per channel, feeds first: since when it repeats, and what the rest was then."""

    def __init__(self, feed_max_mw: Sequence[int], load_max_mw: Sequence[int]) -> None:
        n = len(feed_max_mw) + len(load_max_mw)
        self._feeds = len(feed_max_mw)
        self._quiet_ms = [FROZEN_FEED_MS] * self._feeds + [FROZEN_LOAD_MS] * len(load_max_mw)
        self._step_mw = [top // FEED_SHARE for top in feed_max_mw]
        self._step_mw += [top // LOAD_SHARE for top in load_max_mw]
        self._seen: list[int | None] = [None] * n
        self._since_ms = [0] * n
        self._longest_ms = [0] * n
        self._changes = [0] * n
        self._rest_mw = [0.0] * n
        self._loads_mw = [0.0] * n
        self._frozen: set[int] = set()
        self._arrived_ms = 0

    def find(
        self,
        values: Sequence[int],
        cap_mw: Sequence[int],
        rest_mw: float,
        loads_mw: float,
        carried_mw: int,
        arrived_ms: int,
    ) -> set[int]:
        """Channels that are frozen in this arrival.

        `rest_mw`, `loads_mw`: smoothed, without this arrival; `carried_mw`: all feeds now.
        """
        if arrived_ms - self._arrived_ms > GAP_MS:
            self._since_ms = [arrived_ms] * len(self._seen)
        self._arrived_ms = arrived_ms
        seen, since, quiet = self._seen, self._since_ms, self._quiet_ms
        for i, value in enumerate(values):
            if value != seen[i]:
                self._end_run(i, arrived_ms)
                seen[i], since[i] = value, arrived_ms
                self._rest_mw[i], self._loads_mw[i] = rest_mw, loads_mw
            elif value > 0 and arrived_ms - since[i] >= quiet[i] and i not in self._frozen:
                cap = cap_mw[i - self._feeds] if i >= self._feeds else None
                moved, loads = rest_mw - self._rest_mw[i], loads_mw - self._loads_mw[i]
                if self._repeats(i) and self._contradicted(i, cap, moved, loads, carried_mw):
                    self._frozen.add(i)
        return self._frozen

    def _end_run(self, i: int, arrived_ms: int) -> None:
        self._changes[i] += 1
        if i in self._frozen:
            self._frozen.discard(i)
        elif self._seen[i]:  # an off load says nothing of its meter
            self._longest_ms[i] = max(self._longest_ms[i], arrived_ms - self._since_ms[i])

    def _repeats(self, i: int) -> bool:
        usual_ms = min(LONGEST_MS, RUN_RATIO * self._longest_ms[i])
        lively = self._changes[i] > LIVELY_CHANGES
        return lively and self._arrived_ms - self._since_ms[i] >= usual_ms

    def _contradicted(
        self, i: int, cap_mw: int | None, moved_mw: float, loads_moved_mw: float, carried_mw: int
    ) -> bool:
        doubt_mw = carried_mw / METER_SHARE
        step_mw = self._step_mw[i] + doubt_mw
        if cap_mw is None:
            against = moved_mw * loads_moved_mw < 0 and abs(loads_moved_mw) >= step_mw
            return against and abs(moved_mw) >= step_mw
        over_mw = (self._seen[i] or 0) - cap_mw
        if over_mw > NOISE_MW:
            return -moved_mw >= over_mw / 2 + doubt_mw
        return abs(moved_mw) >= step_mw
