# SPDX-License-Identifier: Apache-2.0
# What outlives a reset, for the app: the latches and masks (intent.py), the event journal, the
# configuration that comes over the link. note() is for the tick and allocates nothing; slack()
# writes, and only while no shed is under way, as a flash erase stops everything.

from binascii import crc32

from ..compat import ticks_diff
from ..link.wire import STATE_SAFE
from .intent import RUNNING, Intent
from .journal import Journal
from .reset import STABLE_MS, booted, safe_boot

LATCHED = 1  # Intent.safe_reason of a board in SAFE; and bit n: interlock n of the coolant


class Keeper:
    # files: store.folder.Folder; cause: a store.reset.CAUSE_*; board: its name in configurations;
    # writable: store.fskind.may_write().
    def __init__(self, files, cause, board, writable=True):
        self._files = files
        self._board = board
        self._writable = writable
        self.fell_back = False  # the configuration in force is the older copy
        self._in_force = 0, 0, 0  # its seq, length, crc
        self.intent = Intent(files)
        self.found = self.intent.off_mask, self.intent.locked_mask, self.intent.safe_reason
        self.kind = booted(self.intent, cause) if writable else 0  # store.reset.BOOT_*
        self.journal = Journal(files, self.intent.boot_count)
        self._begun = False
        self._stable = False
        self._start_ms = 0

    # The board went down in SAFE, or what it knew of that is damaged, or it does not last.
    def latched(self):
        return self.found[2] != 0 or self.intent.damaged or safe_boot(self.intent)

    def off_mask(self):
        return self.found[0]

    def locked_mask(self):
        return self.found[1]

    # Bit n: interlock n of the coolant was latched.
    def interlocks(self):
        return self.found[2] & ~LATCHED

    # Configuration and journal over the link.
    def serve(self, state, endpoint):
        from ..link import stored  # noqa: PLC0415
        from .journal_scan import Rows  # noqa: PLC0415
        from .staged import ConfigStore  # noqa: PLC0415

        seq, length, crc = self._in_force
        state.store = ConfigStore(self._files, seq, length, crc, self._usable, self._writable)
        state.journal = Rows(self.journal)
        endpoint.served.append(stored)

    # Raises ValueError unless this firmware, on this board, can run on that configuration.
    def _usable(self, payload):
        from .config import parse  # noqa: PLC0415

        settings = parse(payload)
        if settings.board != self._board:
            raise ValueError("is for board %s, this one is %s" % (settings.board, self._board))

    # The configuration to boot with, b"" if there is none: the newest that this firmware can run
    # on. Raises ValueError if there are some and it can run on none.
    def config(self):
        from .copies import load  # noqa: PLC0415
        from .staged import MOST, NAME  # noqa: PLC0415

        payload, seq, self.fell_back = load(self._files, NAME, MOST, self._usable)
        if payload is None:
            return b""
        self._in_force = seq, len(payload), crc32(payload)
        return payload

    # One tick. Allocates nothing.
    def note(self, app):
        groups = app.shedder.groups
        safe = 0
        if app.state.state == STATE_SAFE:
            safe = LATCHED if app.liquid is None else LATCHED | app.liquid.latched
        self.intent.note(safe, groups.off_mask, groups.locked_mask)
        if not self._begun:
            self._begun = True
            self._start_ms = app.state.now_ms
        elif not self._stable and ticks_diff(app.state.now_ms, self._start_ms) >= STABLE_MS:
            self._stable = True
            self.intent.stable()

    # Write what is due; True if that has allocated.
    def slack(self, app):
        if not self._writable or app.shedder.busy():
            return False
        now_ms = app.state.now_ms
        wrote = self.intent.flush(now_ms, app.breakers[0].theta_ppm, app.breakers[1].theta_ppm)
        return self.journal.flush(now_ms) > 0 or wrote

    # Before a reset on purpose; intent: store.intent.RESET, UPDATE, POWER_DOWN or CRASHED.
    def request(self, intent, app):
        if self._writable and intent != RUNNING:
            breakers = app.breakers
            self.intent.request(intent, breakers[0].theta_ppm, breakers[1].theta_ppm)
