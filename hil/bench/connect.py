# SPDX-License-Identifier: Apache-2.0
"""From a name in the bench file to a device that is locked, open and who it should be."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

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
    of the bench file; also each time that it comes back. `paced`: let its line be as slow as its
    baud rate where it has no wires. `closed` is called once the device has been closed.
    """
    entry = bench.device(name)
    with ExitStack() as locks, ExitStack() as opened:
        locks.callback(closed)
        for selector in (entry.transport, entry.bus):
            if selector is not None:
                locks.callback(Lock("device", exact(resolve(selector))).release)
        transport, found = _open_known(bench, name)

        def again() -> Transport:
            return _open_known(bench, name)[0]

        tap = Tap(transport, again, entry.baud, name=name, paced=paced)
        opened.callback(tap.close)
        bus = None
        if entry.bus is not None:
            open_bus = partial(_open, entry.bus, entry.baud)
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


def _open_known(bench: Bench, name: str) -> tuple[Transport, BoardIdentity]:
    """A port with the right board behind it."""
    entry = bench.device(name)
    transport = _open(entry.transport, entry.baud)
    port = resolve(entry.transport)
    try:
        found = identity.greet(transport).identity
        identity.check(entry.identity, found, bench.where(name, "identity"), port)
    except identity.WrongBoard:
        transport.close()
        raise
    except LinkError as error:
        transport.close()
        raise type(error)(f"{bench.where(name)}: {name} at {port}: {error}") from error
    except BaseException:
        transport.close()
        raise
    return transport, found


def _open(selector: Selector, baud: int) -> Transport:
    """Resolves anew each time: a board that comes back may have another device path."""
    return open_transport(resolve(selector), baud)
