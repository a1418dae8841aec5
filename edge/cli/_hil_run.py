# SPDX-License-Identifier: Apache-2.0
"""What `rackedge hil run` does: sessions, reports, replay, comparison."""

import json
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.engine.run import Run
    from hil.fidelity import Comparison, Tolerances
    from hil.scenario.model import Case
    from hil.session import Progress, SessionOptions
    from hil.verdict import RunResult

INTERRUPTED = 130
MARKS = {"PASS": "ok", "MARGINAL": "MARGINAL", "FAIL": "FAIL", "SKIP": "skip"}
BAD = ("FAIL", "INCONCLUSIVE")
REASONS_SHOWN = 3


def parameters(texts: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` of the command line. Raises ConfigError."""
    bad = [text for text in texts if "=" not in text]
    if bad:
        raise ConfigError(f"--param {bad[0]}: write NAME=VALUE")
    return dict(text.partition("=")[::2] for text in texts)


@dataclass(frozen=True, slots=True)
class RunCommand:
    """The command line of `rackedge hil run`."""

    scenarios: tuple[Path, ...]
    device: str
    bench: Path | None
    cases: tuple[str, ...]
    params: tuple[str, ...]
    seed: int | None
    count: int
    combine: int
    report: Path | None
    compare: str | None
    replay: Path | None
    firmware: Path | None
    allow_destructive: bool
    as_json: bool

    def options(self) -> "SessionOptions":
        """As the session takes them. Raises ConfigError."""
        from hil.session import LIBRARY, SessionOptions  # noqa: PLC0415

        return SessionOptions(
            scenarios=self.scenarios or (LIBRARY,),
            device=self.device,
            bench=self.bench,
            params=parameters(self.params),
            seed=self.seed,
            only=self.cases,
            firmware=self.firmware,
            allow_destructive=self.allow_destructive,
        )

    def run(self) -> int:
        """Returns the exit code."""
        # What the daemon would log is in the record; between the lines of the verdicts it is noise.
        logging.getLogger("rackedge").addHandler(logging.NullHandler())
        if self.report is not None:
            from hil.report.files import check_directory  # noqa: PLC0415

            check_directory(self.report)
        if self.replay is not None:
            return self._replay(self.replay)
        from hil.session import collect  # noqa: PLC0415

        options = self.options()
        cases = [case for case in collect(options) for _ in range(self.count)]
        return self._judge(options, cases)

    def serve(self, directory: Path) -> int:
        """Real time with front-ends open to the user's own tools; returns the exit code."""
        from hil.serve import default_case, serve_case  # noqa: PLC0415
        from hil.session import collect  # noqa: PLC0415

        cases = collect(self.options()) if self.scenarios else [default_case()]
        if len(cases) != 1:
            names = ", ".join(case.name for case in cases[:8])
            raise ConfigError(f"--serve runs one case: choose it with --case, out of {names}")
        result = serve_case(cases[0], directory, self.firmware)
        if self.report is not None:
            from hil.report.write import write  # noqa: PLC0415

            print(f"report: {write([result], self.report)}")
        return 0

    def _replay(self, path: Path) -> int:
        """Run what a run.json says again, and compare the digests."""
        from hil.replay import replay_of  # noqa: PLC0415
        from hil.session import collect  # noqa: PLC0415

        earlier = replay_of(path)
        options = replace(
            self.options(),
            scenarios=(Path(earlier.source),),
            device=earlier.device,
            seed=earlier.seed,
            only=(earlier.case,),
            params=earlier.params,
        )
        return self._judge(options, collect(options), digest=earlier.digest)

    def _judge(
        self, options: "SessionOptions", cases: "list[Case]", digest: str | None = None
    ) -> int:
        results: list[RunResult] = []
        comparisons: list[Comparison] = []
        code = 0
        try:
            self._run_all(options, cases, results)
            if self.combine:
                self._combine(options, cases, results)
            if self.compare is not None:
                comparisons = self._compare(options, cases, results)
        except KeyboardInterrupt:
            code = INTERRUPTED
        path = None
        if self.report is not None and results:
            from hil.report.write import write  # noqa: PLC0415

            path = write(results, self.report, comparisons)
        self._summary(results, comparisons, path, digest)
        if code:
            return code
        same = digest is None or (bool(results) and results[0].digest == digest)
        agree = all(each.verdict == "PASS" for each in comparisons)
        bad = any(result.verdict in BAD for result in results)
        return int(bad or not same or not agree)

    def _run_all(
        self, options: "SessionOptions", cases: "list[Case]", results: "list[RunResult]"
    ) -> None:
        from hil.engine.run import Interrupted  # noqa: PLC0415
        from hil.session import run_session  # noqa: PLC0415

        with _status() as progress:
            try:
                for result in run_session(options, cases, progress):
                    results.append(result)
                    self._line(result)
            except Interrupted as cut:
                results.append(cut.result)
                self._line(cut.result)
                raise KeyboardInterrupt from None

    def _combine(
        self, options: "SessionOptions", cases: "list[Case]", results: "list[RunResult]"
    ) -> None:
        """Random combinations of faults on the same racks; the failing ones as small as may be."""
        from hil.combine import combinations  # noqa: PLC0415

        for result in combinations(options, cases, self.combine):
            results.append(result)
            self._line(result)

    def _compare(
        self, options: "SessionOptions", cases: "list[Case]", results: "list[RunResult]"
    ) -> "list[Comparison]":
        from hil.fidelity import compare  # noqa: PLC0415

        other = replace(options, device=str(self.compare))
        ours = {result.case: result for result in results if result.record is not None}
        theirs: list[RunResult] = []
        self._run_all(other, [case for case in cases if case.name in ours], theirs)
        results += theirs
        return [
            compare(ours[result.case], result, _tolerances(ours[result.case], result))
            for result in theirs
            if result.record is not None
        ]

    def _line(self, result: "RunResult") -> None:
        if self.as_json:
            return
        mark = MARKS.get(result.verdict, result.verdict)
        speed = result.metrics.get("speed")
        took = "" if speed is None else f"  {result.duration_s:g} s at {speed:.0f} x"
        print(f"{mark:12} {result.case}  ({result.device}{took})", flush=True)
        if result.verdict != "PASS":
            for reason in result.reasons[:REASONS_SHOWN]:
                print(f"             {reason}")
            if len(result.reasons) > REASONS_SHOWN:
                print(f"             and {len(result.reasons) - REASONS_SHOWN} more")
        if result.verdict in BAD:
            print(f"             again: {result.replay}")

    def _summary(
        self,
        results: "Sequence[RunResult]",
        comparisons: "Sequence[Comparison]",
        path: Path | None,
        digest: str | None,
    ) -> None:
        if self.as_json:
            from hil.report.document import run_document  # noqa: PLC0415

            documents = [
                run_document(each, [c for c in comparisons if each in (c.a, c.b)])
                for each in results
            ]
            json.dump({"results": documents}, sys.stdout, indent=1)
            sys.stdout.write("\n")
            return
        for each in comparisons:
            said = "the same" if each.verdict == "PASS" else "; ".join(each.reasons)
            print(f"{each.a.case}: {each.a.device} against {each.b.device}: {said}")
        if digest is not None and results:
            same = results[0].digest == digest
            print("the record is the same, bit for bit" if same else "the record is NOT the same")
        counts = Counter(str(result.verdict) for result in results)
        print(", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing ran")
        if self.count > 1:
            from hil.plugin.results import flakes  # noqa: PLC0415

            print("\n".join(flakes(list(results))) or "each case the same each time")
        if path is not None:
            print(f"report: {path}")


def _tolerances(a: "RunResult", b: "RunResult") -> "Tolerances":
    from hil.fidelity import EXACT, REAL_TIME  # noqa: PLC0415

    return EXACT if a.clock == b.clock == "virtual" else REAL_TIME


@contextmanager
def _status() -> "Iterator[Progress]":
    """A line that shows where a run is, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _run: None
        return
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    with console.status("") as status:

        def show(run: "Run") -> None:
            if run.now_ms % 1000 == 0:
                of_s = run.case.duration_ms / 1000
                status.update(f"{run.case.name}  {run.now_ms / 1000:.0f} of {of_s:g} s")

        yield show
