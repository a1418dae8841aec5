# SPDX-License-Identifier: Apache-2.0
"""`rackedge demo`: data on stdout, everything else on stderr, one line for a mistake."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from edge.cli import main
from edge.errors import RuntimeMissing
from hil.drivers import vm as vm_driver
from tests.firmware.vm import ROOT, vm_path

MAIN = [sys.executable, "-c", "from edge.cli import main; main()"]
ENV = os.environ | {"PYTHONPATH": str(ROOT)}
QUICK = ("--virtual", "--runtime", "cpython", "--seconds", "12")
METRICS = {
    "trips": int,
    "first_trip_s": (float, type(None)),
    "served_ratio": float,
    "peak_utilisation": float,
    "energy_wh": float,
    "max_inlet_c": float,
}


@pytest.fixture
def demo(capsys, monkeypatch, tmp_path):
    """Run `rackedge demo ARGS` here, in an empty directory; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr("sys.argv", ["rackedge", "demo", *map(str, args)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return run


def left_in(directory):
    return sorted(p.name for p in directory.iterdir())


# What comes out


def test_json_is_one_document_with_every_promised_key(demo, tmp_path):
    code, out, err = demo("--json", "--virtual", "--seconds", "12", "--seed", "3")
    vm_path()
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["runtime"] == "micropython"
    assert document["trace"] == "generated"
    assert document["seed"] == 3
    assert document["duration_s"] == 12.0
    assert set(document["policies"]) == {"uncapped", "static", "rackedge"}
    for numbers in document["policies"].values():
        assert set(numbers) == set(METRICS)
        for key, type_ in METRICS.items():
            assert isinstance(numbers[key], type_), key
        assert 0 < numbers["served_ratio"] <= 1
        assert 0 < numbers["peak_utilisation"] < 4
        assert 10 < numbers["max_inlet_c"] < 60
        assert (numbers["trips"] == 0) == (numbers["first_trip_s"] is None)
    assert isinstance(document["caps_written"], int)
    assert document["caps_written"] >= 8
    assert document["shed_events"] == 0
    assert set(document["link"]) == {"frames", "crc_errors", "gaps", "retries"}
    assert all(isinstance(value, int) for value in document["link"].values())
    assert document["link"]["frames"] > 200
    assert len(document["replay"]["record_sha256"]) == 64
    assert document["replay"]["command"].startswith("rackedge demo --seconds=12 ")
    assert left_in(tmp_path) == []  # no report unless asked for


def test_the_replay_command_gives_the_same_document(demo):
    first = json.loads(demo("--json", *QUICK, "--oversubscription", "1.8")[1])
    words = first["replay"]["command"].split()[2:]
    assert json.loads(demo("--json", *words)[1]) == first


def test_json_with_a_report_writes_both(demo, tmp_path):
    code, out, _ = demo("--json", *QUICK, "--report", "r")
    assert code == 0
    run = json.loads((tmp_path / "r" / "run.json").read_text())
    assert run.pop("events")["rackedge"]
    assert len(run.pop("decisions")) > 3
    assert run == json.loads(out)


def test_without_json_there_is_a_table_and_a_report(demo, tmp_path):
    code, out, err = demo(*QUICK)
    assert (code, err) == (0, "")
    for word in ("uncapped", "static", "rackedge", "x the energy of static", "CRC errors"):
        assert word in " ".join(out.split())
    assert "\x1b" not in out  # no colours into a pipe
    assert left_in(tmp_path) == ["rackedge-report"]
    assert left_in(tmp_path / "rackedge-report") == ["report.html", "run.json", "signals.csv"]


def test_a_trace_is_named_and_a_single_column_is_spread(demo, tmp_path):
    (tmp_path / "one.csv").write_text("t_s,w\n0,2000\n5,4000\n12,2000\n")
    document = json.loads(demo("--json", *QUICK[:3], "--trace", "one.csv")[1])
    assert document["trace"] == "one.csv"
    assert document["loads"] == 8
    assert document["duration_s"] == 12.0


def run_on_a_terminal(directory, *args):
    """(exit code, stdout, what the terminal on stderr saw)."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*MAIN, "demo", *args],
        env=ENV | {"TERM": "xterm-256color"},
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
    )
    os.close(slave)
    seen, end_s = b"", time.monotonic() + 60
    while time.monotonic() < end_s and select.select([master], [], [], 30)[0]:
        try:
            seen += os.read(master, 65536)
        except OSError:  # the other end has closed
            break
    out = process.communicate(timeout=30)[0]
    os.close(master)
    return process.returncode, out.decode(), seen.decode()


def test_a_terminal_sees_progress_and_stdout_stays_data(tmp_path):
    code, out, seen = run_on_a_terminal(
        tmp_path, "--json", "--seconds", "2", "--runtime", "cpython"
    )
    assert code == 0
    document = json.loads(out)
    assert document["clock"] == "real"
    assert document["replay"]["record_sha256"] is None
    assert seen.count("t = ") >= 3
    assert seen.count("rackedge") >= 3
    assert "Traceback" not in seen


# Mistakes


TRACES = {
    "missing column": ("t_s\n0\n1\n", r":1: no load columns: add one"),
    "no time": ("time,a\n0,1\n1,1\n", "expected 't_s': name the time column t_s"),
    "NaN": ("t_s,a\n0,100\n1,nan\n", "bad.csv:3 column 'a': 'nan' is not a finite number: fix"),
    "text": ("t_s,a\n0,100\n1,lots\n", "bad.csv:3 column 'a': 'lots' is not"),
    "ragged": ("t_s,a,b\n0,1,2\n1,1\n", "bad.csv:3: 2 values for 3 columns: fix or drop"),
    "negative time": (
        "t_s,a\n-1,100\n1,100\n",
        "bad.csv:2 column 't_s': negative time -1 s: count",
    ),
    "time goes back": ("t_s,a\n0,1\n2,1\n1,1\n", "time 1 s does not rise (before: 2 s): sort"),
    "negative power": ("t_s,a\n0,100\n1,-7\n", "negative power -7 W"),
    "empty": ("", "empty: expected a header"),
    "one row": ("t_s,a\n0,1\n", "1 rows of data: a trace needs at least 2"),
    "binary": ("\x00\x01\x02", "bad.csv"),
    "too many": (
        "t_s,"
        + ",".join(f"n{i}" for i in range(33))
        + "\n"
        + ("0" + ",900" * 33 + "\n")
        + ("5" + ",900" * 33 + "\n"),
        "33 loads, but a board meters 32: leave some columns out",
    ),
    "all zero": ("t_s,a,b\n0,0,0\n5,0,0\n", "a board guards 0.05 to 200 A: scale"),
}


def told_in_one_line(err, *words):
    assert err.count("\n") == 1, err
    assert err.startswith("rackedge: ")
    for word in words:
        assert word in err


@pytest.mark.parametrize(("text", "word"), TRACES.values(), ids=TRACES)
def test_a_bad_trace_is_one_line_and_exit_6(demo, tmp_path, text, word):
    (tmp_path / "bad.csv").write_text(text)
    code, out, err = demo(*QUICK[:3], "--trace", "bad.csv")
    assert (code, out) == (6, "")
    told_in_one_line(err, word)
    assert left_in(tmp_path) == ["bad.csv"]


def test_a_trace_that_is_not_there_or_not_a_file(demo, tmp_path):
    code, _, err = demo(*QUICK, "--trace", "none.csv")
    assert code == 6
    told_in_one_line(err, "none.csv: no such file: check the path")
    code, _, err = demo(*QUICK, "--trace", tmp_path)
    assert code == 6
    told_in_one_line(err, "is a directory")


def test_more_seconds_than_the_trace_has(demo, tmp_path):
    (tmp_path / "t.csv").write_text("t_s,a,b\n0,900,900\n20,950,900\n")
    code, out, err = demo("--virtual", "--trace", "t.csv", "--seconds", "21", "--json")
    assert (code, out) == (6, "")
    told_in_one_line(err, "t.csv: the trace is 20 s long", "--seconds 21", "ask for less")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--oversubscription", "0.4"),
        ("--oversubscription", "3.1"),
        ("--oversubscription", "nan"),
        ("--oversubscription", "much"),
        ("--seconds", "0"),
        ("--seconds", "nan"),
        ("--seconds", "86401"),
        ("--seed", "-1"),
        ("--runtime", "pypy"),
        ("--nonsense", "1"),
    ],
)
def test_options_out_of_range_are_usage_errors(demo, tmp_path, option, value):
    code, out, err = demo(*QUICK, option, value)
    assert (code, out) == (2, "")
    assert option in err
    assert "Traceback" not in err
    assert left_in(tmp_path) == []


def test_without_the_vm_it_says_what_to_install(demo, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("hil.drivers.vm.sys.executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(RuntimeMissing):
        vm_driver.find_vm()
    for more in ((), ("--virtual",)):
        code, out, err = demo(*more)
        assert (code, out) == (7, "")
        told_in_one_line(err, "pip install 'rackedge[sim]'", "--runtime cpython")
        assert left_in(tmp_path) == ["bin"]
    assert demo(*QUICK, "--json")[0] == 0


@pytest.mark.parametrize("below", ["", "/below"])
def test_a_report_that_cannot_be_written_is_told_before_the_run(demo, tmp_path, monkeypatch, below):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("hil.demo.run_demo", lambda *_: pytest.fail("it ran all the same"))
    code, out, err = demo(*QUICK, "--report", f"file{below}")
    assert (code, out) == (1, "")
    told_in_one_line(err, f"file{below}: cannot hold the report", "give another --report")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_vm_that_dies_in_the_middle_is_one_line(demo, tmp_path, monkeypatch):
    vm_path()
    exchange = vm_driver.VmBoard.exchange

    def dies(board, now_ms, inputs, rx):
        if now_ms >= 3000:
            board._vm._process.kill()
        return exchange(board, now_ms, inputs, rx)

    monkeypatch.setattr(vm_driver.VmBoard, "exchange", dies)
    code, out, err = demo("--virtual", "--seconds", "12", "--json", "--report", "r")
    assert (code, out) == (4, "")
    told_in_one_line(err, "the MicroPython VM has stopped (exit -9)")
    assert left_in(tmp_path) == []


def test_ctrl_c_ends_it_with_130_and_leaves_nothing(tmp_path):
    vm_path()
    process = subprocess.Popen(
        [*MAIN, "demo", "--seconds", "30", "--report", "r"],
        env=ENV | {"TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end_s = time.monotonic() + 30
    while not list(tmp_path.glob("rackedge-*/rack.toml")) and time.monotonic() < end_s:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (out, err) == ("", "")
    assert left_in(tmp_path) == []


def test_a_reader_that_stops_reading_is_no_error(tmp_path):
    command = " ".join(f"'{word}'" for word in [*MAIN, "demo", "--json", *QUICK])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} | head -c 1"],
        env=ENV,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "{"
    assert done.stderr == ""
