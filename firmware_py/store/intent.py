# SPDX-License-Identifier: Apache-2.0
# What must outlive a reset: what the board meant to do, what is latched, how hot the breakers
# were. Written when something latched changes, not per tick: the heat is what it was then, at a
# moment unknown, so it is a floor for the heat at boot and no more.
#
# The port's reset cause alone proves nothing (rp2: machine.reset() reports a watchdog reset;
# Portenta: 0 after one, micropython #19409, #11186). A board that means to reset says so here
# first; one that comes up and finds `running` was taken down (reset.py).

from struct import pack

from ..compat import const
from .wear import Wear

NAME = "intent"

# Intents
RUNNING = 1
RESET = 2  # the host asked for it
UPDATE = 3  # to the other slot
POWER_DOWN = 4
CRASHED = 5  # an exception reached the top

FORMAT = "<BBBBHHIII"
VERSION = const(1)
_BURST = const(16)  # changes of the masks: 16 at once ...
_REFILL_MS = const(120_000)  # ... and 720 a day


class Intent:
    def __init__(self, files):
        self.files = files
        self._wear = Wear(_BURST, _REFILL_MS)
        self.errors = 0  # writes that failed
        self._dirty = self._urgent = False
        self._kept_off = self._kept_locked = 0  # what the file says of the masks
        self.intent = 0
        self.safe_reason = 0  # SAFE is latched for it; 0: it is not
        self.unstable = 0  # boots in a row that did not last
        self.off_mask = 0  # groups that are off
        self.locked_mask = 0  # groups that are locked out
        self.boot_count = 0
        self.heat_a_ppm = 0  # Breaker.theta_ppm when this was written
        self.heat_b_ppm = 0
        self.damaged = False  # what was latched last may be forgotten: take the safe side
        from .reset import remember  # noqa: PLC0415 - needed once, costs heap

        remember(self)
        self._keep()

    # The board has run for reset.STABLE_MS.
    def stable(self):
        if self.unstable:
            self.unstable = 0
            self._dirty = self._urgent = True

    # What is latched now. For every tick; allocates nothing.
    def note(self, safe_reason, off_mask, locked_mask):
        if safe_reason != self.safe_reason:
            self.safe_reason = safe_reason
            self._dirty = self._urgent = True
        if off_mask != self.off_mask or locked_mask != self.locked_mask:
            self.off_mask = off_mask
            self.locked_mask = locked_mask
            self._dirty = True
            if (off_mask & ~self._kept_off) | (locked_mask & ~self._kept_locked):
                self._urgent = True

    # In the slack: write if a latch has changed. SAFE, and a group that goes off, is written at
    # once; that one has come back, as wear allows: a host can toggle groups all day. Until then the
    # file has too many off, never too few. Idle, it allocates nothing. Returns whether it wrote.
    def flush(self, now_ms, heat_a_ppm, heat_b_ppm):
        if not self._dirty:
            return False
        if self._wear.take(now_ms):
            self._keep()
        elif self._urgent:
            self._kept_off |= self.off_mask
            self._kept_locked |= self.locked_mask
        else:
            return False
        self.heat_a_ppm = heat_a_ppm
        self.heat_b_ppm = heat_b_ppm
        return self.save()

    # Before a reset on purpose: say so. True if it is on flash; if not, the reset would look like
    # a watchdog's.
    def request(self, intent, heat_a_ppm, heat_b_ppm):
        self.intent = intent
        self.heat_a_ppm = heat_a_ppm
        self.heat_b_ppm = heat_b_ppm
        return self.save()

    def _keep(self):
        self._kept_off = self.off_mask
        self._kept_locked = self.locked_mask

    # Write it now; False, and tried again later, if that fails.
    def save(self):
        try:
            from .copies import save  # noqa: PLC0415 - seldom needed, costs heap

            save(self.files, NAME, self._pack(), 64)
        except (OSError, MemoryError):
            self.errors += 1
            self._dirty = True  # wear says when it is tried again
            self._urgent = False
            return False
        self._dirty = self._kept_off != self.off_mask or self._kept_locked != self.locked_mask
        self._urgent = False
        return True

    def _pack(self):
        return pack(
            FORMAT,
            VERSION,
            self.intent,
            self.safe_reason,
            self.unstable,
            self._kept_off,
            self._kept_locked,
            self.boot_count,
            self.heat_a_ppm,
            self.heat_b_ppm,
        )
