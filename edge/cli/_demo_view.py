# SPDX-License-Identifier: Apache-2.0
"""What `rackedge demo` shows: live lines on a terminal, a table at the end."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hil.decisions import lines
from hil.demo import DemoOptions
from hil.policies import PolicyRun, time_to_trip_s
from hil.report.demo import NEVER_S
from hil.result import POLICIES, DemoResult

REFRESH_S = 0.2
AFTER_LOSS_S = 20.0
"""So long after the loss of a feed the decisions are told."""
BAR_CELLS = 24
"""Width of the power bar; its full length is 150 % of the rating."""
BAR_FULL = 1.5


def _bar(utilisation: float) -> str:
    filled = min(round(utilisation / BAR_FULL * BAR_CELLS), BAR_CELLS)
    limit = round(BAR_CELLS / BAR_FULL)
    cells = ["█" if i < filled else "·" for i in range(BAR_CELLS)]
    cells.insert(limit, "│")
    colour = "red" if utilisation > 1 else "green"
    return f"[{colour}]{''.join(cells)}[/]"


def _ttt(seconds: float) -> str:
    return "never" if seconds >= NEVER_S else f"{seconds:.1f} s"


class DemoView:
    """Progress on stderr, so that stdout stays data; nothing but the end without a terminal."""

    def __init__(self, options: DemoOptions) -> None:
        self._options = options
        self._console = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._next = 0.0
        self._started = time.monotonic()
        self._now_ms = 0

    def __enter__(self) -> "DemoView":
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, now_ms: int, runs: Sequence[PolicyRun]) -> None:
        """Show where the runs stand, a few times a second."""
        self._now_ms = now_ms
        wall = time.monotonic()
        if self._live is None or wall < self._next:
            return
        self._next = wall + REFRESH_S
        table = Table(box=None, padding=(0, 1), title=f"t = {now_ms / 1000:.1f} s")
        for head in ("policy", "feed power │ rating", "", "trips in", "trips", "served"):
            table.add_column(head, justify="left", no_wrap=True)
        for run in runs:
            rack = run.rack
            feeds = zip(rack.feed_w, rack.spec.feeds, strict=True)
            utilisation = max(w / feed.rating_w for w, feed in feeds)
            ttt_s = time_to_trip_s(rack)
            served = 100 * rack.served_j / rack.demand_j if rack.demand_j else 100.0
            dark = all(rack.tripped)
            table.add_row(
                run.name,
                "[red]dark[/]" if dark else _bar(utilisation),
                f"{100 * utilisation:.0f} %",
                "tripped" if dark else _ttt(ttt_s),
                str(rack.trips),
                f"{served:.1f} %",
            )
        self._live.update(table, refresh=True)

    def _around_the_loss(self, result: DemoResult) -> list[str]:
        """What was decided when a feed died, and in the seconds after."""
        lose = self._options.lose
        if lose is None:
            return []
        first_ms, last_ms = lose.t_s * 1000, (lose.t_s + AFTER_LOSS_S) * 1000
        decisions = result.policies["rackedge"].record.decisions
        told = [text for e in decisions if first_ms <= e.t_ms <= last_ms for text in lines(e)]
        return [f"decisions after feed {lose.feed} has died at {lose.t_s:g} s:", *told]

    def table(self, result: DemoResult, report: Path | None) -> None:
        """The result on stdout."""
        out = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 100)
        table = Table(box=None, padding=(0, 1), header_style="bold")
        heads = ("policy", "trips", "first trip", "served", "energy", "peak ÷ rating", "inlet")
        for number, head in enumerate(heads):
            table.add_column(head, justify="right" if number else "left", no_wrap=True)
        for name in POLICIES:
            m = result.policies[name].metrics
            table.add_row(
                name,
                f"[red]{m.trips}[/]" if m.trips else "0",
                "never" if m.first_trip_s is None else f"{m.first_trip_s:.1f} s",
                f"{100 * m.served_ratio:.1f} %",
                f"{m.energy_wh:,.0f} Wh",
                f"{100 * m.peak_utilisation:.0f} %",
                f"{m.max_inlet_c:.1f} °C",
            )
        wall_s = time.monotonic() - self._started
        rating_kw = sum(result.rating_w) / 1000
        out.print(
            f"{result.trace} workload, {result.loads} loads, {result.duration_s:g} s, "
            f"breakers 2 x {rating_kw / 2:.1f} kW, firmware on {result.runtime}, "
            f"{result.clock} time, seed {result.seed}",
            markup=False,
        )
        out.print(table)
        out.print(
            f"rackedge served {result.gain_over_static:.3f} x the energy of static caps; "
            f"{result.caps_written} caps written, {result.shed_events} shed events, "
            f"{result.link.frames} frames, {result.link.crc_errors} CRC errors, "
            f"{result.link.gaps} gaps"
        )
        for line in self._around_the_loss(result):
            out.print(line, markup=False, soft_wrap=True)
        if result.clock == "virtual":
            out.print(f"{result.duration_s / wall_s:.0f} x real time ({wall_s:.1f} s)")
        if report is not None:
            out.print(f"report: {report}", markup=False)
