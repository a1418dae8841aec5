# SPDX-License-Identifier: Apache-2.0
# The loop of every real board. One pass: bytes in, and if the tick is due, read, step, set; bytes
# out; if there was a tick, the slack. Nothing here waits but the one sleep of a millisecond.
#
# The watchdog is fed once for a tick in which every stage came to its end, and for nothing else. An
# exception is the end: outputs to their safe values, the reason into flash, reset.

from ..compat import const, ticks_diff
from ..store.intent import CRASHED, RESET

_RX_BYTES = const(256)
_RESET_MS = const(500)  # for the answer to leave before a reset that was asked for
_PAUSE_MS = const(1)
_TRIAL_TICKS = const(600)  # a minute, as store.reset.STABLE_MS


class Live:
    # port: module of board/; wired: board.wired.Wired.
    def __init__(self, port, watchdog, app, wired, link=None):
        self.port = port
        self.app = app
        self.wired = wired
        self.link = link  # board.ports sets it, and the next two where they are wanted
        self.radio = None
        self.slave = None
        self.timer = None  # holds the fast timer
        self._watchdog = watchdog
        self._rx = bytearray(_RX_BYTES)
        self._reset_ms = -1  # board time of a reset that was asked for
        self.error = None  # what ended the loop
        self.slot = -1  # on trial until it has run for _TRIAL_TICKS; -1: not known, or not to save
        self._young = _TRIAL_TICKS

    # Until the reset.
    def run(self):
        try:
            self.app.start(self.port.ticks_ms())
            while True:
                if not self.turn():
                    self.port.sleep_ms(_PAUSE_MS)
        except Exception as error:
            self.crash(error)

    # One pass; True if there is more to do at once.
    def turn(self):
        app = self.app
        now_ms = self.port.ticks_ms()
        n = self.link.read(self._rx)
        due = ticks_diff(now_ms, app.deadline_ms) >= 0
        if due:
            self.wired.poll(now_ms, app.raw)
        app.step(now_ms, self._rx, n)
        if due:
            self.wired.act(now_ms, app.act.outputs, app.flags(), app.cooler.failed)
            if app.healthy():
                self._watchdog.feed()
        self.link.write(app.outbox)
        if self.radio is not None:
            self.radio.step(now_ms)
        if self.slave is not None:
            self.slave.step(now_ms)
        self.wired.between(now_ms)
        if due:
            app.slack()
            self._wish(now_ms)
            if self._young:
                self._grow()
        return n > 0 or self.link.busy() or (self.slave is not None and self.slave.busy())

    # A reset that the host asked for, once its answer has had time to leave.
    def _wish(self, now_ms):
        if self.app.state.reset < 0:
            return
        if self._reset_ms < 0:
            self._reset_ms = now_ms
        elif ticks_diff(now_ms, self._reset_ms) >= _RESET_MS:
            if self.app.keeper is not None:
                self.app.keeper.request(RESET, self.app)
            self.port.reset()

    # This slot has run for a minute: it stays (store/slots.py). Not while a shed is near: a flash
    # erase stops everything.
    def _grow(self):
        if self._young > 1 or self.app.shedder.busy():
            self._young = max(self._young - 1, 1)
            return
        self._young = 0
        if self.slot < 0:
            return
        from ..store import slots  # noqa: PLC0415
        from ..store.folder import Folder  # noqa: PLC0415

        try:
            slots.mark_good(Folder(""), self.slot)
        except OSError:  # the loader counts on; the next boot tries again
            pass

    # An exception reached the top: outputs first. Every step may fail, the reset is tried anyway,
    # and the watchdog, which nobody feeds any more, is behind it.
    def crash(self, error):
        app = self.app
        self.error = error
        try:
            app.act.fail_safe()
            self.wired.act(self.port.ticks_ms(), app.act.outputs, app.flags(), app.cooler.failed)
            if app.keeper is not None:
                app.keeper.request(CRASHED, app)
        finally:
            self.port.reset()
