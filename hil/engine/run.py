# SPDX-License-Identifier: Apache-2.0
"""One case from its first tick to its verdict, whatever runs the firmware."""

import hashlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edge.errors import EdgeError
from firmware_py.link import messages as m
from hil.engine.environment import environment
from hil.engine.health import FORGED, health
from hil.engine.probe import STATES, TM_FIELDS, Probe
from hil.engine.stimulus import Stimuli
from hil.engine.virtual import TICK_MS
from hil.faults import CATALOGUE
from hil.faults.schedule import Injector
from hil.frames import Sniffer
from hil.plant.demand import SettableDemand
from hil.plant.options import build
from hil.plant.rack import Rack, Sampler
from hil.ports import Ports, Unsupported
from hil.rackfile import board_json
from hil.record import Recorder
from hil.scenario.check import check_names, evaluate
from hil.scenario.duration import duration_ms, is_duration
from hil.scenario.expr import compile_expr
from hil.scenario.model import Case
from hil.verdict import (
    BoardIdentity,
    CheckResult,
    FrameEntry,
    Measurement,
    RunResult,
    Verdict,
    worst,
)

MOST_ROWS = 72_000
"""Longer runs record every second, third, ... tick only: two hours at 100 ms fit whole."""


R = TypeVar("R", bound="Run")


class Interrupted(Exception):
    """Ctrl-C in the middle of a run; `result` is what was found until then."""

    def __init__(self, result: RunResult) -> None:
        super().__init__("interrupted")
        self.result = result


