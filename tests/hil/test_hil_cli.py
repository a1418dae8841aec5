# SPDX-License-Identifier: Apache-2.0
"""`rackedge hil` as people call it: exit codes, errors, reports, replay, lists."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import junitparser
import pytest

from edge.cli import main
from tests.firmware.vm import vm_path
from tests.hil.cli_rig import MAIN, ROOT, scenario

CPYTHON = "--device=cpython"
LIBRARY = ROOT / "hil" / "scenarios"
FAULTY = """\
stimulus:
  - {signal: demand_ratio, hold: 0.9}
faults:
  - {fault: power.feed_loss, feed: a, at: 1s}
"""


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(place, monkeypatch, capsys):
    """`rackedge hil` in this process: for what ends before anything of its own is started."""
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("XDG_RUNTIME_DIR", place.environment["XDG_RUNTIME_DIR"])

    def hil(*arguments):
        monkeypatch.setattr("sys.argv", ["rackedge", "hil", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(ended.value.code or 0, out, err)

    return hil


def told(done):
    """The lines of an error; nothing else may be there."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("rackedge: ") for line in lines), done.stderr
    return [line.removeprefix("rackedge: ") for line in lines]


def test_a_passing_case_is_a_line_and_exit_code_0(place):
    done = place.hil("run", scenario(place.folder), CPYTHON)
    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert first.startswith("ok           quick  (cpython  2 s at ")
    assert last == "1 PASS"


def test_failures_are_told_with_reason_and_the_way_to_see_them_again(place):
    bad = scenario(place.folder, "bad", check="feed_a_w < 100")
    good = scenario(place.folder, "good")
    done = place.hil("run", bad, good, CPYTHON, "--report", "report")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAIL         bad")
    assert "nothing trips" in lines[1]
    again = f"again: rackedge hil run {bad} --case=bad --device=cpython --seed="
    assert lines[2].strip().startswith(again)
    assert lines[-2:] == ["1 FAIL, 1 PASS", "report: report/report.html"]
    suite = junitparser.JUnitXml.fromfile(str(place.folder / "report" / "junit.xml"))
    assert (suite.tests, suite.failures) == (2, 1)
    again = place.run(*lines[2].split()[2:])
    assert again.returncode == 1
    assert again.stdout.splitlines()[1] == lines[1]


def test_what_is_in_quarantine_is_skipped_with_its_reason_and_is_no_failure(place, here):
    more = "skip: {reason: the meter is out for repair, until: 2999-12-31}\n"
    done = here("run", scenario(place.folder, more=more), CPYTHON)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("skip         quick")
    assert "the meter is out for repair (until 2999-12-31)" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 SKIP"
    late = here("run", scenario(place.folder, more=more.replace("2999", "2001")), CPYTHON)
    assert late.returncode == 2
    assert "quick.yaml:6: skip.until: the quarantine ended on 2001-12-31" in told(late)[0]


def test_json_is_one_document_and_nothing_else(place):
    path = scenario(place.folder, host="daemon", duration="4s", more=FAULTY)
    done = place.hil("run", path, CPYTHON, "--json", "--count=2")
    assert done.stderr == ""  # the daemon has much to say about a lost feed
    document = json.loads(done.stdout)
    assert [each["verdict"] for each in document["results"]] == ["PASS", "PASS"]
    assert document["flaky"] == []
    assert document["same"] is None
    assert document["results"][0]["decisions"]


def test_every_mistake_of_every_file_is_told_at_once(place, here):
    (place.folder / "a.yaml").write_text(
        "schema: 1\nname: a\ntitle: A\nduration: 5 parsecs\nchecks:\n  - {always: fed_a_w > 0}\n"
    )
    (place.folder / "b.yaml").write_text(
        "schema: 1\nname: b\ntitle: B\nduration: 5s\ndurration: 5s\n"
        "faults:\n  - {fault: power.feed_lost, feed: a, at: 1s}\n"
        'checks:\n  - {always: "trips =="}\n'
    )
    done = here("run", "a.yaml", "b.yaml", CPYTHON, "--report", "report")
    assert done.returncode == 2
    text = "\n".join(told(done))
    for where in ("a.yaml:4: duration", "b.yaml:5: durration", "b.yaml:7: faults", "b.yaml:9:"):
        assert where in text, text
    assert "power.feed_loss" in text  # near enough to be meant
    assert not (place.folder / "report").exists()


