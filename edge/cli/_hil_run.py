# SPDX-License-Identifier: Apache-2.0
"""What `rackedge hil run` does: sessions, replay, comparison, an open rack."""

import logging
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli._hil_told import BAD, Told, announce, line, status
from edge.errors import ConfigError, EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.fidelity import Tolerances
    from hil.scenario.model import Case
    from hil.session import SessionOptions
    from hil.verdict import RunResult

INTERRUPTED = 130
DEVICE = "micropython"


def parameters(texts: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` of the command line. Raises ConfigError."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigError(f"--param {text}: write NAME=VALUE")
        if name in pairs:
            raise ConfigError(f"--param {name}: is given twice; give it once")
        pairs[name] = value
    return pairs


@dataclass(frozen=True, slots=True)
class RunCommand:
    """The command line of `rackedge hil run`."""

    scenarios: tuple[Path, ...]
    device: str | None
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
            device=self.device or DEVICE,
            bench=self.bench,
            params=parameters(self.params),
            seed=self.seed,
            only=self.cases,
            firmware=self.firmware,
            allow_destructive=self.allow_destructive,
        )

    def run(self) -> int:
        """Returns the exit code. Raises EdgeError."""
        # What the daemon would log is in the record; between the lines of the verdicts it is noise.
        logging.getLogger("rackedge").addHandler(logging.NullHandler())
        told = Told(self.report, self.as_json)
        options = self.options()
        if self.replay is not None:
            options = self._replayed(self.replay, told)
        from hil.devices import check_device  # noqa: PLC0415
        from hil.session import collect  # noqa: PLC0415

        for device in (options.device, self.compare or options.device):
            check_device(device, options.bench, options.firmware)
        cases = collect(options)
        return judged(told, lambda: self._session(told, options, cases))

    def serve(self, directory: Path) -> int:
        """Real time with front-ends open to the user's own tools; returns the exit code."""
        from hil.serve import default_case, serve_case  # noqa: PLC0415
        from hil.session import collect  # noqa: PLC0415

        self._only_with_serve()
        if self.report is not None:
            from hil.report.files import check_directory  # noqa: PLC0415

            check_directory(self.report)
        options = self.options()
        cases = collect(options) if self.scenarios else [default_case()]
        if len(cases) != 1:
            names = ", ".join(case.name for case in cases[:8])
            raise ConfigError(f"--serve runs one case: choose it with --case, out of {names}")
        result = serve_case(cases[0], directory, self.firmware)
        result.replay = " ".join(("rackedge", *sys.argv[1:]))
        cut = result.duration_s * 1000 < cases[0].duration_ms
        print(f"served {result.duration_s:g} s" if cut else line(result))
        if self.report is not None:
            from hil.report.write import write  # noqa: PLC0415

            print(f"report: {write([result], self.report)}")
        # Its usual end is Ctrl-C: that is no failure.
        return int(result.verdict in BAD and not cut)

    def _only_with_serve(self) -> None:
        """Raise ConfigError for options that say nothing to an open rack."""
        if self.device not in {None, "pty"}:
            raise ConfigError(f"--serve runs the VM in real time, not {self.device}")
        given = {
            "--count": self.count > 1,
            "--combine": self.combine > 0,
            "--compare": self.compare is not None,
            "--replay": self.replay is not None,
            "--json": self.as_json,
            "--bench": self.bench is not None,
            "--case, --param, --seed without a scenario": not self.scenarios
            and bool(self.cases or self.params or self.seed is not None),
        }
        wrong = [name for name, is_given in given.items() if is_given]
        if wrong:
            raise ConfigError(f"--serve does not go with {', '.join(wrong)}: leave it out")

    def _replayed(self, path: Path, told: Told) -> "SessionOptions":
        """What a run.json says; its digest is compared with that of this run."""
        from hil.replay import replay_of  # noqa: PLC0415

        if self.scenarios or self.cases or self.params or self.seed is not None or self.combine:
            raise ConfigError(
                "--replay takes scenario, case, seed and parameters from run.json: leave them out"
            )
        told.earlier = earlier = replay_of(path)
        return replace(
            self.options(),
            scenarios=(Path(earlier.source),),
            device=self.device or earlier.device,
            bench=self.bench or earlier.bench,
            params=earlier.params,
            seed=earlier.seed,
            only=(earlier.case,),
            firmware=self.firmware or earlier.firmware,
            allow_destructive=self.allow_destructive or earlier.allow_destructive,
        )

    def _session(self, told: Told, options: "SessionOptions", cases: "Sequence[Case]") -> None:
        run_all(told, options, [case for case in cases for _ in range(self.count)])
        if self.combine:
            from hil.combine import combinations  # noqa: PLC0415

            for result in combinations(options, cases, self.combine):
                told.add(result)
        if self.compare is not None:
            compare_all(told, replace(options, device=self.compare), cases)


def judged(told: Told, session: "Callable[[], None]") -> int:
    """The exit code of a session; whatever ends it, what has been found is told and written."""
    from hil.unwind import unwinding  # noqa: PLC0415

    with unwinding():
        try:
            session()
        except (KeyboardInterrupt, SystemExit):
            told.finish()
            return INTERRUPTED
        except EdgeError:
            if told.results:
                told.finish()
            raise
        told.finish()
    return 0 if told.good else 1


def run_all(told: Told, options: "SessionOptions", cases: "Sequence[Case]") -> None:
    """Run these cases, the last one also if it was cut short. Raises KeyboardInterrupt."""
    from hil.devices import VIRTUAL  # noqa: PLC0415
    from hil.engine.run import Interrupted  # noqa: PLC0415
    from hil.session import run_session  # noqa: PLC0415

    if options.device not in VIRTUAL:
        announce(cases)
    with (
        status(told, len(cases)) as progress,
        closing(run_session(options, cases, progress)) as results,
    ):
        try:
            for result in results:
                told.add(result)
        except Interrupted as cut:
            told.add(cut.result)
            raise KeyboardInterrupt from None


def compare_all(told: Told, options: "SessionOptions", cases: "Sequence[Case]") -> None:
    """Run the cases that have a record on another device too, and compare."""
    from hil.fidelity import compare  # noqa: PLC0415

    ours = {result.case: result for result in told.results if result.record is not None}
    before = len(told.results)
    try:
        run_all(told, options, [case for case in cases if case.name in ours])
    finally:
        told.comparisons += [
            compare(ours[result.case], result, _tolerances(ours[result.case], result))
            for result in told.results[before:]
            if result.record is not None
        ]


def _tolerances(a: "RunResult", b: "RunResult") -> "Tolerances":
    from hil.fidelity import EXACT, REAL_TIME  # noqa: PLC0415

    return EXACT if a.clock == b.clock == "virtual" else REAL_TIME
