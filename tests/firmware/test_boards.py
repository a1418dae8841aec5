# SPDX-License-Identifier: Apache-2.0
"""Every board's own program on a fake `machine`, on CPython and inside the VM."""

import importlib
import json
import os
import subprocess
import sys
import time

import pytest

from firmware_py import compat  # noqa: F401 - before `micropython` is a fake
from firmware_py.board import example
from firmware_py.board.check_pins import BOARDS
from firmware_py.link import messages as m
from firmware_py.store import reset
from firmware_py.store.compile import compile_json
from firmware_py.store.copies import save
from firmware_py.store.folder import Folder
from tests.firmware.fakes import board_scenarios
from tests.firmware.vm import ROOT, vm_path


class FakeMicropython:
    def kbd_intr(self, char):
        self.interrupt = char

    def alloc_emergency_exception_buf(self, n):
        self.buffer = n

    def schedule(self, call, value):
        call(value)


@pytest.fixture
def modules(monkeypatch):
    """CPython with what MicroPython has; what the scenarios put in is taken out again."""
    fake = FakeMicropython()
    monkeypatch.setitem(sys.modules, "micropython", fake)
    monkeypatch.setattr(time, "sleep_ms", None, raising=False)
    monkeypatch.setattr(time, "ticks_us", None, raising=False)
    names = ("machine", "onewire", *(f"firmware_py.board.{b}" for b in ("start", *BOARDS)))
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield fake
    for name in names:
        sys.modules.pop(name, None)


def flash(folder, board, **sections):
    """A board's flash with its example configuration."""
    document = example.document(board) | sections
    document["shed"] |= {"min_off_ms": 2_000, "stagger_ms": 500, "boot_ms": 1_000}
    document["air"] = {"slew_down_permille": 50}
    binary, _ = compile_json(json.dumps(document))
    save(Folder(str(folder)), "config", binary, 4096)
    return str(folder)


def pins(board):
    """Roles to what machine.Pin takes."""
    module = importlib.import_module(f"firmware_py.board.pins_{board}")
    if board != "stm32":
        return module.DEFAULT, module.BUS_NUMBERS
    return {role: module.name(pin)[1:] for role, pin in module.DEFAULT.items()}, module.BUS_NUMBERS


def check_power_up(got):
    assert [what for what, _ in got["relays"]] == ["level"] * 4
    assert got["relay_levels"] == [0]  # no group is dropped for a moment
    assert [what for what, _ in got["fans"]] == ["in"] * 2
    assert got["de"] == ["level", 0]  # an RS-485 pair is not driven


def check_calm(got):
    assert got["fed"] == 50
    assert got["state"] == m.STATE_LOCAL
    assert (got["missed"], got["errors"]) == (0, 0)
    assert (got["relays"], got["contacts"]) == (15, 15)
    assert got["feed_a_mv"] == 230_000
    assert got["feed_a_ma"] == pytest.approx(160 / 2**0.5 * 80.5, rel=0.08)
    assert got["feed_b_ma"] == pytest.approx(got["feed_a_ma"], rel=0.02)
    assert (got["outlet_mc"], got["leak"]) == (36_000, 0)
    assert got["fan_permille"] == pytest.approx(got["wanted_permille"], abs=1)
    assert got["fan_rpm"] == pytest.approx(6 * got["fan_permille"], rel=0.1)
    assert 1 <= got["driven_ms"] <= 8  # a request of 4.6 ms, not the tick behind it
    assert got["fan_hz"] == 25_000


def check_link(got):
    assert got["before"] == []
    assert got["first"] == m.HELLO_R
    assert (got["telemetry"], got["loads"]) == (20, 20)
    assert (got["errors"], got["waited"], got["missed"]) == (0, 0, 0)


def check_stalled(got):
    assert got["fed"] == 100
    assert got["lost"]
    assert (got["missed"], got["errors"]) == (0, 0)
    assert got["telemetry"]


def check_overload(got):
    assert got["seen"][-1] in (1, 3)
    assert got["within_ms"] <= 1_500
    assert got["back"] == 15
    assert got["never"] == 1
    assert got["welded"] == 0


def check_heat(got):
    assert got["rises"]
    assert got["lost"] == 1000


def check_fast(got):
    assert len(got["opened_ms"]) == 1
    assert got["opened_ms"][0] <= 20
    assert got["off"] & got["relays"] == 0
    assert got["off"] == 0b1110
    assert got["overrun"]


def check_crash(got):
    assert got["ended"] == "reset"
    assert got["fans"] == [True, 1000, 1000]
    assert (got["fed_since"], got["calls"]) == (0, 1)
    assert got["kind"] == reset.BOOT_CRASH


def check_hang(got):
    assert got == {"ended": "bite", "after_ms": True}


def check_broken_driver(got):
    assert got["lost"]
    assert got["errors"]
    assert got["back"] == got["good"] != m.INVALID
    assert (got["others"], got["missed"]) == (36_000, 0)


CHECKS = {
    scenario.__name__: globals()[f"check_{scenario.__name__}"]
    for scenario in board_scenarios.SCENARIOS
}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", CHECKS)
def test_a_board_runs_its_own_program(name, board, modules, tmp_path):
    """See the scenario's head comment."""
    CHECKS[name](board_scenarios.run(name, board, *pins(board), flash(tmp_path, board)))


def on_vm(script, *args):
    """As run_script, with room for the fakes."""
    command = [str(vm_path()), "-X", "heapsize=768k", str(ROOT / "tests" / "firmware" / script)]
    done = subprocess.run(
        [*command, *map(str, args)],
        env=os.environ | {"MICROPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("board", BOARDS)
def test_the_vm_runs_it_the_same_and_allocates_nothing(board, modules, tmp_path):
    roles = tmp_path / "pins.json"
    roles.write_text(json.dumps(pins(board)))
    names = ["power_up", "calm", "link", "fast", "crash", "hang"]
    for name in [*names, "allocation", "whole"]:
        (tmp_path / name).mkdir()
        flash(tmp_path / name, board)
    got = on_vm("vm_boards.py", board, roles, tmp_path, *names, "allocation", "whole")
    whole = got.pop("whole")
    assert (whole["ended"], whole["left"]) == ("stop", 0)
    assert whole["fed"] >= 85
    assert whole["relays"] & 1  # the never group
    assert whole["off_before"] == 15 & ~whole["relays"] != 0  # on flash, and read back
    allocation = got.pop("allocation")
    assert allocation["ticks"] == 60
    assert (allocation["bytes"], allocation["errors"], allocation["relays"]) == (0, 0, 15)
    for name in names:
        (tmp_path / "cpython" / name).mkdir(parents=True)
        folder = flash(tmp_path / "cpython" / name, board)
        assert got[name] == board_scenarios.run(name, board, *pins(board), folder), name
