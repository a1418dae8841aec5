# SPDX-License-Identifier: Apache-2.0
"""Runs in real time, on the VM behind a pty as if it were a board."""

import math
import os
import signal
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from edge.errors import ConfigError
from firmware_py.link import messages as m
from hil.devices import source_of
from hil.engine.probe import TM_FIELDS
from hil.engine.real_board import LinkProbe
from hil.engine.real_run import LATE_MS
from hil.engine.run import run_case
from hil.faults.schedule import make, needs_of
from hil.plant.demand import SettableDemand
from hil.plant.options import RackOptions, build
from hil.plant.rack import Rack
from hil.ports import MCU
from hil.rackfile import board_json
from hil.session import SessionOptions, run_on, run_session
from hil.verdict import Verdict
from tests.firmware.vm import vm_path
from tests.hil.engine_rig import always, case, demand, ends, fault, last, running
from tests.hil.pty_rig import PtyBoard, command

START_S = 30.0
"""Python with pydantic and httpx on a busy machine."""


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    vm_path()
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "run"
    made.mkdir()
    return made


def until(run, condition, seconds, what):
    """Step until `condition()`; how long it took, s."""
    start_ms = run.now_ms
    while not condition():
        assert run.now_ms - start_ms < seconds * 1000, f"no {what} within {seconds} s"
        run.tick()
        assert run.failure is None, run.failure
    return (run.now_ms - start_ms) / 1000


def test_faults_of_host_and_cable_are_real_and_the_host_comes_back(folder):
    busy = case(3600.0, host="daemon", stimulus=(demand(0.9),))
    with running(busy, folder, "pty") as run:

        def state(wanted, seconds):
            return until(run, lambda: last(run, "state") == wanted, seconds, f"state {wanted}")

        run.tick()
        state(m.STATE_HOSTED, START_S)
        until(run, lambda: last(run, "host_caps") == 8, 10, "caps")
        assert last(run, "host_lease") == 1
        paused = make(fault("host.pause"), 1, 0)
        paused.start(run.ports, run.now_ms)
        assert 1.0 < state(m.STATE_LOCAL, 8) < 6.0  # its lease runs out
        assert run._host.up  # a process that stands still is a process
        paused.stop(run.ports, run.now_ms)
        state(m.STATE_HOSTED, 15)
        pulled = make(fault("link.unplug"), 1, 1)
        pulled.start(run.ports, run.now_ms)
        state(m.STATE_LOCAL, 8)
        assert last(run, "host_up") == 1
        pulled.stop(run.ports, run.now_ms)
        state(m.STATE_HOSTED, 15)
        killed = make(fault("host.kill"), 1, 2)
        killed.start(run.ports, run.now_ms)
        run.tick()
        assert last(run, "host_up") == 0
        state(m.STATE_LOCAL, 8)
        assert last(run, "host_caps") == 8  # caps stay in the devices
        killed.stop(run.ports, run.now_ms)
        assert run._host.up
        assert last(run, "trips") == 0
        names = {entry.name for entry in run.frames}
        assert {"HELLO", "HELLO_R", "TELEMETRY"} <= names
        assert 0 <= run.frames[0].t_ms <= run.now_ms


def test_a_case_passes_in_real_time_and_says_how_late_it_was(folder):
    found = run_case(
        lambda: source_of("pty").make_run(
            case(
                3.0,
                stimulus=(demand(0.5),),
                checks=(always("trips == 0"), ends("state == LOCAL")),
            ),
            folder,
        )
    )
    if found.verdict is not Verdict.INCONCLUSIVE:  # a machine with too much to do
        assert found.verdict is Verdict.PASS, found.reasons
    assert found.clock == "real"
    assert found.digest is None
    assert found.identity.machine == "sim"
    assert len(found.record) == 30
    assert {"late_ms_p99", "late_ms_max"} <= found.metrics.keys()
    assert 2.8 <= found.wall_s < 30


def test_late_ticks_make_a_run_inconclusive_whatever_it_found(folder):
    def stall(run):
        if run.now_ms == 500:
            time.sleep(1.5)

    watched = case(2.0, checks=(always("trips == 1"),))
    found = run_case(lambda: source_of("pty").make_run(watched, folder), stall)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.late_ticks >= 10
    assert f"ticks began more than {LATE_MS} ms late" in found.reasons[0]


def test_a_session_of_the_bench_holds_the_lease_and_can_be_paused(folder):
    with running(case(60.0, host={"kind": "script", "lease": True}), folder, "pty") as run:
        until(run, lambda: run.record and last(run, "state") == m.STATE_HOSTED, 10, "lease")
        run.ports.host.pause(True)
        until(run, lambda: last(run, "state") == m.STATE_LOCAL, 8, "end of the lease")
        run.ports.host.pause(False)
        until(run, lambda: last(run, "state") == m.STATE_HOSTED, 15, "lease")


def test_a_host_that_ends_by_itself_fails_the_run_with_its_last_words(folder):
    with running(case(60.0, host="daemon"), folder, "pty") as run:
        run.tick()
        os.kill(run._host._process.pid, signal.SIGKILL)
        for _ in range(20):
            run.tick()
            if run.done:
                break
        found = run.finish()
    assert found.verdict is Verdict.FAIL
    assert "`rackedge run` has ended by itself (-9)" in found.reasons[0]


