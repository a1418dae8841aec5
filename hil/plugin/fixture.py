# SPDX-License-Identifier: Apache-2.0
"""The bench that Python tests get: a scenario without a file, stepped by the test."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.errors import ConfigError
from hil.devices import source_of
from hil.engine.health import health
from hil.engine.virtual import TICK_MS, VirtualBench
from hil.engine.virtual_run import VirtualRun
from hil.faults.schedule import make
from hil.plant.options import RackOptions
from hil.plant.rack import Rack
from hil.ports import Fault
from hil.record import Recorder
from hil.scenario.model import Case, FaultSpec, Where
from hil.scenario.options import BoardOptions, HostOptions
from hil.verdict import Verdict

LONGEST_MS = 24 * 3_600_000
HERE = Where("test", 0)


class TestBench:
    """One rack with its board and host; time moves only in `run`."""

    __test__ = False

    def __init__(self, run: VirtualRun) -> None:
        self._run = run
        self._layers: set[str] = set()
        self._count = 0

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
        """Let time pass, in whole ticks."""
        for _ in range(round(seconds * 1000 / TICK_MS)):
            self._run.tick()
            if self._run.failure is not None:
                raise AssertionError(self._run.failure)

    def value(self, signal: str) -> float:
        """A signal in the last tick. Raises KeyError with the names that there are."""
        return self.record.signal(signal)[-1]

    def inject(self, kind: str, **values: object) -> Fault:
        """Begin a fault now; `.stop(bench.ports, now)` or `bench.clear(fault)` ends it."""
        spec = FaultSpec(kind, values, HERE, at_ms=self._run.now_ms)
        fault = make(spec, self._run.case.seed, self._count)
        self._count += 1
        self._layers.add(kind.partition(".")[0])
        fault.start(self._run.ports, self._run.now_ms)
        return fault

    def clear(self, fault: Fault) -> None:
        """End a fault."""
        fault.stop(self._run.ports, self._run.now_ms)

    def judge(self, node: pytest.Item) -> None:
        """Fail the test for trouble that it did not ask for."""
        marker = node.get_closest_marker("hil_expect")
        expected = self._layers | set(marker.args if marker else ())
        bad = [c for c in health(self._run, expected) if c.verdict is not Verdict.PASS]
        if bad:
            pytest.fail("; ".join(f"{each.name}: {each.detail}" for each in bad), pytrace=False)

    def close(self) -> None:
        """Stop board and host."""
        self._run.close()


def open_bench(node: pytest.Item, directory: Path, device: str) -> TestBench:
    """A bench of what the marker `rack` says. Raises pytest.UsageError for what it may not say."""
    marker = node.get_closest_marker("rack")
    given: Mapping[str, object] = marker.kwargs if marker else {}
    unknown = set(given) - {"rack", "board", "host", "seed"}
    if unknown:
        raise pytest.UsageError(f"marker rack takes rack, board, host and seed, not {unknown}")
    case = Case(
        name=node.name,
        scenario=node.name,
        title=node.name,
        source=str(node.path),
        covers=(),
        needs=frozenset(),
        params={},
        seed=int(str(given.get("seed", 1))),
        duration_ms=LONGEST_MS,
        rack=RackOptions.model_validate(given.get("rack", {})),
        board=BoardOptions.model_validate(given.get("board", {})),
        host=HostOptions.model_validate(given.get("host", {})),
    )
    run = source_of(device).make_run(case, directory)
    if not isinstance(run, VirtualRun):
        run.close()
        raise ConfigError(f"fixture `bench` runs in virtual time: {device} does not")
    return TestBench(run)
