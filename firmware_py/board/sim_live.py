# SPDX-License-Identifier: Apache-2.0
# Board `sim` in real time (sim.py has the records): the link is a tty, the clock is the VM's.
# Nothing here blocks but the one wait; MicroPython only (poll objects, write with a length).

import select
import sys

from ..app import App
from ..compat import ticks_add, ticks_diff, ticks_ms
from .sim import RX_BYTES, Records

_REOPEN_MS = 1000


def _poll_of(stream, events):
    poll = select.poll()
    poll.register(stream, events)
    return poll


# True if the poll has an event now. Allocates nothing.
def _ready(poll):
    for _stream, _event in poll.ipoll(0):
        return True
    return False


# The tty. It may hang up at any time; the board goes on and tries the path again.
class Tty:
    def __init__(self, path):
        self.path = path
        self.file = None
        self._readable = None
        self._writable = None
        self._byte = bytearray(1)
        self._try_ms = ticks_ms()

    # Try to open it, at most once a second; True if it is newly open.
    def reopen(self, now_ms):
        if self.file is not None or ticks_diff(now_ms, self._try_ms) < 0:
            return False
        self._try_ms = ticks_add(now_ms, _REOPEN_MS)
        try:
            self.file = open(self.path, "r+b", 0)
        except OSError:
            return False
        self._readable = _poll_of(self.file, select.POLLIN)
        self._writable = _poll_of(self.file, select.POLLOUT)
        return True

    # Bytes that are there into rx; how many. Byte by byte: a longer read would wait.
    def read(self, rx):
        n = 0
        try:
            while self.file is not None and n < RX_BYTES and _ready(self._readable):
                if self.file.readinto(self._byte) != 1:
                    self.close()
                    break
                rx[n] = self._byte[0]
                n += 1
        except OSError:
            self.close()
        return n

    # Frames out while the tty has room. A pty that polls writable takes 256 bytes at least, and
    # a frame is shorter, so no write waits.
    def write(self, outbox):
        try:
            while self.file is not None and outbox.n and _ready(self._writable):
                n = outbox.head()
                self.file.write(outbox.buf, n)
                outbox.sent(n)
        except OSError:
            self.close()

    def close(self):
        if self.file is not None:
            self.file.close()
            self.file = None


class Live:
    def __init__(self, settings, info, path, keeper=None, key=b""):
        self._app = App(settings, info, None, keeper, key)
        self._records = Records(self._app)
        self._tty = Tty(path)
        self._wait = _poll_of(sys.stdin.buffer, select.POLLIN)
        self._stdin = _poll_of(sys.stdin.buffer, select.POLLIN)
        self._stdout = _poll_of(sys.stdout.buffer, select.POLLOUT)
        self._waited_on = None

    # Until the host closes stdin, or a RESET has been answered: whoever started this board starts
    # it again.
    def run(self):
        app = self._app
        app.start(ticks_ms())
        while self._readings():
            if not app.outbox.n and self._records.ends():
                return
            self._tty_changes()
            n = self._tty.read(self._records.rx)
            due_ms = app.deadline_ms
            app.step(ticks_ms(), self._records.rx, n)
            self._tty.write(app.outbox)
            if app.deadline_ms != due_ms:
                self._report()
                app.slack()
            self._sleep(app.deadline_ms)

    # Take the records that have come; False at end of file.
    def _readings(self):
        inbound = self._records.inbound
        while _ready(self._stdin):
            if sys.stdin.buffer.readinto(inbound) != 4 * len(inbound):
                return False
            self._records.readings()
        return True

    # Keep the one wait on the tty that is open now; a new link starts with nothing old.
    def _tty_changes(self):
        if self._tty.reopen(ticks_ms()):
            self._app.outbox.clear()
        file = self._tty.file
        if file is not self._waited_on:
            self._wait = _poll_of(sys.stdin.buffer, select.POLLIN)
            if file is not None:
                self._wait.register(file, select.POLLIN)
            self._waited_on = file

    def _report(self):
        self._records.outputs(self._app.deadline_ms, 0)
        if _ready(self._stdout):
            sys.stdout.buffer.write(self._records.outbound)

    def _sleep(self, until_ms):
        left_ms = ticks_diff(until_ms, ticks_ms())
        if left_ms > 0:
            for _stream, _event in self._wait.ipoll(left_ms):
                break