BENCH = """\
bench: lab
devices:
  gone:
    transport: {url: no/such/port}
    identity: {machine: sim, uid: x}
"""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("--device=rack-b",),
            2,
            "no device 'rack-b': give one of micropython, cpython, cortex-m3, pty",
        ),
        (("--device=rack-b", "--bench=bench.yaml"), 2, "has no device rack-b: it has gone"),
        (("--device=gone", "--bench=none.yaml"), 2, "none.yaml: no such file"),
        (("--device=gone", "--bench=bad.yaml"), 2, "bad.yaml:3: devices.gone.transport"),
        (("--device=gone", "--bench=bench.yaml"), 3, "no/such/port"),
        (("--compare=rack-b",), 2, "no device 'rack-b'"),
        (("--param=speed",), 2, "--param speed: write NAME=VALUE"),
        (("--param==3",), 2, "write NAME=VALUE"),
        (("--param=speed=3",), 2, "no scenario has this parameter"),
        (("--case=slow*",), 2, "no case is named slow*: there are quick"),
        (("--report=file",), 1, "file: cannot hold the report"),
        (("--report=file/below",), 1, "cannot hold the report"),
        (("--firmware=.",), 2, "has no folder firmware_py"),
        (("--replay=none.json",), 2, "leave them out"),
        (("--serve", "--json"), 2, "--serve does not go with --json"),
        (("--serve", "--device=cpython"), 2, "--serve runs the VM"),
    ],
)
def test_what_the_user_can_get_wrong(place, here, arguments, code, words):
    path = scenario(place.folder)
    (place.folder / "bench.yaml").write_text(BENCH)
    (place.folder / "bad.yaml").write_text("bench: lab\ndevices:\n  gone: {identity: {}}\n")
    (place.folder / "file").write_text("")
    done = here("run", path, *arguments)
    assert done.returncode == code, done.stderr
    assert words in " ".join(told(done))


def test_usage_is_checked_by_the_option(place, here):
    done = here("run", "--count=0")
    assert done.returncode == 2
    assert "--count" in done.stderr
    assert here("run", "none.yaml").returncode == 2


def test_a_missing_vm_is_told_with_its_own_exit_code(place):
    path = scenario(place.folder)
    (place.folder / "sitecustomize.py").write_text(
        "import hil.drivers.vm as vm\n"
        "from edge.errors import RuntimeMissing\n"
        "def none(): raise RuntimeMissing('no MicroPython VM: pip install rackedge[sim]')\n"
        "vm.find_vm = none\n"
    )
    for device in ("micropython", "pty"):
        done = place.hil(
            "run", path, f"--device={device}", PYTHONPATH=f"{place.folder}:{ROOT}", PATH="/none"
        )
        assert done.returncode == 7, done.stderr
        assert "no MicroPython VM" in told(done)[0]


def test_another_firmware_is_what_runs(place):
    vm_path()
    other = place.folder / "other"
    shutil.copytree(ROOT / "firmware_py", other / "firmware_py")
    first = other / "firmware_py" / "main.py"
    first.write_text("raise ValueError('other firmware')\n" + first.read_text())
    done = place.hil("run", scenario(place.folder), f"--firmware={other}")
    assert done.returncode == 4
    assert "ValueError: other firmware" in done.stderr  # the last words of the VM
    assert "edge/cli" not in done.stderr


def test_a_replay_is_the_same_bit_for_bit_also_with_parameters(place):
    path = scenario(
        place.folder,
        host="daemon",
        duration="${length}",
        more="params: {length: 9s, load: 0.2}\nmatrix: {edge: [fast, slow]}\n"
        'rack: {breaker: {edge: "${edge}"}}\n'
        'stimulus:\n  - {signal: demand_ratio, hold: "${load}"}\n',
    )
    given = ("--param=length=3s", "--param=load=0.8", "--case=quick[edge=slow]", "--seed=7")
    first = place.hil("run", path, CPYTHON, *given, "--report=first")
    assert first.returncode == 0, first.stderr
    record = place.folder / "first" / "quick[edge=slow]"
    for _ in range(2):
        again = place.hil("run", f"--replay={record}", "--report=again")
        assert again.returncode == 0, again.stdout + again.stderr
        assert "the record is the same, bit for bit" in again.stdout
    one, two = (
        json.loads((place.folder / each / record.name / "run.json").read_text())
        for each in ("first", "again")
    )
    assert one["digest"] == two["digest"]
    assert (two["seed"], two["duration_s"], two["params"]["load"]) == (7, 3.0, 0.8)
    one["digest"] = "0" * 64
    one["environment"]["python"] = "3.9.1"
    (record / "run.json").write_text(json.dumps(one))
    other = place.hil("run", f"--replay={record / 'run.json'}")
    assert other.returncode == 1
    assert "the record is NOT the same: python is 3." in other.stdout
    assert "was 3.9.1" in other.stdout


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"replay": 3}', "\x00"])
def test_a_replay_of_rubbish_is_refused(place, here, text):
    (place.folder / "run.json").write_text(text)
    done = here("run", "--replay=run.json")
    assert done.returncode == 2
    assert "no record of a run" in told(done)[0]


def test_two_devices_are_compared_signal_by_signal(place):
    vm_path()
    path = scenario(place.folder, host="daemon", duration="3s")
    done = place.hil("run", path, "--compare=cpython", "--report=report")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "quick: micropython against cpython: the same" in done.stdout
    document = json.loads((place.folder / "report" / "quick" / "run.json").read_text())
    assert document["fidelity"][0]["with"]["device"] == "cpython"


