# SPDX-License-Identifier: Apache-2.0
"""What `rackedge hil run` tells of its results: a line each, a summary or one JSON document, files.

The report is written as the runs end: what has finished is on the disk, whatever comes.
"""

import json
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli._target import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hil.engine.run import Run
    from hil.fidelity import Comparison
    from hil.replay import Earlier
    from hil.report.write import Report
    from hil.scenario.model import Case
    from hil.session import Progress
    from hil.verdict import RunResult

MARKS = {"PASS": "ok", "SKIP": "skip"}
"""Verdicts that are written in another way, the quiet ones."""
BAD = ("FAIL", "INCONCLUSIVE")
REASONS_SHOWN = 3
LONG_S = 60.0
"""A session of so long in real time is told beforehand."""


class Told:
    """Takes each result as it comes, and all of them at the end."""

    def __init__(self, report: Path | None, as_json: bool) -> None:
        """Raises EdgeError if the report's directory cannot hold it."""
        self._as_json = as_json
        self._report: Report | None = None
        if report is not None:
            from hil.report import write  # noqa: PLC0415
            from hil.report.files import check_directory  # noqa: PLC0415

            check_directory(report)
            self._report = write.Report(report)
        self.results: list[RunResult] = []
        self.comparisons: list[Comparison] = []
        self.earlier: Earlier | None = None
        """The run that the first results are a replay of."""

    def add(self, result: "RunResult") -> None:
        """Print its line, write its files. Raises EdgeError."""
        self.results.append(result)
        if self._report is not None:
            self._report.add(result)
        if not self._as_json:
            print(line(result), flush=True)

    @property
    def same(self) -> bool | None:
        """Whether a replay was the same bit for bit; None if that was not asked or has no sense."""
        if self.earlier is None or self.earlier.digest is None or not self.results:
            return None
        return all(result.digest == self.earlier.digest for result in self.results)

    @property
    def good(self) -> bool:
        """Whether there is nothing to complain about."""
        from hil.flakes import flakes  # noqa: PLC0415

        fine = not any(result.verdict in BAD for result in self.results)
        agree = all(each.verdict == "PASS" for each in self.comparisons)
        return fine and agree and self.same is not False and not flakes(self.results)

    def finish(self) -> None:
        """Write junit.xml and report.html; print the summary, or the document. Raises EdgeError."""
        page = None
        if self._report is not None and self.results:
            page = self._report.finish(self.comparisons)
        if self._as_json:
            self._document()
        else:
            self._summary(page)

    def _document(self) -> None:
        from hil.flakes import flakes  # noqa: PLC0415
        from hil.report.document import run_document  # noqa: PLC0415

        documents = [
            run_document(each, [c for c in self.comparisons if each is c.a or each is c.b])
            for each in self.results
        ]
        document = {"results": documents, "flaky": flakes(self.results), "same": self.same}
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")

    def _summary(self, page: Path | None) -> None:
        from hil.flakes import flakes  # noqa: PLC0415

        for each in self.comparisons:
            said = "the same" if each.verdict == "PASS" else "; ".join(each.reasons)
            print(f"{each.a.case}: {each.a.device} against {each.b.device}: {said}")
        if self.earlier is not None and self.results:
            print(self._replayed())
        counts = Counter(str(result.verdict) for result in self.results)
        print(", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing ran")
        if len(self.results) > len({(each.case, each.device) for each in self.results}):
            print("\n".join(flakes(self.results)) or "each case the same each time")
        if page is not None:
            print(f"report: {page}")

    def _replayed(self) -> str:
        earlier = self.earlier
        if self.same is None or earlier is None:
            return "in real time no record is like another: nothing to compare bit for bit"
        if self.same:
            return "the record is the same, bit for bit"
        other = earlier.other_than(self.results[0].environment)
        return "the record is NOT the same" + (f": {other}" if other else "")


def line(result: "RunResult") -> str:
    """One result, with reasons and the way to see it again if it is no PASS."""
    speed = result.metrics.get("speed")
    took = "" if speed is None else f"  {result.duration_s:g} s at {speed:.0f} x"
    mark = MARKS.get(result.verdict, result.verdict)
    lines = [f"{mark:12} {result.case}  ({result.device}{took})"]
    if result.verdict != "PASS":
        lines += result.reasons[:REASONS_SHOWN]
        more = len(result.reasons) - REASONS_SHOWN
        lines += [f"and {more} more"] if more > 0 else []
    if result.verdict in BAD:
        lines.append(f"again: {result.replay}")
    return "\n".join(lines).replace("\n", "\n" + " " * 13)


def announce(cases: "Sequence[Case]") -> None:
    """How long they take in real time, if that is long."""
    total_s = sum(case.duration_ms for case in cases) / 1000
    if total_s >= LONG_S:
        many = f"{len(cases)} cases" if len(cases) > 1 else "1 case"
        tell(f"{many} in real time: {timedelta(seconds=round(total_s))} at most")


@contextmanager
def status(told: Told, cases: int) -> "Iterator[Progress]":
    """A line that shows where a session of so many cases is, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _run: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415

    console = Console(stderr=True)
    before = len(told.results)
    with console.status("") as shown:

        def show(run: "Run") -> None:
            if run.now_ms % 1000 == 0:
                number = len(told.results) - before + 1
                at = f"{run.now_ms / 1000:.0f} of {run.case.duration_ms / 1000:g} s"
                shown.update(f"{number} of {cases}: {escape(run.case.name)}  {at}")

        yield show
