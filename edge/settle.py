# SPDX-License-Identifier: Apache-2.0
"""How long each device takes to obey a cap, learned from its own answers: pure, no clock.

A cap told below the present draw must pull the draw down. Three moments of that fall matter:

    reaction  the draw has left the level it had when the cap was sent, for good
    over      last draw that was still above the cap's band: surely not settled yet
    inside    first of HELD_DRAWS draws in a row that sit at the cap

A cap's answer ends *at* the cap, because the load still wants more. A draw that goes further down
was taken there by its demand, and tells nothing: such draws are passed over. If they (or lost
telemetry) lie between `over` and `inside`, only `over` is a fact, and only growth may follow from
it. A demand that happens to stop inside the band gives a sample that is too short; the estimate
is a maximum, so it takes KEEP of them in a row (FEWEST at the start) to do harm.

A small fall reaches the band sooner than a large one. So the lag after the reaction is stretched
to a fall to half the power, as a first-order lag would take: ln(1/BAND)/ln(fall/BAND). Falls too
small for that can make the estimate grow, never shrink. A slower fall than half is not shortened.
"""

from collections import deque
from collections.abc import Sequence
from math import ceil, log

BAND = 0.02
"""Settled means at most this far above the cap (meter class and ripple of a BMC)."""
BAND_MW = 10_000
"""At least this wide, so that small caps are not judged by meter noise."""
NEAR = 0.05
"""A draw further below the cap than this is held down by its demand, not by the cap."""
HELD_DRAWS = 3
"""Draws in a row at the cap that end an answer."""
REACTION = 0.1
"""Part of the fall that counts as the first reaction."""
LEAST_FALL = 2 * BAND
"""Smaller falls, in parts of the cap, are not watched."""
TELLING_FALL = 0.15
"""Smaller falls may grow the estimate but not shrink it: stretched, noise would rule them."""
KEEP = 8
"""The estimate is the maximum of this many samples."""
FEWEST = 3
"""Nothing shrinks before this many samples."""
GAP_POLLS = 2.5
"""`over` and `inside` further apart than this are not one crossing."""
POLL_MS = 100
"""Period of telemetry until it is known."""


class _Fall:
    """One answer under way. Times in ms since the cap was sent."""

    def __init__(self, cap_mw: int, draw_mw: int, now_ms: int) -> None:
        self.cap_mw = cap_mw
        self.sent_ms = now_ms
        band_mw = max(BAND * cap_mw, BAND_MW)
        self.top_mw = cap_mw + band_mw
        self.low_mw = cap_mw * (1 - NEAR) - BAND_MW
        self._left_mw = draw_mw - REACTION * (draw_mw - cap_mw)
        self.fall = (draw_mw - cap_mw) / band_mw
        """In bands."""
        self.reaction_ms = 0.0
        self.over_ms = 0.0
        self.inside_ms = 0.0
        self._reacted = False
        self._last_mw, self._last_ms = draw_mw, 0
        self._held = 0

    def observe(self, draw_mw: int, now_ms: int) -> bool:
        """Take the next draw; True once the answer has ended at the cap."""
        at_ms = now_ms - self.sent_ms
        if draw_mw > self._left_mw:
            self._reacted = False
        elif not self._reacted:
            self._reacted = True
            self.reaction_ms = self._crossing_ms(self._left_mw, draw_mw, at_ms)
        if draw_mw > self.top_mw:
            self.over_ms = at_ms
            self._held = 0
        elif draw_mw < self.low_mw:
            self._held = 0
        else:
            if not self._held:
                self.inside_ms = self._crossing_ms(self.top_mw, draw_mw, at_ms)
            self._held += 1
        self._last_mw, self._last_ms = draw_mw, at_ms
        return self._held >= HELD_DRAWS

    def _crossing_ms(self, level_mw: float, draw_mw: int, at_ms: int) -> float:
        """When the straight line from the last draw to this one passed `level_mw`.

        An exponential lies below its chord, so this is late rather than early.
        """
        drop_mw = self._last_mw - draw_mw
        if self._last_mw <= level_mw or drop_mw <= 0:
            return at_ms
        part = (self._last_mw - level_mw) / drop_mw
        return self._last_ms + part * (at_ms - self._last_ms)


