# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: scenario files are tests, and Python tests get a bench.

Loaded by pytest in every project where rackedge is installed, so nothing heavy is imported before a
scenario or one of the fixtures is used.

    pytest hil/scenarios --hil-device micropython --hil-report DIR --count 3

    @pytest.mark.rack(host={"kind": "none"}, rack={"loads": 4})
    def test_a_feed_is_lost(bench, rack, clock):
        bench.run(5)
        rack.set("feed_a_v", 0)
        bench.run(1)
        assert bench.value("group_3_on") == 0
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil.engine.virtual import VirtualBench
    from hil.pipe import VirtualClock
    from hil.plant.rack import Rack
    from hil.plugin.fixture import TestBench

MARKERS = (
    "rack(rack=..., board=..., host=..., seed=...): what `bench` is built of, as in a scenario",
    "hil_expect(*layers): trouble of these layers of faults is what the test is about",
    "quarantine(reason, until): a failure counts as expected until that date (YYYY-MM-DD)",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--hil-device, --hil-bench, --hil-report, --hil-param, --count."""
    group = parser.getgroup("rackedge", "rackedge scenarios and benches")
    group.addoption("--hil-device", default="micropython", help="device of the scenarios")
    group.addoption("--hil-bench", type=Path, help="bench file")
    group.addoption("--hil-report", type=Path, help="directory of the report")
    group.addoption("--hil-param", action="append", default=[], metavar="NAME=VALUE")
    group.addoption("--hil-firmware", type=Path, help="folder with another firmware_py/")
    group.addoption("--hil-allow-destructive", action="store_true")
    group.addoption(
        "--count", type=int, default=1, help="run each scenario so often and tell which are flaky"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Markers, and the plugin that collects results if a report is wanted."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("--count") > 1 or config.getoption("--hil-report") is not None:
        from hil.plugin.results import Results  # noqa: PLC0415

        config.pluginmanager.register(Results(config), "rackedge-results")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A YAML file that says `schema:` and `checks:` is a scenario."""
    if file_path.suffix not in {".yaml", ".yml"}:
        return None
    try:
        text = file_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    lines = text.splitlines()
    if not any(line.startswith("schema:") for line in lines) or "checks:" not in text:
        return None
    from hil.plugin.items import ScenarioFile  # noqa: PLC0415

    file: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return file


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A quarantined test that fails counts as expected, until its date."""
    report = yield
    marker = item.get_closest_marker("quarantine")
    if marker is not None and call.when == "call":
        from hil.plugin.quarantine import judge  # noqa: PLC0415

        judge(report, marker)
    return report


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[TestBench]":
    """A bench in virtual time, built of the marker `rack`; its health is judged at the end."""
    from hil.plugin.fixture import open_bench  # noqa: PLC0415

    made = open_bench(request.node, tmp_path, request.config.getoption("--hil-device"))
    try:
        yield made
        made.judge(request.node)
    finally:
        made.close()


@pytest.fixture
def rack(bench: "TestBench") -> "Rack":
    """The plant of `bench`."""
    return bench.rack


@pytest.fixture
def clock(bench: "TestBench") -> "VirtualClock":
    """The clock of `bench`."""
    virtual: VirtualBench = bench.virtual
    return virtual.clock
