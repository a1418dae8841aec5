# SPDX-License-Identifier: Apache-2.0
"""Who is at the host's end of the virtual line: nobody, a listener, a script, rackedge itself."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from edge.actuate import make_actuators
from edge.config import Config
from edge.control import Clock, Daemon
from edge.errors import PortError
from edge.executor import Executor, InlineExecutor
from edge.link import events as ev
from edge.link.auth import NONCE_BYTES, Authenticator
from edge.link.serial import Transport
from edge.link.session import Session
from edge.link.stats import LinkStats
from edge.observer import DaemonObserver
from edge.shelf import inline_shelf
from hil.scenario.model import Command

NEVER_MS = 1 << 60
OWNER = 1
"""Lease owner of the bench's own hosts; rack.toml's default."""
RIVAL = 2
"""Lease owner of the second master."""
REOPEN_MS = 200
"""A listener looks for its port again after this long."""

OnEvent = Callable[[ev.Event, int], None]


class Host(ABC):
    """One process at the host's end. Alive until killed; a paused one does nothing."""

    alive = True
    paused = False

    @abstractmethod
    def next_wakeup_ms(self) -> int:
        """When `step` has something to do without bytes."""

    @abstractmethod
    def step(self) -> None:
        """Do what is due now, with the bytes that have arrived."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL."""

    @abstractmethod
    def start(self) -> None:
        """A new process after a kill."""

    def stats(self) -> LinkStats | None:
        """Counters of the link; None where nobody counts."""
        return None

    def lease_held(self) -> bool:
        """Whether this host believes to hold the lease."""
        return False

    def step_wall(self, ms: int) -> None:  # noqa: B027 - most do not care
        """The wall clock steps: nothing here looks at it unless it says so."""

    def close(self) -> None:  # noqa: B027 - some have nothing to give back
        """End of the run."""


class Nobody(Host):
    """The port is not open: what the board says is lost."""

    alive = False

    def next_wakeup_ms(self) -> int:
        """Never."""
        return NEVER_MS

    def step(self) -> None:
        """Nothing."""

    def kill(self) -> None:
        """Nothing."""

    def start(self) -> None:
        """Nothing."""


class Listener(Host):
    """A session with the board: says HELLO, listens, and sends the commands of a script."""

    def __init__(
        self,
        clock: Clock,
        open_transport: Callable[[], Transport],
        on_event: OnEvent,
        seed: int,
        *,
        commands: Sequence[Command] = (),
        lease: bool = False,
        key: bytes | None = None,
        owner: int = OWNER,
    ) -> None:
        self._clock = clock
        self._open_transport = open_transport
        self._on_event = on_event
        self._script = sorted(commands, key=lambda each: each.at_ms)
        self._lease = lease
        self._key = key
        self._owner = owner
        self._random = random.Random(f"{seed}/{owner}")  # noqa: S311 - reproducible, no secret
        self._retry_ms = NEVER_MS
        self._said: dict[int, Command] = {}
        self.start()

    def start(self) -> None:
        """See Host."""
        keys = None
        if self._key is not None:
            keys = Authenticator(self._key, self._random.randbytes(NONCE_BYTES))
        self._session = Session(
            owner=self._owner,
            nonce=self._random.getrandbits(32),
            want_lease=self._lease and keys is None,
            authenticator=keys,
        )
        self.alive = True
        self._open()

    def _open(self) -> None:
        now_ms = self._clock.now_ms()
        try:
            self._transport: Transport | None = self._open_transport()
        except PortError:
            self._transport, self._retry_ms = None, now_ms + REOPEN_MS
            return
        self._retry_ms = NEVER_MS
        self._session.start(now_ms)
        self._step_due = True

    def next_wakeup_ms(self) -> int:
        """See Host."""
        if not self.alive:
            return NEVER_MS
        if self._step_due:
            return self._clock.now_ms()
        script = self._script[0].at_ms if self._script else NEVER_MS
        if self._transport is None:
            return min(self._retry_ms, script)
        deadline = self._session.next_deadline_ms()
        return min(self._retry_ms, script, NEVER_MS if deadline is None else deadline)

    def step(self, wait_s: float = 0.0) -> None:
        """See Host. In real time it waits for bytes at most `wait_s`."""
        now_ms = self._clock.now_ms()
        self._step_due = False
        if self._transport is None and now_ms >= self._retry_ms:
            self._open()
            self._step_due = False
        while self._script and self._script[0].at_ms <= now_ms:
            command = self._script.pop(0)
            token = self._session.command(command.message, now_ms, **command.values)
            self._said[token] = command
        if self._transport is None:
            return
        try:
            data = self._transport.read(wait_s)
            now_ms = self._clock.now_ms()
            events = self._session.receive(data, now_ms) + self._session.poll(now_ms)
            for event in events:
                self._take(event, now_ms)
            out = self._session.data_to_send()
            self._transport.write(out)
        except PortError:
            self._transport, self._retry_ms = None, now_ms + REOPEN_MS

    def _take(self, event: ev.Event, now_ms: int) -> None:
        if isinstance(event, ev.KeyAccepted) and self._lease:
            self._session.lease.want = True
        self._on_event(event, now_ms)

    def said(self, token: int) -> str:
        """Name of a command of the script by its token."""
        command = self._said.get(token)
        return "a request" if command is None else f"{command.message} of {command.where}"

    def kill(self) -> None:
        """See Host."""
        self.alive = False
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def close(self) -> None:
        """See Host."""
        self.kill()

    def stats(self) -> LinkStats:
        """See Host."""
        return self._session.stats

    def lease_held(self) -> bool:
        """See Host."""
        return self.alive and self._session.lease.held


