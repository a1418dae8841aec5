# SPDX-License-Identifier: Apache-2.0
"""Runs that end before their time: the report is written, nothing is left, boards are safe."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from edge.board_client import BoardClient
from edge.link.serial import open_transport
from firmware_py.link import messages as m
from hil.plant.options import RackOptions, build
from hil.rackfile import board_json
from tests.firmware.vm import vm_path
from tests.hil.cli_rig import scenario
from tests.hil.pty_rig import PtyBoard

BENCH = """\
bench: lab
devices:
  board:
    transport: {{url: {link}}}
    bus: {{url: {bus}}}
    identity: {{machine: sim, uid: {uid}}}
"""


@pytest.fixture
def board(place):
    """A board that was there before the bench, and stays; it has what the scenarios need."""
    vm_path()
    folder = place.folder / "board"
    folder.mkdir()
    config = folder / "board.json"
    config.write_text(board_json(build(RackOptions(), 1)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", place.environment["XDG_RUNTIME_DIR"])
        made = PtyBoard(folder, config=config)
    bench = BENCH.format(link=made.link, bus=made.bus, uid="pty-1")
    (place.folder / "bench.yaml").write_text(bench)
    yield made
    made.close()


def run_of(place, case):
    return json.loads((place.folder / "report" / case / "run.json").read_text())


def state_of(board):
    """What the board says of itself to whoever asks."""
    with BoardClient(lambda: open_transport(str(board.link))) as client:
        return client.telemetry().state


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_inconclusive_and_in_the_report(place, number):
    vm_path()
    scenario(place.folder, "a", duration="1s")
    scenario(place.folder, "b", duration="10h", host="daemon")
    scenario(place.folder, "c", duration="1s")
    going = place.start("hil", "run", "a.yaml", "b.yaml", "c.yaml", "--report=report")
    going.until(place.runs)
    assert going.end(number) == 130
    assert going.err == ""
    assert run_of(place, "a")["verdict"] == "PASS"
    cut = run_of(place, "b")
    assert cut["verdict"] == "INCONCLUSIVE"
    assert cut["reasons"][0].startswith("interrupted at ")
    assert cut["rows"] > 0
    assert not (place.folder / "report" / "c").exists()
    assert (place.folder / "report" / "report.html").stat().st_size > 10_000
    assert "1 PASS, 1 INCONCLUSIVE" in going.out
    assert list(place.scratch.iterdir()) == []


def test_killed_with_sigkill_it_leaves_the_finished_runs_and_no_process(place):
    vm_path()
    scenario(place.folder, "a", duration="1s")
    scenario(place.folder, "b", duration="10h", host="daemon")
    going = place.start("hil", "run", "a.yaml", "b.yaml", "--report=report", "--device=pty")
    going.until(place.runs, 60)
    names = " ".join(words for _, words in place.living())
    for child in ("pty_board", "firmware_py.main", "rack.toml"):
        assert child in names
    assert going.end(signal.SIGKILL) == -9
    assert run_of(place, "a")["rows"] == 10  # whole, whatever a busy machine made of it
    assert place.is_empty()


def test_on_a_board_ctrl_c_gives_the_lease_back_and_a_killed_bench_no_stale_lock(place, board):
    scenario(place.folder, "long", duration="10h", host="daemon", more="seed: 1\n")
    run = ("hil", "run", "long.yaml", "--bench=bench.yaml", "--device=board", "--report=report")
    going = place.start(*run)
    going.until(place.runs, 60)
    taken = place.hil("run", "long.yaml", "--bench=bench.yaml", "--device=board")
    assert taken.returncode == 3
    assert "bench lab is in use by `-c hil run long.yaml" in taken.stderr
    assert f"(pid {going.process.pid}, since" in taken.stderr
    going.end(signal.SIGKILL)
    assert place.is_empty()
    for left in place.scratch.iterdir():
        shutil.rmtree(left)
    going = place.start(*run)
    going.until(lambda: place.runs(6.0), 60)
    assert going.end(signal.SIGINT) == 130
    record = (place.folder / "report" / "long" / "signals.csv").read_text().splitlines()
    names, last = record[0].split(","), record[-1].split(",")
    row = dict(zip(names, last, strict=True))
    assert int(row["state"]) == m.STATE_HOSTED
    assert int(row["host_caps"]) == 8
    assert state_of(board) == m.STATE_LOCAL  # at once: released, not run out


def test_a_port_that_another_program_has_and_the_wrong_board_are_told(place, board):
    path = scenario(place.folder)
    run = ("run", path, "--bench=bench.yaml", "--device=board")
    port = open_transport(str(board.link))
    try:
        taken = place.hil(*run)
    finally:
        port.close()
    assert taken.returncode == 3, taken.stderr
    assert str(board.link.resolve()) in taken.stderr or str(board.link) in taken.stderr
    text = (place.folder / "bench.yaml").read_text()
    (place.folder / "bench.yaml").write_text(text.replace("pty-1", "other"))
    wrong = place.hil(*run)
    assert wrong.returncode == 4
    assert "bench.yaml:6: wrong board" in wrong.stderr
    assert "uid is pty-1, not other" in wrong.stderr
    assert wrong.stdout == ""
    (place.folder / "bench.yaml").write_text(
        text + "    channels: {fed_a_w: {from: tm_feed_a_mw}}\n"
    )
    channel = place.hil(*run)
    assert channel.returncode == 2
    assert "bench.yaml:7: no signal fed_a_w in this run" in channel.stderr


def test_a_board_that_dies_in_the_middle_fails_its_run_and_the_others_are_told(place, board):
    scenario(place.folder, "a", duration="60s", more="seed: 1\n")
    scenario(place.folder, "b", duration="1s", more="seed: 1\n")
    going = place.start(
        "hil", "run", "a.yaml", "b.yaml", "--bench=bench.yaml", "--device=board", "--report=report"
    )
    taps = place.scratch
    going.until(
        lambda: any(time.time() - tap.stat().st_mtime > 2 for tap in taps.glob("rackedge-tap-*")),
        60,
    )
    board.process.send_signal(signal.SIGKILL)
    assert going.process.wait(40) == 1
    first, second = run_of(place, "a"), run_of(place, "b")
    assert first["verdict"] == "FAIL"
    assert "the board has said nothing since" in first["reasons"][0]
    assert first["duration_s"] < 20
    assert second["verdict"] == "INCONCLUSIVE"
    assert str(board.link) in second["reasons"][0]
    assert "Traceback" not in going.err


def test_a_leash_holds_what_was_too_quick_or_too_slow(place):
    code = (
        "import subprocess, sys; from hil.leash import leashed; "
        "words = leashed('import time; time.sleep(60)'); "
        "child = subprocess.Popen(words); print(child.pid, flush=True)"
    )
    done = place.run("-c", code, main=[sys.executable])
    assert done.returncode == 0
    assert place.is_empty()
    orphan = [sys.executable, "-c", "from hil.leash import hold; hold(1 << 22)"]
    gone = subprocess.run(orphan, env=place.environment | {"PATH": os.defpath}, timeout=30)
    assert gone.returncode == 128 + signal.SIGTERM


def test_discover_names_the_board_and_what_does_not_answer(place, board):
    found = place.hil("discover", board.link, "no/such/port", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    named = {each["target"]: each for each in json.loads(found.stdout)}
    (there,) = [each for each in named.values() if each["identity"]]
    assert there["identity"]["uid"] == "pty-1"
    absent = next(each for name, each in named.items() if name.endswith("no/such/port"))
    assert absent["identity"] is None
    assert "no/such/port" in absent["why"]
