# SPDX-License-Identifier: Apache-2.0
"""Loads that swing at 0.1 to 30 Hz, and limit cycles the controller causes: pure, no clock.

Grids dislike a load that swings in step: studies of AI training name 0.1-2 Hz (swings between
areas of a grid) and 3-30 Hz (shafts of generators) (arXiv 2508.14318).

A swing is a row of cycles of like length and like size (edge.cycles). Near half the sampling rate
a signal has too few samples per cycle to be followed. There every second sample is negated: f
becomes rate/2 - f, which is slow. The second difference taken before removes level and ramp.

Above half the sampling rate a frequency is folded: 7 Hz sampled at 10 Hz looks like 3 Hz, with the
right size. Nothing in evenly spaced samples can tell the two apart. So `aliased` says just this:
the sampling period is too long to exclude that the true frequency is a higher one up to 30 Hz.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import pi, sin

from edge.cycles import FEWEST, Cycles

LOWEST_HZ, HIGHEST_HZ = 0.09, 33.0
"""0.1 to 30 Hz and what reading a frequency may be wrong by."""
TOP_HZ = 30.0
NEAREST = 0.04
"""Nearer to half the sampling rate than this part of the rate, single steps look like swings."""
EDGES = 0.7
"""The second difference of edges makes a folded swing too small for the signal it comes from."""
GAP_MS = 2_000
GAP_STEPS = 8
"""A pause longer than both starts afresh."""


class Band(StrEnum):
    """Where a swing hurts."""

    SLOW = "0.1-2 Hz"
    FAST = "3-30 Hz"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Swing:
    """A load that swings."""

    frequency_mhz: int
    """Millihertz; folded if above half the sampling rate."""
    peak_to_peak_mw: int
    cycles: int
    """Seen in a row, this one included."""
    aliased: bool
    """Sampled too slowly to exclude that the true frequency is a higher one up to 30 Hz."""

    @property
    def band(self) -> Band:
        """By the frequency as it appears."""
        if 100 <= self.frequency_mhz <= 2_000:
            return Band.SLOW
        return Band.FAST if 3_000 <= self.frequency_mhz <= 30_000 else Band.OTHER


class OscillationWatch:
    """Watches one power for swings of at least `least_mw` peak to peak, at any sampling rate.

    `window_s` is what slow swings must fill: FEWEST cycles of 0.1 Hz need 40 s with the time to
    the first one. Fast swings are seen after MOST cycles. `least_mw` shall be more than the
    meter's noise from peak to peak, which adds to the sizes. `swing` is as of the last sample.
    """

    def __init__(self, window_s: float = 40, least_mw: int = 300_000) -> None:
        self.swing: Swing | None = None
        window_ms = int(window_s * 1000)
        self._direct = Cycles(least_mw, window_ms)
        self._folded = Cycles(2 * least_mw, window_ms)  # at least doubled by the difference
        self._step_ms = 0.0
        self._now_ms: int | None = None
        self._last: tuple[int, ...] = ()
        """The two samples before."""
        self._sign = 1

    def update(self, power_mw: int, now_ms: int) -> None:
        """Take one sample. One that is not later than the last is ignored."""
        before_ms = self._now_ms
        if before_ms is not None:
            dt_ms = now_ms - before_ms
            if dt_ms <= 0:
                return
            if not self._step_ms:
                self._step_ms = dt_ms
            elif dt_ms > GAP_MS and dt_ms > GAP_STEPS * self._step_ms:
                self._direct.reset()
                self._folded.reset()
                self._last = ()
            else:
                self._step_ms += (dt_ms - self._step_ms) / 32
            self._fold(power_mw, dt_ms, now_ms)
        self._last = (*self._last[-1:], power_mw)
        self._now_ms = now_ms
        self._direct.update(power_mw, now_ms)
        self.swing = self._judge()

    def _fold(self, power_mw: int, dt_ms: int, now_ms: int) -> None:
        """Half the sampling rate becomes zero. Useless where a quarter of it is above TOP_HZ."""
        step_ms = self._step_ms
        if step_ms * 4 * TOP_HZ <= 1000:
            return
        if round(dt_ms / step_ms) & 1:
            self._sign = -self._sign
        if len(self._last) == 2:
            older, last = self._last
            self._folded.update(self._sign * (power_mw - 2 * last + older), now_ms)

    def _judge(self) -> Swing | None:
        direct, folded = self._direct, self._folded
        rate_hz = 1000 / self._step_ms if self._step_ms else 0.0
        if folded.period_ms and (not direct.period_ms or direct.period_ms * rate_hz < 4000):
            hz = rate_hz / 2 - 1000 / folded.period_ms
            size_mw = folded.size / (4 * sin(pi * hz / rate_hz) ** 2)
            fits = size_mw >= EDGES * direct.leg
            if fits and rate_hz / 4 <= hz <= rate_hz * (0.5 - NEAREST):
                cycles = int(folded.count * folded.period_ms * hz / 1000)
                return self._swing(hz, size_mw, cycles, rate_hz)
        if direct.period_ms:
            return self._swing(1000 / direct.period_ms, direct.size, direct.count, rate_hz)
        return None

    def _swing(self, hz: float, size_mw: float, cycles: int, rate_hz: float) -> Swing | None:
        if not LOWEST_HZ <= hz <= HIGHEST_HZ:
            return None
        return Swing(round(hz * 1000), round(size_mw), cycles, rate_hz < 2 * TOP_HZ)


FOLLOWS = 0.3
"""The power swings by at least this part of what the caps do."""
CAUSES = 0.8
"""And the caps by at least this part of what the power does: a lag makes nothing larger."""
SAME_PERIOD = 0.25
"""And in length, to this part of it."""
AGAINST = 0.5
"""Net part of the written watts that went against the power: cuts while high, raises while low.

