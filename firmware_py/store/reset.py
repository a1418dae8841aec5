# SPDX-License-Identifier: Apache-2.0
# What kind of boot this is, from what the board meant (intent.py) and what the port says. Needed at
# boot only.

from struct import unpack

from .copies import load
from .intent import CRASHED, FORMAT, NAME, POWER_DOWN, RESET, RUNNING, VERSION

_BYTES = 20

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


# What the intent's record says, into it.
def remember(intent):
    payload, _, intent.damaged = load(intent.files, NAME, 64)
    if payload is None or len(payload) != _BYTES or payload[0] != VERSION:
        return
    (
        _,
        intent.intent,
        intent.safe_reason,
        intent.unstable,
        intent.off_mask,
        intent.locked_mask,
        intent.boot_count,
        intent.heat_a_ppm,
        intent.heat_b_ppm,
    ) = unpack(FORMAT, payload)


# Begin: returns what kind of boot it is; the board is `running` from now on.
def booted(intent, cause):
    kind = classify(cause, intent.intent)
    intent.boot_count = (intent.boot_count + 1) & 0xFFFFFFFF
    if kind != BOOT_REQUESTED and intent.unstable < 255:
        intent.unstable += 1
    intent.intent = RUNNING
    intent.save()
    return kind


# Too many boots in a row did not last: start with as little as possible.
def safe_boot(intent):
    return intent.unstable > LOOP_BOOTS
