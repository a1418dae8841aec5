# SPDX-License-Identifier: Apache-2.0
"""The promise of the demo: the same seed, the same record; no trips; more work than static."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError, TraceError
from hil.demo import DemoOptions, FeedLoss, run_demo, sized, workload
from hil.result import POLICIES
from hil.workload import generate
from tests.data import ABSENT, power_traces
from tests.firmware.vm import ROOT, vm_path

TRACES = power_traces()
each_trace = pytest.mark.parametrize("trace", TRACES or [None], ids=lambda p: p.stem if p else "")


def virtual(seconds=None, runtime="cpython", **more):
    return run_demo(DemoOptions(seconds=seconds, virtual=True, runtime=runtime, **more))


def metrics(result):
    return [result.policies[name].metrics for name in POLICIES]


# The same seed gives the same record


def test_the_same_seed_gives_the_same_bits_with_the_vm_also_in_another_process():
    vm_path()
    here = virtual(60, "micropython").replay.record_sha256
    assert virtual(60, "micropython").replay.record_sha256 == here
    script = (
        "from hil.demo import *\n"
        "options = DemoOptions(seconds=60, virtual=True)\n"
        "print(run_demo(options).replay.record_sha256)"
    )
    there = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert there.stdout.strip() == here


def test_cpython_and_the_vm_give_the_same_record():
    vm_path()
    vm, cpython = virtual(60, "micropython"), virtual(60, "cpython")
    for name in POLICIES:
        mine, other = vm.policies[name].record, cpython.policies[name].record
        assert mine.events == other.events
        assert mine.digest() == other.digest()
    assert vm.link == cpython.link


def test_another_seed_gives_another_record():
    assert virtual(12).replay.record_sha256 != virtual(12, seed=2).replay.record_sha256


# The promise


def test_the_default_workload_with_the_vm_keeps_the_promise():
    vm_path()
    result = virtual(120, "micropython")
    uncapped, static, ours = metrics(result)
    assert uncapped.trips == 2
    assert uncapped.first_trip_s is not None
    assert uncapped.first_trip_s < 60
    assert static.trips == ours.trips == 0
    assert ours.first_trip_s is None
    assert result.gain_over_static >= 1.10
    assert result.shed_events == 0
    assert result.link.crc_errors == result.link.gaps == result.link.retries == 0


@each_trace
def test_a_window_of_each_recorded_trace_keeps_the_promise(trace):
    if trace is None:
        pytest.skip(ABSENT)
    result = virtual(120, trace=trace)
    _, static, ours = metrics(result)
    assert ours.trips == 0
    assert ours.energy_wh >= static.energy_wh
    assert result.shed_events == 0


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), oversubscription=st.floats(0.9, 2.4))
def test_rackedge_trips_no_breaker_whatever_the_seed(seed, oversubscription):
    result = virtual(40, seed=seed, oversubscription=oversubscription)
    _, static, ours = metrics(result)
    assert ours.trips == 0
    assert ours.energy_wh >= static.energy_wh
    assert result.shed_events == 0


def test_where_nothing_binds_everything_is_served():
    result = virtual(60, oversubscription=0.8)
    uncapped, static, ours = metrics(result)
    assert uncapped.served_ratio == 1.0
    assert ours.served_ratio > 0.999
    assert ours.energy_wh >= static.energy_wh


# Sizes


def trace_file(path, loads, rows=40, step_s=1.0):
    names = [f"n{i}" for i in range(loads)]
    lines = [",".join(["t_s", *names])]
    for row in range(rows):
        watts = [f"{2000 + 300 * ((row // 4 + i) % 5)}" for i in range(loads)]
        lines.append(",".join([f"{row * step_s:g}", *watts]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("loads", [1, 2, 16, 32])
def test_racks_of_every_size_run(tmp_path, loads):
    trace = trace_file(tmp_path / "t.csv", loads)
    result = virtual(trace=trace)
    _, static, ours = metrics(result)
    assert result.loads == (8 if loads == 1 else loads)
    assert result.duration_s == 39.0
    assert ours.trips == 0
    assert ours.energy_wh >= static.energy_wh
    assert result.caps_written >= result.loads
    assert result.link.crc_errors == result.link.gaps == 0


@pytest.mark.parametrize("loads", [2, 16])
def test_a_load_without_pauses_does_not_trip_before_the_start(tmp_path, loads):
    path = tmp_path / "t.csv"
    flat = ",5000" * loads
    names = "".join(f",n{i}" for i in range(loads))
    path.write_text(f"t_s{names}\n0{flat}\n40{flat}\n", encoding="utf-8")
    result = virtual(trace=path)
    uncapped, static, ours = metrics(result)
    assert uncapped.trips == 2
    assert uncapped.first_trip_s > 0.5
    assert ours.trips == 0
    assert ours.energy_wh >= static.energy_wh


def test_a_single_load_of_a_two_column_trace_may_be_idle(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("t_s,busy,idle\n0,3000,0\n10,5000,0\n20,3000,0\n", encoding="utf-8")
    assert metrics(virtual(trace=path))[2].trips == 0


@pytest.mark.parametrize("trace", [False, True])
def test_a_run_of_one_second_is_a_run(tmp_path, trace):
    given_trace = trace_file(tmp_path / "t.csv", 2) if trace else None
    result = virtual(1, trace=given_trace)
    assert result.duration_s == 1.0
    assert all(len(result.policies[name].record) == 10 for name in POLICIES)
    assert [m.trips for m in metrics(result)] == [0, 0, 0]


def test_more_loads_than_a_board_meters_are_refused(tmp_path):
    with pytest.raises(TraceError, match=r"t\.csv: 33 loads, but a board meters 32: leave"):
        virtual(trace=trace_file(tmp_path / "t.csv", 33))


@pytest.mark.parametrize("watts", [0.0, 3.0, 900_000.0])
def test_a_rack_that_no_board_could_guard_is_refused(tmp_path, watts):
    path = tmp_path / "t.csv"
    path.write_text(f"t_s,a,b\n0,{watts},{watts}\n5,{watts},{watts}\n", encoding="utf-8")
    with pytest.raises(TraceError, match=r"t\.csv: a peak of .* a board guards"):
        virtual(trace=path)


# Names that people give to columns


@pytest.mark.parametrize(
    "names",
    [
        ("node 1", "node 2"),
        ('"gpu ""a"""', "c\\d"),
        ("a/b", "a-b"),
        ("a?b", "a#b"),
        ("größe", "日本"),
        ("<script>alert(1)</script>", "%41"),
        ("x" * 80 + "1", "x" * 80 + "2"),
    ],
)
def test_any_column_name_runs_and_stays_different(tmp_path, names):
    path = tmp_path / "t.csv"
    path.write_text(f"t_s,{','.join(names)}\n0,2000,1500\n12,2500,900\n", encoding="utf-8")
    demand, _ = workload(DemoOptions(trace=path, virtual=True))
    assert len(set(demand.names)) == 2
    result = virtual(trace=path)
    assert result.caps_written >= 2
    assert any(name.startswith("cap_") for name in result.policies["rackedge"].record.names)


