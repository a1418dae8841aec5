# SPDX-License-Identifier: Apache-2.0
"""What is replayed, and one replay: a trace at one level of oversubscription under one policy."""

import logging
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from hil.demo import DemoOptions, sized, workload
from hil.drivers.inprocess import CpythonBoard
from hil.engine.virtual import TICK_MS
from hil.lockstep import LockstepRun
from hil.plant.rack import Rack
from hil.plant.spec import RackSpec, static_caps
from hil.policies import BaselineRun, PolicyRun
from hil.rackfile import board_json
from hil.trace import Demand, Trace
from tests.bench._serve_peers import Caps, Controller, Reading, Rumd, ThreeBand
from tests.data import power_traces

SEED = 1
LEVELS = (1.2, 1.5, 2.0)
"""Peak demand over the rating of both feeds."""
GENERATED_S = 600.0
STATIC = "static 80"
KINDS = ("three-band", "three-band stepped", "RUMD")
RAISE_RATIO = 0.05
"""Of a stepped three-band controller, each cycle: the step of RUMD."""
PEERS = (
    STATIC,
    *(f"{kind} {percent}" for kind in KINDS for percent in (80, 100)),
)
OURS = ("ours, no overdraft", "ours")
"""Variants of the daemon; the last one is the one that is compared."""


def ours_config(variant: str) -> str:
    """What a variant of the daemon adds to the `[control]` section of rack.toml.

    The peers know nothing of a feed that dies, so ours leaves that to the board as well.
    """
    overdraft = {"ours, no overdraft": "0.0", "ours": "0.5"}[variant]
    return f'redundancy = "none"\noverdraft_fraction = {overdraft}'


@dataclass(frozen=True, slots=True)
class Case:
    """A workload on a rack sized for it."""

    path: Path | None
    """None: the generated workload."""
    level: float
    cut_s: tuple[float, float] | None = None
    """From and to; the whole trace if None."""

    @property
    def trace_name(self) -> str:
        """Of the workload alone."""
        return self.path.stem if self.path else "generated"

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"{self.trace_name} x {self.level:g}"

    def build(self) -> tuple[RackSpec, Trace, int]:
        """The rack, the demand of each load, and how many ticks to run."""
        seconds = self.cut_s[1] if self.path is None and self.cut_s else GENERATED_S
        options = DemoOptions(
            trace=self.path,
            seconds=None if self.path else seconds,
            seed=SEED,
            virtual=True,
            oversubscription=self.level,
        )
        demand, seconds = workload(options)
        if self.cut_s:
            demand = cut(demand, *self.cut_s)
            seconds = demand.duration_s
        return sized(options, demand), demand, round(seconds * 1000 / TICK_MS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One policy on one case."""

    served: float
    """Energy served over energy demanded."""
    trips: int


def all_cases(quick: bool) -> list[Case]:
    """All of them; `quick`: a minute of the generated workload and two cuts, at one level."""
    if quick:
        wanted = {"gpt3_training_16_nodes": (0.0, 60.0), "mixed_inference_4_nodes": (60.0, 120.0)}
        cuts = [(path, wanted[path.stem]) for path in power_traces() if path.stem in wanted]
        return [Case(path, 1.5, span) for path, span in [(None, (0.0, 60.0)), *cuts]]
    return [Case(path, level) for path in (*power_traces(), None) for level in LEVELS]


def cut(trace: Trace, start_s: float, end_s: float) -> Trace:
    """The rows of a trace from `start_s` to `end_s`, seconds since its first row."""
    first = trace.t_s[0]
    rows = [i for i, t in enumerate(trace.t_s) if start_s <= t - first <= end_s]
    return replace(
        trace,
        t_s=tuple(trace.t_s[i] for i in rows),
        watts=tuple(trace.watts[i] for i in rows),
        extra={},
    )


class PeerRun(BaselineRun):
    """A controller that sees the plant itself and caps it."""

    def __init__(self, rack: Rack, board: CpythonBoard, controller: Controller) -> None:
        super().__init__("peer", rack, board)
        self._controller = controller
        self._told: Caps = [None] * len(rack.spec.loads)

    def step_to(self, now_ms: int) -> None:
        """One tick, and in the first and then each period a decision."""
        super().step_to(now_ms)
        if (now_ms - TICK_MS) % self._controller.period_ms:
            return
        caps = self._controller.decide(reading_of(self.rack))
        for load, (cap_w, told_w) in enumerate(zip(caps, self._told, strict=True)):
            if cap_w != told_w:
                self.rack.set_cap(load, cap_w)
        self._told = caps


def reading_of(rack: Rack) -> Reading:
    """What a peer sees of the plant now."""
    ratios = (w / feed.rating_w for w, feed in zip(rack.feed_w, rack.spec.feeds, strict=True))
    return Reading(rack.now_ms, max(ratios), sum(rack.feed_w), rack.load_w)


def controller_of(policy: str, spec: RackSpec) -> Controller:
    """The controller of a peer by its name and the percentage behind it."""
    kind, percent = policy.rsplit(" ", 1)
    limit_ratio = int(percent) / 100
    floor_w = [load.cap_floor_w for load in spec.loads]
    max_w = [load.max_w for load in spec.loads]
    if kind == "three-band":
        return ThreeBand(limit_ratio, floor_w, max_w)
    if kind == "three-band stepped":
        return ThreeBand(limit_ratio, floor_w, max_w, RAISE_RATIO)
    return Rumd(limit_ratio, floor_w, max_w, SEED)


def policy_run(
    policy: str, spec: RackSpec, demand: Trace, directory: Path, stack: ExitStack
) -> PolicyRun:
    """A fresh plant under a policy, closed by `stack`.

    Peers have the same fans as ours, but a board that sheds nothing.
    """
    rack = Rack(spec, Demand(demand))
    groups: Sequence[int] = range(1 + max(load.group for load in spec.loads))
    config = directory / "board.json"
    ours = policy in OURS
    config.write_text(board_json(spec, never_shed=() if ours else groups), encoding="utf-8")
    board = CpythonBoard(config)
    run: PolicyRun
    if ours:
        run = _ours(rack, board, directory, ours_config(policy))
    elif policy == STATIC:
        run = BaselineRun(policy, rack, board, static_caps(spec))
    else:
        run = PeerRun(rack, board, controller_of(policy, spec))
    stack.callback(run.close)
    return run


def _ours(rack: Rack, board: CpythonBoard, directory: Path, control: str) -> LockstepRun:
    return LockstepRun(rack, board, directory, SEED, control)


def replay(case: Case, policy: str) -> Outcome:
    """Run one policy over the whole of a case."""
    logging.getLogger("rackedge").addHandler(logging.NullHandler())  # not what is measured
    spec, demand, ticks = case.build()
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rackedge-"))
        run = policy_run(policy, spec, demand, Path(directory), stack)
        for tick in range(1, ticks + 1):
            run.step_to(tick * TICK_MS)
        metrics = run.result().metrics
        return Outcome(metrics.served_ratio, metrics.trips)
