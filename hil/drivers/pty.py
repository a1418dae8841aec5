# SPDX-License-Identifier: Apache-2.0
"""A serial cable between the VM and the host, made of two ptys, that can be unplugged.

The host opens a path that stays the same when the cable is plugged in again, like a
/dev/serial/by-id link. A pty has no modem lines and ignores the baud rate.
"""

import contextlib
import os
import pty
import selectors
import threading
import tty
from pathlib import Path

CHUNK_BYTES = 4096


def open_raw() -> tuple[int, int]:
    """(master that never waits, slave) of a new raw pty."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave


class HostEnd:
    """The end that a host opens: a path that is there while it is plugged in.

    Not for several threads at once: its owner has a lock.
    """

    def __init__(self, link: Path) -> None:
        """Nothing is plugged in yet."""
        self.path = link
        self._pair: tuple[int, int] | None = None

    @property
    def fd(self) -> int | None:
        """The bench's side of it, never waits; None while nothing is plugged in."""
        return self._pair[0] if self._pair else None

    def plug(self) -> None:
        """The path appears, as a new device."""
        if self._pair is None:
            self._pair = open_raw()
            fresh = self.path.with_name(f".{self.path.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(os.ttyname(self._pair[1]))
            fresh.replace(self.path)

    def unplug(self) -> None:
        """A host's file descriptor hangs up and the path vanishes."""
        if self._pair is not None:
            self.path.unlink(missing_ok=True)
            for fd in self._pair:
                os.close(fd)
            self._pair = None


class PtyCable:
    """Copies bytes both ways in a thread of its own until closed."""

    def __init__(self, link: Path, *, plugged: bool = True) -> None:
        self.host_path = link
        """What the host opens; present while the cable is plugged in."""
        self._board = open_raw()
        self.board_path = os.ttyname(self._board[1])
        """What the VM opens."""
        self.overflow_bytes = 0
        """Bytes lost because the other end did not read."""
        self._host = HostEnd(link)
        self._lock = threading.Lock()
        self._wake_r, self._wake_w = os.pipe()
        self._running = True
        if plugged:
            self.plug()
        self._thread = threading.Thread(target=self._pump, name="pty-cable", daemon=True)
        self._thread.start()

    def plug(self) -> None:
        """Connect the host's end; the path appears."""
        with self._lock:
            self._host.plug()
        os.write(self._wake_w, b"p")

    def unplug(self) -> None:
        """Pull the host's end: its file descriptor hangs up and the path vanishes."""
        with self._lock:
            self._host.unplug()
        os.write(self._wake_w, b"u")

    def close(self) -> None:
        """Unplug, stop the thread, give everything back."""
        self._running = False
        self.unplug()
        self._thread.join(timeout=5)
        for fd in (*self._board, self._wake_r, self._wake_w):
            os.close(fd)

    def _pump(self) -> None:
        while self._running:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake_r, selectors.EVENT_READ)
                selector.register(self._board[0], selectors.EVENT_READ)
                with self._lock:  # unplug may not close it before it is registered
                    host = self._host.fd
                    if host is not None:
                        selector.register(host, selectors.EVENT_READ)
                self._copy_until_changed(selector, host)

    def _copy_until_changed(self, selector: selectors.BaseSelector, host: int | None) -> None:
        while True:
            for key, _ in selector.select():
                if key.fd == self._wake_r:
                    os.read(self._wake_r, 64)
                    return
                self._copy(key.fd, host)

    def _copy(self, source: int, host: int | None) -> None:
        with self._lock, contextlib.suppress(BlockingIOError, OSError):
            if host != self._host.fd:
                return  # another cable since select returned: its number may be anyone's now
            data = os.read(source, CHUNK_BYTES)
            target = self._board[0] if source == host else host
            if target is None:
                return  # nobody there: the bytes fall off the end of the cable
            self.overflow_bytes += len(data) - write_some(target, data)


def write_some(fd: int, data: bytes) -> int:
    """Write what fits now; how many bytes."""
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
