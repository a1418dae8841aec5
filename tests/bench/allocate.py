# SPDX-License-Identifier: Apache-2.0
"""Caps for a site: ours against LP, QP and NumPy, on trees and with feeds and N-1 rows.

Building of models is timed for nobody, as far as a peer can be built before it is asked (SciPy
hands the problem to HiGHS in every call). Each answer is checked: granted total, caps exceeded.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any, NamedTuple

import numpy as np

from edge._native import ffi
from edge.core import Allocator
from tests.bench._capping import SHAPES, Problem, site, with_feeds
from tests.bench._capping_peers import PEERS, Answer
from tests.bench._table import Report, Row, Target, interleave

SLOW_S = 1.0
"""A peer that takes longer is timed once."""
SKIPPED = {
    ("OSQP (QP)", 100_800): "OSQP (QP) (skipped: about a minute)",
}
OUR_LOOPS = 10
BYTES_PER_LOAD = 5 * 4 + 4 + 1 + 4
"""min, request, weight, step, class; grant, shed, binding row: with a limit per row all that a
solve is given and gives. The workspace is not counted."""
OTHERS_BYTES = 8 << 20
"""More than the caches of one core hold."""
RACK_LOADS = 36
MAIN_LOADS = 12_672


class Peer(NamedTuple):
    label: str
    taken_ms: float | None
    grant_mw: Any


def ask_once(name: str, problem: Problem) -> tuple[Peer, Answer | None]:
    """The peer's answer and what it took; None and no call where it is absent or skipped."""
    skipped = SKIPPED.get((name, problem.loads))
    if skipped or (name == "NumPy water-filling" and problem.begin is None):
        return Peer(skipped or f"{name} (trees only)", None, None), None
    try:
        answer = PEERS[name](problem)
    except ImportError:
        return Peer(f"{name} (absent)", None, None), None
    start_s = time.perf_counter()
    grant_mw = answer()
    taken_s = time.perf_counter() - start_s
    return Peer(name, taken_s * 1e3, grant_mw), answer if taken_s < SLOW_S else None


def repeated(call: Callable[[], object]) -> Callable[[int], None]:
    def run(loops: int) -> None:
        for _ in range(loops):
            call()

    return run


def against_peers(case: str, problem: Problem, rounds: int) -> tuple[list[Row], list[float]]:
    """Rows of time, total and excess; and how many times slower each peer is."""
    allocator = problem.allocator()
    allocator.solve()
    peers, cases = [], {"ours": repeated(lambda: repeated(allocator.solve)(OUR_LOOPS))}
    for name in PEERS:
        peer, answer = ask_once(name, problem)
        peers.append(peer)
        if answer:
            cases[name] = repeated(answer)
    taken_us = interleave(cases, 1, rounds)
    ours_ms = taken_us["ours"] / OUR_LOOPS / 1e3
    grant_mw = np.array(list(allocator.grant_mw))
    total_w, excess_w = grant_mw.sum() / 1e3, problem.excess_mw(grant_mw) / 1e3
    rows, ratios = [], []
    for peer in peers:
        taken_ms = taken_us[peer.label] / 1e3 if peer.label in taken_us else peer.taken_ms
        rows.append(Row(f"{case}, full solve", "ms", ours_ms, peer.label, taken_ms))
        if peer.grant_mw is None or taken_ms is None:
            continue
        ratios.append(taken_ms / ours_ms)
        their_total_w = float(peer.grant_mw.sum()) / 1e3
        their_excess_w = problem.excess_mw(peer.grant_mw) / 1e3
        rows.append(Row(f"{case}, granted", "W", float(total_w), peer.label, their_total_w))
        rows.append(Row(f"{case}, most over a cap", "W", excess_w, peer.label, their_excess_w))
    return rows, ratios


class Changes:
    """Requests of some loads go up and down by 1 W, one load a change."""

    def __init__(self, allocator: Allocator, loads: Sequence[int]) -> None:
        self.allocator = allocator
        moves = [(i, allocator.request_mw[i] + more) for more in (1_000, 0) for i in loads]
        self._moves = cycle(moves)

    def run(self, loops: int) -> None:
        allocator = self.allocator
        for i, request_mw in islice(self._moves, loops):
            allocator.request_mw[i] = request_mw
            allocator.change_load(i)

    def check(self) -> None:
        """The outputs are those of a full solve."""
        names = ("grant_mw", "shed", "binding_row")
        changed = [list(getattr(self.allocator, name)) for name in names]
        self.allocator.solve()
        assert changed == [list(getattr(self.allocator, name)) for name in names]


