# SPDX-License-Identifier: Apache-2.0
"""The ports of a run: where faults and stimulus take hold of it.

Named after ASAM XIL: plant (MAPort), sensors and actuators (EESPort), line (NetworkPort), board and
host. A run hands one `Ports` to every fault; nothing else reaches into a run. What a port cannot do
on the device at hand raises Unsupported, and `needs` of a fault say so before the run begins.
"""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from edge.errors import EdgeError
from hil.plant.rack import Rack

STIMULUS = "stimulus"
"""Capability: the bench gives the board its readings and takes its outputs."""
POWER = "power"
"""Capability: the bench can cut the board's supply and give it back."""
RESET = "reset"
"""Capability: the bench can reset the board with its supply on."""
STORE = "store"
"""Capability: the board has a flash that outlives a reset."""
MCU = "mcu"
"""Capability: hang and clock of the board are the bench's."""
HEAP_SIZE = "heap"
"""Capability: so is the size of its heap, which is fixed while it runs."""
HOST = "host"
"""Capability: a host daemon runs with the board, in the bench's hands."""
HOSTS = "hosts"
"""Capability: so are the host's clock, and a second host at the same link."""
LINE = "line"
"""Capability: every byte of the link passes through the bench."""
CAPABILITIES = (STIMULUS, POWER, RESET, STORE, MCU, HEAP_SIZE, HOST, HOSTS, LINE)

Transform = Callable[[int, "array[int]"], None]
"""`transform(now_ms, words)` changes readings or outputs in place."""


class Unsupported(EdgeError, RuntimeError):
    """This device or run cannot do what was asked of it."""


class LineFilter(Protocol):
    """One disturbance of one direction of the line; several are applied in the order added."""

    def send(self, data: bytes, now_ms: int) -> Iterable[tuple[int, bytes]]:
        """What goes onto the line in place of `data`: (extra delay ms, bytes)."""

    def idle(self, now_ms: int) -> Iterable[tuple[int, bytes]]:
        """What goes onto the line by itself; asked once per tick."""


class Line(Protocol):
    """One direction of the serial line."""

    filters: list[LineFilter]
    baud: int


class Cable(Protocol):
    """The cable between host and board."""

    def unplug(self) -> None:
        """The host's port vanishes; bytes under way are lost."""

    def plug(self) -> None:
        """It is there again, as a new device."""


class BoardPort(Protocol):
    """The microcontroller."""

    def reset(self, cause: int, dark_ms: int = 0) -> None:
        """Reset now; no instruction runs for `dark_ms`. cause: firmware_py.store.reset.CAUSE_*."""

    def hang(self, hung: bool) -> None:
        """Stop the loop with outputs as they stand; its watchdog resets it by itself."""

    def drift(self, ppm: int) -> None:
        """Let its clock run fast (positive) or slow from now on."""

    def jump(self, ms: int) -> None:
        """Move its clock on at once, modulo 2**30."""

    def heap(self, kib: int | None) -> None:
        """Reset it into a heap of `kib` KiB; None: the usual one. VM only."""


class HostPort(Protocol):
    """The host daemon."""

    def kill(self) -> None:
        """SIGKILL: gone without a word; caps stay in the devices."""

    def start(self) -> None:
        """A new daemon process, with what its state file remembers."""

    def pause(self, paused: bool) -> None:
        """SIGSTOP, SIGCONT."""

    def step_wall(self, ms: int) -> None:
        """NTP steps the wall clock; the monotonic one goes on."""

    def second_master(self, present: bool) -> None:
        """Another host on the line that wants the lease."""

    def refuse_caps(self, load: int, how: Literal["error", "slow", "ignore"] | None) -> None:
        """How a load's BMC answers: `error` (500), `slow`, `ignore` (204, does nothing), None."""


@dataclass(slots=True)
class Ports:
    """All of them, for one run."""

    plant: Rack
    board: BoardPort
    host: HostPort
    up: Line
    """Board to host."""
    down: Line
    """Host to board."""
    cable: Cable
    sensors: list[Transform] = field(default_factory=list)
    """Change int32[N_IN] after the plant has filled it, in order."""
    actuators: list[Transform] = field(default_factory=list)
    """Change int32[N_OUT] on the way to the plant, in order."""


class Fault(ABC):
    """One fault of one run. Made once, started and stopped at most once each."""

    @abstractmethod
    def start(self, ports: Ports, now_ms: int) -> None:
        """Begin. Raises Unsupported."""

    @abstractmethod
    def stop(self, ports: Ports, now_ms: int) -> None:
        """End, as far as it can be undone: a tripped breaker stays open."""
