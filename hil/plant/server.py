# SPDX-License-Identifier: Apache-2.0
"""Servers with two PSUs each: demand in, AC draw out, under a power cap that takes time.

A cap is what BMCs implement: the request reaches the limiter after a dead time, then the limit
in force moves to it as a first-order lag. Watts are AC input everywhere, also the cap.
"""

import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hil.plant.psu import MARGIN, STEPS, TITANIUM, Points, efficiency_table

NOISE_ENTRIES = 4099
"""Steps through the noise wrap here; prime, so that no load meets its own noise again soon."""

NEVER_MS = 1 << 62
"""Ready time of a load that is off."""


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """One server."""

    name: str
    idle_w: float
    max_w: float
    cap_floor_w: float
    """A cap below this acts like this: the platform cannot throttle further."""
    share_a: float = 0.5
    """Part of the draw taken by the PSUs on feed A while both feeds live."""
    group: int = 0
    """Relay (shed) group."""
    cords: str = "AB"
    """Feeds that it is plugged into: `AB`, `A` or `B`; a single-corded load dies with its feed."""
    phase: int | None = None
    """Phase 1..3 of each feed that it hangs on; None: evenly on all, as shelves of many PSUs."""
    zone: int = 0
    """Air zone that it heats."""
    droop_w: float = 0.0
    """Error of the load sharing: side A takes so much more than its share, whatever the draw.
    Droop sharing turns a set-point error into a constant current, so it shows at light load."""


@dataclass(frozen=True, slots=True)
class CapSpec:
    """How a cap request becomes a limit in force."""

    dead_time_s: float = 0.2
    tau_s: float = 0.25


@dataclass(frozen=True, slots=True)
class ThrottleSpec:
    """How a server defends itself against heat: its limit goes down to its floor."""

    inlet_c: float = 42.0
    """Begins here; ASHRAE A2 servers are allowed 35 degC, A3 40 degC."""
    plate_c: float = 70.0
    """The same by the cold plate, where the rack has a coolant loop."""
    band_k: float = 8.0
    """Over so many kelvin from no limit to the floor."""


class Totals(NamedTuple):
    """Sums over the loads in one step, W."""

    demand_w: float
    ac_w: float
    feed_a_w: float
    dc_w: float


