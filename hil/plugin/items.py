# SPDX-License-Identifier: Apache-2.0
"""Scenario files as pytest collects them: one item per case and repetition."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.errors import EdgeError
from hil.devices import DeviceSource, source_of
from hil.plugin.results import keep
from hil.scenario.model import Case
from hil.session import SessionOptions, collect, run_on
from hil.verdict import RunResult, Verdict

SOURCE = pytest.StashKey[DeviceSource]()


class ScenarioFailed(Exception):
    """The verdict of a case, for pytest's summary."""


def options_of(config: pytest.Config, path: Path) -> SessionOptions:
    """The session's options for one file."""
    params = dict(each.partition("=")[::2] for each in config.getoption("--hil-param"))
    return SessionOptions(
        scenarios=(path,),
        device=config.getoption("--hil-device"),
        bench=config.getoption("--hil-bench"),
        params=params,
        firmware=config.getoption("--hil-firmware"),
        allow_destructive=config.getoption("--hil-allow-destructive"),
    )


class ScenarioFile(pytest.File):
    """One YAML file."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item per case; a mistake in the file is a collection error with its line."""
        options = options_of(self.config, self.path)
        try:
            cases = collect(options)
        except EdgeError as error:
            raise self.CollectError(str(error)) from None
        count = self.config.getoption("--count")
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
        source = self._source()
        result = run_on(source, self.options, self.case, lambda _run: None)
        self.user_properties += properties(result)
        keep(self.config, result)
        if result.verdict is Verdict.SKIP:
            pytest.skip("; ".join(result.reasons))
        if result.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}:
            lines = "\n  ".join(result.reasons)
            raise ScenarioFailed(f"{result.verdict}\n  {lines}\nagain: {result.replay}")

    def _source(self) -> DeviceSource:
        """One device for all items of this process; a board is not shared between workers."""
        source = self.config.stash.get(SOURCE, None)
        if source is None:
            stack = ExitStack()
            options = self.options
            source = stack.enter_context(source_of(options.device, options.bench, options.firmware))
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
