# SPDX-License-Identifier: Apache-2.0
"""Tells systemd how the service is (sd_notify(3)), if systemd asked for it."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Send one state, for example "READY=1"; silent without NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
        out.send(state.encode())
