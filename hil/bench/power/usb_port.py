# SPDX-License-Identifier: Apache-2.0
"""Power of a board on a USB hub, by the port's `disable` attribute in sysfs (Linux 6.0 or later).

Source: Linux Documentation/ABI/testing/sysfs-bus-usb, .../(hub interface)/port<X>/disable. The
kernel detaches the device and switches the port; whether VBUS really goes is the hub's: it needs
per-port power switching, which `lsusb -v` shows as "Per-port power switching".
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edge.errors import ActuatorError
from hil.options import Options


class Settings(Options):
    """`hub` as the kernel names it: `usb1` for a root hub, `1-1.4` for one behind it."""

    driver: Literal["usb_port"]
    hub: Annotated[str, Field(pattern=r"^(usb[0-9]+|[0-9]+-[0-9]+(\.[0-9]+)*)$")]
    port: Annotated[int, Field(ge=1, le=31)]
    root: str = "/sys/bus/usb/devices"
    """For tests, and for what mounts sysfs elsewhere."""


def on(settings: Settings) -> None:
    """Enable the port. Raises ActuatorError."""
    _write(settings, "0")


def off(settings: Settings) -> None:
    """Disable it. Raises ActuatorError."""
    _write(settings, "1")


def attribute(settings: Settings) -> Path:
    """The file that switches the port."""
    hub = settings.hub
    interface = f"{hub[3:]}-0:1.0" if hub.startswith("usb") else f"{hub}:1.0"
    return Path(settings.root) / interface / f"{hub}-port{settings.port}" / "disable"


def _write(settings: Settings, value: str) -> None:
    path = attribute(settings)
    if not path.exists():
        raise ActuatorError(_absent(settings, path))
    try:
        path.write_text(value, encoding="ascii")
    except PermissionError as error:
        raise ActuatorError(
            f"power: permission denied on {path}: let your user write it by a udev rule"
        ) from error
    except OSError as error:
        raise ActuatorError(f"power: {path} does not take {value} ({error.strerror})") from error


def _absent(settings: Settings, path: Path) -> str:
    ports = sorted(found.parent.name for found in path.parent.parent.glob("*/disable"))
    if ports:
        there = ", ".join(ports)
        return f"power: hub {settings.hub} has no port {settings.port}: there are {there}"
    hubs = sorted(
        found.name.split("-port")[0] for found in Path(settings.root).glob("*:1.0/*-port1")
    )
    there = f"there are {', '.join(hubs)}" if hubs else "this machine shows no hub there"
    return f"power: {path} does not exist: {there}; it needs Linux 6.0 or later"