Caps that follow a demand do the opposite: they rise after it rose and fall after it fell."""
OWN_ALIKE = 0.4
"""Like ALIKE, wider because raises are staggered at random."""
MEMORY_MS = 60_000
"""A write of this age weighs half."""
MOST_DAMPING = 8.0
DECAY_MS = 180_000
"""Damping halves in this time without a cycle of our own."""


class LimitCycleWatch:
    """Tells the swings that our own cap writes cause from those that the load brings.

    `ours` is true while at least FEWEST cycles of cuts and raises were alike, the power swings
    with the same period and like size, and the writes went against it. A controller that chases
    a swing of the load looks the same, and deserves the same cure.

    `damping` (1 to 8) is what the controller multiplies its deadband and the spacing of raises
    with: doubled at the start of each further cycle of ours, halved per three minutes of none.
    """

    def __init__(self, least_mw: int = 300_000, window_s: float = 240) -> None:
        window_ms = int(window_s * 1000)
        self.ours = False
        self.damping = 1.0
        self._caps = Cycles(least_mw, window_ms, OWN_ALIKE, FEWEST)
        self._power = Cycles(least_mw, window_ms, OWN_ALIKE, FEWEST)
        self._cap_mw = 0
        self._power_mw = 0
        self._against = self._written = 0.0
        self._wrote_ms = 0
        self._doubled_at = 0
        self._now_ms: int | None = None

    def wrote(self, total_change_mw: int, now_ms: int) -> None:
        """Note the sum of one decision's cap changes: cuts are negative."""
        middle = self._power.middle
        self._cap_mw += total_change_mw
        if middle is None or not total_change_mw:
            return
        kept = 0.5 ** (max(0, now_ms - self._wrote_ms) / MEMORY_MS)
        self._wrote_ms = now_ms
        against = (total_change_mw < 0) == (self._power_mw > middle)
        watts = abs(total_change_mw)
        self._against = self._against * kept + (watts if against else -watts)
        self._written = self._written * kept + watts

    def update(self, power_mw: int, now_ms: int) -> None:
        """Take the power of the rack, once per tick."""
        before_ms = self._now_ms
        if before_ms is not None and now_ms <= before_ms:
            return
        self._now_ms = now_ms
        self._power_mw = power_mw
        self._power.update(power_mw, now_ms)
        self._caps.update(self._cap_mw, now_ms)
        self.ours = self._judge()
        if not self.ours:
            self._doubled_at = 0
            if self.damping > 1.0 and before_ms is not None:
                self.damping = max(1.0, self.damping * 0.5 ** ((now_ms - before_ms) / DECAY_MS))
        elif self._caps.count != self._doubled_at:
            self._doubled_at = self._caps.count
            self.damping = min(MOST_DAMPING, self.damping * 2)

    def _judge(self) -> bool:
        caps, power = self._caps, self._power
        return (
            caps.period_ms > 0
            and power.period_ms > 0
            and abs(power.period_ms - caps.period_ms) <= SAME_PERIOD * caps.period_ms
            and power.size >= FOLLOWS * caps.size
            and caps.size >= CAUSES * power.size
            and self._against >= AGAINST * self._written
        )
