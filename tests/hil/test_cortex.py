# SPDX-License-Identifier: Apache-2.0
"""The emulated Cortex-M3 as a device of the bench: what it says, and how it fails."""

import shutil
from pathlib import Path

import pytest

import firmware_py
from edge.errors import LinkError, RuntimeMissing
from hil.cortex import machine as cortex
from hil.cortex.board import CortexBoard
from hil.cortex.machine import Machine, find_machine
from hil.fidelity import EXACT, compare
from hil.verdict import Verdict
from tests.firmware.cortex import cortex_present, rom
from tests.firmware.vm import vm_path
from tests.hil.driven import Driven, config_file
from tests.hil.engine_rig import case, demand, fault, whole

BUSY = case(
    8.0,
    host="daemon",
    stimulus=(demand(0.9),),
    faults=(
        fault("link.flip", 1, 2, probability=0.2),
        fault("power.feed_loss", 4, feed="a"),
        fault("mcu.reset", 6),
    ),
    board={"store": True, "key": True},
)


@pytest.fixture
def machine():
    cortex_present()
    made = Machine(rom())
    yield made
    made.close()


def test_it_says_the_same_as_the_vm_in_every_tick(tmp_path):
    cortex_present()
    vm_path()
    found = []
    for device in ("micropython", "cortex-m3"):
        (tmp_path / device).mkdir()
        found.append(whole(BUSY, tmp_path / device, device))
    same = compare(*found, EXACT)
    assert same.verdict is Verdict.PASS, same.reasons
    assert same.rows == 80


def test_code_that_fails_says_where_and_the_machine_goes_on(machine):
    with pytest.raises(LinkError, match=r"(?s)Cortex-M3: Traceback.*ZeroDivisionError"):
        machine.execute("1 // 0")
    assert machine.execute("print(6 * 7)") == "42\r\n"


def test_its_heap_is_that_of_the_build_and_the_image_lies_outside_of_it(machine):
    free = int(machine.execute("gc.collect()\nprint(gc.mem_free() + gc.mem_alloc())"))
    assert free / 1024 == pytest.approx(cortex.HEAP_KIB, rel=0.04)  # less the collector's own
    assert len(rom()) > 64 * 1024
    assert int(machine.execute("print(gc.mem_alloc())")) < 12 * 1024


def test_a_machine_that_is_killed_is_told(machine):
    machine._process.kill()
    with pytest.raises(LinkError, match="qemu-system-arm has ended"):
        machine.execute("print(1)")


def test_one_that_hangs_is_told(machine, monkeypatch):
    monkeypatch.setattr(cortex, "ANSWER_S", 0.2)
    with pytest.raises(LinkError, match=r"has not answered for 0\.2 s"):
        machine.execute("while True: pass")


def test_a_firmware_that_dies_has_its_last_words_in_the_error(tmp_path):
    cortex_present()
    folder = tmp_path / "mutant"
    source = Path(firmware_py.__file__).parent
    shutil.copytree(source, folder / "firmware_py", ignore=shutil.ignore_patterns("__pycache__"))
    target = folder / "firmware_py" / "sense" / "inputs.py"
    lines = target.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("    def step("))
    lines.insert(at + 1, "        raise RuntimeError('bits fell out')\n")
    target.write_text("".join(lines))
    board = CortexBoard(config_file(tmp_path), firmware=folder)
    try:
        with pytest.raises(LinkError, match=r"(?s)has stopped: .*RuntimeError: bits fell out"):
            Driven(board).run(3)
    finally:
        board.close()


@pytest.mark.parametrize("missing", ["program", "firmware"])
def test_what_is_missing_is_named_with_what_to_do(tmp_path, monkeypatch, missing):
    monkeypatch.setenv(cortex.VARIABLE, str(tmp_path))
    found = None if missing == "program" else "/bin/true"
    monkeypatch.setattr(cortex.shutil, "which", lambda _name: found)
    words = "qemu-system-arm is missing" if missing == "program" else "run `bash .*hil/cortex/build"
    with pytest.raises(RuntimeMissing, match=words):
        find_machine()
    with pytest.raises(RuntimeMissing, match=words):
        CortexBoard(config_file(tmp_path))
