# SPDX-License-Identifier: Apache-2.0
"""The constraints of the rack as rows: sum of coef x cap <= limit.

`feed_rows` is the only place that knows which rows exist; `FeedWatch` turns the readings of one
feed into what its row leaves for caps. All powers in mW.
"""

import math
from dataclasses import dataclass
from random import Random

from edge.config import Config
from edge.config_model import ControlConfig, FeedConfig
from edge.demand import PeakHold

PPM = 1_000_000
UNCONTROLLED_WINDOW_MS = 5_000
"""Fans and unmetered loads count at their highest of this window."""
LOST_TICKS = 2
"""A feed that carries nothing for this many readings while its loads draw is lost."""
BACK_MS = 2_000
"""A lost feed is trusted again after carrying power for this long."""


@dataclass(frozen=True, slots=True)
class Row:
    """One constraint over all loads."""

    name: str
    feed: int
    """Index of the feed whose readings and limit the row uses."""
    coef_ppm: tuple[int, ...]
    """Share of each load's power that counts here, rounded up."""


def feed_rows(config: Config, lost: int | None = None) -> tuple[Row, ...]:
    """One row per living feed; the survivor carries the whole of what it shared with `lost`."""
    rows = []
    for index, feed in enumerate(config.feeds):
        if index == lost:
            continue
        coef = []
        for load in config.loads:
            share = config.share(load, feed)
            gone = config.share(load, config.feeds[lost]) if lost is not None else 0.0
            living = share / (1 - gone) if gone < 1 else 0.0
            coef.append(min(PPM, math.ceil(living * PPM - 1e-6)))
        rows.append(Row(feed.name, index, tuple(coef)))
    return tuple(rows)


class FeedWatch:
    """What one feed's readings say: uncontrolled power, loss of the feed, a needed further cut.

    The integral correction: measured power at or above `cap_ratio` of the limit for longer than
    `settle_s`, although the caps in force fit, means that something is not as modelled. The row
    gives up the excess over the target; it gets 5 % of the limit back each time the feed stayed
    below `release_ratio` for a random 1 to 10 s (RUMD, Thunderbolt OSDI'20 table 2).
    """

    def __init__(self, feed: FeedConfig, control: ControlConfig, random: Random) -> None:
        self.limit_mw = int(feed.continuous_w * 1000)
        self.target_mw = int(self.limit_mw * control.target_ratio)
        self.cap_mw = int(self.limit_mw * control.cap_ratio)
        self.release_mw = int(self.limit_mw * control.release_ratio)
        self.measured_mw: int | None = None
        self.uncontrolled_mw = 0
        self.correction_mw = 0
        self.lost = False
        self._settle_ms = int(control.settle_s * 1000)
        self._random = random
        self._quantum_mw = max(20_000, self.limit_mw // 400)
        self._peak = PeakHold(1, UNCONTROLLED_WINDOW_MS)
        self._rest = [0, 0]
        self._metered_mw = 0
        self._over_ms: int | None = None
        self._under_ms: int | None = None
        self._dead_ticks = 0
        self._alive_ms: int | None = None

    @property
    def room_mw(self) -> int:
        """What the caps on this feed may sum to."""
        return max(0, self.target_mw - self.uncontrolled_mw - self.correction_mw)

    @property
    def over(self) -> bool:
        """Measured at or above the cap band."""
        return self.measured_mw is not None and self.measured_mw >= self.cap_mw

    def update(self, measured_mw: int | None, expected_mw: int, now_ms: int, metered: bool) -> None:
        """Take a reading; `expected_mw` is what the metered loads account for on this feed.

        While any load is not `metered`, uncontrolled power is not estimated below what it was.
        """
        self.measured_mw = measured_mw
        if measured_mw is None:
            return
        self._watch_loss(measured_mw, expected_mw, now_ms)
        rest = max(0, measured_mw - expected_mw)
        # Meters are not sampled at one instant: only what three readings agree on is real.
        agreed = min(rest, *self._rest)
        self._rest = [self._rest[1], rest]
        self._peak.update([agreed], now_ms)
        held = -(-self._peak.held[0] // self._quantum_mw) * self._quantum_mw
        if metered:
            self._metered_mw = held
        self.uncontrolled_mw = max(held, self._metered_mw)

    def _watch_loss(self, measured_mw: int, expected_mw: int, now_ms: int) -> None:
        loaded = expected_mw >= self.limit_mw // 20
        if measured_mw * 20 <= expected_mw and loaded:
            self._dead_ticks += 1
            self._alive_ms = None
            self.lost = self.lost or self._dead_ticks >= LOST_TICKS
        elif loaded:
            self._dead_ticks = 0
            if self._alive_ms is None:
                self._alive_ms = now_ms
            self.lost = self.lost and now_ms - self._alive_ms < BACK_MS

    def correct(self, now_ms: int, caps_fit: bool) -> None:
        """Cut further or give back; `caps_fit`: the caps in force are within the row already."""
        measured = self.measured_mw
        if measured is None or self.lost:
            return
        if measured >= self.cap_mw and caps_fit:
            self._under_ms = None
            if self._over_ms is None:
                self._over_ms = now_ms
            if now_ms - self._over_ms > self._settle_ms:
                self.correction_mw += measured - self.target_mw
                self._over_ms = now_ms
            return
        self._over_ms = None
        if not self.correction_mw or measured >= self.release_mw:
            self._under_ms = None
        elif self._under_ms is None:
            self._under_ms = now_ms + self._random.randint(1_000, 10_000)
        elif now_ms >= self._under_ms:
            self.correction_mw = max(0, self.correction_mw - self.limit_mw // 20)
            self._under_ms = None
