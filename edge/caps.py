# SPDX-License-Identifier: Apache-2.0
"""What each load may draw at this instant, as far as it is proven.

A cap that was sent is a wish. `bound_mw` is the promise the rows are checked against: a raise
counts from the moment it is sent, a lowering only once the device has confirmed the write, had
its settle time, and draws no more than the new cap. So a cut that is commanded and not yet seen
is neither counted as done nor made twice. Whatever draws more than its bound counts at that.

A device whose write fails, or that still draws more than its cap DEFY_SETTLES settle times after
it confirmed it, is quarantined: it counts at `pin_mw`, its highest proven power, and is told its
cap again with growing pauses. It is released after it has obeyed for `probation_ms`.
"""

from collections import deque
from collections.abc import Sequence

from edge.settle import SettleWatch

OBEY_RATIO = 1.02
"""A draw up to this times the cap is obedience: meter class and control ripple of a BMC."""
DEFY_RATIO = 1.03
"""A draw above this times the cap is not."""
DEFY_SETTLES = 2
"""A device is quarantined if it draws more than its cap so many of its settle times after it has
confirmed it."""
FALLS_RATIO = 0.985
"""A draw below this times the lowest since the cap was told is still on its way down."""
DEFY_TICKS = 3
"""So often in a row, at least: one odd reading is none."""
MARGIN_MW = 10_000
"""Absolute part of both, so that small caps are not judged by meter noise."""
RETRY_MS = (500, 10_000)
"""Backoff of writes to a quarantined load: first and longest."""
NEVER = -1


