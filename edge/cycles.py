# SPDX-License-Identifier: Apache-2.0
"""Cycles of like length and like size in one signal, in constant time per sample: pure, no clock.

A turn is a retreat from the last extreme by a good part of the swing, so ramps, single steps and
noise make none. A cycle begins where the signal rises through the middle between the last two
turns, so its length does not depend on its shape: sine, square, training step with short dips.
"""

from collections import deque

BACK = 0.4
"""A retreat by this part of the swing is a turn."""
FEWEST = 3
MOST = 8
"""Cycles that must be alike: as many as fit in the window, within these."""
FILL = 0.75
"""Part of the window that they must span, if they are fewer than MOST."""
ALIKE = 0.12
"""Longest minus shortest cycle over their mean. Random walks are rarely this regular."""
ALIKE_SIZE = 0.5
"""The same for sizes."""
COARSE = 10
"""With fewer samples per cycle the sampled extremes fall short of the true ones."""
COARSE_CYCLES = 12
"""Must be alike then: of so few samples also noise makes cycles that look alike."""
RESTLESS = 16
"""After this many cycles that are not alike, turns must be larger: they may be noise."""
LARGER = 1.5
PATIENCE = 1.75
"""A swing ends when it does not turn for this many periods."""
PATIENCE_PART = 0.25
"""Without a swing all is forgotten when nothing turns for this part of the window."""


class Cycles:
    """Finds cycles in one signal. `period_ms` is 0.0 unless enough of the last ones are alike."""

    def __init__(
        self, least: float, window_ms: int, alike: float = ALIKE, most: int = MOST
    ) -> None:
        self._least = least
        self._window_ms = window_ms
        self._alike = alike
        self._most = most
        self._periods: deque[float] = deque(maxlen=max(most, COARSE_CYCLES))
        self._sizes: deque[float] = deque(maxlen=max(most, COARSE_CYCLES))
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.period_ms = 0.0
        self.size = 0.0
        """Peak to peak."""
        self.count = 0
        """Cycles in a row that are alike."""
        self.leg = 0.0
        """From the last turn but one to the last."""
        self.samples = 1
        """In the last cycle."""
        self.middle: float | None = None
        """Between the last two turns."""
        self._periods.clear()
        self._sizes.clear()
        self._rising: bool | None = None
        self._high = self._low = 0.0
        self._least_back = self._back = self._least / 2
        self._unlike = 0
        self._armed = False
        self._began_ms: float | None = None
        self._turned_ms = 0
        self._taken = 0
        self._y, self._t = 0.0, -1

    def update(self, y: float, t: int) -> None:
        """Take the next sample, at `t` ms, later than the last one."""
        if self._t < 0:
            self._high = self._low = y
            self._turned_ms = t
        self._taken += 1
        if self._rising is None:
            self._start(y)
        elif self._rising:
            if y > self._high:
                self._high = y
            elif self._high - y > self._back:
                self._turn(y, t, rising=False)
        elif y < self._low:
            self._low = y
        elif y - self._low > self._back:
            self._turn(y, t, rising=True)
        middle = self.middle
        if middle is not None:
            if y < middle:
                self._armed = self._armed or middle - y > self._back / 4
            elif self._armed:
                self._armed = False
                self._begin(self._t + (t - self._t) * (middle - self._y) / (y - self._y))
            if t - self._turned_ms > self._patience_ms():
                self._lose(y, t)
        self._y, self._t = y, t

    def _patience_ms(self) -> float:
        return PATIENCE * self.period_ms if self.period_ms else PATIENCE_PART * self._window_ms

    def _lose(self, y: float, t: int) -> None:
        self.reset()
        self._high = self._low = y
        self._turned_ms = t
        self._t = t

    def _start(self, y: float) -> None:
        self._high, self._low = max(self._high, y), min(self._low, y)
        if self._high - self._low > self._back:
            self._rising = y == self._high

    def _turn(self, y: float, t: int, *, rising: bool) -> None:
        """The last extreme is final: look for the other one from here."""
        self._rising = rising
        self._turned_ms = t
        self.middle = (self._high + self._low) / 2
        self._back = max(self._least_back, BACK * (self._high - self._low))
        self.leg = self._high - self._low
        if rising:
            self._high = y
        else:
            self._low = y

    def _begin(self, at_ms: float) -> None:
        """A cycle begins, so the one before it has ended."""
        if self._began_ms is not None:
            self._periods.append(at_ms - self._began_ms)
            self._sizes.append(self.leg)
            self.samples = max(1, self._taken)
            self._judge()
        self._began_ms = at_ms
        self._taken = 0

    def _judge(self) -> None:
        """Compare the last cycles with one another."""
        need = self._need()
        if len(self._periods) < need:
            return
        lengths, sizes = list(self._periods)[-need:], list(self._sizes)[-need:]
        mean_ms, big = sum(lengths) / need, max(sizes)
        coarse = self.samples < COARSE
        spread_ms = mean_ms * (self._alike + 1 / self.samples)
        if (
            max(lengths) - min(lengths) > spread_ms
            or big < self._least
            or (not coarse and big - min(sizes) > ALIKE_SIZE * big)
        ):
            self._differ()
            return
        self.count = self.count + 1 if self.count else need
        self.period_ms = mean_ms
        self.size = big if coarse else sorted(sizes)[need // 2]
        self._unlike = 0

    def _need(self) -> int:
        """Cycles that must be alike."""
        if self.samples < COARSE:
            return max(self._most, COARSE_CYCLES)
        fit = int(self._window_ms * FILL / max(self._periods[-1], 1.0))
        return min(max(fit, FEWEST), self._most)

    def _differ(self) -> None:
        self.period_ms, self.count = 0.0, 0
        self._unlike += 1
        if self._unlike >= RESTLESS:
            self._unlike = 0
            self._least_back *= LARGER
