# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin, in sessions of pytest of their own."""

import json
import signal
import sys
from importlib.metadata import entry_points
from xml.etree import ElementTree

import junitparser
import pytest

from hil.plant.options import RackOptions, build
from hil.rackfile import board_json
from tests.hil.cli_rig import ROOT, scenario
from tests.hil.pty_rig import PtyBoard

INSTALLED = any(each.value == "hil.plugin" for each in entry_points(group="pytest11"))
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
PYTEST += [] if INSTALLED else ["-p", "hil.plugin"]
CPYTHON = "--hil-device=cpython"

HEALTH = """\
import pytest

@pytest.mark.rack(host={"kind": "watch"}, rack={"loads": 4}, board={"store": True})
class TestHealth:
    def test_calm(self, bench):
        bench.run(2)
        assert bench.value("load_s4_w") > 0

    def test_spoilt(self, bench):
        bench.run(1)
        bench.virtual.mcu.reset(3)
        bench.run(2)

    @pytest.mark.hil_expect("mcu")
    def test_expected(self, bench):
        bench.run(1)
        bench.virtual.mcu.reset(3)
        bench.run(2)

    def test_injected(self, bench):
        bench.run(1)
        bench.inject("mcu.reset")
        bench.run(2)
        assert bench.value("n_boot") == 2

    def test_false(self, bench):
        bench.run(1)
        assert bench.value("trips") == 7

    def test_unknown_signal(self, bench):
        bench.run(1)
        bench.value("fed_a_w")

@pytest.mark.rack(rack={"laods": 4})
def test_bad_key(bench): ...

@pytest.mark.rack(plant={})
def test_bad_section(bench): ...
"""

QUARANTINE = """\
import pytest

@pytest.mark.quarantine("the meter lies", until="2999-01-31")
def test_hidden(): assert False

@pytest.mark.quarantine("the meter lies", until="2999-01-31")
def test_mended(): pass

@pytest.mark.quarantine("the meter lies", until="2001-01-31")
def test_expired(): assert False

@pytest.mark.quarantine("no date")
def test_no_date(): pass

@pytest.mark.quarantine(until="2999-01-31")
def test_no_reason(): pass
"""

FLAKY = """\
import os, pytest

@pytest.mark.rack(host={"kind": "none"})
@pytest.mark.parametrize("load", [1, 2])
def test_flaky(bench, load, hil_repetition):
    bench.run(0.5)
    assert load == 1 or hil_repetition != 2

@pytest.mark.rack(host={"kind": "none"})
def test_other_each_time(bench, rack):
    rack.set("room_c", 20 + os.getpid() % 5 + int.from_bytes(os.urandom(2), "big") / 65536)
    bench.run(0.5)

def test_without_a_bench(): pass
"""


def outcomes(done):
    """By test name, of `-rA` lines."""
    words = [line.split(" ", 2) for line in done.stdout.splitlines()]
    ends = {"PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL"}
    return {w[1].rsplit("::", 1)[-1]: w[0] for w in words if len(w) > 1 and w[0] in ends}


def session(place, *arguments, **more):
    return place.run("-rA", *arguments, main=PYTEST, **more)


def test_scenario_files_are_tests_with_nodes_and_names(place):
    scenario(place.folder, "calm", more="matrix: {load: [1, 2]}\nrack: {loads: '${load}'}\n")
    scenario(place.folder, "hot", check="feed_a_w < 100")
    (place.folder / "other.yaml").write_text("schema: of something else\nkeys: [1]\n")
    listed = session(place, "--collect-only", "-q")
    nodes = [line for line in listed.stdout.splitlines() if "::" in line]
    assert nodes == [
        "calm.yaml::calm[load=1]",
        "calm.yaml::calm[load=2]",
        "hot.yaml::hot",
    ]
    one = session(place, CPYTHON, "calm.yaml::calm[load=2]")
    assert outcomes(one) == {"calm[load=2]": "PASSED"}
    some = session(place, CPYTHON, "-k", "load and not 2 or hot", "--junitxml=junit.xml")
    assert some.returncode == 1
    assert outcomes(some) == {"calm[load=1]": "PASSED", "hot": "FAILED"}
    assert "again: rackedge hil run" in some.stdout
    assert "Traceback" not in some.stdout
    suites = ElementTree.parse(place.folder / "junit.xml")
    told = {
        each.get("name"): each.get("value")
        for each in suites.iterfind(".//testcase[@name='calm[load=1]']/properties/property")
    }
    assert told["verdict"] == "PASS"
    assert told["device"] == "cpython"
    assert len(told["digest"]) == 64
    assert "--case=calm[load=1]" in told["replay"].replace("'", "")