def test_a_plain_name_is_left_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("t_s,gpu_01.rack:a+b,x-2\n0,2000,1500\n12,2500,900\n", encoding="utf-8")
    assert workload(DemoOptions(trace=path))[0].names == ("gpu_01.rack:a+b", "x-2")


# How long


def test_lengths_are_as_documented(tmp_path):
    trace = trace_file(tmp_path / "t.csv", 2, rows=101)
    assert workload(DemoOptions())[1] == 60
    assert workload(DemoOptions(virtual=True))[1] == 600
    assert workload(DemoOptions(trace=trace))[1] == 60
    assert workload(DemoOptions(trace=trace, virtual=True))[1] == 100
    assert workload(DemoOptions(trace=trace, seconds=5, virtual=True))[1] == 5
    with pytest.raises(TraceError, match="100 s long, shorter than --seconds 101"):
        workload(DemoOptions(trace=trace, seconds=101))


def test_a_single_column_becomes_a_rack_of_eight(tmp_path):
    demand, _ = workload(DemoOptions(trace=trace_file(tmp_path / "t.csv", 1)))
    assert demand.names == tuple(f"n0-{k}" for k in range(1, 9))


def test_a_short_run_is_the_start_of_a_workload_of_ten_seconds():
    demand, seconds = workload(DemoOptions(seconds=3, virtual=True))
    assert seconds == 3
    assert demand.watts == generate(10, 1).watts


def test_the_replay_command_says_all_that_matters(tmp_path):
    trace = tmp_path / "my trace.csv"
    options = DemoOptions(trace=trace, seconds=12.5, seed=4, virtual=True, oversubscription=1.7)
    assert options.command() == (
        f"rackedge demo --trace '{trace}' --seconds=12.5 --runtime=micropython --seed=4 "
        "--oversubscription=1.7 --redundancy=none --virtual"
    )
    lost = replace(options, trace=None, lose=FeedLoss("B", 4.5), redundancy="strict")
    assert lost.command().endswith("--redundancy=strict --lose=B@4.5 --virtual")


def test_a_rack_whose_lowest_caps_do_not_fit_names_the_option():
    demand, _ = workload(DemoOptions(seconds=10, oversubscription=5.0))
    with pytest.raises(ConfigError, match=r"--oversubscription 5: .* use less than \d\.\d\d"):
        sized(DemoOptions(seconds=10, oversubscription=5.0), demand)


def test_a_trace_of_many_days_is_run_for_one(tmp_path):
    path = tmp_path / "days.csv"
    path.write_text("t_s,a,b\n0,100,200\n864000,110,210\n")
    assert workload(DemoOptions(trace=path, virtual=True))[1] == 86_400.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_and_leaves_nothing(tmp_path, number):
    code = "from hil.demo import *; run_demo(DemoOptions(seconds=30, runtime='cpython'))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    end_s = time.monotonic() + 30
    while not list(tmp_path.glob("rackedge-*/rack.toml")) and time.monotonic() < end_s:
        time.sleep(0.05)
    time.sleep(0.5)
    try:
        for _ in range(4):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
                break
        process.communicate(timeout=5)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []
