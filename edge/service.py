# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: real clock, real port, signals, log, systemd."""

import logging
import secrets
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import FrameType

from edge import memory
from edge.actuate import make_actuators
from edge.config import Config
from edge.control import Daemon, MonotonicClock
from edge.errors import LinkError, PortError
from edge.executor import CapResult, ThreadedExecutor
from edge.link.serial import open_transport
from edge.notify import notify
from edge.observer import DaemonObserver
from edge.shelf import threaded_shelf

log = logging.getLogger("rackedge")

SAVE_MS = 60_000
"""How much of the past a power cut may lose; the hours rule moves by 1 % in that time."""


def serve(config: Config, *, dry_run: bool = False, verbose: bool = False) -> None:
    """Run until SIGTERM or SIGINT. Raises PortError, LinkError or ConfigError at the start.

    The watchdog of systemd is fed by decisions that were made, never by a timer: a loop that
    hangs, in whatever, is restarted.
    """
    _log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    stop = threading.Event()
    ended_by: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        ended_by.append(number)
        stop.set()

    clock = MonotonicClock()
    shelf = threaded_shelf(config, clock, dry_run=dry_run)
    executor = ThreadedExecutor(make_actuators(config, dry_run=dry_run))
    daemon = Daemon(
        config,
        clock=clock,
        open_transport=partial(open_transport, config.board.port, config.board.baud),
        executor=executor,
        observer=CapLog(config),
        shelf=shelf,
        wall_offset_ms=time.time_ns() // 1_000_000 - clock.now_ms(),
        seed=secrets.randbits(32),
    )
    keeper = StateKeeper(config, daemon, clock)
    handlers = {s: signal.signal(s, end) for s in (signal.SIGTERM, signal.SIGINT)}
    started = False
    try:
        daemon.start()
        started = True
        log.info("%s: %d loads%s", config.rack.name, len(config.loads), " (dry run)" * dry_run)
        notify("READY=1")
        daemon.run(stop, on_cycle=keeper.cycle)
    except (PortError, LinkError):
        if not stop.is_set():  # asked to end while a port was being opened: that is no failure
            raise
    finally:
        notify("STOPPING=1")
        daemon.close()
        if started:
            keeper.save()
            _log_end(daemon)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if signal.SIGINT in ended_by:
        raise KeyboardInterrupt


class StateKeeper:
    """Feeds the watchdog with each decision, and keeps what a restart must know on disk."""

    def __init__(self, config: Config, daemon: Daemon, clock: MonotonicClock) -> None:
        """Resumes from the file. Raises ConfigError if it could not be written later."""
        state_file = config.rack.state_file
        self._path = Path(state_file) if state_file is not None else None
        self._rooms = daemon.decider.rooms
        self._clock = clock
        self._save_at_ms = clock.now_ms() + SAVE_MS
        self._failed = False
        if self._path is None:
            return
        memory.check_writable(self._path)
        kept = memory.load(self._path, [feed.name for feed in config.feeds])
        if kept is not None:
            self._rooms.resume(kept, clock.now_ms())
        elif self._path.exists():
            self._rooms.forget()
            log.warning("%s: not believable; the breakers count as warm", self._path)

    def cycle(self) -> None:
        """A decision was made."""
        notify("WATCHDOG=1")
        if self._clock.now_ms() >= self._save_at_ms:
            self.save()

    def save(self) -> None:
        """Write now; a full disk is told once, and does not stop the daemon."""
        if self._path is None:
            return
        self._save_at_ms = self._clock.now_ms() + SAVE_MS
        try:
            memory.save(self._path, self._rooms.memory(self._clock.now_ms()))
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("%s: not saved: %s; free space or fix the path", self._path, error)
            self._failed = True


class CapLog(DaemonObserver):
    """Each cap as a debug line."""

    def __init__(self, config: Config) -> None:
        self._names = [load.name for load in config.loads]

    def on_cap_result(self, result: CapResult) -> None:
        """See DaemonObserver."""
        if result.applied is not None:
            log.debug("%s: cap %.0f W", self._names[result.load], result.cap_mw / 1000)


def _log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname).1s %(message)s"))
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False


def _log_end(daemon: Daemon) -> None:
    stats = daemon.stats
    log.info(
        "ended after %d decisions and %d caps; caps stay in place, the board goes on alone",
        stats.decisions,
        stats.caps_written,
    )
