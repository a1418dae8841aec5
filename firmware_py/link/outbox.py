# SPDX-License-Identifier: Apache-2.0
# Frames that wait for the port. Whole frames only; when full, the oldest goes and is counted.

from .codec import encode


class Outbox:
    # buf: bytearray that the port may share; at least two of the longest frames.
    def __init__(self, buf):
        self.buf = buf
        self.n = 0  # bytes waiting in buf[:n]
        self.dropped = 0  # frames lost since boot
        self._torn = False  # buf starts with the rest of a frame that is partly sent

    # Frame `body` and queue it. Allocates nothing.
    def put(self, body):
        room = len(self.buf) - len(body) - 3  # code byte and two delimiters
        while self.n > room:
            self._drop_oldest()
        self.n = encode(body, self.buf, self.n)

    # Length of the first frame waiting (or of what is left of it); 0 if there is none.
    def head(self):
        if self.n == 0:
            return 0
        return self._end(0 if self._torn else 1)

    # The port has taken the first `n_sent` bytes, which lie in the first frame.
    def sent(self, n_sent):
        self._torn = n_sent < self.head()
        self._shift(0, n_sent)

    # The port has taken everything.
    def clear(self):
        self.n = 0
        self._torn = False

    # A frame that is partly on the wire is finished, the one after it goes.
    def _drop_oldest(self):
        start = self.head() if self._torn else 0
        self._shift(start, self._end(start + 1))
        self.dropped += 1

    # Behind the next delimiter. A memoryview, which the port may have given, has no find().
    def _end(self, at):
        buf = self.buf
        while buf[at]:
            at += 1
        return at + 1

    # Close the gap buf[to:start]. Only a port that does not keep up comes here.
    def _shift(self, to, start):
        buf = self.buf
        for i in range(start, self.n):
            buf[to] = buf[i]
            to += 1
        self.n = to
