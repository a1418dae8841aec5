# SPDX-License-Identifier: Apache-2.0
"""From a name in the bench file to a device that is locked, open and who it should be."""

from collections.abc import Callable
from contextlib import ExitStack

from edge.errors import LinkError
from edge.link.serial import Transport, open_transport
from hil.bench import identity
from hil.bench.address import exact, resolve
from hil.bench.file import Bench, Selector
from hil.bench.lock import Lock
from hil.bench.power import Supply
from hil.drivers.bus import Bus
from hil.drivers.serial_device import SerialDevice
from hil.drivers.tap import Tap
from hil.verdict import BoardIdentity


def connect(
    bench: Bench,
    name: str,
    *,
    paced: bool = False,
    closed: Callable[[], None] = lambda: None,
) -> SerialDevice:
    """Open one device of a bench. Raises ConfigError, PortError, LinkError.

    Nothing but HELLO has been sent, and that only to its link, before it is known to be the board
    of the bench file. `paced`: let its line be as slow as its baud rate where it has no wires.
    `closed` is called once the device has been closed.
    """
    entry = bench.device(name)
    with ExitStack() as locks, ExitStack() as opened:
        locks.callback(closed)
        for selector in (entry.transport, entry.bus):
            if selector is not None:
                locks.callback(Lock("device", exact(resolve(selector))).release)
        open_link = _opener(entry.transport, entry.baud)
        transport = open_link()
        opened.callback(transport.close)
        found = _identify(bench, name, transport)
        tap = Tap(transport, open_link, entry.baud, name=name, paced=paced)
        opened.pop_all()  # the tap's from now on
        opened.callback(tap.close)
        bus = None
        if entry.bus is not None:
            open_bus = _opener(entry.bus, entry.baud)
            bus = Bus(open_bus(), open_bus)
        opened.pop_all()
        return SerialDevice(
            name,
            found,
            tap,
            bus=bus,
            supply=None if entry.power is None else Supply(entry.power),
            features=frozenset(entry.features),
            released=locks.pop_all().close,
        )


def _identify(bench: Bench, name: str, transport: Transport) -> BoardIdentity:
    entry = bench.device(name)
    port = resolve(entry.transport)
    try:
        found = identity.greet(transport).identity
    except LinkError as error:
        text = f"{bench.where(name)}: {name} at {port}: {error}"
        raise type(error)(text) from error
    identity.check(entry.identity, found, bench.where(name, "identity"), port)
    return found


def _opener(selector: Selector, baud: int) -> Callable[[], Transport]:
    """Resolves anew each time: a board that comes back may have another device path."""
    return lambda: open_transport(resolve(selector), baud)
