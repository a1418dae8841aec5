# SPDX-License-Identifier: Apache-2.0
# When a board on a half-duplex pair (RS-485) may drive it: only in its turn, which a request to
# this board gives, and only for what was queued when it came. The answer is queued last, so it
# is the last frame of a turn, and a host that has it knows that the pair is free.
#
#     LISTEN --turn--> WAIT --turn_us of silence--> SEND --all handed over--> DRAIN --> LISTEN
#
# Bytes that come while waiting end the turn: somebody else has been asked meanwhile. A driver
# that stays on too long is switched off, whatever the UART says: a babbling board stops the bus.
#
# outbox: buf, n, turn, sent(); link.outbox.Outbox or modbus_slave.ModbusSlave.
# port:   write(buf, n) -> bytes taken, 0..n, never waits; idle() -> the last stop bit has left;
#         drive(on) -> the transceiver's driver enable (DE and /RE); drive(False) also forgets what
#         the UART has received, which is our echo. While state >= SEND the same holds for what
#         comes: nobody but us has spoken.
# Times in us are modulo 2**30, as boards count them. Allocates nothing.

from ..compat import const, ticks_add, ticks_diff

BITS_PER_BYTE = const(11)  # start, 8 data, parity or second stop, stop
_SLACK_US = const(20_000)  # garbage collection and a tick may come between two writes

LISTEN = 0
WAIT = 1
SEND = 2
DRAIN = 3


class HalfDuplex:
    # turn_us: from the request's last byte to our first, in which the host lets go of the pair.
    def __init__(self, outbox, port, baud, turn_us=500):
        self.state = LISTEN
        self.stuck = 0  # times the driver had to be switched off
        self.yielded = 0  # turns given up because somebody else spoke
        self._outbox = outbox
        self._port = port
        self._byte_us = BITS_PER_BYTE * 1_000_000 // baud
        self._turn_us = turn_us
        self._due_us = 0  # WAIT: begin then; SEND, DRAIN: be done by then

    # n bytes came from the pair. Say so before the receiver takes them: what a request among
    # them queues is a new turn.
    def heard(self, n):
        if n and self.state == WAIT:
            self.yielded += 1
            self._outbox.turn = 0
            self.state = LISTEN

    # Go on; call it as often as possible while busy() and after each receive.
    def step(self, now_us):
        box = self._outbox
        if self.state == LISTEN and box.turn:
            self.state = WAIT
            self._due_us = ticks_add(now_us, self._turn_us)
        elif self.state == WAIT and ticks_diff(now_us, self._due_us) >= 0:
            self._port.drive(True)
            self.state = SEND
            self._due_us = ticks_add(now_us, box.turn * self._byte_us * 2 + _SLACK_US)
        if self.state == SEND:
            self._send()
        if self.state == DRAIN and self._port.idle():
            self._release()
        elif self.state >= SEND and ticks_diff(now_us, self._due_us) >= 0:
            self.stuck += 1
            box.turn = 0
            self._release()

    # True while step() has more to do than wait for a request.
    def busy(self):
        return self.state != LISTEN

    def _send(self):
        box = self._outbox
        taken = self._port.write(box.buf, box.turn)
        if taken:
            box.sent(taken)
        if box.turn == 0:
            self.state = DRAIN

    def _release(self):
        self._port.drive(False)
        self.state = LISTEN
