# SPDX-License-Identifier: Apache-2.0
"""The bench between a board's port and its host: sees every byte, may spoil it, may pull the cable.

    board's port -- reader thread --> up lane --> pump thread --> pty that the host opens
                 <------------------- pump thread <-- down lane <--

The reader only waits for bytes; all else, also every call of a filter, is the pump's, under the one
lock. When the board's port goes away so does the host's, and both come back together.
"""

import contextlib
import os
import select
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge.link.serial import Transport
from hil.drivers.lane import Lane
from hil.drivers.lasting import LastingPort
from hil.drivers.pty import CHUNK_BYTES, HostEnd
from hil.drivers.whole import WholeFrames

READ_S = 0.1
"""Longest wait of the reader, and so of an end."""
SLICE_MS = 1.0
"""Finest step of the pump."""
IDLE_MS = 500.0
"""Longest wait of the pump."""


class Tap:
    """Owns the board's port from now on; `close` gives it back. Its methods may be called anywhere.

    `open_port` opens the board's port again when it had gone away. `first` is the port as it is
    open now.
    """

    def __init__(
        self,
        first: Transport,
        open_port: Callable[[], Transport],
        baud: int,
        *,
        name: str = "board",
        paced: bool = False,
    ) -> None:
        self.up = Lane(baud, paced=paced)
        self.down = Lane(baud, paced=paced)
        self._to_host = WholeFrames()
        self._board = LastingPort(first, open_port, self._changed)
        self._start_ns = time.monotonic_ns()
        self._folder = Path(tempfile.mkdtemp(prefix="rackedge-tap-"))
        self._host = HostEnd(self._folder / name)
        self._wanted = True
        self._came: list[tuple[int, bytes]] = []
        self._frames: list[tuple[int, bool, bytes]] = []
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_w, False)
        self._running = True
        self._host.plug()
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=f"tap-{part}", daemon=True)
            for part, run in (("reader", self._read), ("pump", self._pump))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def port(self) -> str:
        """What the host opens."""
        return str(self._host.path)

    @property
    def gone_s(self) -> float:
        """Time since the board's port went away; 0 while it is there."""
        return self._board.gone_s

    @property
    def why(self) -> str:
        """Why it could not be opened again, the last time."""
        return self._board.why

    def now_ms(self) -> int:
        """Milliseconds since the tap was made."""
        return (time.monotonic_ns() - self._start_ns) // 1_000_000

    def frames(self) -> list[tuple[int, bool, bytes]]:
        """Bytes that passed the host's end since the last call: (ms, up, bytes).

        Raises what has stopped the tap, if anything did.
        """
        if self._failure is not None:
            raise self._failure
        with self._lock:
            taken, self._frames = self._frames, []
        return taken

    def unplug(self) -> None:
        """Pull the host's cable: its port vanishes, bytes under way are lost."""
        with self._lock:
            self._wanted = False
            self._pull()
        self._wake()

    def plug(self) -> None:
        """Plug it in again, as a new device, once the board's port is there."""
        with self._lock:
            self._wanted = True
            if not self._board.gone_s:
                self._host.plug()
        self._wake()

    def close(self) -> None:
        """End both threads and give everything back; the board keeps running."""
        self._running = False
        self._wake()
        for thread in self._threads:
            thread.join(timeout=5)
        self._host.unplug()
        self._board.close()
        for fd in (self._wake_r, self._wake_w):
            os.close(fd)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_w, b"w")

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            self._failure = error

    # The board's port

    def _read(self) -> None:
        while self._running:
            data = self._board.read(READ_S)
            if data:
                with self._lock:
                    self._came.append((self.now_ms(), data))
                self._wake()

    def _changed(self, there: bool) -> None:
        with self._lock:
            if there and self._wanted:
                self._host.plug()
            elif not there:
                self._came.clear()
                self._pull()
        self._wake()

    def _pull(self) -> None:
        self._host.unplug()
        self._to_host.reset()
        self.up.drop()
        self.down.drop()

    # The host's

    def _pump(self) -> None:
        poll = select.poll()
        poll.register(self._wake_r, select.POLLIN)
        watched = None
        while self._running:
            with self._lock:
                host = self._host.fd
                if host != watched:
                    if watched is not None:
                        poll.unregister(watched)
                    watched = host
                    if host is not None:
                        poll.register(host, select.POLLIN)
                wait_ms = self._wait_ms()
            for fd, _ in poll.poll(wait_ms):
                if fd == self._wake_r:
                    os.read(self._wake_r, 4096)
            self._move(host)

    def _wait_ms(self) -> float:
        now_ms = self.now_ms()
        due = [lane.due_ms(now_ms) for lane in (self.up, self.down)]
        soonest = min((at_ms for at_ms in due if at_ms is not None), default=now_ms + IDLE_MS)
        return min(max(soonest - now_ms, SLICE_MS), IDLE_MS)

    def _move(self, host: int | None) -> None:
        with self._lock:
            now_ms = self.now_ms()
            if host is not None and host == self._host.fd:
                self._from_host(host, now_ms)
            for at_ms, data in self._came:
                self.up.put(data, at_ms)
            self._came.clear()
            up = self.up.take(now_ms)
            if up and self._host.fd is not None:
                out = self._to_host.write(self._host.fd, up)
                self._frames.append((now_ms, True, out))
            down = self.down.take(now_ms)
        if down:
            self._board.write(down)

    def _from_host(self, host: int, now_ms: int) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(host, CHUNK_BYTES)
            if data:
                self._frames.append((now_ms, False, data))
                self.down.put(data, now_ms)
