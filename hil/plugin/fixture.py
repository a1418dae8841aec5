# SPDX-License-Identifier: Apache-2.0
"""The bench that Python tests get: a scenario without a file, stepped by the test."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.errors import EdgeError
from hil.devices import VIRTUAL, source_of
from hil.engine.health import health
from hil.engine.run import MOST_ROWS
from hil.engine.virtual import TICK_MS, VirtualBench
from hil.engine.virtual_run import VirtualRun
from hil.faults import Prepared
from hil.faults.schedule import make, text_of
from hil.faults.shared import Ticking
from hil.plant.options import RackOptions
from hil.plant.rack import Rack
from hil.plugin.items import properties
from hil.plugin.results import keep
from hil.ports import Fault
from hil.record import Recorder
from hil.scenario.model import Case, FaultSpec, Where
from hil.scenario.options import BoardOptions, HostOptions
from hil.verdict import CheckResult, FaultSpan, Verdict, worst

LENGTH_MS = MOST_ROWS * TICK_MS
"""What the run takes for its length: it records every tick. A test may go on for longer."""
HERE = Where("bench.inject", 1)
REPETITION = "hil_repetition"


class Injected:
    """One fault that the test has begun."""

    def __init__(self, spec: FaultSpec, fault: Fault, start_ms: int) -> None:
        self.spec = spec
        self.fault = fault
        self.start_ms = start_ms
        self.end_ms: int | None = None

    def span(self) -> FaultSpan:
        """For the report."""
        return FaultSpan(self.spec.kind, text_of(self.spec), self.start_ms, self.end_ms)


class TestBench:
    """One rack with its board and host; time moves only in `run`."""

    __test__ = False

    def __init__(self, run: VirtualRun, node: pytest.Item) -> None:
        self._run = run
        self._node = node
        self._faults: list[Injected] = []
        self._failure: str | None = None

    @property
    def rack(self) -> Rack:
        """The plant."""
        return self._run.rack

    @property
    def virtual(self) -> VirtualBench:
        """Board, line and host."""
        return self._run.bench

    @property
    def record(self) -> Recorder:
        """Every signal so far."""
        return self._run.record

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return self._run.now_ms / 1000

    def run(self, seconds: float) -> None:
        """Let time pass, in whole ticks. Raises AssertionError if the board dies."""
        for _ in range(round(seconds * 1000 / TICK_MS)):
            for each in self._faults:
                if each.end_ms is None and isinstance(each.fault, Ticking):
                    each.fault.tick(self._run.ports, self._run.now_ms + TICK_MS)
            self._run.tick()
            if self._run.failure is not None:
                raise AssertionError(self._run.failure)

    def value(self, signal: str) -> float:
        """A signal in the last tick; NaN before the first. Raises KeyError with the names that
        there are."""
        values = self.record.signal(signal)
        return values[-1] if values else math.nan

    def inject(self, kind: str, **values: object) -> Injected:
        """Begin a fault of hil/faults/README.md; `clear` ends it. Raises ConfigError."""
        now_ms = self._run.now_ms
        spec = FaultSpec(kind, values, HERE, at_ms=now_ms)
        fault = make(spec, self._run.case.seed, len(self._faults))
        if isinstance(fault, Prepared):
            fault.prepare(self._run.ports)
        fault.start(self._run.ports, now_ms)
        self._faults.append(Injected(spec, fault, now_ms))
        return self._faults[-1]

    def clear(self, injected: Injected) -> None:
        """End a fault; twice is once."""
        if injected.end_ms is None:
            injected.end_ms = self._run.now_ms
            injected.fault.stop(self._run.ports, self._run.now_ms)

    def failed(self, error: BaseException) -> None:
        """The test has ended by this error: it is told in the report."""
        if not isinstance(error, pytest.skip.Exception):
            words = str(error).strip().splitlines()
            self._failure = words[0] if words else type(error).__name__

    def judge(self) -> None:
        """Fail the test for trouble that it did not ask for."""
        bad = [each for each in self._health() if each.verdict is not Verdict.PASS]
        if bad:
            self._failure = "; ".join(f"{each.name}: {each.detail}" for each in bad)
            pytest.fail(self._failure, pytrace=False)

    def _health(self) -> tuple[CheckResult, ...]:
        marker = self._node.get_closest_marker("hil_expect")
        layers = {each.spec.kind.partition(".")[0] for each in self._faults}
        return tuple(health(self._run, layers | set(marker.args if marker else ())))

    def close(self) -> None:
        """Stop board and host; hand over what the report shows."""
        try:
            self._keep()
        finally:
            self._run.close()

    def _keep(self) -> None:
        result = self._run.finish()
        result.checks = self._health()
        result.faults = tuple(each.span() for each in self._faults)
        result.verdict = worst(each.verdict for each in result.checks)
        result.reasons = ()
        if self._failure is not None:
            result.verdict, result.reasons = Verdict.FAIL, (self._failure,)
        result.replay = f"pytest {self._node.nodeid}"
        self._node.user_properties += properties(result)
        keep(self._node.config, result)


def open_bench(node: pytest.Item, directory: Path) -> TestBench:
    """A bench of what the marker `rack` says; a mistake in it fails the test."""
    options = node.config.option
    if options.hil_device not in VIRTUAL:
        pytest.skip(f"`bench` runs in virtual time, {options.hil_device} does not")
    try:
        case = case_of(node)
        run = source_of(options.hil_device, None, options.hil_firmware).make_run(case, directory)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        pytest.fail(f"marker rack: {told}", pytrace=False)
    except EdgeError as error:
        pytest.fail(str(error), pytrace=False)
    assert isinstance(run, VirtualRun)  # noqa: S101 - what VIRTUAL makes
    return TestBench(run, node)


def case_of(node: pytest.Item) -> Case:
    """What the marker `rack` says, as a case. Raises ValidationError."""
    marker = node.get_closest_marker("rack")
    given: Mapping[str, object] = marker.kwargs if marker else {}
    unknown = set(given) - {"rack", "board", "host", "seed"}
    if unknown or (marker and marker.args):
        wrong = ", ".join(sorted(unknown)) or "values without a name"
        pytest.fail(f"marker rack takes rack, board, host and seed, not {wrong}", pytrace=False)
    name = name_of(node)
    return Case(
        name=name,
        scenario=name,
        title=name,
        source=str(node.path),
        covers=(),
        needs=frozenset(),
        params={},
        seed=int(str(given.get("seed", 1))),
        duration_ms=LENGTH_MS,
        rack=RackOptions.model_validate(given.get("rack", {})),
        board=BoardOptions.model_validate(given.get("board", {})),
        host=HostOptions.model_validate(given.get("host", {})),
    )


def name_of(node: pytest.Item) -> str:
    """Module, test and parameters; the same for each repetition under --count."""
    first = getattr(node, "originalname", None) or node.name
    params = dict(getattr(getattr(node, "callspec", None), "params", {}))
    params.pop(REPETITION, None)
    inside = ",".join(f"{name}={value}" for name, value in params.items())
    return f"{node.path.stem}.{first}" + (f"[{inside}]" if inside else "")