def test_bad_yaml_is_an_error_of_collection_with_its_line(place):
    scenario(place.folder, "good")
    scenario(place.folder, "bad", check="fed_a_w > 0", more="durration: 3s\n")
    done = session(place, CPYTHON)
    assert done.returncode == 2
    assert "bad.yaml:6: durration" in done.stdout
    assert "Traceback" not in done.stdout


def test_parameters_reach_the_scenarios_that_have_them(place):
    scenario(place.folder, "plain")
    scenario(place.folder, "long", duration="${length}", more="params: {length: 1s}\n")
    done = session(place, CPYTHON, "--hil-param=length=2s", "--hil-report=report")
    assert done.returncode == 0, done.stdout
    document = json.loads((place.folder / "report" / "long" / "run.json").read_text())
    assert document["duration_s"] == 2.0
    none = session(place, CPYTHON, "--hil-param=lenght=2s")
    assert none.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no scenario has this parameter; there are length" in none.stderr + none.stdout


def test_health_is_a_part_of_every_test_with_a_bench(place):
    (place.folder / "test_health.py").write_text(HEALTH)
    done = session(place, CPYTHON, "--hil-report=report")
    assert outcomes(done) == {
        "test_calm": "PASSED",
        "test_spoilt": "FAILED",
        "test_expected": "PASSED",
        "test_injected": "PASSED",
        "test_false": "FAILED",
        "test_unknown_signal": "FAILED",
        "test_bad_key": "ERROR",
        "test_bad_section": "ERROR",
    }
    assert "no reset unasked: the board booted 2 times" in done.stdout
    assert "marker rack: laods: Extra inputs are not permitted" in done.stdout
    assert "marker rack takes rack, board, host and seed, not plant" in done.stdout
    runs = {
        path.parent.name: json.loads(path.read_text())
        for path in (place.folder / "report").glob("*/run.json")
    }
    assert runs["test_health.test_calm"]["verdict"] == "PASS"
    assert runs["test_health.test_spoilt"]["verdict"] == "FAIL"
    assert "assert 0.0 == 7" in runs["test_health.test_false"]["reasons"][0]
    assert [each["kind"] for each in runs["test_health.test_injected"]["faults"]] == ["mcu.reset"]


def test_quarantine_has_a_reason_and_an_end(place):
    (place.folder / "test_q.py").write_text(QUARANTINE)
    done = session(place)
    assert outcomes(done) == {
        "test_hidden": "XFAIL",
        "test_mended": "PASSED",
        "test_expired": "FAILED",
        "test_no_date": "ERROR",
        "test_no_reason": "ERROR",
    }
    assert "quarantined until 2999-01-31: the meter lies" in done.stdout
    assert "the quarantine ended on 2001-01-31 (the meter lies)" in done.stdout
    assert done.stdout.count("quarantine needs a reason and a date") >= 2


def test_count_finds_what_is_not_the_same_each_time(place):
    (place.folder / "test_flaky.py").write_text(FLAKY)
    scenario(place.folder, "steady", duration="1s")
    done = session(place, CPYTHON, "--count=3")
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FLAKY", "NOT"))]
    assert lines == [
        "FLAKY test_flaky.test_flaky[load=2] (cpython): 1 FAIL, 2 PASS",
        "NOT REPLAYABLE test_flaky.test_other_each_time (cpython): 3 records of one seed",
    ]
    assert "1 failed, 12 passed" in done.stdout
    only = session(place, CPYTHON, "--count=2", "-k", "other_each_time")
    assert only.returncode == 1  # both pass, and yet


