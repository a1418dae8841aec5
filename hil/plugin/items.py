# SPDX-License-Identifier: Apache-2.0
"""Scenario files as pytest collects them: one item per case and repetition."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.cli._hil_run import parameters
from edge.errors import EdgeError, PortError
from hil.devices import DeviceSource, check_device, source_of
from hil.engine.run import Interrupted
from hil.plugin.results import keep
from hil.scenario.files import Reader, all_params
from hil.scenario.model import Case
from hil.scenario.problem import Problems
from hil.session import SessionOptions, collect, run_on
from hil.verdict import RunResult, Verdict

SOURCE = pytest.StashKey[DeviceSource]()
PARAMS = pytest.StashKey[set[str]]()
"""Parameters that some scenario has."""


class ScenarioFailed(Exception):
    """The verdict of a case, for pytest's summary."""


def options_of(config: pytest.Config, path: Path) -> SessionOptions:
    """The session's options for one file, with those parameters that it has. Raises ConfigError."""
    given = parameters(config.getoption("--hil-param"))
    params = {}
    if given:
        has = parameters_of(path)
        config.stash.setdefault(PARAMS, set()).update(has)
        params = {name: value for name, value in given.items() if name in has}
    options = SessionOptions(
        scenarios=(path,),
        device=config.getoption("--hil-device"),
        bench=config.getoption("--hil-bench"),
        params=params,
        firmware=config.getoption("--hil-firmware"),
        allow_destructive=config.getoption("--hil-allow-destructive"),
    )
    check_device(options.device, options.bench, options.firmware)
    return options


def parameters_of(path: Path) -> set[str]:
    """Names of the parameters and axes of a scenario file; what is wrong with it is told later."""
    document = Reader(Problems()).scenario(path)
    if document is None or not isinstance(document.root.value, dict):
        return set()
    matrix = document.root.value.get("matrix")
    axes = matrix.value if matrix is not None and isinstance(matrix.value, dict) else {}
    return {*axes, *(name for name, _ in all_params(document))}


def check_params(config: pytest.Config) -> None:
    """Raise pytest.UsageError for a parameter that no scenario has."""
    known = config.stash.get(PARAMS, set())
    unknown = [name for name in parameters(config.getoption("--hil-param")) if name not in known]
    if unknown:
        there = ", ".join(sorted(known)) or "none"
        raise pytest.UsageError(
            f"--hil-param {unknown[0]}: no scenario has this parameter; there are {there}"
        )


class ScenarioFile(pytest.File):
    """One YAML file."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item per case; a mistake in the file is a collection error with its line."""
        try:
            options = options_of(self.config, self.path)
            cases = collect(options)
        except EdgeError as error:
            raise self.CollectError(str(error)) from None
        count = self.config.getoption("--hil-count")
        for case in cases:
            for repetition in range(count):
                name = case.name if count == 1 else f"{case.name}#{repetition + 1}"
                yield ScenarioItem.from_parent(self, name=name, case=case, options=options)


class ScenarioItem(pytest.Item):
    """One run of one case."""

    def __init__(self, *, case: Case, options: SessionOptions, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.case = case
        self.options = options

    def runtest(self) -> None:
        """Run it on the session's device."""
        try:
            result = run_on(self._source(), self.options, self.case, lambda _run: None)
        except Interrupted as cut:
            keep(self.config, cut.result)
            raise KeyboardInterrupt from None
        self.user_properties += properties(result)
        keep(self.config, result)
        if result.verdict is Verdict.SKIP:
            pytest.skip("; ".join(result.reasons))
        if result.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}:
            lines = "\n  ".join(result.reasons)
            raise ScenarioFailed(f"{result.verdict}\n  {lines}\nagain: {result.replay}")

    def _source(self) -> DeviceSource:
        """One device for all items of this process. A board is not shared between workers."""
        source = self.config.stash.get(SOURCE, None)
        if source is None:
            stack = ExitStack()
            options = self.options
            try:
                source = stack.enter_context(
                    source_of(options.device, options.bench, options.firmware)
                )
            except PortError as error:
                if "PYTEST_XDIST_WORKER" not in os.environ:
                    raise
                raise PortError(
                    f"{error}; boards are not shared between workers: run without -n"
                ) from None
            self.config.stash[SOURCE] = source
            self.config.add_cleanup(stack.close)
        return source

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """The reasons, not a traceback of the bench."""
        if isinstance(excinfo.value, ScenarioFailed | EdgeError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """File and name."""
        return self.path, 0, self.case.name


def properties(result: RunResult) -> list[tuple[str, object]]:
    """What goes into JUnit beside the outcome."""
    return [
        ("verdict", str(result.verdict)),
        ("device", result.device),
        ("seed", result.seed),
        ("digest", result.digest or ""),
        ("replay", result.replay),
        ("covers", " ".join(result.covers)),
        *((f"measurement:{m.name}", f"{m.value:g} {m.unit}".rstrip()) for m in result.measurements),
    ]