class DaemonHost(Host):
    """`rackedge run` in virtual time, with caps over real HTTP while time stands still."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        open_transport: Callable[[], Transport],
        observer: DaemonObserver,
        seed: int,
        *,
        key: bytes | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._open_transport = open_transport
        self._observer = observer
        self._seed = seed
        self._key = key
        self._starts = 0
        self._wall_ms = 0
        self.start()

    def start(self) -> None:
        """See Host."""
        seed = self._seed + 1000 * self._starts
        self._executor: Executor = InlineExecutor(make_actuators(self._config))
        self._shelf = inline_shelf(self._config)
        keys = None
        if self._key is not None:
            draw = random.Random(f"{seed}/nonce")  # noqa: S311 - reproducible, no secret
            keys = Authenticator(self._key, draw.randbytes(NONCE_BYTES))
        self.daemon = Daemon(
            self._config,
            clock=self._clock,
            open_transport=self._open_transport,
            executor=self._executor,
            observer=self._observer,
            shelf=self._shelf,
            wall_offset_ms=self._wall_ms,
            seed=seed,
            authenticator=keys,
        )
        self._starts += 1
        try:
            self.daemon.start()
        except PortError:
            # Its service manager would start it again; the cable is out meanwhile.
            self.alive = False
            self._give_back()
            return
        self.alive = True

    def next_wakeup_ms(self) -> int:
        """See Host."""
        return self.daemon.next_wakeup_ms() if self.alive else NEVER_MS

    def step(self) -> None:
        """See Host."""
        self.daemon.step()

    def kill(self) -> None:
        """See Host. Caps stay in the devices, the lease runs out."""
        if self.alive:
            self.alive = False
            self._give_back()

    def _give_back(self) -> None:
        """What the kernel closes of a process that is gone."""
        self._executor.close()
        self._shelf.close()

    def stats(self) -> LinkStats:
        """See Host."""
        return self.daemon.stats.link

    def lease_held(self) -> bool:
        """See Host."""
        return self.alive and self.daemon.session.lease.held

    def step_wall(self, ms: int) -> None:
        """See Host. A daemon reads the wall clock when it starts."""
        self._wall_ms += ms

    def close(self) -> None:
        """See Host. Stops it as SIGTERM would."""
        if self.alive:
            self.alive = False
            self.daemon.close()
