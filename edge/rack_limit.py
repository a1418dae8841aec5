# SPDX-License-Identifier: Apache-2.0
"""Limits of the whole rack that move with time: demand window, ramp, site lease, battery; and how
any limit is released. All powers in mW, energies in mW x ms unless named otherwise."""

from random import Random
from typing import NamedTuple

from edge.config_model import BbuConfig, LimitsConfig
from edge.demand import PeakHold

MW_MS_PER_WH = 3_600_000_000
RELEASE_MS = (1_000, 10_000)
"""A limit that rises does so in steps, each a random wait in this range after the last: RUMD's
unthrottling (Google Thunderbolt, OSDI'20, table 2)."""
RELEASE_PART = 20
"""One step of release is a twentieth (5 %) of the limit (the same table)."""
DEMAND_BLOCKS = 15
"""A sliding demand window moves by this part of it: a 15-minute window each minute."""
LEAST_LEFT_MS = 5_000
"""The rest of a window is never divided by less: caps need that long to follow."""
RAMP_HOLD_MS = 2_000
"""The ramp starts from the highest power of this time: dips of training steps do not count."""
BATTERY_LEFT_MS = 10_000
"""On battery the energy that is left is planned for at least so long."""
RECHARGE_MS = (3_000, 4_000)
"""A shelf that may recharge with less follows within the first: a second between set-points, a
write, its own ramp. What it draws beyond that is measured as uncontrolled, which takes some
readings: until the second, loads do not rise into what it gives up."""


class Release:
    """When limits may rise a step: all of a rack together, each rack at its own random times."""

    def __init__(self, random: Random) -> None:
        self.open = False
        self._random = random
        self._next_ms: int | None = None
        self._now_ms = 0

    def tick(self, now_ms: int) -> None:
        """A decision begins; `open` tells whether it may release."""
        self._now_ms = now_ms
        self.open = self._next_ms is not None and now_ms >= self._next_ms
        if self._next_ms is None or self.open:
            self.wait()

    def wait(self) -> None:
        """Something fell: the next step is a whole wait away."""
        self._next_ms = self._now_ms + self._random.randint(*RELEASE_MS)


