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
        """int32[N_OUT], the newest."""

    def restart(self, cause: int, heap_kib: int | None = None) -> None:
        """Reset: the firmware begins anew, with what its store remembers.

        cause: firmware_py.store.reset.CAUSE_*. Raises Unsupported.
        """

    def close(self) -> None:
        """Give everything back; a board keeps running."""


class VirtualDevice(Device, Protocol):
    """Runs only while it is asked to; board time is the caller's, modulo 2**30."""

    until_ms: int
    """It wants to run again at this board time, earlier only if link bytes come."""

    @property
    def boots(self) -> int:
        """Boots so far, those that it did by itself among them."""

    def exchange(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Run at board time `now_ms` on int32[N_IN]; returns link bytes. Raises LinkError."""

    def measure(self) -> dict[str, float]:
        """`mcu_heap_free` (bytes) and `mcu_tick_ms` (wall time of the last exchange), or NaN."""


class RealDevice(Device, Protocol):
    """Runs by itself."""

    port: str
    """What the host opens: a tap that the bench owns, or the board's own port."""
    identity: BoardIdentity
    """As it was found before anything was driven."""

    @property
    def up(self) -> Line:
        """Board to host."""

    @property
    def down(self) -> Line:
        """Host to board."""

    @property
    def cable(self) -> Cable:
        """At the host's end."""

    def push(self, inputs: "array[int]") -> bool:
        """Give it new readings; False if it has not taken the last ones. Raises LinkError."""

    def pull(self) -> bool:
        """Take its newest outputs; True if there were any. Raises LinkError."""

    def frames(self) -> list[tuple[int, bool, bytes]]:
        """Bytes that passed the tap since the last call: (ms since open, up, bytes)."""

    def power(self, on: bool) -> None:
        """Cut its supply, or give it back. Raises Unsupported."""
