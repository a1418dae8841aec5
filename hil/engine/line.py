# SPDX-License-Identifier: Apache-2.0
"""The host's end of the virtual line: a cable that can be pulled, and what was said through it."""

from collections.abc import Callable

from edge.errors import PortError
from hil.pipe import SerialPipe, VirtualClock

PULLED = "the board's port is gone: is the cable plugged in?"


class VirtualCable:
    """Two pipes with a plug at the host's end. `hil.ports.Cable`."""

    def __init__(self, clock: VirtualClock, up: SerialPipe, down: SerialPipe) -> None:
        self.clock = clock
        self.up = up
        self.down = down
        self.plugged = True
        self.epoch = 0
        """Counts how often it was pulled: a transport of an earlier epoch is dead for good."""
        self._arrived = bytearray()

    def unplug(self) -> None:
        """See hil.ports.Cable."""
        self.plugged = False
        self.epoch += 1
        self._arrived.clear()
        self.up.hang_up()
        self.down.hang_up()

    def plug(self) -> None:
        """See hil.ports.Cable."""
        self.plugged = True

    def arrive(self, data: bytes) -> None:
        """Bytes have come out at the host's end."""
        if self.plugged:
            self._arrived += data

    def drain(self) -> None:
        """Nobody has the port open: what has arrived is lost."""
        self._arrived.clear()

    def take(self) -> bytes:
        """What has arrived since the last call."""
        data = bytes(self._arrived)
        self._arrived.clear()
        return data


class CableTransport:
    """What the host opens: reads what has arrived, writes to the board."""

    def __init__(self, cable: VirtualCable, sent: Callable[[bytes], None]) -> None:
        """`sent` is told each block. Raises PortError while the cable is pulled."""
        if not cable.plugged:
            raise PortError(PULLED)
        self._cable = cable
        self._epoch = cable.epoch
        self._sent = sent

    def read(self, timeout_s: float = 0.0) -> bytes:
        """Bytes that have arrived by now. Raises PortError once the cable was pulled."""
        self._check()
        return self._cable.take()

    def write(self, data: bytes) -> None:
        """Send `data` to the board. Raises PortError once the cable was pulled."""
        self._check()
        if data:
            self._sent(data)
            self._cable.down.send(data, self._cable.clock.now_ms())

    def close(self) -> None:
        """Nothing to give back."""

    def _check(self) -> None:
        if self._epoch != self._cable.epoch or not self._cable.plugged:
            raise PortError(PULLED)
