# SPDX-License-Identifier: Apache-2.0
"""Switches for a board's supply: one module each, with `Settings`, `on(settings)`, `off(settings)`.

A new one is a file like `command.py` and its name in the two places below.
"""

from typing import Annotated

from pydantic import Field

from hil.bench.power import command, usb_port

Settings = Annotated[command.Settings | usb_port.Settings, Field(discriminator="driver")]
"""What the bench file says under `power`."""


class Supply:
    """One board's supply."""

    def __init__(self, settings: command.Settings | usb_port.Settings) -> None:
        self._settings = settings

    def on(self) -> None:
        """Give power. Raises ActuatorError."""
        match self._settings:
            case command.Settings():
                command.on(self._settings)
            case usb_port.Settings():
                usb_port.on(self._settings)

    def off(self) -> None:
        """Cut it. Raises ActuatorError."""
        match self._settings:
            case command.Settings():
                command.off(self._settings)
            case usb_port.Settings():
                usb_port.off(self._settings)
