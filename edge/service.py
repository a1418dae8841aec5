# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: real clock, real port, signals, log, systemd."""

import logging
import secrets
import signal
import sys
import threading
from functools import partial
from types import FrameType

from edge.actuate import make_actuators
from edge.config import Config
from edge.control import Daemon, MonotonicClock
from edge.errors import LinkError, PortError
from edge.executor import CapResult, ThreadedExecutor
from edge.link.serial import open_transport
from edge.notify import notify
from edge.observer import DaemonObserver

log = logging.getLogger("rackedge")


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

    executor = ThreadedExecutor(make_actuators(config, dry_run=dry_run))
    daemon = Daemon(
        config,
        clock=MonotonicClock(),
        open_transport=partial(open_transport, config.board.port, config.board.baud),
        executor=executor,
        observer=CapLog(config),
        seed=secrets.randbits(32),
    )
    handlers = {s: signal.signal(s, end) for s in (signal.SIGTERM, signal.SIGINT)}
    started = False
    try:
        daemon.start()
        started = True
        log.info("%s: %d loads%s", config.rack.name, len(config.loads), " (dry run)" * dry_run)
        notify("READY=1")
        daemon.run(stop, on_cycle=partial(notify, "WATCHDOG=1"))
    except (PortError, LinkError):
        if not stop.is_set():  # asked to end while a port was being opened: that is no failure
            raise
    finally:
        notify("STOPPING=1")
        daemon.close()
        if started:
            _log_end(daemon)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if signal.SIGINT in ended_by:
        raise KeyboardInterrupt


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
