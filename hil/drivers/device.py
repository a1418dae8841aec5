# SPDX-License-Identifier: Apache-2.0
"""What a bench asks of a device: firmware in CPython, in the VM, or a board on a port."""

from array import array
from typing import Protocol

from hil.ports import Cable, Line
from hil.verdict import BoardIdentity


class Device(Protocol):
    """Common to all."""

    name: str
    """`cpython`, `micropython`, or the name in the bench file."""
    capabilities: frozenset[str]
    """Of hil.ports."""

    @property
    def outputs(self) -> "array[int]":
        """int32[N_OUT], the newest. Over a restart they stay as they were, as latching relays do.

        Not to be kept: the next exchange or pull may bring another array.
        """

    def measure(self) -> dict[str, float]:
        """`mcu_heap_free` (B) and `mcu_tick_ms` (wall time of the last exchange); NaN: unknown."""

    def restart(self, cause: int, heap_kib: int | None = None) -> None:
        """Reset: the firmware begins anew, with what its store remembers.

        cause: firmware_py.store.reset.CAUSE_*. Raises Unsupported.
        """

    def close(self) -> None:
        """Give everything back; a board keeps running."""


class VirtualDevice(Device, Protocol):
    """Runs only while it is asked to; board time is the caller's, modulo 2**30."""

    until_ms: int
    """It wants to run again at this board time, earlier only if link bytes come.

    After a restart: at once. Before the first exchange 0, which means at any time.
    """

    @property
    def boots(self) -> int:
        """Boots so far. One more after an exchange: the host had asked for a reset, it is done."""

    def exchange(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Run at board time `now_ms` on int32[N_IN]; returns link bytes. Raises LinkError.

        rx: at most hil.drivers.records.RX_BYTES.
        """


class RealDevice(Device, Protocol):
    """Runs by itself."""

    port: str
    """What the host opens: a tap that the bench owns, or the board's own port."""
    up: Line
    down: Line
    cable: Cable
    identity: BoardIdentity
    """As it was found before anything was driven."""

    def push(self, inputs: "array[int]") -> bool:
        """Give it new readings; False if it has not taken the last ones. Raises LinkError."""

    def pull(self) -> bool:
        """Take its newest outputs; True if there were any. Raises LinkError."""

    def frames(self) -> list[tuple[int, bool, bytes]]:
        """Bytes that passed the tap since the last call: (ms since open, up, bytes)."""

    def power(self, on: bool) -> None:
        """Cut its supply, or give it back. Raises Unsupported."""
