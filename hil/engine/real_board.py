# SPDX-License-Identifier: Apache-2.0
"""What a run in real time does to its board, and whether the board is still there."""

import threading
import time
from array import array
from collections.abc import Callable, Sequence

from edge.errors import EdgeError, LinkError
from firmware_py.store.reset import CAUSE_POWER_ON
from hil.drivers.device import RealDevice
from hil.engine.probe import Channels, Probe
from hil.plant.rack import Rack
from hil.ports import POWER, Unsupported

DARK_MS = 1_000
"""Shortest time without supply: longer than the capacitors of a small board last."""
SILENT_MS = 3_000
"""A board on a bus writes its outputs every 100 ms; so long without: it hangs, or it is gone."""
SILENT_LINK_MS = 10_000
"""As SILENT_MS, for a board that only has a link: telemetry comes once a host has started."""
BOOT_MS = 10_000
"""Longest silence after the bench has cut its supply and given it back."""
SWITCH_S = 30.0
"""Longest wait, at the end of a run, for a supply that is being switched."""


class RealBoard:
    """`hil.ports.BoardPort` of a device that runs by itself."""

    def __init__(self, device: RealDevice) -> None:
        self._device = device
        self._switching: threading.Thread | None = None
        self._failure: EdgeError | None = None
        self.resets = 0

    @property
    def dark(self) -> bool:
        """Whether its supply is being switched."""
        return self._switching is not None and self._switching.is_alive()

    def reset(self, cause: int, dark_ms: int = 0) -> None:
        """See BoardPort. Its supply is switched by a thread: a tick waits for nobody."""
        if cause != CAUSE_POWER_ON or POWER not in self._device.capabilities:
            self._device.restart(cause)
            return
        if self.dark:
            return  # it is dark already
        self.resets += 1
        dark_s = max(dark_ms, DARK_MS) / 1000
        self._switching = threading.Thread(target=self._cycle, args=(dark_s,), name="supply")
        self._switching.start()

    def _cycle(self, dark_s: float) -> None:
        try:
            self._device.power(False)
            time.sleep(dark_s)
        except EdgeError as error:
            self._failure = error
        try:
            self._device.power(True)
        except EdgeError as error:
            self._failure = error

    def check(self) -> None:
        """Raise what went wrong with its supply. Raises ActuatorError."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """It has its supply again before anything else is given back."""
        if self._switching is not None:
            self._switching.join(SWITCH_S)

    def hang(self, hung: bool) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: nobody can hang a real board's loop")

    def drift(self, ppm: int) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: its clock is its own")

    def jump(self, ms: int) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: its clock is its own")

    def heap(self, kib: int | None) -> None:
        """See BoardPort."""
        raise Unsupported(f"{self._device.name}: its heap is its own")


class LinkProbe(Probe):
    """Of a board without a bus: what it tells, and what its events count."""

    def __init__(
        self,
        rack: Rack,
        groups: int,
        telemetry: Callable[[], Sequence[int] | None],
        channels: Channels,
    ) -> None:
        nothing = array("i")
        super().__init__(
            rack, nothing, nothing, groups, telemetry, stimulated=False, channels=channels
        )
        self.names += ("n_boot", "n_lockout")

    def row(self) -> list[float]:
        """See Probe."""
        return [*super().row(), float(self.board.boots), float(self.board.lockouts)]


class Watch:
    """Whether the board still gives signs of life. Times are the run's, ms."""

    def __init__(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self._heard_ms = 0
        self._excused_ms = 0

    def heard(self, now_ms: int) -> None:
        """It has said something."""
        self._heard_ms = now_ms

    def excuse(self, now_ms: int) -> None:
        """It cannot say anything now, and needs a while afterwards."""
        self._excused_ms = now_ms + BOOT_MS

    def check(self, now_ms: int) -> None:
        """Raise LinkError if it has been silent for too long."""
        silent_ms = now_ms - max(self._heard_ms, self._excused_ms)
        if silent_ms > self._limit_ms:
            raise LinkError(
                f"the board has said nothing since {self._heard_ms / 1000:.1f} s: "
                "it hangs, or it is no longer plugged in"
            )
