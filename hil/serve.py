# SPDX-License-Identifier: Apache-2.0
"""An emulated rack in real time for tools that are not ours: `rackedge hil run --serve`.

Real firmware on the MicroPython VM behind a pty, every front-end open on loopback, a plant that
obeys both. Nobody of ours is the host: `DIR/rack.toml` is ready for `rackedge run`.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge.board_events import STATE_NAMES
from edge.errors import ConfigError
from firmware_py.channels import OUT_STATE
from hil.devices import PtySource
from hil.engine.real_run import RealRun
from hil.engine.run import Interrupted, run_case
from hil.frontends.rack_frontends import KINDS
from hil.plant.options import RackOptions
from hil.policies import time_to_trip_s
from hil.scenario.model import Case
from hil.scenario.options import HostOptions
from hil.trace import Demand
from hil.unwind import unwinding
from hil.verdict import RunResult
from hil.workload import generate

LONGEST_S = 86_400.0
WORKLOAD_S = 3_600.0
"""Length of the generated workload; its last state holds on."""
PRINT_MS = 1_000

EachTick = Callable[[RealRun], None]


def default_case(seconds: float = LONGEST_S) -> Case:
    """The default rack under the generated workload."""
    return Case(
        name="serve",
        scenario="serve",
        title="The default rack under a generated workload",
        source="",
        covers=(),
        needs=frozenset(),
        params={},
        seed=1,
        duration_ms=round(seconds * 1000),
        rack=RackOptions(),
        host=HostOptions(kind="none"),
    )


def serve_case(
    case: Case,
    directory: Path,
    firmware: Path | None = None,
    each_tick: EachTick = lambda _run: None,
) -> RunResult:
    """Run it with all front-ends open until its end or Ctrl-C; what was found until then.

    Raises EdgeError.
    """
    demand = None
    if not case.stimulus:
        demand = Demand(generate(WORKLOAD_S, case.seed, case.rack.loads))
    # Whoever wants to be the host has the port.
    case = replace(case, host=case.host.model_copy(update={"kind": "none"}))
    source = PtySource(firmware)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be made ({error.strerror}): choose another --directory"
        ) from error

    def make() -> RealRun:
        run = source.make_served(case, directory.absolute(), tuple(KINDS), demand)
        _say(f"rackedge run --config {run.write_toml(run.device.port)}")
        for frontend in run.frontends:
            _say("\n".join(("", *frontend.describe())))
        _say("")
        return run

    def tick(run: RealRun) -> None:
        if run.now_ms % PRINT_MS == 0:
            _print(run)
        each_tick(run)

    with unwinding():
        try:
            return run_case(make, tick)
        except Interrupted as cut:
            return cut.result


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _print(run: RealRun) -> None:
    rack = run.rack
    feeds = zip(rack.feed_w, rack.spec.feeds, strict=True)
    utilisation = max(watts / feed.rating_w for watts, feed in feeds)
    caps = [cap for cap in rack.cap_requested_w if cap is not None]
    state = STATE_NAMES.get(run.outputs[OUT_STATE], "?")
    _say(
        f"{run.now_ms / 1000:6.0f} s  board {state:8}  feed {100 * utilisation:4.0f} %  "
        f"time to trip {time_to_trip_s(rack):6.1f} s  trips {rack.trips}  "
        f"{len(caps)} caps, {sum(caps) / 1000:.1f} kW"
    )
