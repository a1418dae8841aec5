# SPDX-License-Identifier: Apache-2.0
"""Bytes to and from a board over anything pyserial opens.

A target is a device path (`/dev/serial/by-id/...`, a pty) or a URL: `socket://host:port`,
`rfc2217://host:port`, `loop://`.
"""

import select
import termios
import time
from contextlib import suppress
from typing import Any, Protocol

import serial

from edge.errors import PortError
from edge.link.port_errors import explain

READ_BYTES = 4096
"""Most bytes taken at once: more than a tick of telemetry and all that waits behind it."""

WRITE_TIMEOUT_S = 1.0
"""Longest wait for a port that takes no bytes: the silence after which a link is lost anyway."""

SLICE_S = 0.01
"""Longest wait inside pyserial where the port has no file descriptor to wait on."""


class Transport(Protocol):
    """What a session's owner needs of a port. Every method raises PortError once it is gone."""

    def read(self, timeout_s: float) -> bytes:
        """Bytes that are there, or the first that come within `timeout_s`; else b""."""

    def write(self, data: bytes) -> None:
        """Hand all of `data` to the port, within WRITE_TIMEOUT_S."""

    def close(self) -> None:
        """Give the port back. May be called twice."""


def open_transport(target: str, baud: int = 115200) -> Transport:
    """Open a port for this process alone, 8N1, no flow control, without resetting the board.

    `baud` is ignored where there is no line (pty, socket, USB CDC). Raises PortError. Blocks: on a
    network that swallows packets pyserial waits 5 s for a connection and offers no other limit;
    the board is on its own meanwhile, and its lease may end.
    """
    try:
        port = serial.serial_for_url(target, baudrate=baud, timeout=0, do_not_open=True)
    except (serial.SerialException, ValueError) as bad:
        raise PortError(explain(target, bad)) from None
    local = "://" not in target
    # Linux raises both lines as it opens the port. Left so, the auto-reset circuit of ESP32
    # boards stays quiet (it acts on one without the other) and a USB CDC sees its host.
    port.dtr = port.rts = True
    if local:
        port.exclusive = True
    if _has_descriptor(target):
        port.write_timeout = WRITE_TIMEOUT_S
    else:
        port.timeout = SLICE_S  # set once: a change reconfigures the port
    try:
        port.open()
    except (OSError, ValueError, termios.error) as bad:  # pyserial lets the last one out
        raise PortError(explain(target, bad)) from None
    if local:
        with suppress(OSError, ValueError, NotImplementedError):  # a pty or CDC has no such thing
            port.set_low_latency_mode(True)
    return (DescriptorTransport if _has_descriptor(target) else SlicedTransport)(port, target)


def _has_descriptor(target: str) -> bool:
    return "://" not in target or target.startswith("socket://")


class _PortTransport:
    """What is the same for all ports."""

    def __init__(self, port: Any, target: str) -> None:
        self._port = port
        self._target = target

    def write(self, data: bytes) -> None:
        """See Transport."""
        if not data:
            return
        try:
            self._port.write(data)
        except (OSError, TypeError, AttributeError) as bad:
            raise self._gone(bad) from None

    def close(self) -> None:
        """See Transport."""
        # pyserial forgets a socket whose peer has already hung up without closing it.
        socket = getattr(self._port, "_socket", None)
        with suppress(OSError):
            self._port.close()
        if socket is not None:
            socket.close()

    def _gone(self, bad: Exception) -> PortError:
        return PortError(explain(self._target, bad, was_open=True))


class DescriptorTransport(_PortTransport):
    """A port the kernel can wait on."""

    def read(self, timeout_s: float) -> bytes:
        """See Transport."""
        try:
            ready, _, _ = select.select([self._port], [], [], timeout_s)
            data: bytes = self._port.read(READ_BYTES) if ready else b""
        except (OSError, TypeError, ValueError, AttributeError) as bad:
            raise self._gone(bad) from None
        return data


class SlicedTransport(_PortTransport):
    """A port behind a thread of pyserial (rfc2217, loop): waits in slices of SLICE_S."""

    def read(self, timeout_s: float) -> bytes:
        """See Transport."""
        deadline_s = time.monotonic() + timeout_s
        try:
            while True:
                waiting = self._port.in_waiting
                data: bytes = self._port.read(waiting) if waiting else b""
                if data or time.monotonic() >= deadline_s:
                    return data
                data = self._port.read(1)
                if data:
                    return data + bytes(self._port.read(self._port.in_waiting))
        except (OSError, TypeError, AttributeError) as bad:
            raise self._gone(bad) from None
