# SPDX-License-Identifier: Apache-2.0
# Board `sim`: sensors and relays are records on stdin and stdout. README.md starts it.
#
# A record is fixed in size; its words are int32 in the machine's order (little-endian):
#     to the board    now_ms, n_rx, IN[N_IN],   then 512 bytes of which n_rx are link bytes
#     from the board  until_ms, n_tx, OUT[N_OUT], then 1024 bytes of which n_tx are link bytes
# now_ms and until_ms are board time, modulo 2**30. The outputs mean something from the first
# tick on.
#
# Virtual time: the board speaks first (until_ms = 0: "begin at any now_ms"), then each side
# answers the other with one record. The host answers when until_ms is reached, or earlier with
# link bytes and now_ms < until_ms. The board runs only while the host waits, and never looks at
# a clock. With until_ms = -1 it has spoken last: a reset that the host asked for over the link.
#
# Real time (--link PATH): PATH is a tty with the link bytes; the clock is the VM's. Records to
# the board come at the host's pace (newest wins; n_rx and now_ms are ignored); write each with
# one write(2). One record with n_tx = 0 leaves after each tick, unless the pipe is full.
#
# End of file on stdin ends the board with exit code 0.

import sys
from array import array

from ..app import TX_BYTES, App
from ..channels import N_IN, N_OUT

try:
    from uctypes import addressof, bytearray_at
except ImportError:  # CPython
    bytearray_at = None  # type: ignore[assignment]

RX_BYTES = 512
_RESET = 2  # store.intent.RESET
_IN_AT = 2
_RX_AT = 4 * (_IN_AT + N_IN)
_TX_AT = 4 * (_IN_AT + N_OUT)


# Bytes of an array('i') from `start` on, sharing its memory.
def _bytes_of(words, start):
    if bytearray_at is None:
        return memoryview(words).cast("B")[start:]
    return bytearray_at(addressof(words) + start, 4 * len(words) - start)


# The records and the app between them; no I/O.
class Records:
    def __init__(self, app, outbound=None):
        self.app = app
        self.inbound = array("i", [0] * ((_RX_AT + RX_BYTES) // 4))
        self.outbound = _outbound() if outbound is None else outbound
        self.rx = _bytes_of(self.inbound, _RX_AT)

    # Readings of the inbound record to the app.
    def readings(self):
        raw = self.app.raw
        words = self.inbound
        for i in range(N_IN):
            raw[i] = words[_IN_AT + i]

    # The app's outputs and n_tx link bytes, which are already in place, to the outbound record.
    def outputs(self, until_ms, n_tx):
        out = self.app.act.outputs
        words = self.outbound
        words[0] = until_ms
        words[1] = n_tx
        for i in range(N_OUT):
            words[_IN_AT + i] = out[i]

    # Virtual time: answer the inbound record with the outbound one.
    def exchange(self):
        words = self.inbound
        self.readings()
        until_ms = self.app.step(words[0], self.rx, words[1])
        self.outputs(until_ms, self.app.outbox.n)
        self.app.outbox.clear()

    # A reset was asked for: note in the store that it was. True if this board has come to its end.
    def ends(self):
        app = self.app
        if app.state.reset < 0:
            return False
        if app.keeper is not None:
            app.keeper.request(_RESET, app)
        return True

    # Virtual time until the host closes stdin, or a reset: whoever started this board starts it
    # again. read(words), which returns their bytes, and write(words) may stand for the two pipes.
    def run(self, read=None, write=None):
        read = read or sys.stdin.buffer.readinto
        write = write or sys.stdout.buffer.write
        inbound = self.inbound
        size = 4 * len(inbound)
        self.outputs(0, 0)
        write(self.outbound)
        started = False
        while read(inbound) == size:
            if not started:
                started = True
                self.app.start(inbound[0])
            self.exchange()
            if self.ends():
                self.outbound[0] = -1
                write(self.outbound)
                return
            write(self.outbound)
            self.app.slack()


def _outbound():
    return array("i", [0] * ((_TX_AT + TX_BYTES) // 4))


# Board and records for virtual time; frames go straight into the outbound record. A bench on
# CPython holds one too: fill `inbound`, call exchange(), read `outbound`.
def virtual(config, info, keeper=None, key=b""):
    outbound = _outbound()
    return Records(App(config, info, _bytes_of(outbound, _TX_AT), keeper, key), outbound)
