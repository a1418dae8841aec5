# SPDX-License-Identifier: Apache-2.0
# Modbus RTU master that never waits: one request outstanding, the clock comes in, bytes come and
# go through a UART object. It reads registers only, so it can change nothing in a device. Several
# clients share one bus by turns.
#
#     uart   .any(), .readinto(buf, n), .write(buf): machine.UART with timeout=0 and rxbuf=256, as
#            an answer of 125 bytes waits for the next tick (stm32 has 64 by default)
#     de     callable(level): driver enable of a half-duplex transceiver, a machine.Pin fits; None
#            where the transceiver or the UART switches by itself. With `de`, somebody must call
#            release() tx_ms after a request has gone out (a one-shot timer; ISR-safe) or poll()
#            every millisecond while `driving`: after a whole tick the answer is lost.
#
# poll() may be called as often as one likes and allocates nothing, save where the UART raises.
# RTU has no sequence number, so an answer can be an old one: the line has to fall silent before
# each request, stays unused for another timeout after one, and an answer of another length than
# asked for is refused (a register map gives each of its blocks its own length).

from ..compat import const, ticks_add, ticks_diff
from .modbus_reply import EXCEPTION, Reply

IDLE = const(0)
WAITING = const(1)
DONE = const(2)  # rx[3:] holds the registers, high byte first
FAILED = const(3)  # `why` says how the last try ended

TIMEOUT = const(1)  # the other reasons are in modbus_reply
BUS = const(5)  # the UART raised

_REQUEST = const(8)  # bytes
_CHUNK = const(64)
_ROUNDS = const(8)  # chunks read in one poll: a babbling line cannot hold the tick


class Master:
    # baud: of a line with 11 bits per byte; timeout_ms: from the end of the request until the
    # answer begins; retries: tries after the first one.
    def __init__(self, uart, baud, de=None, timeout_ms=300, retries=1):
        self._uart = uart
        self._de = de
        self._baud = baud
        self._timeout_ms = timeout_ms
        self._retries = retries
        self.tx_ms = _REQUEST * 11_000 // baud + 2  # of a request, and the UART's own delay
        # t3.5, and 1750 us above 19200 Bd (Modbus over serial line V1.02, 2.5.1.1)
        self._gap_ms = max(38_500 // baud, 1) + 1
        self._reply = Reply()
        self.rx = self._reply.rx
        self._chunk = bytearray(_CHUNK)
        self.state = IDLE
        self.why = 0
        self.driving = False
        self._sent = False  # this try is on the line
        self._left = 0  # tries
        self._begun = False
        self._quiet_ms = 0  # not before this may the next request go out
        self._answer_ms = 0  # that the whole answer takes on the line
        self._free_ms = 0  # the request has left
        self.errors = 0  # tries that failed
        self._clients = 0
        self.turn = 0

    # A client's number; it may call start() while turn equals it, and pass_on() when it is done.
    def join(self):
        self._clients += 1
        return self._clients - 1

    def pass_on(self):
        self.turn = (self.turn + 1) % self._clients
        self.state = IDLE

    # Code of the last exception answer.
    def exception(self):
        return self._reply.exception

    # Ask unit (1..247: nobody answers a broadcast) for `count` (1..60) registers from `address`.
    def start(self, unit, function, address, count):
        self._reply.ask(unit, function, address, count)
        self._answer_ms = (5 + 2 * count) * 11_000 // self._baud + 1
        self._left = 1 + self._retries
        self._sent = False
        self.state = WAITING

    # End of the request: the line is the meter's. ISR-safe.
    def release(self):
        self.driving = False
        if self._de is not None:
            self._de(0)

    def poll(self, now_ms):
        if not self._begun:
            self._begun = True
            self._quiet_ms = now_ms
        if self.driving and ticks_diff(now_ms, self._free_ms) >= 0:
            self.release()
        try:
            if self.state == WAITING and self._sent:
                self._await(now_ms)
            else:
                self._rest(now_ms)
        except OSError:
            self._failed(now_ms, BUS)

    # Nothing is due from the line: throw away what comes, and send after a silence.
    def _rest(self, now_ms):
        if self._drain():
            self._quiet_ms = ticks_add(now_ms, self._gap_ms)
        elif ticks_diff(now_ms, self._quiet_ms) >= 0:
            self._quiet_ms = now_ms  # so that the difference stays within half the clock's circle
            if self.state == WAITING:
                self._send(now_ms)

    def _send(self, now_ms):
        self._reply.clear()
        self._sent = True
        self._free_ms = ticks_add(now_ms, self.tx_ms)
        if self._de is not None:
            self._de(1)
            self.driving = True
        self._uart.write(self._reply.request)

    def _await(self, now_ms):
        why = self._receive()
        if why:
            self._failed(now_ms, why)
        elif self._reply.whole():
            self.state = DONE
            self._quiet_ms = ticks_add(now_ms, self._gap_ms)
        elif ticks_diff(now_ms, self._free_ms) >= self._timeout_ms + self._answer_ms:
            self._failed(now_ms, TIMEOUT)

    def _drain(self):
        some = False
        for _ in range(_ROUNDS):
            if not self._uart.any():
                break
            self._uart.readinto(self._chunk, _CHUNK)
            some = True
        return some

    def _receive(self):
        chunk = self._chunk
        for _ in range(_ROUNDS):
            if not self._uart.any():
                break
            n = self._uart.readinto(chunk, _CHUNK)
            for i in range(n or 0):
                why = self._reply.take(chunk[i])
                if why:
                    return why
        return 0

    def _failed(self, now_ms, why):
        self.errors += 1
        if self.state != WAITING:
            return
        self.release()
        self.why = why
        self._sent = False
        # an answer that is only late must not be taken for the next one's
        self._quiet_ms = ticks_add(now_ms, self._timeout_ms if why == TIMEOUT else self._gap_ms)
        self._left -= 1
        if self._left <= 0 or why == EXCEPTION:
            self.state = FAILED
