# SPDX-License-Identifier: Apache-2.0
"""A transport that comes back: reopened with backoff after it was lost."""

import logging
from collections.abc import Callable

from edge.errors import PortError
from edge.link.serial import Transport

log = logging.getLogger("rackedge")

BACKOFF_MS = (200, 5_000)
"""First and longest wait between attempts to reopen a lost port."""


class Port:
    """Reads and writes nothing while the transport is gone."""

    def __init__(self, open_transport: Callable[[], Transport]) -> None:
        self._open_transport = open_transport
        self._transport: Transport | None = None
        self._retry_at_ms = 0
        self._backoff_ms = BACKOFF_MS[0]
        self._reason = ""
        self.reopened = 0
        """Times the port came back."""

    @property
    def is_open(self) -> bool:
        """Whether there is a transport."""
        return self._transport is not None

    def open(self) -> None:
        """First opening; PortError is the caller's."""
        self._transport = self._open_transport()

    def reopen(self, now_ms: int) -> bool:
        """Try again if it is time; True once the port is back."""
        if self._transport is not None or now_ms < self._retry_at_ms:
            return False
        try:
            self._transport = self._open_transport()
        except PortError as error:
            self._lose(error, now_ms)
            return False
        self.reopened += 1
        self._backoff_ms = BACKOFF_MS[0]
        self._reason = ""
        log.info("port is back")
        return True

    def read(self, timeout_s: float, now_ms: int) -> bytes:
        """What came within `timeout_s`; b"" at once while closed."""
        if self._transport is None:
            return b""
        try:
            return self._transport.read(timeout_s)
        except PortError as error:
            self._lose(error, now_ms)
            return b""

    def write(self, data: bytes, now_ms: int) -> None:
        """Send; bytes written while closed are gone, as on a cut wire."""
        if self._transport is None or not data:
            return
        try:
            self._transport.write(data)
        except PortError as error:
            self._lose(error, now_ms)

    def next_retry_ms(self) -> int | None:
        """When `reopen` has something to do; None while open."""
        return self._retry_at_ms if self._transport is None else None

    def close(self) -> None:
        """Close for good."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _lose(self, error: PortError, now_ms: int) -> None:
        if str(error) != self._reason:
            log.warning("%s; trying again", error)
            self._reason = str(error)
        if self._transport is not None:
            self.close()
            self._backoff_ms = BACKOFF_MS[0]
        self._retry_at_ms = now_ms + self._backoff_ms
        self._backoff_ms = min(BACKOFF_MS[1], self._backoff_ms * 2)
