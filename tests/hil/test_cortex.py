# SPDX-License-Identifier: Apache-2.0
"""The emulated Cortex-M3 as a device of the bench: what it says, and how it fails."""

import pytest

from edge.errors import LinkError, RuntimeMissing
from hil.cortex import machine as cortex
from hil.cortex.board import CortexBoard
from hil.cortex.machine import Machine, find_machine
from tests.firmware.cortex import cortex_present, rom
from tests.hil.driven import Driven, config_file
from tests.hil.planted.bug import Bug, plant


@pytest.fixture
def machine():
    cortex_present()
    made = Machine(rom())
    yield made
    made.close()


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
    head = "    def step(self, off_mask):\n"
    dead = head + "        raise RuntimeError('bits fell out')\n"
    bug = Bug("dead", "sense/inputs.py", head, dead, (), "The first tick is the last.")
    board = CortexBoard(config_file(tmp_path), firmware=plant(bug, tmp_path / "mutant"))
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
