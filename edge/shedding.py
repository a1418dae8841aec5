# SPDX-License-Identifier: Apache-2.0
"""When minimums do not fit: which groups the host asks the board to keep off, and how long.

Shedding kills work, so it answers a measured overload, never a calculated one alone: minimums
that do not fit are shed when a feed is above its limit, or above the release band for a whole
settle time although every cap is at its minimum by then.

Relays switch groups, so groups are chosen: those of the lowest class first, in a class the highest
number first, until their minimums free what does not fit. Group 0 of class 0 goes last.
"""

from collections.abc import Sequence

from edge.caps import CapLedger
from edge.config import Config

HOLD_MS = 30_000
"""A group stays off this long after its minimum fits again."""
DEFIANT_HOLD_MS = 300_000
"""So long for a load that did not obey: its BMC has to boot before it can prove itself."""


class Shedding:
    """Remembers what the host holds off."""

    def __init__(self, config: Config) -> None:
        self._bit = [1 << load.group for load in config.loads]
        self._min_mw = [int(load.min_w * 1000) for load in config.loads]
        self._groups = _groups_in_order(config)
        self._settle_ms = int(config.control.settle_s * 1000)
        self._until_ms: dict[int, int] = {}
        self._unfit_since_ms: int | None = None

    def pins(self, caps: CapLedger, off_groups: int) -> list[int]:
        """Power of the loads that do not obey, per load, mW; empty if all obey.

        A load that the host shed and the board confirms off draws nothing.
        """
        if True not in caps.quarantined:
            return []
        return [
            pin if quarantined and not (load in self._until_ms and off_groups & bit) else 0
            for load, (pin, quarantined, bit) in enumerate(
                zip(caps.pin_mw, caps.quarantined, self._bit, strict=True)
            )
        ]

    def decide(
        self, unfit: Sequence[bool], caps: CapLedger, now_ms: int, over: bool, hot: bool
    ) -> int:
        """Groups to keep off; `unfit` loads have minimums that the rows do not allow.

        `over`: a feed is above its limit; `hot`: above the release band.
        """
        self._until_ms = {load: t for load, t in self._until_ms.items() if t > now_ms}
        if True not in unfit:
            self._unfit_since_ms = None
            return self._mask()
        if self._unfit_since_ms is None:
            self._unfit_since_ms = now_ms
        victims = self._victims(unfit)
        for load in victims:
            if load in self._until_ms:
                self._until_ms[load] = max(self._until_ms[load], now_ms + HOLD_MS)
        if over or (hot and now_ms - self._unfit_since_ms >= self._settle_ms):
            self._shed(victims, caps, now_ms)
        return self._mask()

    def _victims(self, unfit: Sequence[bool]) -> list[int]:
        """Loads of the groups to switch off so that the minimums of the others fit."""
        lacking_mw = sum(mw for mw, flag in zip(self._min_mw, unfit, strict=True) if flag)
        victims: list[int] = []
        for group in self._groups:
            if lacking_mw <= 0:
                break
            victims += group
            lacking_mw -= sum(self._min_mw[load] for load in group)
        return victims

    def _shed(self, victims: Sequence[int], caps: CapLedger, now_ms: int) -> None:
        defiant = [
            load
            for load, quarantined in enumerate(caps.quarantined)
            if quarantined and load not in self._until_ms
        ]
        for load in defiant:
            self._until_ms[load] = now_ms + DEFIANT_HOLD_MS
        if not defiant:  # those who obey pay only when the defiant are off already
            for load in victims:
                self._until_ms[load] = max(self._until_ms.get(load, 0), now_ms + HOLD_MS)

    def _mask(self) -> int:
        mask = 0
        for load in self._until_ms:
            mask |= self._bit[load]
        return mask


def _groups_in_order(config: Config) -> list[list[int]]:
    """Loads of each shed group, the group that goes first in front.

    A group stands where its most important load stands: its other loads share the relay.
    """
    groups: dict[int, list[int]] = {}
    for number, load in enumerate(config.loads):
        groups.setdefault(load.group, []).append(number)
    highest = {g: min(config.loads[i].priority for i in loads) for g, loads in groups.items()}
    return [groups[g] for g in sorted(groups, key=lambda g: (highest[g], g), reverse=True)]
