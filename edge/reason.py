# SPDX-License-Identifier: Apache-2.0
"""What a decision says of itself: which row bound, which load, by which rule."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from edge.oscillation import Swing
from edge.readings import ReadingFault
from edge.rows import Kind


class Rule(StrEnum):
    """Why a load has the cap it has."""

    STARTUP = "startup"  # nothing measured yet: at most the fair share
    STALE = "stale"  # telemetry too old: lowered to the fair share
    BLIND = "blind"  # a feed reading is missing: nothing rises
    DEMAND = "demand"  # gets what it asks for, and its part of what is left
    ROW = "row"  # a row keeps it below its request
    WAIT = "wait"  # a raise waits for slack that is not proven yet
    OVERLOAD = "overload"  # lowered at once: the caps in force exceed a row
    QUARANTINE = "quarantine"  # does not obey; counted at its highest power
    SHED = "shed"  # its minimum does not fit
    REST = "rest"  # lowered at the end to what may be left alone


class RowState(NamedTuple):
    """One row in one decision. All powers in mW."""

    name: str
    kind: Kind
    limit_mw: int
    """What it may carry, margins taken off."""
    room_mw: int
    """What is left of it for caps: less the uncontrolled, the defiant, a correction."""
    used_mw: int
    """What the commanded caps take of it."""


@dataclass(frozen=True, slots=True)
class CapWrite:
    """One cap to be told to a device, and why."""

    load: int
    before_mw: int
    """The cap commanded before."""
    cap_mw: int
    rule: Rule
    row: int
    """Index in Decision.rows of the row that limits the load; -1 if none does."""
    request_mw: int
    """What the load is taken to want."""
    draw_mw: int | None
    """What it drew last; None if not known."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and why."""

    now_ms: int
    writes: tuple[CapWrite, ...]
    """In this order: what falls before what rises."""
    shed_groups: int
    """For the board's SHED command: bit g set keeps group g off."""
    recharge_mw: int
    """How much of it the battery may be recharged with now."""
    cap_mw: tuple[int, ...]
    """Per load, commanded after the writes."""
    rule: tuple[Rule, ...]
    """Per load."""
    row: tuple[int, ...]
    """Per load: index in `rows` of the row that limits it, -1 if none does."""
    absent: tuple[bool, ...]
    """Per load: not counted in the rows' use, because it is defiant or has no power."""
    rows: tuple[RowState, ...]
    lost_feed: int | None
    blind: Rule | None
    """STARTUP, STALE or BLIND if this decision could only lower, whatever the rules say."""
    reaction_ms: int
    """Proven: from a change in the rack to its power being where the caps put it."""
    swing: Swing | None
    """Oscillation of the rack's power, if there is one."""
    damping: float
    """Above 1 while we suspect that we cause it: changes are larger and rarer by this."""
    faults: tuple[ReadingFault, ...]
    """Readings that were not believed."""

    @property
    def room_mw(self) -> tuple[int, ...]:
        """Per row: what caps may sum to."""
        return tuple(row.room_mw for row in self.rows)
