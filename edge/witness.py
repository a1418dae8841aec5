# SPDX-License-Identifier: Apache-2.0
"""Feeds and loads meter the same watts twice: each is the witness of the other.

Their difference, the rest, is what fans and unmetered loads draw. It does not jump when a load
does, nor when one feed takes over from another. A doubtful value is refused if the rest fits
better to what it would mean otherwise, or if nothing can tell.
"""

from collections.abc import Sequence
from typing import NamedTuple

from edge.readings import Fault

LEAST_MW = 100_000
LEAST_SHARE = 50
"""Feeds show a change of LEAST_MW and a LEAST_SHARE of what they carry: meters of class 1."""
SMOOTH = 0.125
"""Weight of one arrival in the rest: 0.8 s at ten readings a second, longer than the lag between
two meters and shorter than anything that fans do."""


class Doubt(NamedTuple):
    """A value that may be another: the fault if it is, and what the truth is then."""

    fault: Fault
    instead_mw: int


class Witness:
    """Follows the rest and judges doubts by it. Channels: feeds first, then loads."""

    def __init__(self, feeds: int) -> None:
        self.rest_mw: float | None = None
        """Smoothed: feeds less loads."""
        self.loads_mw = 0.0
        """Smoothed."""
        self._feeds = feeds

    def follow(self, carried_mw: int, drawn_mw: int) -> None:
        """Take the sums of one arrival that is believed."""
        rest_mw = carried_mw - drawn_mw
        if self.rest_mw is None:
            self.rest_mw, self.loads_mw = rest_mw, drawn_mw
        self.rest_mw += SMOOTH * (rest_mw - self.rest_mw)
        self.loads_mw += SMOOTH * (drawn_mw - self.loads_mw)

    def refuse(
        self,
        doubts: dict[int, Doubt],
        faults: dict[int, Fault],
        level_mw: Sequence[int | None],
        values: Sequence[int],
        rest_mw: int,
    ) -> dict[int, Fault]:
        """The doubts that are faults; `rest_mw`: feeds less loads, every doubt believed.

        `level_mw`: what each channel last showed; `faults` are those already known.
        """
        feeds = self._feeds
        least_mw = LEAST_MW + sum(mw or 0 for mw in level_mw[:feeds]) // LEAST_SHARE
        tells = any(
            (level or 0) >= least_mw and i not in doubts and i not in faults
            for i, level in enumerate(level_mw)
        )
        # What is refused may be anything now: both errors may be wrong by that much.
        unknown_mw = sum(level_mw[i] or 0 for i in faults)
        refused = {}
        for i, (fault, instead_mw) in doubts.items():
            gap_mw = instead_mw - values[i]
            if abs(gap_mw) < least_mw:
                false = fault is Fault.SENTINEL
            elif not tells or self.rest_mw is None:
                false = True
            else:
                error_mw = rest_mw - self.rest_mw
                other_mw = error_mw + (gap_mw if i < feeds else -gap_mw)
                false = abs(error_mw) - abs(other_mw) >= abs(gap_mw) / 2 - 2 * unknown_mw
            if false:
                refused[i] = fault
        return refused
