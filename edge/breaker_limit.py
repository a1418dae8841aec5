# SPDX-License-Identifier: Apache-2.0
"""What one feed's breaker may carry: its rating, overdraft, the hours rule, a dead twin.

All from thermal images (native/include/edge_breaker.h) that are fed with what the worst pole
carries. Powers in mW, of the whole feed.
"""

import math

from edge.config_model import ControlConfig, FeedConfig
from edge.core import Breaker, BreakerState, Curve
from edge.demand import PeakHold
from edge.memory import FeedMemory

PPM = 1_000_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
CALM_MS = 10_000
"""Overdraft is given by the hottest moment of this window."""
OVERDRAFT_STEPS = 32
"""What is above the sustained level is given and taken back in this part of the rating: it is
used up within seconds, and each step is a write to every device."""
CONTINUOUS_HOLD_MS = 300_000
"""The hours rule is approached this smoothly: so long before it would be broken."""
UNREACHABLE_PPM = 100_000_000
"""A thermal image without a magnetic gate."""


def continuous_curve(ratio: float, hours: float) -> Curve:
    """The hours rule as a thermal image of a breaker of `ratio` times the rating.

    A cold feed carries its whole rating for `hours`, one that has carried `ratio` of it for long
    carries no more than that: NEC 210.20(A) at both ends, and heat (I^2) in between.
    """
    tau_ms = round(hours * HOUR_MS / math.log(1 / (1 - ratio * ratio)))
    tau_ms = min(tau_ms, DAY_MS)
    return Curve(PPM, tau_ms, tau_ms, UNREACHABLE_PPM, UNREACHABLE_PPM)


class BreakerLimit:
    """Heats with what is measured, or at most possible; answers for the time from now on."""

    def __init__(self, feed: FeedConfig, control: ControlConfig) -> None:
        rating_ma = feed.rating_ma
        curve = feed.breaker_curve
        self._mw_per_ma = feed.voltage_v * feed.power_factor
        self._balanced = 1 / feed.phases
        self._phase_share = self._balanced
        self._heat_ppm = int(control.heat_ratio * PPM)
        self._fraction = control.overdraft_fraction
        self._cap_ratio = control.cap_ratio
        self.breaker = Breaker(rating_ma, curve)
        self.breaker.theta_fast_ppm = self.breaker.theta_slow_ppm = self._heat_ppm  # not known
        self._hottest = Breaker(rating_ma, curve)
        self._peak = PeakHold(1, CALM_MS)
        self._rating_ma = rating_ma
        mnt = curve.mnt_ppm / PPM
        self.sustained_ma = int(rating_ma * mnt * math.sqrt(control.heat_ratio))
        self._step_ma = max(1, rating_ma // OVERDRAFT_STEPS)
        self.continuous: Breaker | None = None
        if feed.continuous_ratio < 1:
            self.continuous = _continuous(feed, self._ma(feed.rating_mw))
        self._updated_ms: int | None = None

    def _ma(self, feed_mw: int) -> int:
        return math.ceil(feed_mw * self._phase_share / self._mw_per_ma)

    def _mw(self, pole_ma: int) -> int:
        """Of the feed, when all its poles carry `pole_ma`: their balance has rows of its own."""
        return int(pole_ma * self._mw_per_ma / self._balanced)

    def _worst_mw(self, pole_ma: int) -> int:
        """Of the feed, when its worst pole carries `pole_ma`."""
        return int(pole_ma * self._mw_per_ma / self._phase_share)

    def heat(self, feed_mw: int, phase_share: float, now_ms: int) -> None:
        """The feed has carried `feed_mw` since the last call, `phase_share` on its worst pole."""
        self._phase_share = max(phase_share, self._balanced)
        if self._updated_ms is not None:
            dt_ms = min(max(now_ms - self._updated_ms, 0), DAY_MS)
            current_ma = self._ma(feed_mw)
            self.breaker.step(current_ma, dt_ms)
            if self.continuous is not None:
                self.continuous.step(current_ma, dt_ms)
        self._updated_ms = now_ms
        self._peak.update([self.breaker.theta_fast_ppm], now_ms)

    def memory(self, name: str, limit_mw: int) -> FeedMemory:
        """How warm everything is."""
        fast_ppm, slow_ppm = self.breaker.theta_fast_ppm, self.breaker.theta_slow_ppm
        hours_ppm = self.continuous.theta_fast_ppm if self.continuous is not None else 0
        return FeedMemory(name, fast_ppm, slow_ppm, hours_ppm, limit_mw)

    def forget(self) -> None:
        """Count the hours rule as used up."""
        if self.continuous is not None:
            self.continuous.theta_fast_ppm = self.continuous.theta_slow_ppm = PPM

    def resume(self, memory: FeedMemory, away_ms: int) -> None:
        """As warm as remembered, or as `limit_mw` for `away_ms` made it, whichever is more."""
        if self.continuous is None:
            return  # seconds of heat are not worth remembering: the start assumes the worst
        ppm = memory.continuous_ppm
        state = BreakerState(ppm, ppm)
        self.continuous.resume(state, min(away_ms, DAY_MS), self._ma(memory.limit_mw))
        ppm = min(max(ppm, self.continuous.theta_fast_ppm), PPM)
        self.continuous.theta_fast_ppm = self.continuous.theta_slow_ppm = ppm

    @property
    def rating_mw(self) -> int:
        """The (derated) rating."""
        return self._mw(self._rating_ma)

    def level_mw(self, reaction_ms: int) -> int:
        """What it may carry now. Without overdraft the rating.

        With it, the limit whose cap band leaves it below `heat_ratio` of its tripping heat for the
        reaction time over `overdraft_fraction`, from the hottest moment of the last CALM_MS: a
        swing of the load does not swing the limit.
        """
        if self._fraction <= 0:
            return self.rating_mw
        # The margins for meters and slow cuts are the bands; the heat is used to the upper one.
        horizon_ms = min(int(reaction_ms / self._fraction), DAY_MS)
        self._hottest.theta_fast_ppm = self._peak.held[0]
        level_ma = self._hottest.hold_ma(horizon_ms, self._heat_ppm)
        if level_ma > self.sustained_ma:
            level_ma -= (level_ma - self.sustained_ma) % self._step_ma
        return int(self._mw(level_ma) / self._cap_ratio)

    def continuous_mw(self) -> int:
        """What the hours rule allows for the next minutes."""
        assert self.continuous is not None  # noqa: S101 - the row exists only with the rule
        return self._worst_mw(self.continuous.hold_ma(CONTINUOUS_HOLD_MS, PPM))

    def survivor_mw(self, hold_ms: int, share: float) -> int:
        """What it may suddenly have to carry for `hold_ms`, if it carries `share` of it before."""
        share_ppm = min(PPM, math.ceil(share * PPM))
        return self._worst_mw(self.breaker.survivor_ma(hold_ms, self._heat_ppm, share_ppm))

    def time_to_trip_ms(self, feed_mw: int) -> int:
        """At a constant `feed_mw`, on the fast edge."""
        return self.breaker.time_to_trip_ms(self._ma(feed_mw))


def _continuous(feed: FeedConfig, rating_ma: int) -> Breaker:
    ratio = feed.continuous_ratio
    image = Breaker(int(rating_ma * ratio), continuous_curve(ratio, feed.continuous_h))
    before = 1.0 if feed.before_w is None else feed.before_w / (feed.rating_w * ratio)
    image.theta_fast_ppm = image.theta_slow_ppm = int(min(before, 1.0) ** 2 * PPM)
    return image
