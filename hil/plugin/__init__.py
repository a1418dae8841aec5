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
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hil.pipe import VirtualClock
    from hil.plant.rack import Rack
    from hil.plugin.fixture import TestBench

MARKERS = (
    "rack(rack=..., board=..., host=..., seed=...): what `bench` is built of, as in a scenario",
    "hil_expect(*layers): trouble of these layers of faults is what the test is about",
    "quarantine(reason, until): a failure counts as expected until that date (YYYY-MM-DD)",
)
BENCH: "pytest.StashKey[TestBench]" = pytest.StashKey()
"""The bench of an item, while its test runs."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """--hil-device, --hil-bench, --hil-report, --hil-param, --count."""
    group = parser.getgroup("rackedge", "rackedge scenarios and benches")
    group.addoption("--hil-device", default="micropython", help="device of the scenarios")
    group.addoption("--hil-bench", type=Path, help="bench file")
    group.addoption("--hil-report", type=Path, help="directory of the report")
    group.addoption("--hil-param", action="append", default=[], metavar="NAME=VALUE")
    group.addoption("--hil-firmware", type=Path, help="folder with another firmware_py/")
    group.addoption("--hil-allow-destructive", action="store_true")
    # pytest-repeat has a --count of its own, for all tests.
    short = () if find_spec("pytest_repeat") else ("--count",)
    group.addoption(
        "--hil-count",
        *short,
        type=int,
        default=1,
        metavar="N",
        help="run each scenario, and each test that uses `bench`, so often; tell which are flaky",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Markers, and the plugin that collects results if somebody wants them."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("--hil-count") > 1 or config.getoption("--hil-report") is not None:
        from hil.plugin.results import NAME, Results  # noqa: PLC0415

        config.pluginmanager.register(Results(config), NAME)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A YAML file that says `schema:` and `checks:` or `measure:` is a scenario.

    One that was named on the command line needs only one of these words: mistakes are told."""
    if file_path.suffix not in {".yaml", ".yml"}:
        return None
    try:
        lines = file_path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    schema = any(line.startswith("schema:") for line in lines)
    judges = any(line.startswith(("checks:", "measure:")) for line in lines)
    named = parent.session.isinitpath(file_path)
    if not ((schema and judges) or (named and (schema or judges))):
        return None
    from hil.plugin.items import ScenarioFile  # noqa: PLC0415

    file: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return file


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """--hil-param is for whichever scenario has that parameter; one that none has is a mistake."""
    if config.getoption("--hil-param") and items:
        from hil.plugin.items import check_params  # noqa: PLC0415

        check_params(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """--count, for tests that use `bench`."""
    count: int = metafunc.config.getoption("--hil-count")
    if count > 1 and "hil_repetition" in metafunc.fixturenames:
        metafunc.parametrize("hil_repetition", range(1, count + 1), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A quarantine without reason or date is a mistake, whether its test fails or not."""
    marker = item.get_closest_marker("quarantine")
    if marker is not None:
        from hil.plugin.quarantine import terms  # noqa: PLC0415

        try:
            terms(marker)
        except ValueError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """What holds in every run is a part of every test with a bench."""
    try:
        result = yield
    except BaseException as error:
        if BENCH in item.stash:
            item.stash[BENCH].failed(error)
        raise
    if BENCH in item.stash:
        item.stash[BENCH].judge()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A quarantined test that fails counts as expected, until its date."""
    report = yield
    marker = item.get_closest_marker("quarantine")
    if marker is not None and call.when != "teardown" and report.failed:
        from hil.plugin.quarantine import judge  # noqa: PLC0415

        judge(report, marker)
    return report


@pytest.fixture
def hil_repetition(request: pytest.FixtureRequest) -> int:
    """1, 2, ... under --count."""
    number: int = getattr(request, "param", 1)
    return number


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, hil_repetition: int
) -> "Iterator[TestBench]":
    """A bench in virtual time, built of the marker `rack`; its health is a part of the test."""
    del hil_repetition  # makes several tests of one
    from hil.plugin.fixture import open_bench  # noqa: PLC0415

    made = open_bench(request.node, tmp_path)
    request.node.stash[BENCH] = made
    try:
        yield made
    finally:
        del request.node.stash[BENCH]
        made.close()


@pytest.fixture
def rack(bench: "TestBench") -> "Rack":
    """The plant of `bench`."""
    return bench.rack


@pytest.fixture
def clock(bench: "TestBench") -> "VirtualClock":
    """The clock of `bench`."""
    return bench.virtual.clock
