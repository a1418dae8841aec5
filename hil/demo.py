# SPDX-License-Identifier: Apache-2.0
"""The demo: one workload under three policies, in virtual or in real time."""

import re
import shlex
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from edge.errors import ConfigError, TraceError
from firmware_py.channels import MAX_LOADS
from hil.drivers.device import VirtualDevice
from hil.drivers.inprocess import CpythonBoard
from hil.drivers.vm import VmBoard
from hil.engine.virtual import TICK_MS
from hil.live import LiveRun
from hil.lockstep import LockstepRun
from hil.plant.rack import Rack
from hil.plant.spec import CONTINUOUS, RackSpec, static_caps
from hil.policies import BaselineRun, PolicyRun, Progress
from hil.rackfile import board_json
from hil.record import combined_digest
from hil.result import DemoResult, Replay
from hil.trace import Demand, Trace, read_trace, spread
from hil.unwind import unwinding
from hil.workload import generate

SPREAD_LOADS = 8
"""Copies that a single-column trace is spread over: the servers of one rack."""
REAL_SECONDS = 60.0
"""Default length in real time."""
VIRTUAL_SECONDS = 600.0
"""Default length of the generated workload in virtual time."""
SHORTEST_S = 10.0
"""The generator makes no shorter workload; a shorter run is its beginning."""
NOT_IN_A_NAME = re.compile(r"[^\w.:+-]")
"""What a column's name may have and a load's name may not; `hil.rackfile` writes it as is."""
NAME_MAX = 48
"""Longest name, so that a copy's number still fits the 64 of `edge.config_model.Name`."""
RATING_A = (0.05, 200.0)
"""Breakers whose currents, up to the magnetic gate, the board's milliamperes resolve."""
LONGEST_S = 86_400.0
"""A longer trace is run for a day unless --seconds says otherwise."""
LATE_MS = 50
"""A real-time tick that starts later than this counts as late."""