def test_count_tells_that_nothing_is_flaky(place, here):
    done = here("run", scenario(place.folder), CPYTHON, "--count=3")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == ["3 PASS", "each case the same each time"]


def test_count_tells_what_is_flaky(place):
    (place.folder / "sitecustomize.py").write_text(
        "import itertools\n"
        "from hil.engine.run import Run\n"
        "turn = itertools.count()\n"
        "finish = Run.finish\n"
        "def flaky(self, stopped=None):\n"
        "    if next(turn) == 1: self.failure = 'bad luck'\n"
        "    return finish(self, stopped)\n"
        "Run.finish = flaky\n"
    )
    done = place.hil(
        "run", scenario(place.folder), CPYTHON, "--count=3", PYTHONPATH=f"{place.folder}:{ROOT}"
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "FLAKY quick (cpython): 1 FAIL, 2 PASS"


def test_combinations_that_fail_are_shrunk_to_what_is_needed(place, here):
    path = scenario(place.folder, duration="6s", check="n_boot <= 1", more="seed: 3\n")
    done = here("run", path, CPYTHON, "--combine=20", "--json")
    document = json.loads(done.stdout)
    results = document["results"]
    assert [each["case"] for each in results] == ["quick", *(f"quick+{n}" for n in range(1, 21))]
    failing = [each for each in results if each["verdict"] == "FAIL"]
    assert failing, "no combination resets the board: choose another seed"
    for each in failing:
        assert each["reasons"][0].startswith("fails with: ")
        assert len(each["faults"]) == 1, each["reasons"]
        assert each["faults"][0]["kind"].split(".")[0] in {"mcu", "power"}
        assert each["replay"].endswith(f"--combine={each['case'].partition('+')[2]}")


def test_an_odd_terminal_and_a_reader_that_leaves_are_no_trouble(place):
    path = scenario(place.folder)
    done = place.hil("run", path, CPYTHON, NO_COLOR="1", TERM="dumb", FORCE_COLOR="1")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        gone = subprocess.run(
            [*MAIN, "hil", "run", str(path), CPYTHON],
            cwd=place.folder,
            env=place.environment,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert "Traceback" not in gone.stderr


def test_the_library_that_comes_with_rackedge_is_listed(place, here):
    done = place.hil("list")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(here("list", "--json").stdout)
    assert len({row["source"] for row in rows}) >= 25
    assert all(f"{row['case']}  (" in done.stdout for row in rows)
    assert {"case", "title", "source", "needs", "covers", "faults", "skip"} <= rows[0].keys()
    assert all(Path(row["source"]).is_relative_to(LIBRARY) for row in rows)
    table = json.loads(here("list", "--what=coverage", "--json").stdout)
    assert table["uncovered"] == []
    assert table["unknown"] == []
    assert len(table["rows"]) > 50


def test_faults_signals_and_configurations_are_listed(place, here):
    path = scenario(place.folder, more="rack: {loads: 3}\n")
    faults = json.loads(here("list", "--what=faults", "--json").stdout)
    assert {"power.feed_loss", "link.drop", "host.kill"} <= faults.keys()
    assert faults["power.feed_loss"]["needs"]
    signals = json.loads(here("list", path, "--what=signals", "--json").stdout)
    assert {"feed_a_w", "load_s3_w", "in_load2_mw", "state", "HOSTED", "rating_a_w"} <= set(signals)
    assert "load_s4_w" not in signals
    config = json.loads(here("list", path, "--what=config").stdout)
    assert len(config["loads"]) == 3


def test_signals_are_listed_also_without_the_traces_of_a_case(place):
    path = scenario(
        place.folder,
        more="stimulus: [{signal: demand_w, csv: {file: 'data:power/x.csv', column: w}}]\n",
    )
    done = place.hil("list", path, "--what=signals", RACKEDGE_DATA="")
    assert (done.returncode, done.stderr) == (0, "")
    assert "feed_a_w" in done.stdout.splitlines()


def test_coverage_finds_the_requirements_beside_the_scenarios(place, here):
    below = place.folder / "library" / "shed"
    below.mkdir(parents=True)
    path = scenario(below, more="covers: [SHED-1]\n" + FAULTY)
    missing = here("list", path, "--what=coverage")
    assert missing.returncode == 2
    assert "no requirements.yaml" in told(missing)[0]
    (place.folder / "library" / "requirements.yaml").write_text(
        "- {id: SHED-1, title: Sheds, area: shed}\n- {id: SHED-2, title: Restores, area: shed}\n"
    )
    table = json.loads(here("list", path, "--what=coverage", "--json").stdout)
    assert table["uncovered"] == ["SHED-2"]
    assert table["rows"][0]["scenarios"] == {"power": ["quick"]}
    text = here("list", path, "--what=coverage").stdout
    assert "| SHED-2 Restores **no scenario** |" in text
