# SPDX-License-Identifier: Apache-2.0
# The link over the USB port that the REPL has (RP2): stdin and stdout, while the program runs and
# nobody reads lines. A host that stops reading never holds a write: a byte goes only when
# the port has room for it (mp_hal_stdio_poll). After a crash the port is the REPL's until the board
# has started again; a host finds its frames by their delimiters.

import select
import sys


class Stdio:
    def __init__(self):
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._readable = select.poll()
        self._readable.register(self._in, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(self._out, select.POLLOUT)
        self._byte = bytearray(1)

    # Byte by byte: a longer read would wait for its end.
    def read(self, rx):
        n = 0
        while n < len(rx) and _ready(self._readable):
            self._in.readinto(self._byte)
            rx[n] = self._byte[0]
            n += 1
        return n

    def write(self, outbox):
        sent = 0
        while sent < outbox.n and _ready(self._writable):
            self._byte[0] = outbox.buf[sent]
            if not self._out.write(self._byte):
                break
            sent += 1
        if sent:
            outbox.sent(sent)

    def busy(self):
        return False


# True if the poll has an event now. Allocates nothing.
def _ready(poll):
    for _stream, _event in poll.ipoll(0):
        return True
    return False
