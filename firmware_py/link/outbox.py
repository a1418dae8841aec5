# SPDX-License-Identifier: Apache-2.0
# Frames that wait for the port. Whole frames only; when full, the oldest telemetry goes and is
# counted. An answer goes only when nothing but answers waits: telemetry cannot starve it.

from .codec import encode
from .wire import EVENT


class Outbox:
    # buf: bytearray that the port may share; at least two of the longest frames.
    def __init__(self, buf):
        self.buf = buf
        self.n = 0  # bytes waiting in buf[:n]
        self.turn = 0  # of them, bytes that a half-duplex port may send now (half_duplex.py)
        self.answers = 0  # answers queued since boot
        self.dropped = 0  # frames lost since boot
        self._torn = False  # buf starts with the rest of a frame that is partly sent

    # Frame `body` and queue it. Allocates nothing.
    def put(self, body):
        event = body[0] & EVENT
        room = len(self.buf) - len(body) - 3  # code byte and two delimiters
        while self.n > room:
            self.dropped += 1
            if not self._drop(event):
                return
        self.n = encode(body, self.buf, self.n)
        if not event:
            self.answers += 1

    # Length of the first frame waiting (or of what is left of it); 0 if there is none.
    def head(self):
        if self.n == 0:
            return 0
        return self._end(0 if self._torn else 1)

    # The port has taken the first `n_sent` bytes. Inside a frame one delimiter more is behind
    # than between two.
    def sent(self, n_sent):
        torn = self._torn
        for i in range(n_sent):
            if self.buf[i] == 0:
                torn = not torn
        self._torn = torn
        self.turn = max(0, self.turn - n_sent)
        self._cut(0, n_sent)

    # The port has taken everything.
    def clear(self):
        self.n = self.turn = 0
        self._torn = False

    # Make room for an event or an answer: False if only answers wait, which no event drives out.
    # A frame that is partly on the wire is finished in any case.
    def _drop(self, for_event):
        first = self.head() if self._torn else 0
        at = first
        while at < self.n:
            end = self._end(at + 1)
            if self._event_at(at):
                return self._lose(at, self._run(at, end))
            at = end
        return not for_event and first < self.n and self._lose(first, self._end(first + 1))

    # Behind the frame that ends at `end`, and behind the telemetry after it until a quarter of the
    # box is free: while a port is stalled the box is then moved once a tick, not at each frame.
    def _run(self, at, end):
        least = len(self.buf) >> 2
        while end - at < least and end < self.n and self._event_at(end):
            end = self._end(end + 1)
            self.dropped += 1
        return end

    # Flags are behind delimiter and code: a body never starts with 0.
    def _event_at(self, at):
        return self.buf[at + 2] & EVENT

    def _lose(self, at, end):
        if at < self.turn:
            self.turn -= end - at
        self._cut(at, end)
        return True

    # Behind the next delimiter. A memoryview, which the port may have given, has no find().
    def _end(self, at):
        buf = self.buf
        while buf[at]:
            at += 1
        return at + 1

    # Close the gap buf[to:start]. Only a port that does not keep up comes here.
    def _cut(self, to, start):
        buf = self.buf
        for i in range(start, self.n):
            buf[to] = buf[i]
            to += 1
        self.n = to
