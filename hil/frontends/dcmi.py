# SPDX-License-Identifier: Apache-2.0
"""Power management commands of DCMI 1.5 (section 6.6) on one server, without I/O.

A limit does nothing until it is activated, and deactivating it keeps its number.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from hil.plant.server import LoadSpec

GROUP = 0xDC
VERSION = b"\x01\x05\x02"
"""DCMI 1.5, parameter revision 2."""

OK, NO_LIMIT, LIMIT_RANGE, CORRECTION_RANGE, SAMPLING_RANGE = 0x00, 0x80, 0x84, 0x85, 0x89
INVALID_COMMAND, TOO_SHORT, OUT_OF_RANGE, INVALID_FIELD = 0xC1, 0xC7, 0xC9, 0xCC
"""Completion codes: DCMI's, and the generic ones of IPMI 5.2."""

CORRECTION_MS = range(1000, 600_001)
SAMPLING_S = range(1, 3601)
WATTS_TOP = 0xFFFF
POWER_OFF, LOG_ONLY = 0x01, 0x11
"""Exception actions."""

OVER_RATIO = 1.02
"""A draw above limit x this exceeds it: meters and limiters are not better than that."""


class Reply(NamedTuple):
    """Completion code and the data behind it."""

    code: int
    data: bytes = b""


class PowerStats(NamedTuple):
    """What the meter has seen since the start."""

    now_w: float
    min_w: float
    max_w: float
    mean_w: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class PowerLimit:
    """As Set Power Limit leaves it."""

    watts: int
    action: int = LOG_ONLY
    correction_ms: int = 1000
    sampling_s: int = 1
    active: bool = False


class Dcmi:
    """One server. Commands come from the BMC's thread; `stats` and `limit` are replaced whole."""

    def __init__(self, load: LoadSpec, on_limit: Callable[[float | None], None]) -> None:
        """`on_limit`: the limit in force has changed, W or None."""
        self._low_w = math.ceil(load.cap_floor_w)
        self._high_w = min(math.floor(load.max_w), WATTS_TOP)
        self._on_limit = on_limit
        self.limit = PowerLimit(self._high_w)
        idle_w = load.idle_w
        self.stats = PowerStats(idle_w, idle_w, idle_w, idle_w, 0)

    def answer(self, command: int, data: bytes) -> Reply:
        """`data` without the group's byte, which the reply has to begin with too."""
        handler = COMMANDS.get(command)
        return handler(self, data) if handler is not None else Reply(INVALID_COMMAND)

    def capabilities(self, data: bytes) -> Reply:
        """Get DCMI Capabilities Info."""
        if len(data) < 1:
            return Reply(TOO_SHORT)
        found = CAPABILITIES.get(data[0])
        return Reply(OUT_OF_RANGE) if found is None else Reply(OK, VERSION + found)

    def power_reading(self, data: bytes) -> Reply:
        """Get Power Reading, mode 1: the period is the whole run, the time that of the run."""
        if len(data) < 3:
            return Reply(TOO_SHORT)
        if data[0] != 1:
            return Reply(INVALID_FIELD)
        stats = self.stats
        watts = [
            min(round(w), WATTS_TOP) for w in (stats.now_w, stats.min_w, stats.max_w, stats.mean_w)
        ]
        clock = (stats.at_ms // 1000 & 0xFFFFFFFF, stats.at_ms & 0xFFFFFFFF)
        return Reply(OK, struct.pack("<4HIIB", *watts, *clock, 0x40))

    def get_limit(self, data: bytes) -> Reply:
        """Get Power Limit; while it is not active its numbers come with code 80h."""
        if len(data) < 2:
            return Reply(TOO_SHORT)
        limit = self.limit
        numbers = (limit.action, limit.watts, limit.correction_ms, 0, limit.sampling_s)
        code = OK if limit.active else NO_LIMIT
        return Reply(code, bytes(2) + struct.pack("<BHIHH", *numbers))

    def set_limit(self, data: bytes) -> Reply:
        """Set Power Limit; an active one acts at once."""
        if len(data) < 14:
            return Reply(TOO_SHORT)
        action, watts, correction_ms, _, sampling_s = struct.unpack_from("<BHIHH", data, 3)
        if action not in (0, POWER_OFF, LOG_ONLY):
            return Reply(INVALID_FIELD)
        if not self._low_w <= watts <= self._high_w:
            return Reply(LIMIT_RANGE)
        if correction_ms not in CORRECTION_MS:
            return Reply(CORRECTION_RANGE)
        if sampling_s not in SAMPLING_S:
            return Reply(SAMPLING_RANGE)
        self._change(PowerLimit(watts, action, correction_ms, sampling_s, self.limit.active))
        return Reply(OK)

    def activate(self, data: bytes) -> Reply:
        """Activate/Deactivate Power Limit."""
        if len(data) < 3:
            return Reply(TOO_SHORT)
        if data[0] > 1:
            return Reply(INVALID_FIELD)
        self._change(replace(self.limit, active=data[0] == 1))
        return Reply(OK)

    def _change(self, limit: PowerLimit) -> None:
        before_w, self.limit = in_force_w(self.limit), limit
        if in_force_w(limit) != before_w:
            self._on_limit(in_force_w(limit))


def in_force_w(limit: PowerLimit) -> float | None:
    """What the limit allows, W; None while it is not active."""
    return float(limit.watts) if limit.active else None


class LimitWatch:
    """Whether a draw stays above an active limit for longer than the correction time."""

    def __init__(self) -> None:
        self._over_since_ms: int | None = None
        self._told = False

    def exceeds(self, limit: PowerLimit, watts: float, now_ms: int) -> bool:
        """True once for each time that it does."""
        if not limit.active or watts <= limit.watts * OVER_RATIO:
            self._over_since_ms, self._told = None, False
            return False
        if self._over_since_ms is None:
            self._over_since_ms = now_ms
        if self._told or now_ms - self._over_since_ms <= limit.correction_ms:
            return False
        self._told = True
        return True


COMMANDS: dict[int, Callable[[Dcmi, bytes], Reply]] = {
    0x01: Dcmi.capabilities,
    0x02: Dcmi.power_reading,
    0x03: Dcmi.get_limit,
    0x04: Dcmi.set_limit,
    0x05: Dcmi.activate,
}

SETTING = frozenset((0x04, 0x05))
"""Commands that need the privilege of an operator."""

CAPABILITIES = {
    1: b"\x00\x01\x00",  # power management; no way in but the mandatory LAN
    2: b"\x00\x00\x00\x00\x01",  # no SEL; temperature each second
    3: b"\x20\x00",  # the BMC itself measures, on its channel 0
    4: b"\x01\xff\xff",  # LAN channel 1, no second one, no serial
    5: b"\x00",  # no rolling averages
}
"""Data of Get DCMI Capabilities Info by parameter, tables 6-3 to 6-7."""
