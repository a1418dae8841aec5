# SPDX-License-Identifier: Apache-2.0
"""The decision log of a run: what was decided when, which row bound, and why."""

from collections.abc import Sequence
from typing import NamedTuple

from edge.reason import Decision, Rule

SHOWN_WRITES = 3
"""Loads named in a line; the rest is counted."""


class RowEntry(NamedTuple):
    """One row of a decision, W."""

    name: str
    kind: str
    limit_w: float
    room_w: float
    used_w: float


class WriteEntry(NamedTuple):
    """One cap, W."""

    load: str
    before_w: float
    cap_w: float
    rule: str
    row: str | None
    """Row that limits the load; None if none does."""
    request_w: float
    draw_w: float | None


class DecisionEntry(NamedTuple):
    """One decision that changed something."""

    t_ms: int
    lost_feed: str | None
    blind: str | None
    shed_groups: int
    reaction_ms: int
    rows: tuple[RowEntry, ...]
    writes: tuple[WriteEntry, ...]

    def document(self) -> dict[str, object]:
        """As it stands in run.json."""
        out: dict[str, object] = self._asdict()
        out["rows"] = [row._asdict() for row in self.rows]
        out["writes"] = [write._asdict() for write in self.writes]
        return out


def entry_of(decision: Decision, loads: Sequence[str], feeds: Sequence[str]) -> DecisionEntry:
    """A decision with names in place of numbers."""
    rows = tuple(
        RowEntry(r.name, r.kind, r.limit_mw / 1000, r.room_mw / 1000, r.used_mw / 1000)
        for r in decision.rows
    )
    writes = tuple(
        WriteEntry(
            loads[w.load],
            w.before_mw / 1000,
            w.cap_mw / 1000,
            w.rule,
            decision.rows[w.row].name if w.row >= 0 else None,
            w.request_mw / 1000,
            None if w.draw_mw is None else w.draw_mw / 1000,
        )
        for w in decision.writes
    )
    lost = None if decision.lost_feed is None else feeds[decision.lost_feed]
    return DecisionEntry(
        decision.now_ms,
        lost,
        decision.blind,
        decision.shed_groups,
        decision.reaction_ms,
        rows,
        writes,
    )


def lines(entry: DecisionEntry) -> list[str]:
    """The decision for a person: what falls, what rises, and why."""
    head = f"{entry.t_ms / 1000:7.1f} s  "
    state = f"feed {entry.lost_feed} is dead; " if entry.lost_feed else ""
    state += f"{entry.blind}: caps only fall; " if entry.blind else ""
    falls = [w for w in entry.writes if w.cap_w <= w.before_w]
    rises = [w for w in entry.writes if w.cap_w > w.before_w]
    out = [
        f"{head}{state}{_summary(verb, writes)}{_why(entry, writes)}"
        for verb, writes in (("cut", falls), ("raise", rises))
        if writes
    ]
    return out or [f"{head}{state}caps stay"]


def _summary(verb: str, writes: Sequence[WriteEntry]) -> str:
    total_kw = sum(abs(w.cap_w - w.before_w) for w in writes) / 1000
    named = ", ".join(
        f"{w.load} {w.before_w / 1000:.2f} to {w.cap_w / 1000:.2f}" for w in writes[:SHOWN_WRITES]
    )
    more = f" and {len(writes) - SHOWN_WRITES} more" if len(writes) > SHOWN_WRITES else ""
    return f"{verb} {len(writes)} by {total_kw:.2f} kW ({named} kW{more})"


def _why(entry: DecisionEntry, writes: Sequence[WriteEntry]) -> str:
    rules = sorted({w.rule for w in writes})
    rows = {w.row for w in writes if w.row is not None and w.rule in (Rule.ROW, Rule.OVERLOAD)}
    limits = [
        f"row {r.name} carries {r.limit_w / 1000:.2f} kW, {r.room_w / 1000:.2f} for caps"
        for r in entry.rows
        if r.name in rows
    ]
    return ": " + "; ".join([", ".join(rules), *limits])
