# SPDX-License-Identifier: Apache-2.0
"""The contacts of the group relays: they follow their coil after a while, or not at all."""

from dataclasses import dataclass

from firmware_py.channels import MAX_GROUPS

ALL_CLOSED = (1 << MAX_GROUPS) - 1


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """Contactors; AC-1 contactors of this size open in 10 to 20 ms and close in 12 to 22 ms."""

    operate_ms: int = 0
    """From command to contact."""
    feedback: bool = False
    """Auxiliary contacts are wired to the board."""


class Relays:
    """One contact per group. `now_ms` is the plant's time."""

    __slots__ = (
        "_bounce_ms",
        "_bounce_until_ms",
        "_command",
        "_due_ms",
        "_operate_ms",
        "_stuck_open",
        "_welded",
        "closed",
        "moving",
        "spec",
    )

    def __init__(self, spec: RelaySpec) -> None:
        self.spec = spec
        self._command = ALL_CLOSED
        self._operate_ms = [spec.operate_ms] * MAX_GROUPS
        self._bounce_ms = [0] * MAX_GROUPS
        self._due_ms = [0] * MAX_GROUPS
        self._bounce_until_ms = [0] * MAX_GROUPS
        self._welded = 0
        self._stuck_open = 0
        self.closed = ALL_CLOSED
        """Bit g: the main contact of group g, and with it its auxiliary one, is closed."""
        self.moving = False
        """A contact has not yet got where its coil wants it: `settle` has to be called."""

    @property
    def command(self) -> int:
        """Bit g: the coil of group g wants its contact closed."""
        return self._command

    def set(self, mask: int, now_ms: int) -> None:
        """Command the coils. Call `settle` after it."""
        mask &= ALL_CLOSED
        changed = mask ^ self._command
        self._command = mask
        for g in range(MAX_GROUPS):
            if changed >> g & 1:
                self._due_ms[g] = now_ms + self._operate_ms[g]
                self._bounce_until_ms[g] = self._due_ms[g] + self._bounce_ms[g]
        self.moving = True

    def weld(self, group: int) -> None:
        """The contact never opens again; closes at once if open."""
        self._mark(group, welded=True, stuck=False)

    def stick_open(self, group: int) -> None:
        """The contact never closes again; opens at once if closed."""
        self._mark(group, welded=False, stuck=True)

    def free(self, group: int) -> None:
        """It follows its coil again, in its usual time."""
        self._mark(group, welded=False, stuck=False)
        self._operate_ms[group] = self.spec.operate_ms
        self._bounce_ms[group] = 0

    def slow(self, group: int, operate_ms: int) -> None:
        """It takes so long to follow from the next command on."""
        self._operate_ms[group] = operate_ms

    def bounce(self, group: int, for_ms: int) -> None:
        """From the next command on it chatters at every step of the plant for so long."""
        self._bounce_ms[group] = for_ms

    def settle(self, now_ms: int) -> bool:
        """Move the contacts that are due; True if one moved."""
        closed = self.closed
        self.moving = False
        for g in range(MAX_GROUPS):
            bit = 1 << g
            if now_ms < self._due_ms[g]:
                self.moving = True
            elif now_ms < self._bounce_until_ms[g]:
                closed ^= bit
                self.moving = True
            else:
                closed = closed & ~bit | self._command & bit
        closed = (closed | self._welded) & ~self._stuck_open
        moved = closed != self.closed
        self.closed = closed
        return moved

    def _mark(self, group: int, *, welded: bool, stuck: bool) -> None:
        if not 0 <= group < MAX_GROUPS:
            raise ValueError(f"no relay group {group}: there are 0 to {MAX_GROUPS - 1}")
        bit = 1 << group
        self._welded = self._welded | bit if welded else self._welded & ~bit
        self._stuck_open = self._stuck_open | bit if stuck else self._stuck_open & ~bit
        self.moving = True