def held_by_rack(problem: Problem, allocator: Allocator) -> list[int]:
    """Loads whose binding row is their rack or its phase."""
    is_small = problem.end - problem.begin <= RACK_LOADS
    return [i for i, row in enumerate(allocator.binding_row) if row >= 0 and is_small[row]]


class Classes:
    """One load moves between classes 0 and 1 before each solve: the loads are sorted anew."""

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator

    def run(self, loops: int) -> None:
        for n in range(loops):
            self._allocator.class_[0] = n % 2
            self._allocator.solve()


def incremental(case: str, problem: Problem, rounds: int) -> tuple[list[Row], float, float]:
    """Rows of changes and of the copy; full / local change and full / copy."""
    allocator = problem.allocator()
    allocator.solve()
    local = Changes(allocator, held_by_rack(problem, allocator)[:500])
    wide = Changes(problem.allocator(), np.flatnonzero(problem.priority == 0)[:500].tolist())
    wide.allocator.solve()
    size = problem.loads * BYTES_PER_LOAD + len(problem.limit_mw) * 8
    source, target = ffi.new("char[]", size), ffi.new("char[]", size)
    full = problem.allocator()
    cases = {
        "full": repeated(full.solve),
        "local": local.run,
        "wide": wide.run,
        "classes": Classes(problem.allocator()).run,
        "copy": repeated(lambda: ffi.memmove(target, source, size)),
    }
    taken_us = interleave(cases, 20, rounds)
    local.check()
    wide.check()
    names = {
        "local": "change of a load that its rack holds back",
        "wide": "change of a load of class 0, which all others share out",
        "classes": "full solve after a load has changed its class",
        "copy": "one memcpy of all inputs and outputs",
    }
    rows = [
        Row(f"{case}, {label}", "us", taken_us[name], "own full solve", taken_us["full"])
        for name, label in names.items()
    ]
    return rows, taken_us["full"] / taken_us["local"], taken_us["full"] / taken_us["copy"]


def from_cold(case: str, problem: Problem, rounds: int) -> Row:
    """One solve and one copy, each after other work has had the caches: a daemon solves once in
    a control period. Median of single calls."""
    allocator = problem.allocator()
    size = problem.loads * BYTES_PER_LOAD + len(problem.limit_mw) * 8
    source, target = ffi.new("char[]", size), ffi.new("char[]", size)
    others = np.zeros(OTHERS_BYTES, dtype=np.uint8)
    calls: dict[str, Callable[[], object]] = {
        "full": allocator.solve,
        "copy": lambda: ffi.memmove(target, source, size),
    }
    taken_us: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(20 * rounds):
        for name, call in calls.items():
            others += 1
            start_ns = time.perf_counter_ns()
            call()
            taken_us[name].append((time.perf_counter_ns() - start_ns) / 1e3)
    full_us, copy_us = (statistics.median(taken_us[name]) for name in calls)
    label = f"{case}, one memcpy of all inputs and outputs, both from cold caches"
    return Row(label, "us", copy_us, "own full solve", full_us)


def run(quick: bool) -> Report:
    """All sizes; `quick`: the two small ones."""
    rounds = 3 if quick else 7
    rows: list[Row] = []
    targets: list[Target] = []
    for loads in [n for n in SHAPES if n <= 1_152 or not quick]:
        case = f"{loads:,} loads, tree"
        found, ratios = against_peers(case, site(loads), rounds)
        changes, local_gain, copies = incremental(case, site(loads), rounds)
        rows += [*found, *changes, from_cold(case, site(loads), rounds)]
        if loads == MAIN_LOADS:
            targets += [
                Target(f"{case}: fastest peer ÷ ours", min(ratios), 200, at_least=True),
                Target(f"{case}: full ÷ local change", local_gain, 20, at_least=True),
                Target(f"{case}: full ÷ memcpy", copies, 5),
            ]
        found, _ = against_peers(f"{loads:,} loads, feeds and N-1", with_feeds(loads), rounds)
        rows += found
    worst_w = max(row.ours or 0.0 for row in rows if row.case.endswith("most over a cap"))
    targets.append(Target("most over a cap, ours, W", worst_w, 0))
    return Report("allocate", rows, targets, NOTES)


NOTES = [
    "HiGHS answers sums per class only; the QPs and NumPy answer max-min shares as ours does",
    "with feeds and N-1 rows, max-min and the largest sum are two things: totals may differ",
    "pip install 'rackedge[bench]' brings the peers",
]
