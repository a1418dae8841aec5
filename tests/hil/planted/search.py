# SPDX-License-Identifier: Apache-2.0
"""The full search: the whole library on the sound firmware, then on each bug until one case fails.

Bugs are independent of each other, so they are spread over processes.
"""

import logging
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from edge.errors import EdgeError
from hil.scenario.model import Case
from tests.hil.planted import trial
from tests.hil.planted.bug import Bug, plant
from tests.hil.planted.bugs import BY_NAME
from tests.hil.planted.trial import Kill

NICE = 10
"""A search takes minutes: others go first."""


class Found(NamedTuple):
    """What became of a bug."""

    bug: str
    kill: Kill | None
    """None: it survived."""
    runs: int
    """Cases that were run."""
    trouble: str = ""
    """Why it counts for nothing: it does not pass the smoke."""


class Search:
    """One process's share: holds the cases, which are loaded once."""

    def __init__(self, scenarios: Path) -> None:
        self._cases = trial.library(scenarios)

    def sound(self, at: int) -> str:
        """What is wrong with case number `at` on the sound firmware; empty if nothing is."""
        try:
            result = trial.run(self._cases[at], None)
        except EdgeError as error:
            return f"{self._cases[at].name}: {error}"
        if result.verdict in trial.GOOD:
            return ""
        return f"{result.case}: {result.verdict}: {'; '.join(result.reasons[:2])}"

    def bug(self, bug: Bug, intended: bool) -> Found:
        """Plant it and look for the first case that sees it; `intended`: among those that cover
        what it breaks."""
        with tempfile.TemporaryDirectory(prefix="rackedge-planted-") as scratch:
            firmware = plant(bug, Path(scratch))
            smoke = trial.run(trial.healthy(), firmware)
            if smoke.verdict not in trial.GOOD:
                return Found(bug.name, None, 1, "; ".join(smoke.reasons[:2]))
            runs = 1
            for case in trial.in_order(bug, self._cases, intended):
                runs += 1
                kill = self._kill(case, firmware)
                if kill is not None:
                    return Found(bug.name, kill, runs)
        return Found(bug.name, None, runs)

    def _kill(self, case: Case, firmware: Path) -> Kill | None:
        """A case that cannot run sees nothing: `sound` says so."""
        try:
            return trial.failed(trial.run(case, firmware))
        except EdgeError:
            return None


_mine: list[Search] = []


def _begin(scenarios: Path) -> None:
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    logging.getLogger("rackedge").addHandler(logging.NullHandler())
    _mine.append(Search(scenarios))


def _sound(at: int) -> str:
    return _mine[0].sound(at)


def _bug(name: str, intended: bool) -> Found:
    return _mine[0].bug(BY_NAME[name], intended)


class Pool:
    """`jobs` processes that search."""

    def __init__(self, jobs: int, scenarios: Path) -> None:
        self._cases = len(trial.library(scenarios))
        context = get_context("spawn")
        self._pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(scenarios,))

    def sound(self) -> list[str]:
        """What is wrong with the library on the sound firmware."""
        return [trouble for trouble in self._pool.map(_sound, range(self._cases)) if trouble]

    def bugs(self, bugs: Sequence[Bug], intended: bool) -> Iterator[Found]:
        """One result each, in order."""
        return self._pool.map(_bug, [bug.name for bug in bugs], [intended] * len(bugs))

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)
