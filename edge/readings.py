# SPDX-License-Identifier: Apache-2.0
"""One tick's readings as the decision takes them: believed, or missing. All powers in mW."""

from collections.abc import Sequence
from dataclasses import dataclass

NOISE_MW = 10_000
"""A reading this little below zero is meter offset, not nonsense."""
ABSURD_RATIO = 1.5
"""A load above this times its maximum is a broken reading."""
DISAGREE_RATIO = 1.2
"""Loads that sum to more than this times what the feeds carry are broken readings."""
SLACK_MW = 500_000
"""Absolute part of DISAGREE_RATIO: meters of an idle rack."""


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


@dataclass(frozen=True, slots=True)
class Readings:
    """What can be believed of a snapshot; None where nothing can."""

    feed_mw: list[int | None]
    load_mw: list[int | None]
    refused: int
    """Values that cannot be true or are missing."""


def believe(snapshot: Snapshot, max_mw: Sequence[int]) -> Readings:
    """Sort out negative, absurd and contradicting values; `max_mw` per load."""
    feeds = [_positive(value) for value in snapshot.feed_mw]
    loads = [
        _positive(value) if value <= top * ABSURD_RATIO + 10 * NOISE_MW else None
        for value, top in zip(snapshot.load_mw, max_mw, strict=True)
    ]
    if None not in feeds:
        carried = sum(snapshot.feed_mw)
        if sum(value or 0 for value in loads) > carried * DISAGREE_RATIO + SLACK_MW:
            loads = [None] * len(loads)
    return Readings(feeds, loads, feeds.count(None) + loads.count(None))


def _positive(value: int) -> int | None:
    if value >= 0:
        return value
    return 0 if value >= -NOISE_MW else None
