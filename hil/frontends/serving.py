# SPDX-License-Identifier: Apache-2.0
"""A server's loop in a thread of its own, and how it is ended."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Serving:
    """Runs `loop(woken)`, which has to return once it can read from `woken`."""

    def __init__(self, loop: Callable[[socket.socket], None], name: str) -> None:
        self.failure: Exception | None = None
        """What a handler raised, for whoever closes the server."""
        self._loop = loop
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the loop; safe to call twice. Raises `failure`, once."""
        if self._thread.is_alive():
            with suppress(OSError):  # it ends by itself just now
                self._wake.send(b"x")
            self._thread.join()
        self._wake.close()
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def _run(self) -> None:
        try:
            self._loop(self._woken)
        finally:
            self._woken.close()
