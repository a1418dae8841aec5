# SPDX-License-Identifier: Apache-2.0
"""When a meter that failed is believed again.

One lone fault costs one reading. A channel that fails again within QUIET_MS must be good
RETURN_TICKS times in a row, so that a flapping meter cannot raise caps in its good moments.
"""

from collections.abc import Iterable

from edge.readings import Fault

RETURN_TICKS = 3
"""As many as a device may defy its cap: three readings are no accident (edge.caps)."""
QUIET_MS = 60_000
"""A meter that drops one reading an hour is a good one; one that does so each minute is not."""


class Probation:
    """Per slot: when it last failed, and how many good readings it owes."""

    def __init__(self, slots: int) -> None:
        self._bad_ms: list[int | None] = [None] * slots
        self._owed = [0] * slots
        self._owing: set[int] = set()

    def hold(self, faults: dict[int, Fault], arrived_ms: int, slots: Iterable[int]) -> None:
        """Note what is in `faults`; add those of `slots` that are good, but not yet long enough."""
        if self._owing:
            for i in self._owing.intersection(slots).difference(faults):
                self._owed[i] -= 1
                if self._owed[i]:
                    faults[i] = Fault.HELD
                else:
                    self._owing.discard(i)
        for i, fault in faults.items():
            if fault is Fault.HELD:
                continue
            bad_ms = self._bad_ms[i]
            self._bad_ms[i] = arrived_ms
            if bad_ms is not None and arrived_ms - bad_ms < QUIET_MS:
                self._owed[i] = RETURN_TICKS
                self._owing.add(i)