def test_workers_of_xdist_write_one_report(place):
    for name in ("a", "b", "c"):
        scenario(place.folder, name, duration="1s")
    (place.folder / "test_health.py").write_text(HEALTH)
    done = session(place, CPYTHON, "-n2", "--hil-report=report", "-k", "yaml or calm", "--count=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "report: report/report.html" in done.stdout
    suite = junitparser.JUnitXml.fromfile(str(place.folder / "report" / "junit.xml"))
    assert suite.tests == 8
    assert len(list((place.folder / "report").glob("*/run.json"))) == 8


def test_one_board_is_not_shared_between_workers(place, tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    config = folder / "board.json"
    config.write_text(board_json(build(RackOptions(), 1)), encoding="utf-8")
    board = PtyBoard(folder, config=config)
    try:
        (place.folder / "bench.yaml").write_text(
            "bench: lab\ndevices:\n  one:\n"
            f"    transport: {{url: {board.link}}}\n    bus: {{url: {board.bus}}}\n"
            "    identity: {machine: sim, uid: pty-1}\n"
        )
        for name in ("a", "b", "c", "d"):
            scenario(place.folder, name, duration="1s", more="seed: 1\n")
        bench = ("--hil-bench=bench.yaml", "--hil-device=one", "-n2")
        done = session(place, *bench)
        assert done.returncode == 1
        assert "bench lab is in use by" in done.stdout
        assert "boards are not shared between workers: run without -n" in done.stdout
        ends = set(outcomes(done).values())
        assert "FAILED" in ends  # those of one worker
        assert "PASSED" in ends or "ticks began" in done.stdout
    finally:
        board.close()


def test_an_interrupted_session_still_writes_its_report(place):
    scenario(place.folder, "a", duration="1s")
    scenario(place.folder, "b", duration="3600s", host="daemon")
    scenario(place.folder, "c", duration="1s")
    going = place.start("--hil-report=report", CPYTHON, main=PYTEST)
    going.until((place.folder / "report" / "a" / "run.json").exists)
    going.until(place.runs)
    assert going.end(signal.SIGINT) == pytest.ExitCode.INTERRUPTED
    assert (place.folder / "report" / "report.html").exists()
    cut = json.loads((place.folder / "report" / "b" / "run.json").read_text())
    assert cut["verdict"] == "INCONCLUSIVE"
    assert not (place.folder / "report" / "c").exists()


def test_the_plugin_costs_nothing_when_it_is_not_used(place):
    (place.folder / "test_plain.py").write_text(
        "import sys\n"
        "def test_plain():\n"
        "    ours = [n for n in sys.modules if n.split('.')[0] in ('hil', 'edge', 'firmware_py')]\n"
        "    assert sorted(ours) == ['hil', 'hil.plugin'], ours\n"
        "    assert 'pydantic' not in sys.modules\n"
    )
    (place.folder / "data.yaml").write_text("key: value\n")
    done = session(place, "-W", "error", "--strict-markers")
    assert done.returncode == 0, done.stdout


def test_a_count_of_another_plugin_is_left_to_it(place):
    (place.folder / "pytest_repeat.py").write_text(
        "def pytest_addoption(parser):\n"
        "    parser.getgroup('repeat').addoption('--count', type=int, default=1)\n"
    )
    scenario(place.folder, "a", duration="1s")
    done = session(
        place, "-p", "pytest_repeat", "--count=2", "--hil-count=3", CPYTHON,
        PYTHONPATH=f"{place.folder}:{ROOT}",
    )  # fmt: skip
    assert outcomes(done) == {f"a#{n}": "PASSED" for n in (1, 2, 3)}