class Staged:
    """A limit that falls at once and rises in steps, so that nothing rises together."""

    def __init__(self, release: Release) -> None:
        self.level_mw: int | None = None
        self._release = release

    def restart(self, used_mw: int) -> None:
        """The row is new, or back: it begins at what is used."""
        self.level_mw = used_mw if self.level_mw is None else min(self.level_mw, used_mw)
        self._release.wait()

    def step(self, limit_mw: int) -> int:
        """What of `limit_mw` is released."""
        level, part = self.level_mw, max(1, limit_mw // RELEASE_PART)
        if level is None or limit_mw <= level:
            if level is not None and level - limit_mw > part:
                self._release.wait()
            level = limit_mw
        elif self._release.open:
            level = min(limit_mw, level + part)
        self.level_mw = level
        return level


class DemandWindow:
    """What keeps the mean power of each window below what the tariff is planned for."""

    def __init__(self, limits: LimitsConfig, wall_offset_ms: int = 0) -> None:
        """`wall_offset_ms` + now_ms is Unix time, by which the tariff's windows begin."""
        assert limits.demand_w is not None  # noqa: S101 - the row exists only with it
        self._wall_offset_ms = wall_offset_ms
        self._window_ms = int(limits.demand_window_s * 1000)
        self._budget = int(limits.demand_w * 1000) * self._window_ms
        self._block_ms = self._window_ms
        if limits.demand_sliding:
            self._block_ms = self._window_ms // DEMAND_BLOCKS
        self._past: list[int] = []
        self._now = 0
        self._start_ms: int | None = None
        self._updated_ms = 0

    def take(self, power_mw: int, now_ms: int) -> None:
        """The rack has drawn `power_mw` since the last call.

        A window that is joined in its middle counts as used in full until then: what was drawn is
        not known.
        """
        if self._start_ms is None:
            into_ms = (now_ms + self._wall_offset_ms) % self._block_ms
            self._start_ms = now_ms - into_ms
            full = self._budget // self._window_ms
            self._now = full * into_ms
            self._past = [full * self._block_ms] * (self._window_ms // self._block_ms - 1)
            self._updated_ms = now_ms
        while now_ms - self._start_ms >= self._block_ms:
            end_ms = self._start_ms + self._block_ms
            self._now += power_mw * (end_ms - self._updated_ms)
            self._past = [*self._past[1:], self._now] if self._past else []
            self._now = 0
            self._start_ms = self._updated_ms = end_ms
        self._now += power_mw * (now_ms - self._updated_ms)
        self._updated_ms = now_ms

    def limit_mw(self) -> int:
        """What may be drawn until the window ends."""
        assert self._start_ms is not None  # noqa: S101 - take comes first
        left_ms = self._start_ms + self._block_ms - self._updated_ms
        left = self._budget - sum(self._past) - self._now
        if left_ms < LEAST_LEFT_MS:  # caps outlive this window: the next one pays its part
            left += self._budget // self._window_ms * (LEAST_LEFT_MS - left_ms)
            left_ms = LEAST_LEFT_MS
        return max(0, left // left_ms)


class Ramp:
    """How far above what it draws the rack may be allowed to go at once."""

    def __init__(self, mw_per_s: int) -> None:
        self._mw_per_s = mw_per_s
        self._recent: list[tuple[int, int]] = []
        self._level_mw: int | None = None
        self._updated_ms = 0

    def limit_mw(self, power_mw: int, reaction_ms: int, now_ms: int) -> int:
        """The caps may sum to this: it rises with the ramp, and follows the power down."""
        self._recent = [(t, mw) for t, mw in self._recent if t > now_ms - RAMP_HOLD_MS]
        self._recent.append((now_ms, power_mw))
        ahead_mw = self._mw_per_s * max(reaction_ms, 1_000) // 1000
        top_mw = max(mw for _, mw in self._recent) + ahead_mw
        if self._level_mw is None:
            self._level_mw = top_mw
        risen_mw = self._level_mw + self._mw_per_s * (now_ms - self._updated_ms) // 1000
        self._level_mw = min(top_mw, risen_mw)
        self._updated_ms = now_ms
        return self._level_mw


class SiteLease:
    """What the site lends this rack, in its own time; without a lease the floor."""

    def __init__(self, floor_mw: int) -> None:
        self._floor_mw = floor_mw
        self._lease_mw = 0
        self._until_ms = 0

    def grant(self, power_mw: int, until_ms: int) -> None:
        """A new lease replaces the old one."""
        self._lease_mw, self._until_ms = power_mw, until_ms

    def limit_mw(self, now_ms: int) -> int:
        """Floor, or the lease while it lasts and is more."""
        return max(self._floor_mw, self._lease_mw if now_ms < self._until_ms else 0)


class BbuState(NamedTuple):
    """What the battery shelf says of itself."""

    stored_mwh: int
    discharging: bool


class Battery:
    """Ride-through as a limit of the rack, and when how much of it may be recharged."""

    def __init__(self, bbu: BbuConfig, random: Random) -> None:
        self._bbu = bbu
        self._random = random
        self._full_mwh = int(bbu.energy_wh * 1000)
        self._stored_mwh = 0
        self._since_ms: int | None = None
        self._wait_until_ms: int | None = None
        self._drawn, self._proven = (PeakHold(1, window_ms) for window_ms in RECHARGE_MS)

    def take(self, state: BbuState | None, now_ms: int) -> None:
        """None: not known now; a battery that is silent keeps nothing in hand."""
        self._stored_mwh = 0 if state is None else min(max(state.stored_mwh, 0), self._full_mwh)
        if state is not None and state.discharging:
            self._since_ms = now_ms if self._since_ms is None else self._since_ms
            self._wait_until_ms = None
        else:
            self._since_ms = None
            if self._wait_until_ms is None:
                self._wait_until_ms = now_ms + self._random.randint(*RELEASE_MS)

    def limit_mw(self, now_ms: int) -> int:
        """What it could carry for the rest of the ride-through, were it needed now."""
        bbu = self._bbu
        left_ms = int(bbu.ride_through_s * 1000)
        if self._since_ms is not None:
            left_ms = max(left_ms - (now_ms - self._since_ms), BATTERY_LEFT_MS)
        usable = int(self._stored_mwh * bbu.efficiency) * (MW_MS_PER_WH // 1000)
        return min(int(bbu.power_w * 1000), usable // left_ms)

    def recharge_wish_mw(self, now_ms: int) -> int:
        """What recharging wants: nothing while discharging, nor until its random turn after."""
        waits = self._wait_until_ms is None or now_ms < self._wait_until_ms
        if waits or self._stored_mwh >= self._full_mwh:
            return 0
        return int(self._bbu.recharge_w * 1000)

    def grant(self, recharge_mw: int, now_ms: int) -> None:
        """It may recharge with so much from now on."""
        self._drawn.update([recharge_mw], now_ms)
        self._proven.update([recharge_mw], now_ms)

    @property
    def drawn_mw(self) -> int:
        """What of the feeds' power its recharging explains, if it obeys."""
        return self._drawn.held[0]

    @property
    def proven_mw(self) -> int:
        """More than this it does not recharge with, unless it is measured as uncontrolled."""
        return self._proven.held[0]