class SettleWatch:
    """Per device: `settle_ms` to wait after a write before the draw proves obedience.

    Both `settle_ms` and `dead_ms` (first reaction) are upper estimates, counted from `sent`. They
    start at `initial_ms`, grow at once, and shrink to the maximum of the last KEEP samples.
    `settle_ms` includes one poll and stays within `least_ms` and `most_ms`; an answer that takes
    longer than `most_ms` is no sample: whether the device obeys is judged elsewhere.
    """

    def __init__(self, n: int, initial_ms: int, least_ms: int = 300, most_ms: int = 30_000) -> None:
        self._least_ms, self._most_ms = least_ms, most_ms
        start_ms = min(max(initial_ms, least_ms), most_ms)
        self.settle_ms = [start_ms] * n
        self.dead_ms = [start_ms] * n
        self.learned = [0] * n
        """Samples taken."""
        self._falls: dict[int, _Fall] = {}
        self._settles: list[deque[float]] = [deque(maxlen=KEEP) for _ in range(n)]
        self._deads: list[deque[float]] = [deque(maxlen=KEEP) for _ in range(n)]
        self._poll_ms = float(POLL_MS)
        self._observed_ms: int | None = None

    @property
    def slowest_ms(self) -> int:
        """The longest of all settle times; `least_ms` without devices."""
        return max(self.settle_ms, default=self._least_ms)

    def sent(self, i: int, cap_mw: int, draw_mw: int | None, now_ms: int) -> None:
        """Note that device `i`, which drew `draw_mw`, is being told `cap_mw`.

        The same cap told again while the answer is awaited is a retry and changes nothing.
        """
        fall = self._falls.get(i)
        if fall is not None and fall.cap_mw == cap_mw:
            return
        self._falls.pop(i, None)
        if draw_mw is None or cap_mw <= 0:
            return
        if draw_mw - cap_mw >= max(LEAST_FALL * cap_mw, 2 * BAND_MW):
            self._falls[i] = _Fall(cap_mw, draw_mw, now_ms)

    def observe(self, draws: Sequence[int | None], now_ms: int) -> None:
        """Take one draw per device, mW; None where it is not known."""
        if self._observed_ms is not None:
            gap_ms = min(max(now_ms - self._observed_ms, 0), self._most_ms)
            self._poll_ms += (gap_ms - self._poll_ms) / 16
        self._observed_ms = now_ms
        for i, fall in list(self._falls.items()):
            draw = draws[i]
            if now_ms - fall.sent_ms > self._most_ms:
                del self._falls[i]
            elif draw is not None and now_ms > fall.sent_ms and fall.observe(draw, now_ms):
                del self._falls[i]
                self._learn(i, fall)

    def _learn(self, i: int, fall: _Fall) -> None:
        """One answer has ended."""
        if fall.inside_ms - fall.over_ms > GAP_POLLS * self._poll_ms:
            self._grow(i, fall.over_ms)
            return
        if fall.fall * BAND < TELLING_FALL:
            self._grow(i, fall.inside_ms)
            return
        dead_ms = min(fall.reaction_ms, fall.inside_ms)
        stretch = log(1 / BAND) / log((1 - REACTION) * fall.fall)
        settle_ms = dead_ms + (fall.inside_ms - dead_ms) * max(1.0, stretch)
        self.learned[i] += 1
        self._deads[i].append(dead_ms)
        self._grow(i, settle_ms, sample=True)
        self.dead_ms[i] = self._estimate(i, max(self._deads[i]), self.dead_ms[i], 0)

    def _grow(self, i: int, settle_ms: float, *, sample: bool = False) -> None:
        """Count `settle_ms` in: at once if it is above the estimate, else only as a sample."""
        before_ms, samples = self.settle_ms[i], self._settles[i]
        if sample or settle_ms + self._poll_ms > before_ms:
            samples.append(settle_ms)
            value_ms = max(samples) + self._poll_ms
            self.settle_ms[i] = self._estimate(i, value_ms, before_ms, self._least_ms)

    def _estimate(self, i: int, value_ms: float, before_ms: int, least_ms: int) -> int:
        """Within its limits; not below `before_ms` until there are FEWEST samples."""
        estimate_ms = min(max(ceil(value_ms), least_ms), self._most_ms)
        return estimate_ms if self.learned[i] >= FEWEST else max(estimate_ms, before_ms)
