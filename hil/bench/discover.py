# SPDX-License-Identifier: Apache-2.0
"""What is plugged in: HELLO to every port, and a stanza for the bench file for all that answer.

Nothing but HELLO is sent. A port that somebody has locked is not even opened.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from serial.tools import list_ports

from edge.errors import EdgeError
from edge.link.serial import open_transport
from hil.bench.address import Ports, by_path, exact
from hil.bench.identity import greet
from hil.bench.lock import Lock
from hil.verdict import BoardIdentity

HELLO_S = 1.5
"""Longest wait at one port; a board that runs answers within milliseconds."""


@dataclass(frozen=True, slots=True)
class Found:
    """One port."""

    target: str
    description: str
    usb_serial: str | None
    by_path: str | None
    identity: BoardIdentity | None
    """None: no board of ours answers."""
    why: str
    """Why there is no identity; empty if there is one."""


def discover(
    targets: Sequence[str] = (),
    *,
    baud: int = 115200,
    within_s: float = HELLO_S,
    comports: Ports = list_ports.comports,
) -> list[Found]:
    """Ask at `targets` (device paths, URLs) and at every serial port of this machine."""
    listed = {str(port.device): port for port in comports()}
    asked: dict[str, str] = {exact(target): target for target in (*targets, *sorted(listed))}
    found = []
    for target in asked.values():
        port = listed.get(target)
        identity, why = _ask(target, baud, within_s)
        description = str(port.description) if port else ""
        usb_serial = port.serial_number if port else None
        found.append(Found(target, description, usb_serial, by_path(target), identity, why))
    return found


def _ask(target: str, baud: int, within_s: float) -> tuple[BoardIdentity | None, str]:
    try:
        lock = Lock("device", exact(target))
    except EdgeError as error:
        return None, str(error)
    try:
        transport = open_transport(target, baud)
        try:
            return greet(transport, within_s).identity, ""
        finally:
            transport.close()
    except EdgeError as error:
        return None, str(error)
    finally:
        lock.release()


def report(found: Sequence[Found], baud: int = 115200) -> str:
    """Stanzas to paste below `devices:`, and as comments the ports without a board."""
    if not found:
        return "# no serial port on this machine: plug a board in, or name a port\n"
    serials = [each.usb_serial for each in found]
    names: set[str] = set()
    lines = []
    for each in found:
        if each.identity is None:
            lines.append(f"# {each.target}: {each.why}")
            continue
        unique = each.usb_serial if serials.count(each.usb_serial) == 1 else None
        lines.append(_stanza(each, each.identity, _name(each.identity, names), unique, baud))
    return "\n".join(lines) + "\n"


def _name(identity: BoardIdentity, names: set[str]) -> str:
    """`rp2-4f21`: machine and the end of the uid, with a number if that is taken."""
    machine, uid = (
        "".join(char for char in text.lower() if char.isascii() and char.isalnum())
        for text in (identity.machine, identity.uid)
    )
    first = f"{machine}-{uid[-4:]}" if machine[:1].isalpha() else f"board-{uid[-4:]}"
    name, number = first, 2
    while name in names:
        name, number = f"{first}-{number}", number + 1
    names.add(name)
    return name


def _stanza(
    found: Found, identity: BoardIdentity, name: str, usb_serial: str | None, baud: int
) -> str:
    key, value = "url", found.target
    if usb_serial is not None:
        key, value = "usb_serial", usb_serial
    elif found.by_path is not None:
        key, value = "by_path", found.by_path
    lines = [
        f"  {name}:" + (f"  # {found.target}, {found.description}" if found.description else ""),
        f"    transport: {{ {key}: {json.dumps(value)} }}",
        f"    baud: {baud}",
        f"    identity: {{ machine: {json.dumps(identity.machine)}, "
        f"uid: {json.dumps(identity.uid)}, firmware: {json.dumps(identity.firmware)} }}",
    ]
    return "\n".join(lines)
