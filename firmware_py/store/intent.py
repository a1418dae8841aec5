# SPDX-License-Identifier: Apache-2.0
# What must outlive a reset: what the board meant to do, what is latched, how hot the breakers
# were. Written when something latched changes, not per tick: the heat is what it was then, at a
# moment unknown, so it is a floor for the heat at boot and no more.
#
# The port's reset cause alone proves nothing (rp2: machine.reset() reports a watchdog reset;
# Portenta: 0 after one, micropython #19409, #11186). A board that means to reset says so here
# first; one that comes up and finds `running` was taken down.

from struct import pack, unpack

from ..compat import const
from .copies import load, save
from .wear import Wear

NAME = "intent"

# Intents
RUNNING = 1
RESET = 2  # the host asked for it
UPDATE = 3  # to the other slot
POWER_DOWN = 4
CRASHED = 5  # an exception reached the top

# Reset causes, as board/ translates those of its port
CAUSE_UNKNOWN = 0
CAUSE_POWER_ON = 1
CAUSE_PIN = 2
CAUSE_WATCHDOG = 3
CAUSE_SOFT = 4

# What classify() makes of both; goes into EV_BOOT
BOOT_FIRST = 0  # nothing is remembered
BOOT_POWER_LOSS = 1  # or the reset pin, or a brown-out
BOOT_WATCHDOG = 2
BOOT_REQUESTED = 3
BOOT_CRASH = 4

LOOP_BOOTS = 5  # so many in a row that did not last ...
STABLE_MS = 60_000  # ... this long make a safe boot

_FORMAT = "<BBBBHHIII"
_BYTES = const(20)
_VERSION = const(1)
_BURST = const(16)  # changes of the masks: 16 at once ...
_REFILL_MS = const(120_000)  # ... and 720 a day


# What kind of boot this is. What the board meant to do outweighs what the port says; a cause that
# says nothing while it ran is a watchdog, the worst of them.
def classify(cause, intent):
    if RESET <= intent <= POWER_DOWN:
        return BOOT_REQUESTED
    if intent == CRASHED:
        return BOOT_CRASH
    if cause == CAUSE_WATCHDOG:
        return BOOT_WATCHDOG
    if intent != RUNNING:
        return BOOT_FIRST
    if cause in (CAUSE_POWER_ON, CAUSE_PIN):
        return BOOT_POWER_LOSS
    return BOOT_CRASH if cause == CAUSE_SOFT else BOOT_WATCHDOG


class Intent:
    def __init__(self, files):
        self._files = files
        self._wear = Wear(_BURST, _REFILL_MS)
        self.errors = 0  # writes that failed
        self._dirty = self._urgent = False
        self.intent = 0
        self.safe_reason = 0  # SAFE is latched for it; 0: it is not
        self.unstable = 0  # boots in a row that did not last
        self.off_mask = 0  # groups that are off
        self.locked_mask = 0  # groups that are locked out
        self.boot_count = 0
        self.heat_a_ppm = 0  # Breaker.theta_ppm when this was written
        self.heat_b_ppm = 0
        payload, _, self.damaged = load(files, NAME, 64)
        # damaged: what was latched last may be forgotten; the caller takes the safe side
        if payload is not None and len(payload) == _BYTES and payload[0] == _VERSION:
            self._unpack(payload)

    # Begin: returns what kind of boot it is, and is `running` from now on.
    def booted(self, cause):
        kind = classify(cause, self.intent)
        self.boot_count = (self.boot_count + 1) & 0xFFFFFFFF
        if kind != BOOT_REQUESTED and self.unstable < 255:
            self.unstable += 1
        self.intent = RUNNING
        self._save()
        return kind

    # Too many boots in a row did not last: start with as little as possible.
    def safe_boot(self):
        return self.unstable > LOOP_BOOTS

    # The board has run for STABLE_MS.
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

    # In the slack: write if a latch has changed. SAFE is written at once; masks, which a host can
    # toggle, as wear allows. Idle, it allocates nothing. Returns whether it wrote.
    def flush(self, now_ms, heat_a_ppm, heat_b_ppm):
        if not self._dirty or not (self._wear.take(now_ms) or self._urgent):
            return False
        self.heat_a_ppm = heat_a_ppm
        self.heat_b_ppm = heat_b_ppm
        return self._save()

    # Before a reset on purpose: say so. True if it is on flash; if not, the reset would look like
    # a watchdog's.
    def request(self, intent, heat_a_ppm, heat_b_ppm):
        self.intent = intent
        self.heat_a_ppm = heat_a_ppm
        self.heat_b_ppm = heat_b_ppm
        return self._save()

    def _save(self):
        try:
            save(self._files, NAME, self._pack(), 64)
        except OSError:
            self.errors += 1
            self._dirty = True  # wear says when it is tried again
            self._urgent = False
            return False
        self._dirty = self._urgent = False
        return True

    def _pack(self):
        return pack(
            _FORMAT,
            _VERSION,
            self.intent,
            self.safe_reason,
            self.unstable,
            self.off_mask,
            self.locked_mask,
            self.boot_count,
            self.heat_a_ppm,
            self.heat_b_ppm,
        )

    def _unpack(self, payload):
        (
            _,
            self.intent,
            self.safe_reason,
            self.unstable,
            self.off_mask,
            self.locked_mask,
            self.boot_count,
            self.heat_a_ppm,
            self.heat_b_ppm,
        ) = unpack(_FORMAT, payload)
