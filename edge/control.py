# SPDX-License-Identifier: Apache-2.0
"""The daemon's only loop: bytes -> session -> decision -> caps -> bytes.

Clock, transport and executor are injected, so the same code runs a rack in real time and an
emulated one in virtual time. One `step` does everything that is due and never sleeps, except in
the transport's read for at most the time it is given.

Nothing is asked of a device before a board has answered or GRACE_MS has passed. Then the limits
that stand in the devices are read first, so that a daemon that is restarted raises none of them
before it has seen what the feeds carry.

At the end the caps are lowered to what the rack may carry for ever with nobody watching, the
lease is released, and the caps are left in place. The board goes LOCAL at once, or by itself one
lease time after a kill.
"""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from edge.config import Config
from edge.daemon_log import DaemonLog
from edge.decide import Decider
from edge.errors import LinkError
from edge.executor import Executor
from edge.latest import LatestReadings
from edge.link import events as ev
from edge.link.auth import NONCE_BYTES, Authenticator, read_key
from edge.link.serial import Transport
from edge.link.session import Session
from edge.observer import DaemonObserver, DaemonStats
from edge.plan import load_range_mw
from edge.port import Port
from edge.reason import Decision, Rule
from edge.shelf import Shelf

READ_S = 0.02
"""Longest wait for bytes in one step in real time."""
WITHOUT_TELEMETRY_MS = 250
"""Decide at least so often, also when nothing arrives."""
GRACE_MS = 2_000
"""A daemon that starts waits so long for telemetry before it caps without it: a board that lives
answers the first HELLO within 0.3 s, or the second, 1 s later."""
SHED_RETRY_MS = 500
"""Wait before a SHED command that failed is sent again."""
KEY_RETRY_MS = (1_000, 30_000)
"""First and longest wait before a board that has not proved its key is asked again."""
STRANGER_MS = 5_000
"""A line that brings something else than a board for so long is not just noisy."""
BACKLOG_READS = 256
"""Reads of at most 4 KiB after a pause: 1 MiB, more than a tty or socket buffer holds."""
REST_READS = 100
"""Waits of READ_S for the last caps: a BMC that takes longer than 2 s keeps its old one."""
RELEASE_READS = 15
"""Reads of READ_S in which the board may confirm the end of the lease."""


class Clock(Protocol):
    """Where `now` comes from; never goes back."""

    def now_ms(self) -> int:
        """Milliseconds since any fixed moment."""


class MonotonicClock:
    """Real time."""

    def now_ms(self) -> int:
        """See Clock."""
        return time.monotonic_ns() // 1_000_000


class Stop(Protocol):
    """Tells the loop to end; threading.Event is one."""

    def is_set(self) -> bool:
        """True once the loop shall end."""

    def wait(self, timeout: float) -> bool:
        """Wait for it at most `timeout` s."""