class Servers:
    """State of all loads; lists are updated in place, one entry per load."""

    __slots__ = (
        "_boot_ms",
        "_cap_decay",
        "_cap_decay_dt_s",
        "_cap_w",
        "_caps",
        "_efficiency",
        "_floor_w",
        "_fraction_per_w",
        "_idle_w",
        "_noise",
        "_noise_at",
        "_pending",
        "_ready_ms",
        "_target_w",
        "_throttle",
        "cap_enforced_w",
        "cap_requested_w",
        "demand_w",
        "load_w",
        "loads",
        "part_a",
        "sides",
    )

    def __init__(
        self,
        loads: Sequence[LoadSpec],
        caps: CapSpec,
        boot_s: float,
        noise: float,
        seed: int,
        psu: Points = TITANIUM,
    ) -> None:
        self.loads = tuple(loads)
        self._caps = caps
        self._boot_ms = round(boot_s * 1000)
        self._idle_w = [load.idle_w for load in loads]
        self._floor_w = [load.cap_floor_w for load in loads]
        self.part_a = [load.share_a for load in loads]
        """Part of each load's draw that feed A gives now."""
        self.sides = [2] * len(loads)
        """Live PSU sides of each load."""
        self._fraction_per_w = [STEPS / (load.max_w * MARGIN) for load in loads]
        self._efficiency = efficiency_table(psu)
        entries = NOISE_ENTRIES + len(loads)
        draw = random.Random(seed)  # noqa: S311 - reproducible noise, not a secret
        self._noise = [1.0 + noise * draw.uniform(-1.0, 1.0) for _ in range(entries)]
        self._noise_at = 0
        self._pending: deque[tuple[int, int, float]] = deque()
        self._cap_w = [load.max_w for load in loads]
        self._target_w = list(self._cap_w)
        self._throttle = 0.0
        self._cap_decay_dt_s = 0.0
        self._cap_decay = 0.0
        self._ready_ms = [0] * len(loads)
        self.cap_requested_w: list[float | None] = [None] * len(loads)
        self.cap_enforced_w = list(self._target_w)
        self.demand_w = [0.0] * len(loads)
        self.load_w = [0.0] * len(loads)

    def set_cap(self, now_ms: int, load: int, watts: float | None) -> None:
        """Request a cap, None for none; it reaches the limiter after the dead time."""
        if watts is not None and not 0.0 <= watts < math.inf:
            raise ValueError(f"cap of load {load} is {watts!r} W: give a finite value >= 0 or None")
        max_w = self.loads[load].max_w
        self.cap_requested_w[load] = watts
        due_ms = now_ms + round(self._caps.dead_time_s * 1000)
        self._pending.append((due_ms, load, max_w if watts is None else min(watts, max_w)))

    def switch(self, now_ms: int, load: int, on: bool) -> bool:
        """Cut a load off, or start it: it then idles for the boot time before it works.

        True if it was started now.
        """
        if on and self._ready_ms[load] == NEVER_MS:
            self._ready_ms[load] = now_ms + self._boot_ms
            return True
        if not on:
            self._ready_ms[load] = NEVER_MS
        return False

    def throttle(self, depth: float) -> None:
        """Let heat limit the loads: 0 not at all, 1 down to their floors."""
        if depth == self._throttle:
            return
        self._throttle = depth
        for load in range(len(self.loads)):
            self._aim(load)

    @property
    def throttled(self) -> int:
        """Loads whose limit is the heat's, not the cap's."""
        if self._throttle == 0.0:
            return 0
        return sum(to < cap for to, cap in zip(self._target_w, self._cap_w, strict=True))

    def is_off(self, load: int) -> bool:
        """Whether a load is cut off and draws nothing."""
        return self._ready_ms[load] == NEVER_MS

    def step(self, now_ms: int, dt_s: float, demand_w: Sequence[float]) -> Totals:
        """Advance by `dt_s` with constant demand, on the sides that are live."""
        self._move_caps_due(now_ms, dt_s)
        decay, efficiency = self._cap_decay, self._efficiency
        noise, at = self._noise, self._noise_at
        enforced_w, target_w, ready_ms = self.cap_enforced_w, self._target_w, self._ready_ms
        floor_w, wanted_w, load_w = self._floor_w, self.demand_w, self.load_w
        part_a, fraction_per_w, sides = self.part_a, self._fraction_per_w, self.sides
        demand_sum = ac_sum = a_sum = dc_sum = 0.0
        for i, want in enumerate(demand_w):
            limit = enforced_w[i]
            target = target_w[i]
            if limit != target:
                enforced_w[i] = limit = limit + decay * (target - limit)
            if limit < floor_w[i]:  # noqa: PLR1730 - half the cost of max() in the inner loop
                limit = floor_w[i]
            if ready_ms[i] > now_ms:
                limit = 0.0 if ready_ms[i] == NEVER_MS else self._idle_w[i]
            wobble = noise[at + i]
            draw = (want if want < limit else limit) * wobble
            wanted_w[i] = want * wobble
            load_w[i] = draw
            demand_sum += want * wobble
            ac_sum += draw
            a_sum += draw * part_a[i]
            dc_sum += draw * efficiency[int(draw * fraction_per_w[i] / sides[i])]
        self._noise_at = (at + len(load_w)) % NOISE_ENTRIES
        return Totals(demand_sum, ac_sum, a_sum, dc_sum)

    def _move_caps_due(self, now_ms: int, dt_s: float) -> None:
        if dt_s != self._cap_decay_dt_s:
            self._cap_decay_dt_s = dt_s
            self._cap_decay = -math.expm1(-dt_s / self._caps.tau_s)
        while self._pending and self._pending[0][0] <= now_ms:
            _, load, watts = self._pending.popleft()
            self._cap_w[load] = watts
            self._aim(load)

    def _aim(self, load: int) -> None:
        """The limit to move to: the cap, or what heat leaves."""
        target_w = self._cap_w[load]
        if self._throttle > 0.0:
            of = self.loads[load]
            target_w = min(target_w, of.max_w - self._throttle * (of.max_w - of.cap_floor_w))
        self._target_w[load] = target_w