class CapLedger:
    """Per load: commanded cap, proven bound, and whether the device obeys. All mW and ms."""

    def __init__(self, max_mw: Sequence[int], settle: SettleWatch, probation_ms: int) -> None:
        n = len(max_mw)
        self.cap_mw = list(max_mw)
        """Last commanded; before the first command the highest the load can draw."""
        self.bound_mw = list(max_mw)
        self.known = [False] * n
        """False until a first cap was commanded, or found in the device."""
        self.asked = [False] * n
        """The limit in the device is being read: a first cap might raise it."""
        self.sent_ms = [-(1 << 40)] * n
        self.confirmed_ms = [NEVER] * n
        self.quarantined = [False] * n
        self.pin_mw = [0] * n
        self.in_flight = [False] * n
        """A write is on its way and neither confirmed nor failed."""
        self._floor_mw = [0] * n
        self._lowest_mw: list[int | None] = [None] * n
        self._in_force: list[deque[tuple[int, int]]] = [deque() for _ in range(n)]
        """Per load: since when which cap may be in force, as far back as it matters: a raise from
        when it was sent, a lowering from when it was confirmed."""
        self._retry_at_ms = [0] * n
        self._backoff_ms = [0] * n
        self._defied = [0] * n
        self._obeys_since_ms = [NEVER] * n
        self.enforced_mw: list[int | None] = [None] * n
        """What the device says it enforces; None if it never said."""
        self._draw_mw: list[int | None] = [None] * n
        self._settle = settle
        self._probation_ms = probation_ms

    def ask(self) -> None:
        """Note that the devices are being asked for the limits that stand in them."""
        self.asked = [not known for known in self.known]

    def adopt(self, i: int, limit_mw: int | None, now_ms: int) -> None:
        """Load `i` holds `limit_mw` since before this start; None if none, or it is not known.

        From then on the limit is a cap like any other, as if it had been confirmed just now. A
        limit at or above the load's maximum limits nothing.
        """
        self.asked[i] = False
        if limit_mw is None or limit_mw >= self.cap_mw[i] or self.known[i]:
            return
        self.cap_mw[i] = limit_mw
        self.known[i] = True
        self.confirmed_ms[i] = now_ms
        self._in_force[i].append((now_ms, limit_mw))

    def send(self, i: int, cap_mw: int, now_ms: int) -> None:
        """Note that load `i` is being told `cap_mw`."""
        self.cap_mw[i] = cap_mw
        self.bound_mw[i] = max(self.bound_mw[i], cap_mw)
        self.known[i] = True
        self.sent_ms[i] = now_ms
        self.confirmed_ms[i] = NEVER
        self.in_flight[i] = True
        self._floor_mw[i] = 0
        history = self._in_force[i]
        if history and cap_mw > history[-1][1]:
            history.append((now_ms, cap_mw))  # may be in force before anybody confirms it
        self._settle.sent(i, cap_mw, self._draw_mw[i], now_ms)
        if self.quarantined[i]:
            self._back_off(i, now_ms)

    def confirm(self, i: int, requested_mw: int, enforced_mw: int | None, now_ms: int) -> None:
        """The device took `requested_mw` and, if it says so, enforces `enforced_mw`."""
        if requested_mw != self.cap_mw[i]:
            return  # an older write; a newer one is on its way
        self.confirmed_ms[i] = now_ms
        self._in_force[i].append((now_ms, requested_mw))
        self.in_flight[i] = False
        self.enforced_mw[i] = enforced_mw
        if enforced_mw is not None and enforced_mw > requested_mw:
            self._floor_mw[i] = enforced_mw
            self.bound_mw[i] = max(self.bound_mw[i], enforced_mw)

    def fail(self, i: int, requested_mw: int, now_ms: int) -> None:
        """The write of `requested_mw` failed: the cap in force is unknown, at most the bound."""
        if requested_mw != self.cap_mw[i]:
            return  # an older write; the result of the newer one decides
        self.in_flight[i] = False
        self._quarantine(i, self.bound_mw[i], now_ms)

    def retry_due(self, i: int, now_ms: int) -> bool:
        """Whether a quarantined load shall be told its cap again."""
        waits = self.in_flight[i] or self._obeys_since_ms[i] != NEVER
        return self.quarantined[i] and not waits and now_ms >= self._retry_at_ms[i]

    def observe(
        self, draws: Sequence[int | None], now_ms: int, off: Sequence[bool] | None = None
    ) -> None:
        """Compare each draw (None: unmetered) with its cap; `off` loads have no power."""
        caps, bounds = self.cap_mw, self.bound_mw
        self._settle.observe(draws, now_ms)
        self._draw_mw[:] = draws
        for i, draw in enumerate(draws):
            if draw is not None and draw > bounds[i] * OBEY_RATIO + MARGIN_MW:
                bounds[i] = draw
            if off is not None and off[i]:
                self._obeys_since_ms[i] = NEVER  # no power is no obedience
                self._defied[i] = 0
            elif self.quarantined[i]:
                self._probation(i, draw, now_ms)
                continue
            if draw is not None and draw > caps[i] * DEFY_RATIO + MARGIN_MW:
                self._judge(i, draw, now_ms)
            else:
                self._defied[i] = 0
                self._lowest_mw[i] = None
            if bounds[i] != caps[i]:
                self._lower_bound(i, draw, now_ms)

    def owed_mw(self, now_ms: int) -> list[int]:
        """What each device should draw at most by now, if it obeys."""
        owed = []
        for i, bound in enumerate(self.bound_mw):
            highest = self._highest_in_force(i, now_ms, 1)
            owed.append(bound if highest is None else min(bound, max(highest, self.cap_mw[i])))
        return owed

    def _settled(self, i: int, now_ms: int) -> bool:
        confirmed = self.confirmed_ms[i]
        return confirmed != NEVER and now_ms - confirmed >= self._settle.settle_ms[i]

    def _obeys(self, i: int, draw: int | None) -> bool:
        return draw is None or draw <= self.cap_mw[i] * OBEY_RATIO + MARGIN_MW

    def _highest_in_force(self, i: int, now_ms: int, settles: int) -> int | None:
        """Highest cap that was confirmed at any time of the last settle times; None if not known.

        A device that is told lower and lower caps owes each of them its own settle time, however
        often it is told.
        """
        history = self._in_force[i]
        since_ms = now_ms - settles * self._settle.settle_ms[i]
        longest_ms = now_ms - DEFY_SETTLES * self._settle.settle_ms[i]
        while len(history) > 1 and history[1][0] <= longest_ms:
            history.popleft()
        if not history or history[0][0] > since_ms:
            return None
        highest = 0
        for began_ms, cap_mw in reversed(history):
            highest = max(highest, cap_mw)
            if began_ms <= since_ms:
                break
        return highest

    def _lower_bound(self, i: int, draw: int | None, now_ms: int) -> None:
        """What it obeyed for a settle time is proven."""
        proven = self._highest_in_force(i, now_ms, 1)
        if proven is None:
            return
        if draw is None or draw <= proven * OBEY_RATIO + MARGIN_MW:
            proven = max(proven, self.cap_mw[i], self._floor_mw[i])
            self.bound_mw[i] = min(self.bound_mw[i], proven)

    def _judge(self, i: int, draw: int, now_ms: int) -> None:
        lowest = self._lowest_mw[i]
        if lowest is None or draw < lowest * FALLS_RATIO:
            self._lowest_mw[i] = draw
            self._defied[i] = 0
            return  # on its way down
        owed = self._highest_in_force(i, now_ms, DEFY_SETTLES)
        if owed is None or draw <= owed * DEFY_RATIO + MARGIN_MW:
            return
        self._defied[i] += 1
        if self._defied[i] >= DEFY_TICKS:
            self._quarantine(i, max(draw, self.bound_mw[i]), now_ms)

    def _quarantine(self, i: int, pin_mw: int, now_ms: int) -> None:
        if not self.quarantined[i]:
            self.quarantined[i] = True
            self._back_off(i, now_ms)
        self.pin_mw[i] = max(self.pin_mw[i], pin_mw)
        self.confirmed_ms[i] = NEVER
        self._in_force[i].clear()
        self._obeys_since_ms[i] = NEVER

    def _back_off(self, i: int, now_ms: int) -> None:
        first, longest = RETRY_MS
        self._backoff_ms[i] = min(longest, self._backoff_ms[i] * 2 or first)
        # Never before the settle time of the write just made: it may yet obey.
        self._retry_at_ms[i] = now_ms + max(
            self._backoff_ms[i], DEFY_SETTLES * self._settle.settle_ms[i]
        )

    def _probation(self, i: int, draw: int | None, now_ms: int) -> None:
        if draw is not None:
            self.pin_mw[i] = max(self.pin_mw[i], draw)
        if not (self._settled(i, now_ms) and self._obeys(i, draw)):
            self._obeys_since_ms[i] = NEVER
        elif self._obeys_since_ms[i] == NEVER:
            self._obeys_since_ms[i] = now_ms
        elif now_ms - self._obeys_since_ms[i] >= self._probation_ms:
            self.quarantined[i] = False
            self.pin_mw[i] = self._backoff_ms[i] = self._defied[i] = 0
            self.bound_mw[i] = max(self.cap_mw[i], self._floor_mw[i])
            self._in_force[i].append((now_ms, self.cap_mw[i]))