class Daemon:
    """One rack: a board on a port, and the devices behind an executor."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        open_transport: Callable[[], Transport],
        executor: Executor,
        observer: DaemonObserver | None = None,
        shelf: Shelf | None = None,
        wall_offset_ms: int = 0,
        seed: int = 0,
        authenticator: Authenticator | None = None,
    ) -> None:
        """`seed` spreads staged releases and is the session's nonce.

        `authenticator` replaces the one made of `config.board.key_file`, which is random. Raises
        ConfigError if that file cannot be read any more.

        `shelf` is the battery of `config.bbu`, which counts as empty without it;
        `wall_offset_ms` + clock is Unix time.
        """
        self.config = config
        self.decider = Decider(config, seed, wall_offset_ms)
        if authenticator is None and config.board.key_file is not None:
            key = read_key(Path(config.board.key_file))
            authenticator = Authenticator(key, secrets.token_bytes(NONCE_BYTES))
        self.session = Session(
            owner=config.board.owner,
            nonce=seed & 0xFFFF_FFFF,
            lease_ttl_ms=int(config.board.lease_ttl_s * 1000),
            want_lease=authenticator is None,  # else once the board has proved the key
            authenticator=authenticator,
        )
        self._key_due_ms: int | None = None
        self._key_wait_ms = KEY_RETRY_MS[0]
        self._clock = clock
        self._port = Port(open_transport)
        self._executor = executor
        self._observer = observer or DaemonObserver()
        self._log = DaemonLog(config)
        self._min_mw, _ = load_range_mw(config)
        self._shelf = shelf or Shelf()
        self._latest = LatestReadings(config, self._shelf.state)
        self._connected = False
        self._stranger: tuple[int, LinkError] | None = None
        self._away_ms = int(config.control.stale_s * 1000)
        self._stepped_ms: int | None = None
        self._asked_limits = False
        self._decide_at_ms = 0
        self._shed_wanted = 0
        self._shed_known: int | None = None
        self._shed_token: int | None = None
        self._shed_sent = self._shed_at_ms = 0
        self._decisions = self._caps_written = self._cap_failures = 0
        self._decide_ns = self._decide_max_ns = 0

    def start(self) -> None:
        """Open the port and say HELLO. Raises PortError if it cannot be opened at all."""
        self._shelf.start(self._clock.now_ms())
        self._port.open()
        self.session.start(self._clock.now_ms())
        self._decide_at_ms = self._clock.now_ms() + GRACE_MS

    def step(self, wait_s: float = 0.0) -> None:
        """Do what is due; wait for bytes at most `wait_s`.

        Raises LinkError if what answers at the port, before a board ever did, is no rackedge
        board, and still does STRANGER_MS later: waiting longer does not make it one.
        """
        now_ms = self._clock.now_ms()
        if self._port.reopen(now_ms):
            self.session.start(now_ms)
        away = self._stepped_ms is not None and now_ms - self._stepped_ms > self._away_ms
        data = self._port.read(0.0 if away else wait_s, now_ms)
        now_ms = self._clock.now_ms()
        self._stepped_ms = now_ms
        if away and data:
            self._discard(now_ms)
            data = b""
        events = self.session.receive(data, now_ms)
        events += self.session.poll(now_ms)
        self._collect(now_ms)
        for event in events:
            self._observer.on_link_event(event, now_ms)
            self._log.event(event)
            take = TAKE.get(type(event))
            if take is not None:
                take(self, event, now_ms)
        if self._key_due_ms is not None and now_ms >= self._key_due_ms:
            self._key_due_ms = None
            self.session.authenticate(now_ms)
        if self._stranger is not None and now_ms >= self._stranger[0]:
            raise self._stranger[1]
        if now_ms >= self._decide_at_ms:
            self._ask_limits()
            self._decide(now_ms)
        self._send_shed(now_ms)
        self._port.write(self.session.data_to_send(), now_ms)

    def _discard(self, now_ms: int) -> None:
        """Read what piled up while this process did not run: its age is not known.

        Some reads suffice for what a kernel keeps; a port that still brings bytes then is live.
        """
        for _ in range(BACKLOG_READS):
            if not self._port.read(0.0, now_ms):
                break

    def next_wakeup_ms(self) -> int:
        """When `step` has something to do even if no bytes arrive."""
        due = [self._decide_at_ms, self.session.next_deadline_ms(), self._port.next_retry_ms()]
        due.append(self._key_due_ms)
        if self._stepped_ms is None:
            return self._clock.now_ms()  # HELLO waits to be sent
        # A step that comes later would take itself for a pause.
        due.append(self._stepped_ms + self._away_ms)
        return min(at for at in due if at is not None)

    def run(self, stop: Stop, on_cycle: Callable[[], None] = lambda: None) -> None:
        """Step in real time until `stop`; `on_cycle` after each step that made a decision."""
        cycles = self._decisions
        while not stop.is_set():
            self.step(READ_S)
            if not self._port.is_open:
                stop.wait(READ_S)
            if cycles != self._decisions:
                cycles = self._decisions
                on_cycle()

    def close(self, wait: Callable[[], object] = lambda: None) -> None:
        """Lower the caps to what may be left alone, release the lease, close everything.

        Gives the board RELEASE_READS reads of READ_S to answer; in virtual time `wait` is called
        before each, to let time pass.
        """
        self._rest(wait)
        if self.session.lease.held and self._port.is_open:
            self.session.release(self._clock.now_ms())
        for _ in range(RELEASE_READS):
            if not (self.session.lease.held and self._port.is_open):
                break
            self._port.write(self.session.data_to_send(), self._clock.now_ms())
            wait()
            data = self._port.read(READ_S, self._clock.now_ms())
            self.session.receive(data, self._clock.now_ms())
            self.session.poll(self._clock.now_ms())
        self._port.close()
        self._executor.close()
        self._shelf.close()

    def _rest(self, wait: Callable[[], object]) -> None:
        """Give the devices REST_READS reads to take the caps that stay."""
        self._collect(self._clock.now_ms())
        for write in self.decider.rest(self._clock.now_ms()):
            self._executor.submit(write.load, write.cap_mw)
        for _ in range(REST_READS):
            self._collect(self._clock.now_ms())
            if not any(self.decider.caps.in_flight):
                break
            wait()
            time.sleep(READ_S)

    @property
    def stats(self) -> DaemonStats:
        """Counters since the start."""
        return DaemonStats(
            decisions=self._decisions,
            caps_written=self._caps_written,
            cap_failures=self._cap_failures,
            decide_mean_us=self._decide_ns / 1000 / max(1, self._decisions),
            decide_max_us=self._decide_max_ns / 1000,
            readings_refused=self.decider.readings_refused,
            reopened=self._port.reopened,
            link=self.session.stats,
        )

    # What events change

    def _take_telemetry(self, event: ev.Telemetry, _now_ms: int) -> None:
        self._latest.take_telemetry(event)

    def _take_loads(self, event: ev.Loads, now_ms: int) -> None:
        if self._latest.take_loads(event):
            self._decide(now_ms)

    def _take_connected(self, _event: ev.Connected, _now_ms: int) -> None:
        self._ask_limits()
        self._connected = True
        self._stranger = None
        self._shed_known = self._shed_token = None

    def _take_lease_held(self, _event: ev.LeaseHeld, now_ms: int) -> None:
        if not self.session.lease.want:  # asked for before the key was refused
            self._drop_lease(now_ms)
        self._shed_known = self._shed_token = None
        self._shed_at_ms = now_ms

    def _take_key(self, _event: ev.KeyAccepted, _now_ms: int) -> None:
        self.session.lease.want = True
        self._key_due_ms, self._key_wait_ms = None, KEY_RETRY_MS[0]

    def _take_wrong_key(self, _event: ev.KeyRefused, now_ms: int) -> None:
        """No lease without the key: it would be one that anybody can take."""
        self._drop_lease(now_ms)
        self._key_due_ms = now_ms + self._key_wait_ms
        self._key_wait_ms = min(2 * self._key_wait_ms, KEY_RETRY_MS[1])

    def _drop_lease(self, now_ms: int) -> None:
        self.session.lease.want = False
        if self.session.lease.held:
            self.session.release(now_ms)

    def _take_lost(self, _event: ev.Lost | ev.Rebooted, _now_ms: int) -> None:
        self._latest.forget_loads()

    def _take_reply(self, event: ev.Reply, _now_ms: int) -> None:
        if event.token == self._shed_token:
            self._shed_known, self._shed_token = self._shed_sent, None

    def _take_failure(self, event: ev.CommandFailed, now_ms: int) -> None:
        if event.token == self._shed_token:
            self._shed_token = None
            self._shed_at_ms = now_ms + SHED_RETRY_MS

    def _take_problem(self, event: ev.Problem, now_ms: int) -> None:
        strange = event.trouble is not ev.Trouble.SILENT
        if strange and not self._connected and self._stranger is None:
            self._stranger = (now_ms + STRANGER_MS, event.error())

    # The way down

    def _ask_limits(self) -> None:
        """Once: what does each device hold?"""
        if self._asked_limits:
            return
        self._asked_limits = True
        self.decider.caps.ask()
        self._executor.ask_limits()

    def _decide(self, now_ms: int) -> None:
        self._decide_at_ms = now_ms + WITHOUT_TELEMETRY_MS
        self._collect(now_ms)
        snapshot = self._latest.snapshot(now_ms)
        started_ns = time.perf_counter_ns()
        decision = self.decider.decide(snapshot)
        took_ns = time.perf_counter_ns() - started_ns
        self._decisions += 1
        self._decide_ns += took_ns
        self._decide_max_ns = max(self._decide_max_ns, took_ns)
        self._shed_wanted = decision.shed_groups
        self._observer.on_decision(decision)
        self._log.decision(decision)
        self._submit(decision, now_ms)
        self._shelf.recharge(decision.recharge_mw, now_ms)

    def _submit(self, decision: Decision, now_ms: int) -> None:
        for write in decision.writes:
            self._executor.submit(write.load, write.cap_mw, write.rule is Rule.QUARANTINE)
        if decision.writes:
            self._collect(now_ms)

    def _collect(self, now_ms: int) -> None:
        caps = self.decider.caps
        for standing in self._executor.limits():
            limit_mw = standing.limit_mw
            if limit_mw is not None:  # below its minimum a device does not obey
                limit_mw = max(limit_mw, self._min_mw[standing.load])
            caps.adopt(standing.load, limit_mw, now_ms)
        for result in self._executor.results():
            self._observer.on_cap_result(result)
            self._log.cap_result(result)
            if result.applied is None:
                self._cap_failures += 1
                caps.fail(result.load, result.cap_mw, now_ms)
            else:
                self._caps_written += 1
                enforced = result.applied.enforced_w
                enforced_mw = None if enforced is None else int(enforced * 1000)
                caps.confirm(result.load, result.cap_mw, enforced_mw, now_ms)

    def _send_shed(self, now_ms: int) -> None:
        """Keep the board's host-shed groups equal to the decision's."""
        busy = self._shed_token is not None or now_ms < self._shed_at_ms
        if busy or not self.session.lease.held or self._shed_known == self._shed_wanted:
            return
        self._shed_sent = self._shed_wanted
        self._shed_token = self.session.command("SHED", now_ms, off=self._shed_wanted)


TAKE: dict[type, Callable[[Daemon, Any, int], None]] = {
    ev.Telemetry: Daemon._take_telemetry,
    ev.Loads: Daemon._take_loads,
    ev.Connected: Daemon._take_connected,
    ev.LeaseHeld: Daemon._take_lease_held,
    ev.KeyAccepted: Daemon._take_key,
    ev.KeyRefused: Daemon._take_wrong_key,
    ev.Lost: Daemon._take_lost,
    ev.Rebooted: Daemon._take_lost,
    ev.Reply: Daemon._take_reply,
    ev.CommandFailed: Daemon._take_failure,
    ev.Problem: Daemon._take_problem,
}
"""What the daemon does with each event; others are only told to the observer and the log."""
