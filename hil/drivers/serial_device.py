# SPDX-License-Identifier: Apache-2.0
"""A board on a port, as hil.drivers.device.RealDevice. hil.bench.connect makes one."""

import math
import time
from array import array
from collections.abc import Callable
from typing import Protocol

from edge.errors import LinkError
from firmware_py.channels import N_OUT
from firmware_py.store.reset import CAUSE_POWER_ON
from hil.drivers.bus import Bus
from hil.drivers.heard import MCU_TICK_MS, Heard
from hil.drivers.tap import Tap
from hil.ports import HOST, LINE, POWER, STIMULUS, Cable, Line, Unsupported
from hil.verdict import BoardIdentity

GONE_S = 30.0
"""A port that stays away for longer does not come back by itself; USB takes some seconds."""
DARK_S = 1.0
"""Time without supply in a restart: longer than the capacitors of a small board last."""


class Supply(Protocol):
    """A supply that can be switched (hil/bench/power)."""

    def on(self) -> None:
        """Give power. Raises ActuatorError."""

    def off(self) -> None:
        """Cut it. Raises ActuatorError."""


class SerialDevice:
    """Runs by itself; the bench sits in its line and, with a bus, in the place of its rack."""

    def __init__(
        self,
        name: str,
        identity: BoardIdentity,
        tap: Tap,
        *,
        bus: Bus | None = None,
        supply: Supply | None = None,
        features: frozenset[str] = frozenset(),
        released: Callable[[], None] = lambda: None,
    ) -> None:
        """Owns tap and bus. `features` are words of the bench file; `released` is called last."""
        self.name = name
        self.identity = identity
        self.port = tap.port
        self.up: Line = tap.up
        self.down: Line = tap.down
        self.cable: Cable = tap
        more = ({STIMULUS} if bus else set()) | ({POWER} if supply else set())
        self.capabilities = frozenset({LINE, HOST} | more) | features
        self._no_outputs: array[int] = array("i", bytes(4 * N_OUT))
        self._tap = tap
        self._bus = bus
        self._supply = supply
        self._dark = False
        self._released = released
        self._heard = Heard()

    @property
    def outputs(self) -> "array[int]":
        """int32[N_OUT], the newest; all 0 without a bus."""
        return self._no_outputs if self._bus is None else self._bus.outputs

    def push(self, inputs: "array[int]") -> bool:
        """Give it new readings; False if it has not taken the last ones. Raises LinkError."""
        return self._bus_there().push(inputs)

    def pull(self) -> bool:
        """Take its newest outputs; True if there were any. Raises LinkError."""
        return self._bus_there().pull()

    def frames(self) -> list[tuple[int, bool, bytes]]:
        """Bytes that passed the tap since the last call: (ms since open, up, bytes).

        Raises LinkError.
        """
        self._there("link", self._tap)
        frames = self._tap.frames()
        self._heard.came(b"".join(data for _, up, data in frames if up))
        return frames

    def measure(self) -> dict[str, float]:
        """`mcu_heap_free` (B, of what `frames` has returned); `mcu_tick_ms` is not known: NaN."""
        return self._heard.measure() | {MCU_TICK_MS: math.nan}

    def power(self, on: bool) -> None:
        """Cut its supply, or give it back. Raises Unsupported, ActuatorError."""
        if self._supply is None:
            raise Unsupported(f"{self.name} has no `power` in the bench file: it cannot be cut")
        self._dark = not on
        (self._supply.on if on else self._supply.off)()

    def restart(self, cause: int, heap_kib: int | None = None) -> None:
        """Only by its supply: cause CAUSE_POWER_ON. Returns before it has booted."""
        if cause != CAUSE_POWER_ON or heap_kib is not None:
            raise Unsupported(
                f"{self.name} is a real board: the bench can cut its power, nothing else; "
                "a host with its key can send RESET"
            )
        self.power(False)
        time.sleep(DARK_S)
        self.power(True)

    def close(self) -> None:
        """Give everything back; the board keeps running."""
        if self._bus is not None:
            self._bus.close()
        self._tap.close()
        self._released()

    def _bus_there(self) -> Bus:
        if self._bus is None:
            raise Unsupported(f"{self.name} has no `bus` in the bench file: it reads a real rack")
        self._there("bus", self._bus)
        return self._bus

    def _there(self, what: str, port: Tap | Bus) -> None:
        if port.gone_s > GONE_S and not self._dark:
            raise LinkError(
                f"the {what} of {self.name} has been gone for {port.gone_s:.0f} s: {port.why}"
            )
