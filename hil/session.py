# SPDX-License-Identifier: Apache-2.0
"""Many cases on one device: chosen, run one after the other, skipped with a reason where they
cannot run. What the command line and the pytest plugin share."""

import fnmatch
import shlex
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.errors import ActuatorError, ConfigError, LinkError, PortError
from hil.bench.gate import skip_reasons
from hil.devices import DeviceSource, source_of
from hil.engine.run import Interrupted, Run, run_case
from hil.engine.unavailable import Unavailable
from hil.ports import Unsupported
from hil.scenario.load import load
from hil.scenario.model import Case
from hil.unwind import unwinding
from hil.verdict import RunResult, Verdict

LIBRARY = Path(__file__).parent / "scenarios"
"""The scenarios that come with rackedge."""

Progress = Callable[[Run], None]


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What to run, and on what."""

    scenarios: tuple[Path, ...] = (LIBRARY,)
    device: str = "micropython"
    """`micropython`, `cpython` (virtual time), `pty` (the VM as if it were a board, real time), or
    a device of the bench file."""
    bench: Path | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    only: tuple[str, ...] = ()
    """Patterns of case names; none: all."""
    firmware: Path | None = None
    """A folder with another `firmware_py/`, for the VM."""
    allow_destructive: bool = False

    def command(self, case: Case) -> str:
        """The command line that runs one case again."""
        words = ["rackedge", "hil", "run", case.source, f"--case={case.name}"]
        words += [f"--device={self.device}", f"--seed={case.seed}"]
        words += [f"--bench={self.bench}"] if self.bench else []
        words += [f"--firmware={self.firmware}"] if self.firmware else []
        given = {name: value for name, value in self.params.items() if name in case.params}
        words += [f"--param={name}={value}" for name, value in given.items()]
        words += ["--allow-destructive"] if self.allow_destructive else []
        return shlex.join(words)


def collect(options: SessionOptions) -> list[Case]:
    """The cases that were asked for. Raises ConfigError with every mistake, or if none match."""
    cases = load(options.scenarios, overrides=options.params)
    if options.seed is not None:
        cases = [replace(case, seed=options.seed) for case in cases]
    if not options.only:
        return cases
    chosen = [c for c in cases if any(_matches(c.name, each) for each in options.only)]
    if not chosen:
        names = ", ".join(case.name for case in cases[:10])
        raise ConfigError(f"no case is named {', '.join(options.only)}: there are {names} ...")
    return chosen


def _matches(name: str, pattern: str) -> bool:
    """As a name, or as a shell pattern in which brackets are plain: `feed-loss[edge=*]`."""
    plain = pattern.replace("[", "[[]")
    return name == pattern or fnmatch.fnmatchcase(name, plain)


def run_session(
    options: SessionOptions,
    cases: Sequence[Case],
    progress: Progress = lambda _run: None,
) -> Generator[RunResult, None, None]:
    """Run them in order; a result each. Raises Interrupted with what the cut run had found."""
    with ExitStack() as stack:
        stack.enter_context(unwinding())
        source = stack.enter_context(source_of(options.device, options.bench, options.firmware))
        for case in cases:
            yield run_on(source, options, case, progress)


def run_on(
    source: DeviceSource, options: SessionOptions, case: Case, progress: Progress
) -> RunResult:
    """One case on a device, or the reasons why not.

    Raises EdgeError if the device is not there for the first case; one that goes away later makes
    the cases from there on INCONCLUSIVE. Raises Interrupted."""
    replay = options.command(case)
    why = skips(source, options, case)
    if why:
        return not_run(case, source, Verdict.SKIP, why, replay)
    with tempfile.TemporaryDirectory(prefix="rackedge-hil-") as scratch:

        def make() -> Run:
            run = source.make_run(case, Path(scratch))
            source.met = True
            return run

        try:
            result = run_case(make, progress)
        except (Unavailable, Unsupported) as missing:
            return not_run(case, source, Verdict.SKIP, (str(missing),), replay)
        except (PortError, LinkError, ActuatorError) as error:
            if not source.met:
                raise  # it was never there: the user has to do something first
            return not_run(case, source, Verdict.INCONCLUSIVE, (str(error),), replay)
        except Interrupted as cut:
            cut.result.replay = replay
            raise
    result.replay = replay
    return result


def skips(source: DeviceSource, options: SessionOptions, case: Case) -> tuple[str, ...]:
    """Why a case cannot run here; nothing if it can."""
    found = [] if case.skip is None else [case.skip]
    found += skip_reasons(
        source.name,
        case.needs,
        source.capabilities,
        destructive=case.destructive,
        real=source.real,
        device_allows=source.destructive,
        user_allows=options.allow_destructive,
    )
    return tuple(found)


def not_run(
    case: Case, source: DeviceSource, verdict: Verdict, reasons: tuple[str, ...], replay: str
) -> RunResult:
    """The result of a case that did not run."""
    return RunResult(
        case=case.name,
        title=case.title,
        source=case.source,
        covers=case.covers,
        device=source.name,
        clock=source.clock,
        seed=case.seed,
        params=case.params,
        verdict=verdict,
        reasons=reasons,
        replay=replay,
    )
