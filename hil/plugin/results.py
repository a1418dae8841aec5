# SPDX-License-Identifier: Apache-2.0
"""Results of all workers in one report, and which cases were not the same each time."""

import pickle
import tempfile
from pathlib import Path
from typing import Any

import pytest

from edge.errors import EdgeError
from hil.flakes import flakes
from hil.report.files import check_directory
from hil.report.write import Report
from hil.verdict import RunResult

NAME = "rackedge-results"
SPOOL = "rackedge_spool"


def keep(config: pytest.Config, result: RunResult) -> None:
    """Hand a result to whoever writes the report, in this process or in the one that leads."""
    plugin = config.pluginmanager.get_plugin(NAME)
    if isinstance(plugin, Results):
        plugin.take(result)


class Results:
    """In the leading process: writes the report, run by run. In a worker of xdist: hands over
    through a spool directory, because workers are processes of their own."""

    def __init__(self, config: pytest.Config) -> None:
        """Raises pytest.UsageError for a directory that cannot hold the report."""
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._leads = worker is None
        self._count: int = config.getoption("--hil-count")
        self._results: list[RunResult] = []
        self._report: Report | None = None
        self._lines: list[str] = []
        if worker is not None:
            self._spool = Path(worker[SPOOL])
            return
        directory = config.getoption("--hil-report")
        if directory is not None:
            try:
                check_directory(directory)
            except EdgeError as error:
                raise pytest.UsageError(str(error).replace("--report", "--hil-report")) from None
            self._report = Report(directory)
        spool = tempfile.TemporaryDirectory(prefix="rackedge-results-")
        self._spool = Path(spool.name)
        config.add_cleanup(spool.cleanup)

    def take(self, result: RunResult) -> None:
        """A run of this process has ended."""
        if self._leads:
            self._add(result)
            return
        with tempfile.NamedTemporaryFile(dir=self._spool, suffix=".part", delete=False) as file:
            pickle.dump(result, file)
        part = Path(file.name)
        part.rename(part.with_suffix(".run"))

    def _add(self, result: RunResult) -> None:
        self._results.append(result)
        if self._report is not None:
            self._report.add(result)

    def _drain(self) -> None:
        for file in sorted(self._spool.glob("*.run"), key=lambda each: each.stat().st_mtime_ns):
            # Written by our own workers a moment ago, into a directory of our own.
            self._add(pickle.loads(file.read_bytes()))  # noqa: S301
            file.unlink()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist is about to start a worker: tell it where results go."""
        node.workerinput[SPOOL] = str(self._spool)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has ended, here or in a worker."""
        if self._leads and report.when == "teardown":
            self._drain()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report's pages; a case that is not the same each time fails the session."""
        if not self._leads:
            return
        self._drain()
        if self._report is not None and self._results:
            self._lines.append(f"report: {self._report.finish()}")
        flaky = flakes(self._results) if self._count > 1 else []
        self._lines += flaky
        if flaky and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Where the report is, and which cases are flaky."""
        for line in self._lines:
            terminalreporter.write_line(line)
