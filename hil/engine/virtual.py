# SPDX-License-Identifier: Apache-2.0
"""Plant, firmware, serial line and host in one virtual clock.

Nothing here looks at a real clock. Time jumps from one event to the next: a plant step, a wake-up
of the board, the last bit of a frame, a deadline of the host. While one of them computes, time
stands still, also while a cap travels over a real HTTP connection. So the same seed gives the same
record, bit for bit.
"""

from array import array
from collections.abc import Callable

from firmware_py.channels import N_IN, N_OUT
from hil.drivers.vm import RX_BYTES
from hil.engine.hosts import NEVER_MS, Host, Nobody
from hil.engine.line import CableTransport, VirtualCable
from hil.engine.mcu import Mcu
from hil.pipe import SerialPipe, VirtualClock
from hil.plant import io
from hil.plant.rack import Rack
from hil.ports import Transform

TICK_MS = 100
"""Step of the plant and of the firmware."""

Heard = Callable[[bool, bytes, int], None]
"""`heard(up, data, now_ms)`: bytes as they pass the host's end of the line."""


class VirtualBench:
    """The loop. `host` and `rival` are set by whoever builds the run, before the first step."""

    def __init__(self, rack: Rack, mcu: Mcu, heard: Heard = lambda _up, _data, _ms: None) -> None:
        self.rack = rack
        self.mcu = mcu
        self.clock = VirtualClock()
        self.up, self.down = SerialPipe(), SerialPipe()
        self.cable = VirtualCable(self.clock, self.up, self.down)
        self.host: Host = Nobody()
        self.rival: Host | None = None
        self.rival_cable = VirtualCable(self.clock, self.up, self.down)
        self.sensors: list[Transform] = []
        self.actuators: list[Transform] = []
        self.inputs: array[int] = array("i", bytes(4 * N_IN))
        """int32[N_IN] as the board is given them."""
        self.commands: array[int] = array("i", bytes(4 * N_OUT))
        """int32[N_OUT] as the plant is given them."""
        self._heard = heard
        self._next_plant_ms = TICK_MS
        self._acted = -1  # resets of the board whose outputs the plant has
        io.fill_inputs(rack, self.inputs)  # a board never runs without readings

    def open(self) -> CableTransport:
        """The host's port. Raises PortError while the cable is pulled."""
        return CableTransport(self.cable, self._sent)

    def open_rival(self) -> CableTransport:
        """The port of a second master on the same line."""
        return CableTransport(self.rival_cable, self._sent)

    def _sent(self, data: bytes) -> None:
        self._heard(False, data, self.clock.now_ms())

    def run_to(self, now_ms: int) -> None:
        """Process every event up to and including `now_ms`."""
        self._disturb()
        while (due_ms := self._next_event_ms()) <= now_ms:
            self.clock.advance_to(due_ms)
            self.mcu.at(due_ms)
            if due_ms >= self._next_plant_ms:
                self._next_plant_ms += TICK_MS
                self.plant_step()
            if due_ms >= self.mcu.due_ms() or _due(self.down, due_ms):
                self._run_board(due_ms)
            self._run_hosts(due_ms)
        self.clock.advance_to(now_ms)
        self.mcu.at(now_ms)

    def plant_step(self) -> None:
        """One tick of physics under the newest outputs, then the meters."""
        if self.actuators or self._acted != self.mcu.resets:
            self.act()  # faults move them over time; in a reset the lines float
        self.rack.step(TICK_MS)
        io.fill_inputs(self.rack, self.inputs, self.sensors)

    def act(self) -> None:
        """Carry the board's outputs to the plant."""
        self.commands[:] = self.mcu.outputs
        for transform in self.actuators:
            transform(self.clock.now_ms(), self.commands)
        io.apply_outputs(self.rack, self.commands)
        self._acted = self.mcu.resets

    def _disturb(self) -> None:
        """Faults of the line may speak by themselves."""
        now_ms = self.clock.now_ms()
        for line in (self.up, self.down):
            line.tick(now_ms)

    def _next_event_ms(self) -> int:
        times = [self._next_plant_ms, self.mcu.due_ms()]
        times += [due for due in (self.up.due_ms(), self.down.due_ms()) if due is not None]
        if not self.host.paused:
            times.append(self.host.next_wakeup_ms())
        if self.rival is not None:
            times.append(self.rival.next_wakeup_ms())
        return max(min(times), self.clock.now_ms())

    def _run_board(self, now_ms: int) -> None:
        rx = self.down.receive(now_ms, RX_BYTES)
        resets = self.mcu.resets
        tx = self.mcu.run(now_ms, self.inputs, rx)
        self.act()
        if tx and resets == self.mcu.resets:
            self.up.send(tx, now_ms)

    def _run_hosts(self, now_ms: int) -> None:
        data = self.up.receive(now_ms) if self.cable.plugged else b""
        if not self.cable.plugged:
            self.up.hang_up()
        if data:
            self._heard(True, data, now_ms)
            self.cable.arrive(data)
        host, rival = self.host, self.rival
        if not host.alive:
            self.cable.drain()
        elif not host.paused and (data or now_ms >= host.next_wakeup_ms()):
            host.step()
        if rival is not None:
            self.rival_cable.arrive(data)
            if data or now_ms >= rival.next_wakeup_ms():
                rival.step()

    def close(self) -> None:
        """Stop the host, then the board."""
        try:
            self.host.close()
        finally:
            self.mcu.device.close()


def _due(pipe: SerialPipe, now_ms: int) -> bool:
    due_ms = pipe.due_ms()
    return due_ms is not None and due_ms <= now_ms


__all__ = ["NEVER_MS", "TICK_MS", "Heard", "VirtualBench"]