class Run(ABC):
    """Steps a case; `finish` judges it. Closed by whoever made it."""

    clock = ""
    """`virtual` or `real`."""
    slack_ms = 0
    """How finely the record tells when something was; see hil.scenario.check.evaluate."""

    def __init__(self, case: Case, directory: Path, demand: Sampler | None = None) -> None:
        """`demand`: what the loads want before any stimulus; None: to idle.

        Raises ConfigError for what does not fit this rack: a signal, a name in a check."""
        self.case = case
        self.directory = directory
        self.stack = ExitStack()
        spec = build(case.rack, case.seed)
        self.rack = Rack(spec, demand or SettableDemand(spec.loads))
        self.groups = 1 + max(load.group for load in spec.loads)
        self.config = directory / "board.json"
        self.config.write_text(board_json(spec, overrides=case.board.config), encoding="utf-8")
        self.sniffer = Sniffer()
        self.frames: list[FrameEntry] = []
        self.lockouts = 0
        """EV_LOCKOUT that passed the line."""
        self.boots = 0
        """EV_BOOT that passed the line."""
        self.now_ms = 0
        self.ticks = case.duration_ms // TICK_MS
        self._every = max(1, math.ceil(self.ticks / MOST_ROWS))
        self._trips = [False, False]
        self.failure: str | None = None
        """What the board or the link died of."""
        self.unsupported: str | None = None
        """What this bench could not do, although nothing said so before."""
        self.device_name = ""
        self.identity: BoardIdentity | None = None
        self.tick_ms: list[float] = []
        """Wall time of the board's ticks, where it can be measured."""
        self._started_s = time.monotonic()

    def prepare(self, probe: Probe, ports: Ports) -> None:
        """What needs the whole bench; called once by the subclass."""
        self.probe = probe
        self.ports = ports
        self.record = Recorder(probe.names)
        self._stimuli = Stimuli(self.case.stimulus, self.rack)
        self._row: Sequence[float] = probe.row()
        known = self.constants()
        check_names(replace(self.case, params=known), probe.names)
        conditions = {
            index: compile_expr(spec.when, probe.names, known, str(spec.where))
            for index, spec in enumerate(self.case.faults)
            if spec.when is not None
        }
        self._injector = Injector(self.case.faults, self.case.seed, ports, conditions)

    def constants(self) -> Mapping[str, float]:
        """Names of expressions that never change: states, ratings, parameters."""
        spec = self.rack.spec
        known: dict[str, float] = {**STATES, "INF": math.inf}
        for letter, feed in zip("ab", spec.feeds, strict=True):
            known[f"rating_{letter}_w"] = feed.rating_w
            known[f"rating_{letter}_a"] = feed.rating_a
        known["loads"], known["groups"] = len(spec.loads), self.groups
        for name, value in self.case.params.items():
            if isinstance(value, int | float):
                known[name] = float(value)
            elif is_duration(value):  # in seconds, as `3s` in an expression
                known[name] = duration_ms(value) / 1000
        return known

    @property
    def done(self) -> bool:
        """Whether the last tick is over."""
        stopped = self.failure is not None or self.unsupported is not None
        return stopped or self.now_ms >= self.ticks * TICK_MS

    def tick(self) -> None:
        """Stimulus and faults of the next tick, the tick itself, its row."""
        now_ms = self.now_ms + TICK_MS
        try:
            self._stimuli.apply(now_ms)
            self._injector.step(now_ms, self._row)
            self.advance(now_ms)
        except Unsupported as error:
            self.unsupported = f"at {now_ms / 1000:.1f} s: {error}"
            self.record.event(now_ms, "bench", "unsupported", str(error))
        except EdgeError as error:
            self.failure = f"at {now_ms / 1000:.1f} s: {error}"
            self.record.event(now_ms, "bench", "failure", str(error))
        self.now_ms = now_ms
        self.note_facts()
        self._row = self.probe.row()
        if now_ms // TICK_MS % self._every == 0 or self.done:
            self.record.append(now_ms, self._row)
        self._note_trips(now_ms)

    @abstractmethod
    def advance(self, now_ms: int) -> None:
        """Let plant, board and host run to `now_ms`."""

    @abstractmethod
    def note_facts(self) -> None:
        """Bring `probe.host` and `probe.board` up to date."""

    def late_ticks(self) -> int:
        """Ticks of real time that began too late; 0 in virtual time."""
        return 0

    def heard(self, up: bool, data: bytes, now_ms: int) -> None:
        """Bytes that passed the host's end of the line."""
        self.frames += self.sniffer.take(up, data, now_ms)
        events = self.sniffer.board_events
        if events:
            self.lockouts += sum(values.code == m.EV_LOCKOUT for _, values in events)
            self.boots += sum(values.code == m.EV_BOOT for _, values in events)
            events.clear()
        if self.identity is None:
            self.identity = self.sniffer.identity

    def telemetry(self) -> Sequence[int] | None:
        """Values of the newest TELEMETRY, in the order of TM_FIELDS."""
        newest = self.sniffer.telemetry
        return None if newest is None else [getattr(newest, field) for field in TM_FIELDS]

    def finish(self, stopped: str | None = None) -> RunResult:
        """Judge what is there. `stopped`: why it ended early."""
        self._injector.stop(self.now_ms)
        case, known = self.case, self.constants()
        checks, measurements = evaluate(
            case.checks, case.measures, self.record, known, self.slack_ms
        )
        checks = (*checks, *health(self))
        reasons = _reasons(checks, measurements)
        verdict = worst([c.verdict for c in checks] + [m.verdict for m in measurements])
        for why in (stopped, self.unsupported, self.bench_trouble()):
            if why is not None:
                verdict, reasons = Verdict.INCONCLUSIVE, (why, *reasons)
        if self.failure is not None:
            verdict, reasons = Verdict.FAIL, (self.failure, *reasons)
        return RunResult(
            case=self.case.name,
            title=self.case.title,
            source=self.case.source,
            covers=self.case.covers,
            device=self.device_name,
            clock=self.clock,
            seed=self.case.seed,
            params=self.case.params,
            verdict=verdict,
            reasons=reasons,
            checks=checks,
            measurements=measurements,
            faults=self._injector.spans,
            frames=self.frames,
            record=self.record,
            limits=self._limits(),
            identity=self.identity,
            environment=environment(),
            digest=digest(self.record, self.frames) if self.clock == "virtual" else None,
            duration_s=self.now_ms / 1000,
            late_ticks=self.late_ticks(),
            metrics=self.metrics(),
            wall_s=time.monotonic() - self._started_s,
        )

    def metrics(self) -> dict[str, float]:
        """See RunResult."""
        wall_s = time.monotonic() - self._started_s
        found = {"speed": self.now_ms / 1000 / wall_s if wall_s else 0.0}
        ticks = sorted(ms for ms in self.tick_ms if not math.isnan(ms))
        if ticks:
            found["mcu_tick_ms_p50"] = ticks[len(ticks) // 2]
            found["mcu_tick_ms_p99"] = ticks[len(ticks) * 99 // 100]
            found["mcu_tick_ms_max"] = ticks[-1]
        return found

    def bench_trouble(self) -> str | None:
        """Why nothing that was found says anything; None if it does."""
        return None

    def fault_layers(self) -> set[str]:
        """Layers of the faults that were injected."""
        kinds = [span.kind for span in self._injector.spans]
        layers = {kind.partition(".")[0] for kind in kinds}
        return layers | {FORGED} if any(CATALOGUE[kind].forges for kind in kinds) else layers

    def close(self) -> None:
        """Stop everything."""
        self.stack.close()

    def _limits(self) -> dict[str, float]:
        feeds = zip("ab", self.rack.spec.feeds, strict=True)
        limits = {f"feed_{letter}_w": feed.rating_w for letter, feed in feeds}
        limits |= {f"theta_{letter}": 1.0 for letter in "ab"}
        return limits

    def _note_trips(self, now_ms: int) -> None:
        for feed, tripped in enumerate(self.rack.tripped):
            if tripped and not self._trips[feed]:
                name = self.rack.spec.feeds[feed].name
                self.record.event(now_ms, "plant", "trip", f"breaker of feed {name} opened")
            self._trips[feed] = tripped


def run_case(make: Callable[[], R], progress: Callable[[R], None] = lambda _run: None) -> RunResult:
    """Make a run, step it to its end, judge it, close it. Raises Interrupted on Ctrl-C."""
    run = make()
    try:
        try:
            while not run.done:
                run.tick()
                progress(run)
        except (KeyboardInterrupt, SystemExit):
            raise Interrupted(run.finish(f"interrupted at {run.now_ms / 1000:.1f} s")) from None
        return run.finish()
    finally:
        run.close()


def digest(record: Recorder, frames: Sequence[FrameEntry]) -> str:
    """SHA-256 over the record and every byte that passed the line."""
    sha = hashlib.sha256(record.digest().encode())
    for frame in frames:
        sha.update(f"{frame.t_ms} {frame.up} ".encode() + frame.raw)
    return sha.hexdigest()


def _reasons(checks: Sequence[CheckResult], measurements: Sequence[Measurement]) -> tuple[str, ...]:
    found = [(c.verdict, f"{c.name}: {c.detail}") for c in checks]
    found += [(v.verdict, f"{v.name}: {v.value:g} {v.unit}".rstrip()) for v in measurements]
    bad = [each for each in found if each[0] is not Verdict.PASS]
    return tuple(
        text
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.MARGINAL)
        for got, text in bad
        if got is verdict
    )