class FeedLoss(NamedTuple):
    """The supply of a feed goes away, for good."""

    feed: str
    t_s: float

    @classmethod
    def parse(cls, text: str) -> "FeedLoss":
        """From `A@20`: feed, seconds. Raises ConfigError."""
        feed, _, at = text.partition("@")
        seconds = float(at) if re.fullmatch(r"\d{1,6}(\.\d+)?", at) else -1.0
        if feed not in ("A", "B") or seconds < 0:
            raise ConfigError(f"--lose {text}: give a feed and a time, for example A@20 (seconds)")
        return cls(feed, seconds)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The command line of `rackedge demo`."""

    trace: Path | None = None
    seconds: float | None = None
    runtime: str = "micropython"
    seed: int = 1
    virtual: bool = False
    oversubscription: float = 1.5
    lose: FeedLoss | None = None
    redundancy: str = "none"

    @property
    def control(self) -> str:
        """Lines for the [control] section of the emulated rack."""
        return f'redundancy = "{self.redundancy}"'

    def command(self) -> str:
        """The command line that runs this again."""
        words = ["rackedge", "demo"]
        words += ["--trace", str(self.trace)] if self.trace else []
        words += [f"--seconds={self.seconds:g}"] if self.seconds else []
        words += [f"--runtime={self.runtime}", f"--seed={self.seed}"]
        words += [f"--oversubscription={self.oversubscription:g}"]
        words += [f"--redundancy={self.redundancy}"]
        words += [f"--lose={self.lose.feed}@{self.lose.t_s:g}"] if self.lose else []
        words += ["--virtual"] if self.virtual else []
        return shlex.join(words)


def workload(options: DemoOptions) -> tuple[Trace, float]:
    """The demand of each load, and how many seconds of it to run."""
    if options.trace is None:
        seconds = options.seconds or (VIRTUAL_SECONDS if options.virtual else REAL_SECONDS)
        return generate(max(seconds, SHORTEST_S), options.seed), seconds
    trace = _named(read_trace(options.trace))
    if len(trace.names) > MAX_LOADS:
        raise TraceError(
            f"{options.trace}: {len(trace.names)} loads, but a board meters {MAX_LOADS}: "
            "leave some columns out"
        )
    if len(trace.names) == 1:
        trace = spread(trace, SPREAD_LOADS)
    longest = trace.duration_s
    if options.seconds is not None and options.seconds > longest + TICK_MS / 1000:
        raise TraceError(
            f"{options.trace}: the trace is {longest:g} s long, shorter than "
            f"--seconds {options.seconds:g}: ask for less, or leave --seconds out"
        )
    default = min(longest, LONGEST_S if options.virtual else REAL_SECONDS)
    return trace, options.seconds or default


def _named(trace: Trace) -> Trace:
    """The trace with names that can stand in a rack.toml and in a URL, still all different."""
    names: list[str] = []
    for number, name in enumerate(trace.names, start=1):
        plain = NOT_IN_A_NAME.sub("-", name)[:NAME_MAX]
        taken = plain in names or (plain != name and plain in trace.names)
        names.append(f"{plain}-{number}" if taken else plain)
    return replace(trace, names=tuple(names))


def sized(options: DemoOptions, demand: Trace) -> RackSpec:
    """The rack for a workload. Raises TraceError if no board could guard its breakers."""
    spec = RackSpec.for_trace(demand, options.oversubscription, seed=options.seed)
    rating_a = spec.feeds[0].rating_a
    if not RATING_A[0] <= rating_a <= RATING_A[1]:
        raise TraceError(
            f"{demand.source}: a peak of {demand.peak_w:g} W needs two breakers of {rating_a:.3g} A"
            f", a board guards {RATING_A[0]:g} to {RATING_A[1]:g} A: scale the loads or take fewer"
        )
    for feed, need_w in zip(spec.feeds, _lowest_w(spec), strict=True):
        carries_w = CONTINUOUS * feed.rating_w
        if need_w > carries_w:
            most = options.oversubscription * carries_w / need_w
            raise ConfigError(
                f"--oversubscription {options.oversubscription:g}: at their lowest caps the loads "
                f"need {need_w:.0f} W of feed {feed.name}, its breaker carries "
                f"{carries_w:.0f} W for hours: use less than {most:.2f}"
            )
    return spec


def _lowest_w(spec: RackSpec) -> tuple[float, float]:
    """What each feed carries with every load at its lowest cap."""
    floors = [(load.cap_floor_w, load.share_a) for load in spec.loads]
    return sum(w * a for w, a in floors), sum(w * (1 - a) for w, a in floors)


def _board(runtime: str, config: Path) -> VirtualDevice:
    return VmBoard(config) if runtime == "micropython" else CpythonBoard(config)


def _runs(
    options: DemoOptions, spec: RackSpec, demand: Trace, directory: Path, stack: ExitStack
) -> tuple[BaselineRun, BaselineRun, LockstepRun | LiveRun]:
    """The three policies on three equal plants, closed by `stack`."""

    def rack() -> Rack:
        return Rack(spec, Demand(demand))

    config = directory / "board.json"
    config.write_text(board_json(spec), encoding="utf-8")
    fans_only = directory / "fans-only.json"
    groups = range(1 + max(load.group for load in spec.loads))
    fans_only.write_text(board_json(spec, never_shed=groups), encoding="utf-8")
    baselines = (
        BaselineRun("uncapped", rack(), CpythonBoard(fans_only)),
        BaselineRun("static", rack(), CpythonBoard(fans_only), static_caps(spec)),
    )
    for run in baselines:
        stack.callback(run.close)
    ours: LockstepRun | LiveRun
    if options.virtual:
        board = _board(options.runtime, config)
        ours = LockstepRun(rack(), board, directory, options.seed, options.control)
    else:
        runtime, seed = options.runtime, options.seed
        ours = LiveRun(rack(), config, runtime, directory, seed, options.control)
    stack.callback(ours.close)
    return *baselines, ours


def _pace(started: float, now_ms: int) -> bool:
    """Wait until `now_ms` of real time; False when it is already past by LATE_MS."""
    left_s = started + now_ms / 1000 - time.monotonic()
    if left_s > 0:
        time.sleep(left_s)
    return left_s * 1000 >= -LATE_MS


def _loss_ms(options: DemoOptions, seconds: float) -> int | None:
    """The tick at which the feed goes; ConfigError if the run is over by then."""
    if options.lose is None:
        return None
    if options.lose.t_s >= seconds:
        raise ConfigError(
            f"--lose {options.lose.feed}@{options.lose.t_s:g}: the run is {seconds:g} s long; "
            "choose an earlier time or more --seconds"
        )
    return max(1, round(options.lose.t_s * 1000 / TICK_MS)) * TICK_MS


def run_demo(options: DemoOptions, progress: Progress | None = None) -> DemoResult:
    """Run the three policies side by side.

    Raises TraceError, RuntimeMissing, LinkError; nothing is left running.
    """
    demand, seconds = workload(options)
    spec = sized(options, demand)
    ticks = max(1, round(seconds * 1000 / TICK_MS))
    lose_ms = _loss_ms(options, seconds)
    with ExitStack() as stack:
        stack.enter_context(unwinding())
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rackedge-"))
        runs = _runs(options, spec, demand, Path(directory), stack)
        late = 0
        started = time.monotonic()
        for tick in range(1, ticks + 1):
            now_ms = tick * TICK_MS
            if not options.virtual and not _pace(started, now_ms):
                late += 1
            if now_ms == lose_ms and options.lose is not None:
                for run in runs:
                    run.lose(options.lose.feed, now_ms)
            for run in runs:
                run.step_to(now_ms)
            if progress is not None:
                progress(now_ms, runs)
        runs[2].finish()
        return _result(options, demand, spec, ticks * TICK_MS / 1000, late, runs)


def _result(
    options: DemoOptions,
    demand: Trace,
    spec: RackSpec,
    duration_s: float,
    late: int,
    runs: tuple[PolicyRun, PolicyRun, LockstepRun | LiveRun],
) -> DemoResult:
    results = [run.result() for run in runs]
    ours = runs[2]
    digest = combined_digest(run.record for run in runs) if options.virtual else None
    return DemoResult(
        runtime=options.runtime,
        clock="virtual" if options.virtual else "real",
        trace=options.trace.name if options.trace else "generated",
        seed=options.seed,
        duration_s=duration_s,
        oversubscription=options.oversubscription,
        rating_w=(spec.feeds[0].rating_w, spec.feeds[1].rating_w),
        loads=len(spec.loads),
        meter_dropouts=demand.dropouts,
        late_ticks=late,
        policies={each.name: each for each in results},
        caps_written=ours.caps_written,
        shed_events=sum(event.kind == "shed" for event in ours.record.events),
        link=ours.link_counters(),
        replay=Replay(options.command(), digest),
    )
