# SPDX-License-Identifier: Apache-2.0
"""A port that is opened again whenever it has gone away."""

import time
from collections.abc import Callable

from edge.errors import EdgeError, PortError
from edge.link.serial import Transport

REOPEN_S = 0.2
"""Between two tries to open it."""


class LastingPort:
    """One thread reads, and so opens and closes; any thread writes."""

    def __init__(
        self,
        first: Transport,
        open_port: Callable[[], Transport],
        changed: Callable[[bool], None] = lambda _there: None,
    ) -> None:
        """`first` is the port as it is open now; `changed` is told in the reader's thread."""
        self._port: Transport | None = first
        self._open_port = open_port
        self._changed = changed
        self._broken = False  # failed while it was written to: the reader closes it
        self._gone_at_s = 0.0
        self.why = ""
        """Why it could not be opened again, the last time."""
        self.reopened = 0
        """Times that it came back."""

    @property
    def gone_s(self) -> float:
        """Time since it went away; 0 while it is there."""
        return 0.0 if self._port is not None else time.monotonic() - self._gone_at_s

    def read(self, timeout_s: float) -> bytes:
        """What comes within `timeout_s`; b"" while it is gone."""
        port = self._port
        if port is None:
            self._reopen()
            return b""
        data = b""
        try:
            if not self._broken:
                data = port.read(timeout_s)
        except PortError:
            self._broken = True
        if self._broken:
            self._gone_at_s = time.monotonic()
            self._port = None
            self._broken = False
            port.close()
            self._changed(False)
        return data

    def write(self, data: bytes) -> bool:
        """Write all of it; False if it is gone, and then the bytes are."""
        port = self._port
        if port is None or self._broken:
            return False
        try:
            port.write(data)
        except PortError:
            self._broken = True
        return not self._broken

    def close(self) -> None:
        """Give it back. The reader has ended."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def _reopen(self) -> None:
        try:
            self._port = self._open_port()
        except EdgeError as error:
            self.why = str(error)
            time.sleep(REOPEN_S)
            return
        self.reopened += 1
        self._changed(True)
