# SPDX-License-Identifier: Apache-2.0
# UARTs on an RS-485 pair: the link in half duplex, and the Modbus slave. half_duplex.py says when
# this board may speak; here are its pins.

from ..link.half_duplex import SEND, HalfDuplex
from .streams import Paced


# What HalfDuplex drives. de: pin of the driver enable.
class Pair(Paced):
    def __init__(self, uart, us, byte_us, depth, de):
        super().__init__(uart, us, byte_us, depth)
        self._de = de
        self._waste = bytearray(32)

    def idle(self):
        return self.uart.txdone()

    def drive(self, on):
        self._de(1 if on else 0)
        if not on:
            self.forget()

    # What came while we spoke is our echo.
    def forget(self):
        for _ in range(16):
            if not self.read(self._waste):
                return


# The link's stream.
class BusLink:
    def __init__(self, pair, baud, outbox, us):
        self._pair = pair
        self._us = us
        self._duplex = HalfDuplex(outbox, pair, baud)

    def read(self, rx):
        if self._duplex.state >= SEND:
            return 0
        n = self._pair.read(rx)
        self._duplex.heard(n)
        return n

    def write(self, _outbox):
        self._duplex.step(self._us())

    def busy(self):
        return self._duplex.busy()


# The slave's port.
class SlaveBus:
    # slave: link.modbus_slave.ModbusSlave.
    def __init__(self, pair, baud, slave, us):
        self._pair = pair
        self._us = us
        self._slave = slave
        self._duplex = HalfDuplex(slave, pair, baud)
        self._rx = bytearray(64)

    def step(self, now_ms):
        now_us = self._us()
        if self._duplex.state < SEND:
            n = self._pair.read(self._rx)
            if n:
                self._duplex.heard(n)
                self._slave.receive(self._rx, n, now_us)
            self._slave.step(now_us, now_ms)
        self._duplex.step(now_us)

    def busy(self):
        return self._duplex.busy() or self._slave.n > 0