def test_what_a_real_board_cannot_do_is_skipped_with_the_reason():
    hang = fault("mcu.hang", at_s=1)
    needing = replace(case(2.0, faults=(hang,), name="hang"), needs=needs_of([hang]))
    assert MCU in needing.needs
    step = case(2.0, host="daemon", faults=(fault("host.clock_step", at_s=0.1),), name="step")
    found = list(run_session(SessionOptions(device="pty"), [needing, step]))
    assert [each.verdict for each in found] == [Verdict.SKIP, Verdict.INCONCLUSIVE]
    assert found[0].reasons == ("pty does not have mcu",)
    assert "nobody steps this machine's clock" in found[1].reasons[0]


def test_ticks_that_a_board_missed_before_the_run_are_not_the_runs():
    told = [None, 5, 5, 7, 0, 1]
    spec = build(RackOptions(), 1)
    rack = Rack(spec, SettableDemand(spec.loads))
    at = TM_FIELDS.index("missed")
    newest = []
    probe = LinkProbe(rack, 1, lambda: newest[-1], {})
    seen = []
    for missed in told:
        newest.append(
            None if missed is None else [missed if i == at else 0 for i in range(len(TM_FIELDS))]
        )
        seen.append(dict(zip(probe.names, probe.row(), strict=True))["mcu_missed"])
    assert math.isnan(seen[0])
    assert seen[1:] == [0, 0, 2, 0, 1]


BENCH = """\
bench: lab
devices:
  board:
    transport: {{url: {link}}}
    identity: {{machine: sim, uid: pty-1}}
{more}"""


def options(folder, link, more):
    path = folder / "bench.yaml"
    path.write_text(BENCH.format(link=link, more=more), encoding="utf-8")
    return SessionOptions(device="board", bench=path)


def config_of(folder):
    path = folder / "board.json"
    path.write_text(board_json(build(RackOptions(), 1)), encoding="utf-8")
    return path


SWITCH = """\
import os, pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
with (folder / "switched").open("a") as log:
    log.write(sys.argv[2] + " ")
if sys.argv[2] == "off":
    os.kill(int((folder / "pid").read_text()), 15)
else:
    board = subprocess.Popen(
        {command!r}, stdin=-3, stdout=-3, stderr=-3, start_new_session=True
    )
    (folder / "pid").write_text(str(board.pid))
"""


def test_power_is_cycled_by_the_command_of_the_bench_file(folder):
    switch = folder / "switch.py"
    words = command(folder, config=config_of(folder))
    switch.write_text(SWITCH.format(command=words), encoding="utf-8")
    line = f"{sys.executable} {switch} {folder}"
    power = f"    power: {{driver: command, on: '{line} on', off: '{line} off'}}\n"
    given = options(folder, folder / "link", f"    bus: {{url: {folder / 'bus'}}}\n{power}")
    cut = case(
        10.0,
        host="watch",
        faults=(fault("power.brownout", at_s=1.5, dark_ms=100),),
        checks=(ends("state == LOCAL"),),
    )
    os.spawnl(os.P_WAIT, sys.executable, sys.executable, str(switch), str(folder), "on")
    try:
        until_there = time.monotonic() + START_S
        while not (folder / "bus").exists():
            assert time.monotonic() < until_there
            time.sleep(0.05)
        with source_of("board", given.bench) as source:
            found = run_on(source, given, cut, lambda _run: None)
        assert (folder / "switched").read_text().split() == ["on", "off", "on"]
        assert found.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}, found.reasons
        if found.verdict is Verdict.INCONCLUSIVE:
            assert "ticks began" in found.reasons[0]
        assert found.late_ticks < 30  # nobody waited for the supply
        assert found.record.signal("state")[-1] == m.STATE_LOCAL
        ups = [frame.t_ms for frame in found.frames if frame.up]
        assert any(b - a > 800 for a, b in pairwise(ups))  # it was dark
        assert ups[-1] > 5000
    finally:
        os.spawnl(os.P_WAIT, sys.executable, sys.executable, str(switch), str(folder), "off")


@pytest.fixture
def quiet(folder):
    """A board that reads a rack of its own."""
    made = PtyBoard(folder)
    yield made
    made.close()


def test_channels_give_a_board_without_a_bus_its_signals(folder, quiet):
    channels = "    channels: {feed_a_w: {from: tm_feed_a_mw, scale: 0.001}}\n"
    given = options(folder, quiet.link, channels)
    checks = (ends("feed_a_w > 390 and feed_a_w < 410"), always("n_boot == 1"))
    seen = case(3.0, host="watch", checks=checks)
    other = case(3.0, host="watch", name="other", checks=(ends("inlet_c < 30"),))
    found, unseen = run_session(given, [seen, other])
    if found.verdict is not Verdict.INCONCLUSIVE:
        assert found.verdict is Verdict.PASS, found.reasons
    assert "load_s1_w" not in found.record.names
    assert unseen.verdict is Verdict.SKIP
    assert "board has no bus, and no channel" in unseen.reasons[0]
    assert "inlet_c" in unseen.reasons[0]
    wrong = options(folder, quiet.link, channels.replace("feed_a_w", "fed_a_w"))
    with pytest.raises(ConfigError, match=r"bench\.yaml:\d+: no signal fed_a_w in this run"):
        list(run_session(wrong, [seen]))
    given = options(folder, quiet.link, channels)
    misspelt = case(3.0, host="watch", checks=(ends("inlett_c < 30"),))
    with pytest.raises(ConfigError, match="inlett_c"):
        list(run_session(given, [misspelt]))
