# SPDX-License-Identifier: Apache-2.0
"""Results of all workers in one report, and which cases were not the same each time."""

import pickle
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

from hil.verdict import RunResult

SPOOL = pytest.StashKey[Path]()


def keep(config: pytest.Config, result: RunResult) -> None:
    """Hand a result to whoever writes the report, in this process or in the one that leads."""
    spool = config.stash.get(SPOOL, None)
    if spool is None:
        return
    with tempfile.NamedTemporaryFile(dir=spool, suffix=".part", delete=False) as file:
        pickle.dump(result, file)
    part = Path(file.name)
    part.rename(part.with_suffix(".run"))


class Results:
    """Collects in a spool directory, because xdist's workers are processes of their own."""

    def __init__(self, config: pytest.Config) -> None:
        worker = getattr(config, "workerinput", None)
        self._leads = worker is None
        if worker is None:
            self._spool = tempfile.TemporaryDirectory(prefix="rackedge-results-")
            config.stash[SPOOL] = Path(self._spool.name)
            config.add_cleanup(self._spool.cleanup)
        else:
            config.stash[SPOOL] = Path(worker["rackedge_spool"])
        self._config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: "object") -> None:
        """xdist is about to start a worker: tell it where results go."""
        node.workerinput["rackedge_spool"] = str(self._config.stash[SPOOL])  # type: ignore[attr-defined]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the report; tell which cases are flaky."""
        if not self._leads:
            return
        results = self._load()
        directory = self._config.getoption("--hil-report")
        if directory is not None and results:
            from hil.report.write import write  # noqa: PLC0415

            terminalreporter.write_line(f"report: {write(results, directory)}")
        if self._config.getoption("--count") > 1:
            for line in flakes(results):
                terminalreporter.write_line(line)

    def _load(self) -> list[RunResult]:
        files = sorted(self._config.stash[SPOOL].glob("*.run"), key=lambda f: f.stat().st_mtime_ns)
        # Written by our own workers a moment ago, into a directory of our own.
        return [pickle.loads(file.read_bytes()) for file in files]  # noqa: S301


def flakes(results: list[RunResult]) -> list[str]:
    """One line per case that was not the same each time: verdicts, or records in virtual time."""
    runs: dict[str, list[RunResult]] = defaultdict(list)
    for result in results:
        runs[result.case].append(result)
    lines = []
    for case, several in sorted(runs.items()):
        verdicts = [str(each.verdict) for each in several]
        digests = {each.digest for each in several if each.digest is not None}
        if len(set(verdicts)) > 1:
            counts = ", ".join(f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts)))
            lines.append(f"FLAKY {case}: {counts}")
        elif len(digests) > 1:
            lines.append(f"NOT REPLAYABLE {case}: {len(digests)} different records of one seed")
    return lines
