# SPDX-License-Identifier: Apache-2.0
"""What one feed's readings say: uncontrolled power, loss of the feed, a needed further cut."""

from random import Random

from edge.config_model import ControlConfig
from edge.demand import PeakHold

UNCONTROLLED_WINDOW_MS = 5_000
"""Fans and unmetered loads count at their highest of this window."""
LOST_TICKS = 2
"""A feed that carries nothing for this many readings while its loads draw is lost."""
BACK_MS = 2_000
"""A lost feed is trusted again after carrying power for this long."""


class FeedWatch:
    """One feed. All powers in mW.

    The integral correction: measured power at or above `cap_ratio` of the limit for longer than
    the settle time, although the caps in force fit, means that something is not as modelled. The
    rows of the feed give up the excess over the target; they get 5 % of the limit back each time
    the feed stayed below `release_ratio` for a random 1 to 10 s (RUMD, Thunderbolt OSDI'20 table
    2). A cut that is commanded and not yet seen is never made twice: `caps_fit` says whether the
    caps in force, with what is proven of them, explain less than is measured.
    """

    def __init__(self, rating_mw: int, control: ControlConfig, random: Random) -> None:
        self._control = control
        self._random = random
        self.limit_mw = rating_mw
        """What the breaker carries now; set by the decision before `correct`."""
        self.measured_mw: int | None = None
        self.uncontrolled_mw = 0
        self.correction_mw = 0
        self.lost = False
        self._loaded_mw = rating_mw // 20
        self._quantum_mw = max(5_000, rating_mw // 400)
        self._peak = PeakHold(1, UNCONTROLLED_WINDOW_MS)
        self._rest = [0, 0]
        self._metered_mw = 0
        self._over_ms: int | None = None
        self._under_ms: int | None = None
        self._dead_ticks = 0
        self._alive_ms: int | None = None

    @property
    def over(self) -> bool:
        """Measured at or above the cap band."""
        return self._at_least(self._control.cap_ratio)

    @property
    def hot(self) -> bool:
        """Measured at or above the release band."""
        return self._at_least(self._control.release_ratio)

    def _at_least(self, ratio: float) -> bool:
        return (
            not self.lost
            and self.measured_mw is not None
            and self.measured_mw >= int(self.limit_mw * ratio)
        )

    def update(
        self,
        measured_mw: int | None,
        expected_mw: int,
        now_ms: int,
        metered: bool,
        recharge_mw: int = 0,
    ) -> None:
        """Take a reading; `expected_mw` is what the metered loads account for on this feed.

        `recharge_mw` is what a battery shelf may draw, which has its own place in the rows. While
        any load is not `metered`, uncontrolled power is not estimated below what it was.
        """
        self.measured_mw = measured_mw
        if measured_mw is None:
            return
        self._watch_loss(measured_mw, expected_mw, now_ms)
        rest = max(0, measured_mw - expected_mw - recharge_mw)
        # Meters are not sampled at one instant: only what three readings agree on is real.
        agreed = min(rest, *self._rest)
        self._rest = [self._rest[1], rest]
        self._peak.update([agreed], now_ms)
        held = -(-self._peak.held[0] // self._quantum_mw) * self._quantum_mw
        if metered:
            self._metered_mw = held
        self.uncontrolled_mw = max(held, self._metered_mw)

    def _watch_loss(self, measured_mw: int, expected_mw: int, now_ms: int) -> None:
        loaded = expected_mw >= self._loaded_mw
        if measured_mw * 20 <= expected_mw and loaded:
            self._dead_ticks += 1
            self._alive_ms = None
            self.lost = self.lost or self._dead_ticks >= LOST_TICKS
        elif loaded:
            self._dead_ticks = 0
            if self._alive_ms is None:
                self._alive_ms = now_ms
            self.lost = self.lost and now_ms - self._alive_ms < BACK_MS

    def correct(self, now_ms: int, caps_fit: bool, urgent: bool, settle_ms: int) -> None:
        """Cut further or give back; `caps_fit`: the caps in force are within the row already.

        `urgent`: the breaker trips before anything else could be found out. Then the cut is made
        at once, whoever is to blame, and again each settle time.
        """
        measured = self.measured_mw
        if measured is None or self.lost:
            return
        if self.over and (caps_fit or urgent):
            self._under_ms = None
            if self._over_ms is None:
                self._over_ms = now_ms - (settle_ms + 1) * urgent
            if now_ms - self._over_ms > settle_ms:
                target_mw = int(self.limit_mw * self._control.target_ratio)
                self.correction_mw += measured - target_mw
                self._over_ms = now_ms
            return
        self._over_ms = None
        if not self.correction_mw or self.hot:
            self._under_ms = None
        elif self._under_ms is None:
            self._under_ms = now_ms + self._random.randint(1_000, 10_000)
        elif now_ms >= self._under_ms:
            self.correction_mw = max(0, self.correction_mw - self.limit_mw // 20)
            self._under_ms = None
