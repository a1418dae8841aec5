# SPDX-License-Identifier: Apache-2.0
"""Who is at the host's end of a real port: nobody, rackedge as a process, a session of the bench's.

`hil.ports.HostPort` each, with `up`, `check` and `close` besides.
"""

import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from edge.errors import EdgeError, LinkError
from edge.link.serial import open_transport
from hil.engine.hosts import Listener
from hil.engine.virtual_run import KEY
from hil.frontends.base import Answer
from hil.leash import leashed
from hil.ports import Unsupported
from hil.scenario.model import Case

READ_S = 0.02
REST_S = 0.002
"""Between two turns: without a port the first would not wait for anything."""
STOP_S = 8.0
"""Longest wait for a host that was told to end: it lowers caps and gives the lease back."""
LAST_WORDS = 300
"""Characters of a host's log that an error shows."""


class NoHost:
    """Nobody is there: kills and pauses hit nobody."""

    up = False

    def kill(self) -> None:
        """See HostPort."""

    def start(self) -> None:
        """See HostPort."""

    def pause(self, paused: bool) -> None:
        """See HostPort."""

    def step_wall(self, ms: int) -> None:
        """See HostPort."""
        raise Unsupported("in real time nobody steps this machine's clock")

    def second_master(self, present: bool) -> None:
        """See HostPort."""
        raise Unsupported("a port on this machine belongs to one process")

    def refuse_caps(self, load: int, how: Answer | None) -> None:
        """See HostPort."""
        raise Unsupported("no BMCs here: a host of kind `daemon` has them")

    def check(self) -> None:
        """Raise EdgeError if it has ended by itself."""

    def close(self) -> None:
        """End of the run."""


class HostProcess(NoHost):
    """`rackedge run` as a process: SIGKILL and SIGSTOP are real."""

    def __init__(self, config: Path, directory: Path, answers: list[Answer | None]) -> None:
        """`answers` of the BMCs, as RedfishService has them."""
        self._config = config
        self._answers = answers
        self._path = directory / "rackedge.log"
        self._log: IO[bytes] = self._path.open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def up(self) -> bool:  # type: ignore[override]
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """See HostPort."""
        if self.up:
            return
        # If the bench is killed its rack is gone: there is nobody to take leave of.
        code = "from edge.cli import main; main()"
        words = leashed(code, "run", "--config", str(self._config), number=signal.SIGKILL)
        self._process = subprocess.Popen(  # noqa: S603 - this package's own command
            words,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,
        )

    def kill(self) -> None:
        """See HostPort."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self, paused: bool) -> None:
        """See HostPort."""
        if self._process is not None and self.up:
            self._process.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def refuse_caps(self, load: int, how: Answer | None) -> None:
        """See HostPort."""
        self._answers[load] = how

    def check(self) -> None:
        """See NoHost: nobody has told it to end."""
        if self._process is None or self.up:
            return
        words = self._path.read_text(encoding="utf-8", errors="replace").strip()
        last = words[-LAST_WORDS:].splitlines()[-1:] or ["it says nothing"]
        raise LinkError(f"`rackedge run` has ended by itself ({self._process.poll()}): {last[0]}")

    def close(self) -> None:
        """See NoHost: as a service manager ends it. A second Ctrl-C does not wait for it."""
        try:
            if self._process is not None and self.up:
                self._process.send_signal(signal.SIGCONT)
                self._process.terminate()
                self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        except BaseException:
            self.kill()
            raise
        finally:
            self._log.close()


class ListenerThread(NoHost):
    """A session of the bench's own, for cases of kind `watch` and `script`."""

    def __init__(self, case: Case, port: str, now_ms: Callable[[], int]) -> None:
        """`now_ms`: since the start of the run."""
        self._case = case
        self._port = port
        self._clock = _Clock(now_ms)
        self._stop = threading.Event()
        self._goes = threading.Event()
        self._goes.set()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def up(self) -> bool:  # type: ignore[override]
        """Whether it listens."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """See HostPort."""
        if self.up:
            return
        self._stop.clear()
        self._thread = threading.Thread(target=self._guarded, name="listener", daemon=True)
        self._thread.start()

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self._failure = error

    def _run(self) -> None:
        case = self._case
        listener = Listener(
            self._clock,
            lambda: open_transport(self._port),
            _unheard,
            case.seed,
            commands=case.commands,
            lease=case.host.lease,
            key=KEY if case.board.key else None,
        )
        try:
            while not self._stop.is_set():
                if self._goes.wait(READ_S):
                    listener.step(READ_S)
                self._stop.wait(REST_S)
        finally:
            listener.close()

    def kill(self) -> None:
        """See HostPort."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def pause(self, paused: bool) -> None:
        """See HostPort."""
        (self._goes.clear if paused else self._goes.set)()

    def check(self) -> None:
        """See NoHost."""
        if isinstance(self._failure, EdgeError):
            raise self._failure
        if self._failure is not None:
            raise LinkError(f"the bench's session has failed: {self._failure!r}")

    def close(self) -> None:
        """See NoHost."""
        self.kill()


class _Clock:
    """`edge.control.Clock` of a function."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms


def _unheard(_event: object, _now_ms: int) -> None:
    """What a session tells: the bench decodes the same frames itself."""
