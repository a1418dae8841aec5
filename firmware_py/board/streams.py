# SPDX-License-Identifier: Apache-2.0
# Bytes of the link from and to a UART or a USB port. Nothing here waits: UART.write() of some ports
# waits when its buffer is full (ESP32) or has none (STM32), so bytes are handed over no faster than
# the line takes them.
#
# uart: any(), readinto(buf, n), write(buf, n): machine.UART with timeout=0, pyb.USB_VCP.

from ..compat import ticks_diff

BITS_PER_BYTE = 10


# The sending side. us(): microseconds modulo 2**30; byte_us: of a byte on the line, 0 where write()
# never waits; depth: bytes that the port buffers.
class Paced:
    def __init__(self, uart, us, byte_us, depth):
        self.uart = uart
        self._us = us
        self._byte_us = byte_us
        self._depth = depth
        self._held = 0  # bytes that may still be in the port's buffer
        self._at_us = us()

    # Hand over some of buf[:n]; how many. Allocates nothing.
    def write(self, buf, n):
        if self._byte_us:
            n = min(n, self._room())
        taken = self.uart.write(buf, n) if n else 0
        if not taken:  # None: not now
            return 0
        if self._byte_us:
            self._held += taken
        return taken

    def _room(self):
        now_us = self._us()
        gone = max(ticks_diff(now_us, self._at_us), 0) // self._byte_us
        if gone >= self._held:
            self._held = 0
            self._at_us = now_us
        else:
            self._held -= gone
            self._at_us = (self._at_us + gone * self._byte_us) & 0x3FFFFFFF
        return self._depth - self._held

    # Bytes that are there into rx; how many.
    def read(self, rx):
        n = self.uart.any()
        if not n:
            return 0
        # USB_VCP.any() says no more than True, but its readinto() does not wait
        n = len(rx) if n is True else min(n, len(rx))
        return self.uart.readinto(rx, n) or 0


# A link of its own: frames out whenever there is room.
class Stream:
    def __init__(self, uart, us, byte_us, depth):
        self._port = Paced(uart, us, byte_us, depth)

    def read(self, rx):
        return self._port.read(rx)

    # Frames from the outbox as far as the port takes them.
    def write(self, outbox):
        while outbox.n:
            n = self._port.write(outbox.buf, outbox.n)
            if n == 0:
                return
            outbox.sent(n)

    # Needs to be called again soon.
    def busy(self):
        return False
