# SPDX-License-Identifier: Apache-2.0
"""From what the bench file says of a port to the port itself."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from serial.tools import list_ports

from edge.errors import PortError
from hil.bench.file import Selector

BY_PATH = Path("/dev/serial/by-path")
"""Links that udev makes, named for the socket a device is plugged into."""

Ports = Callable[[], Iterable[Any]]
"""Like serial.tools.list_ports.comports."""


def resolve(selector: Selector, comports: Ports = list_ports.comports) -> str:
    """The device path or URL to open. Raises PortError with what is there instead."""
    if selector.usb_serial is not None:
        return _by_serial(selector.usb_serial, list(comports()))
    if selector.by_path is not None:
        path = BY_PATH / selector.by_path  # an absolute path stays what it is
        if not path.exists():
            raise PortError(
                f"nothing is plugged in at {path}: there are {_listed(list(comports()))}"
            )
        return str(path)
    return str(selector.url)


def exact(target: str) -> str:
    """One name for one port, however it was named: for locks and comparisons."""
    return target if "://" in target else str(Path(target).resolve())


def by_path(device: str) -> str | None:
    """Name of a device below BY_PATH, if udev has given it one."""
    found = [link.name for link in sorted(BY_PATH.glob("*")) if exact(str(link)) == exact(device)]
    return found[0] if found else None


def _by_serial(number: str, ports: list[Any]) -> str:
    found = sorted(str(port.device) for port in ports if port.serial_number == number)
    if len(found) == 1:
        return found[0]
    if not found:
        raise PortError(
            f"no USB device with serial number {number}: there are {_listed(ports)}; plug it in, "
            "or correct the number"
        )
    raise PortError(
        f"several ports have the USB serial number {number}: {', '.join(found)}; use by_path"
    )


def _listed(ports: list[Any]) -> str:
    listed = [
        f"{port.device} ({f'serial {port.serial_number}' if port.serial_number else 'no USB'})"
        for port in sorted(ports, key=lambda port: str(port.device))
    ]
    return ", ".join(listed) or "no serial ports at all"
