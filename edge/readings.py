# SPDX-License-Identifier: Apache-2.0
"""One tick's readings: what arrived, what is believed of it, and why the rest is not. In mW.

Here is what one value tells by itself; what only history and the other meters tell is in
edge.intake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from edge.link.fields import INVALID
from edge.rack_limit import BbuState

NOISE_MW = 10_000
"""A reading this little below zero is meter offset, not nonsense."""
ABSURD_RATIO = 1.5
"""A load above this times its maximum is a broken reading."""
FEED_ABSURD_RATIO = 5
"""A feed above this times its rating is a broken reading: from 5 In on a type C breaker opens
at once (IEC 60898), so no such power lasts until a meter shows it. An overload is far below."""
DISAGREE_RATIO = 1.2
"""Loads that sum to more than this times what the feeds carry are broken readings."""
SLACK_MW = 500_000
"""Absolute part of DISAGREE_RATIO: meters of an idle rack."""
SLIP_RATIO = (250, 4_000)
"""A reading so many times as large or as small as the last may be in another unit: 1000, and the
load may have changed up to fourfold at the same moment."""

SENTINELS = frozenset(
    value * unit
    for value in (-(1 << 31), (1 << 31) - 1, (1 << 32) - 2, (1 << 32) - 1)
    for unit in (1, 1000)
) | {(1 << 30) - 1, 1 << 63, (1 << 63) - 1, -(1 << 63), (1 << 64) - 1}
"""No rack draws these: limits of int32, uint32 and int64 in mW or W (kepler #1049 shows
4294967295000), and 2^30 - 1, where a meter of our board saturates."""
DOUBTFUL = frozenset((-1, -1_000, 32_767_000, 65_534_000, 65_535_000))
"""Sentinels that a meter may also mean: -1 mW, -1 W (Yokogawa WT333E without a reading), limits
of int16 and uint16 in W. They need the feeds as witness."""
NEGATIVE_INT16_MW = (63_536_000, 65_536_000)
"""From and below: -2000..-1 W of an int16 that was read as unsigned (64201 for -1335)."""


class Fault(StrEnum):
    """Why a reading is not believed."""

    MISSING = "missing"  # the board has no reading
    SENTINEL = "sentinel"  # a meter's way to say that it has none
    NEGATIVE = "negative"  # further below zero than meter offset
    SCALE = "scale"  # in another unit: 1000 times too large or too small
    ABSURD = "absurd"  # above what the load or feed can ever draw
    FROZEN = "frozen"  # always the same while the other meters say that it moved
    CONTRADICTION = "contradiction"  # loads that sum to more than the feeds carry
    TIME = "time"  # the board's clock went back, jumped, or stands still
    STALE = "stale"  # too old, or none yet
    HELD = "held"  # good again, but not often enough since the last fault


@dataclass(frozen=True, slots=True)
class ReadingFault:
    """One refused value; of a whole snapshot its board time or, if stale, its age (-1: none)."""

    kind: Literal["feed", "load", "snapshot"]
    index: int
    fault: Fault
    value: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at `now_ms`; a negative sentinel where a reading is missing."""

    now_ms: int
    age_ms: int | None
    """Of the telemetry; None before the first."""
    feed_mw: Sequence[int]
    """One per feed of the configuration."""
    load_mw: Sequence[int]
    """One per load of the configuration."""
    off_groups: int = 0
    """Bit g set: the board holds group g off."""
    source_ms: int | None = None
    """The board's own time of these readings, modulo 2^30 or longer; None: it has no clock."""
    bbu: BbuState | None = None
    """Of the battery shelf; None if there is none, or it does not answer."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What can be believed of a snapshot; None where nothing can."""

    feed_mw: list[int | None]
    load_mw: list[int | None]
    faults: tuple[ReadingFault, ...]

    @property
    def refused(self) -> int:
        """Values that are missing or cannot be true."""
        return self.feed_mw.count(None) + self.load_mw.count(None)


def load_top_mw(max_mw: int) -> int:
    """No believed reading of a load with this maximum is higher."""
    return int(max_mw * ABSURD_RATIO) + 10 * NOISE_MW


def feed_top_mw(max_mw: int) -> int:
    """No believed reading of a feed with this rating is higher."""
    return max_mw * FEED_ABSURD_RATIO


def impossible(value: int, top_mw: int, level_mw: int | None) -> Fault | None:
    """What is wrong with a value that cannot be true; `level_mw`: the last one believed."""
    if value == INVALID:
        return Fault.MISSING
    if value in SENTINELS:
        return Fault.SENTINEL
    if value < -NOISE_MW:
        return Fault.NEGATIVE
    if value <= top_mw:
        return None
    if level_mw and SLIP_RATIO[0] * level_mw <= value <= SLIP_RATIO[1] * level_mw:
        return Fault.SCALE
    low, high = NEGATIVE_INT16_MW
    return Fault.SENTINEL if low <= value < high else Fault.ABSURD


def contradict(feed_sum_mw: int, load_sum_mw: int) -> bool:
    """Whether the loads seem to draw what the feeds do not carry."""
    return load_sum_mw > feed_sum_mw * DISAGREE_RATIO + SLACK_MW
