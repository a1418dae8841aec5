# SPDX-License-Identifier: Apache-2.0
"""When minimums do not fit: which groups the host asks the board to keep off, and how long.

Shedding kills work, so it answers a measured overload, never a calculated one alone: minimums
that do not fit are shed when a breaker would trip before caps could help, or when a feed stays
above the release band for settle times on end although every cap is at its minimum.

Relays switch groups, so groups are chosen: those of the lowest class first, in a class the highest
number first, until their minimums free what does not fit. Group 0 of class 0 goes last. What was
asked for is waited for: nothing more is shed before the board has had the time to do it and the
meters to show it. A group that the board then still holds on is one that it never sheds.
"""

from collections.abc import Sequence

from edge.caps import CapLedger
from edge.config import Config

HOLD_MS = 30_000
"""A group stays off this long after its minimum fits again."""
DEFIANT_HOLD_MS = 300_000
"""So long for a load that did not obey: its BMC has to boot before it can prove itself."""
EFFECT_MS = 700
"""From asking the board to seeing the power gone: command 0.1 s, relays 0.2 s, meters 0.2 s, a
lost frame 0.2 s."""
REFUSED_MS = 3_000
"""A group that is not off so long after it was asked for will not be."""


class Shedding:
    """Remembers what the host holds off."""

    def __init__(self, config: Config) -> None:
        self._group = [load.group for load in config.loads]
        self._min_mw = [int(load.min_w * 1000) for load in config.loads]
        self._groups = _groups_in_order(config)
        self._until_ms: dict[int, int] = {}
        self._asked_ms: dict[int, int] = {}
        self._refused: set[int] = set()
        self._unfit_since_ms: int | None = None

    def off(self, off_groups: int) -> list[bool]:
        """Which loads the board has switched off."""
        return [bool(off_groups >> group & 1) for group in self._group]

    def pins(self, caps: CapLedger, off: Sequence[bool]) -> list[int]:
        """Power of the loads that do not obey, per load, mW; empty if all obey.

        A load that is off draws nothing.
        """
        if True not in caps.quarantined:
            return []
        return [
            pin if quarantined and not dark else 0
            for pin, quarantined, dark in zip(caps.pin_mw, caps.quarantined, off, strict=True)
        ]

    def decide(
        self,
        unfit: Sequence[bool],
        caps: CapLedger,
        now_ms: int,
        *,
        off_groups: int,
        urgent: bool,
        hot_for_ms: int | None,
    ) -> int:
        """Groups to keep off; `unfit` loads have minimums that the rows do not allow.

        `urgent`: a breaker would trip before caps could help; `hot_for_ms`: how long a feed may
        be above the release band, None while none is.
        """
        self._until_ms = {load: t for load, t in self._until_ms.items() if t > now_ms}
        waiting = self._await(now_ms, off_groups)
        if True not in unfit:
            self._unfit_since_ms = None
            return self._mask()
        if self._unfit_since_ms is None:
            self._unfit_since_ms = now_ms
        self._keep_off(unfit, now_ms)
        victims = self._victims(unfit, off_groups)
        lasting = hot_for_ms is not None and now_ms - self._unfit_since_ms >= hot_for_ms
        if not waiting and (urgent or lasting):
            self._shed(victims, caps, now_ms, off_groups)
        return self._mask()

    def _keep_off(self, unfit: Sequence[bool], now_ms: int) -> None:
        """What would not fit stays off."""
        groups = {group for group, flag in zip(self._group, unfit, strict=True) if flag}
        for load, until_ms in self._until_ms.items():
            if self._group[load] in groups:
                self._until_ms[load] = max(until_ms, now_ms + HOLD_MS)

    def _await(self, now_ms: int, off_groups: int) -> bool:
        """Whether something that was asked for may still show; learns what is refused."""
        mask = self._mask()
        waiting = False
        for group, asked_ms in list(self._asked_ms.items()):
            age_ms = now_ms - asked_ms
            if not mask >> group & 1:
                del self._asked_ms[group]
            elif off_groups >> group & 1:
                self._refused.discard(group)
                waiting = waiting or age_ms < EFFECT_MS
            elif age_ms < REFUSED_MS:
                waiting = True
            else:
                self._refused.add(group)
        return waiting

    def _victims(self, unfit: Sequence[bool], off_groups: int) -> list[int]:
        """Loads of the groups to switch off so that the minimums of the others fit."""
        lacking_mw = sum(
            mw
            for mw, flag, group in zip(self._min_mw, unfit, self._group, strict=True)
            if flag and not off_groups >> group & 1
        )
        victims: list[int] = []
        for loads in self._groups:
            group = self._group[loads[0]]
            if lacking_mw <= 0:
                break
            if group in self._refused or off_groups >> group & 1:
                continue
            victims += loads
            lacking_mw -= sum(self._min_mw[load] for load in loads)
        return victims

    def _shed(self, victims: Sequence[int], caps: CapLedger, now_ms: int, off_groups: int) -> None:
        defiant = [
            load
            for load, quarantined in enumerate(caps.quarantined)
            if quarantined
            and not off_groups >> self._group[load] & 1
            and self._group[load] not in self._refused
        ]
        # Those who obey pay only when the defiant are off already.
        chosen, hold_ms = (defiant, DEFIANT_HOLD_MS) if defiant else (victims, HOLD_MS)
        for load in chosen:
            self._until_ms[load] = max(self._until_ms.get(load, 0), now_ms + hold_ms)
            self._asked_ms.setdefault(self._group[load], now_ms)

    def _mask(self) -> int:
        mask = 0
        for load in self._until_ms:
            mask |= 1 << self._group[load]
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
