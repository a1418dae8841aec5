# SPDX-License-Identifier: Apache-2.0
"""Virtual boards over a reset: what they remember, who asked for it, which firmware it was."""

import gc
import json
import math
import os
import shutil
import struct
from binascii import crc32
from pathlib import Path

import pytest

import firmware_py
from edge.errors import ConfigError, LinkError, RuntimeMissing
from firmware_py.channels import OUT_STATE
from firmware_py.link import messages as m
from firmware_py.store import reset
from firmware_py.store.compile import compile_json
from hil.cortex.board import CortexBoard
from hil.drivers import image
from hil.drivers.inprocess import CpythonBoard
from hil.drivers.pty_board import quiet_readings
from hil.drivers.vm import VmBoard
from hil.ports import CAPABILITIES, STORE, Unsupported
from tests.firmware.cortex import cortex_present
from tests.firmware.keyed import KEY
from tests.firmware.rig import RACK
from tests.firmware.vm import vm_path
from tests.hil.driven import Driven, config_file

KINDS = [VmBoard, CpythonBoard, CortexBoard]
PRESENT = {VmBoard: vm_path, CortexBoard: cortex_present, CpythonBoard: lambda: None}
"""Skips the test where there is none."""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Compiled once for all tests here, and never into the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def make(tmp_path):
    made = []

    def build(kind, *, store=True, key=KEY, **more):
        PRESENT[kind]()
        where = tmp_path / f"{kind.name}-flash" if store else None
        made.append(kind(config_file(tmp_path), store=where, key=key, **more))
        return Driven(made[-1])

    yield build
    for device in made:
        device.close()


def shed(board, groups):
    board.run(10)
    board.lead()
    assert board.say(m.SHED, struct.pack("<H", groups), sealed=True)[1] == m.ACK
    board.run(8)
    assert board.relays == 0b1111 & ~groups


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_that_is_off_stays_off_over_every_kind_of_restart(make, kind):
    board = make(kind)
    shed(board, 0b0100)
    for boot, cause in enumerate(
        (reset.CAUSE_POWER_ON, reset.CAUSE_WATCHDOG, reset.CAUSE_PIN), start=2
    ):
        board.device.restart(cause)
        assert board.device.boots == boot
        assert board.relays == 0b1011  # relays latch: as they were
        for _ in range(10):
            board.run(1)
            assert board.relays == 0b1011
        assert board.hello()["boot_count"] == boot


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_store_a_restart_forgets(make, kind):
    board = make(kind, store=False)
    shed(board, 0b0100)
    first = board.hello()
    board.device.restart(reset.CAUSE_POWER_ON)
    board.run(2)
    assert board.relays == 0b1111
    second = board.hello()
    assert second["boot_id"] != first["boot_id"]
    assert second["boot_count"] == first["boot_count"] + 1
    assert STORE not in board.device.capabilities


@pytest.mark.parametrize("kind", KINDS)
def test_the_cause_reaches_the_firmware(make, kind):
    board = make(kind)
    board.run(3)
    assert board.hello()["reset_cause"] == reset.BOOT_FIRST
    causes = {
        reset.CAUSE_WATCHDOG: reset.BOOT_WATCHDOG,
        reset.CAUSE_POWER_ON: reset.BOOT_POWER_LOSS,
        reset.CAUSE_SOFT: reset.BOOT_CRASH,
    }
    for cause, boot in causes.items():
        board.device.restart(cause)
        assert board.hello()["reset_cause"] == boot


@pytest.mark.parametrize("kind", KINDS)
def test_a_reset_that_the_host_asks_for_is_done_by_the_board_itself(make, kind):
    board = make(kind)
    board.run(5)
    board.lead()
    before = board.hello_r
    board.now_ms += 30
    assert board.say(m.RESET, b"\1", sealed=True)[1] == m.ACK  # the answer still leaves
    assert board.device.boots == 2
    assert board.device.until_ms == board.now_ms  # it wants to run at once
    after = board.hello()
    assert after["boot_id"] != before["boot_id"]
    assert after["reset_cause"] == reset.BOOT_REQUESTED


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_that_is_committed_now_is_in_force_after_the_boards_own_reset(
    make, kind, tmp_path
):
    board = make(kind)
    board.run(5)
    board.lead()
    text = config_file(tmp_path, air={"slew_up_permille": 60}).read_text()
    data = bytes(compile_json(text)[0])
    board.say(m.CONFIG_BEGIN, struct.pack("<HI", len(data), crc32(data)), sealed=True)
    for at in range(0, len(data), 200):
        board.say(m.CONFIG_DATA, struct.pack("<H", at) + data[at : at + 200], sealed=True)
    assert board.say(m.CONFIG_COMMIT, bytes([m.NOW]), sealed=True)[1] == m.ACK
    assert board.device.boots == 2
    assert board.hello()["config_crc"] == crc32(data[12:], crc32(data[:8]))


def test_all_kinds_say_the_same_over_restarts(make):
    boards = [make(kind) for kind in KINDS]
    for board in boards:
        shed(board, 0b0010)
        board.device.restart(reset.CAUSE_WATCHDOG)
        board.run(5)
        board.lead()
        board.run(3)
        board.say(m.RESET, b"\0", sealed=True)
        board.hello()
        board.run(10)
    ignored = {"heap_free": 0}
    vm, *others = boards
    for other in others:
        assert other.events == vm.events
        assert other.hello_r == vm.hello_r
        assert other.telemetry | ignored == vm.telemetry | ignored
        assert other.device.until_ms == vm.device.until_ms


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_run_twice_gives_the_same_bytes_and_the_same_flash(make, tmp_path, kind):
    found = []
    for _ in range(2):
        board = make(kind)
        shed(board, 0b0100)
        board.device.restart(reset.CAUSE_WATCHDOG)  # right behind a write to flash
        board.run(10)
        board.device.close()
        flash = tmp_path / f"{kind.name}-flash"
        found.append((board.sent, {f.name: f.read_bytes() for f in flash.iterdir()}))
        shutil.rmtree(flash)
    assert found[0] == found[1]


# What is measured


def test_the_heap_is_what_telemetry_says_and_a_restart_may_set_it(make):
    board = make(VmBoard)
    assert math.isnan(board.device.measure()["mcu_heap_free"])
    board.run(3)
    board.hello()
    board.run(3)
    usual = board.device.measure()
    assert usual["mcu_heap_free"] == board.telemetry["heap_free"] > 50_000
    assert 0 < usual["mcu_tick_ms"] < 5_000
    board.device.restart(reset.CAUSE_WATCHDOG, heap_kib=176)
    board.hello()
    board.run(3)
    less = board.device.measure()["mcu_heap_free"]
    assert 10 * 1024 < usual["mcu_heap_free"] - less < 20 * 1024
    board.device.restart(reset.CAUSE_WATCHDOG)
    board.hello()
    board.run(3)
    assert abs(board.device.measure()["mcu_heap_free"] - usual["mcu_heap_free"]) < 2048


def test_a_heap_in_which_it_cannot_live_is_told(make):
    board = make(VmBoard)
    with pytest.raises(LinkError, match=r"(?s)VM has stopped \(exit 1\).*MemoryError"):
        board.device.restart(reset.CAUSE_WATCHDOG, heap_kib=24)


def test_cpython_has_no_heap_to_set_or_to_measure(make):
    board = make(CpythonBoard)
    with pytest.raises(Unsupported, match="MicroPython VM"):
        board.device.restart(reset.CAUSE_PIN, heap_kib=100)
    assert math.isnan(board.device.measure()["mcu_heap_free"])


@pytest.mark.parametrize("kind", KINDS)
def test_capabilities_are_known_words(make, kind):
    assert make(kind).device.capabilities <= set(CAPABILITIES)


# Which firmware


def mutated(tmp_path, old, new):
    """A copy of the firmware in which one constant is another."""
    folder = tmp_path / "mutant"
    source = Path(firmware_py.__file__).parent
    shutil.copytree(source, folder / "firmware_py", ignore=shutil.ignore_patterns("__pycache__"))
    target = folder / "firmware_py" / "link" / "commands.py"
    text = target.read_text()
    assert text.count(old) == 1
    target.write_text(text.replace(old, new))
    return folder


@pytest.mark.parametrize("compiled", [False, True])
def test_a_copy_of_the_firmware_really_runs(make, tmp_path, compiled):
    folder = mutated(tmp_path, "FW = (0, 1, 0)", "FW = (9, 8, 7)")
    board = make(VmBoard, store=False, key=None, firmware=folder, compiled=compiled)
    hello = board.hello()
    assert (hello["fw_major"], hello["fw_minor"], hello["fw_patch"]) == (9, 8, 7)
    ours = make(VmBoard, store=False, key=None, compiled=compiled).hello()
    assert ours["fw_major"] != 9


def test_a_copy_that_changes_is_another_and_what_nobody_uses_is_forgotten(tmp_path):
    vm_path()
    folder = mutated(tmp_path, "FW = (0, 1, 0)", "FW = (9, 8, 7)")
    first = image.bytecode(folder)
    assert image.bytecode(folder) == first
    main = folder / "firmware_py" / "main.py"
    main.write_text(main.read_text() + "\n")
    assert image._digest(folder / "firmware_py") != first.name
    unused = first.with_name("unused")
    unused.mkdir()
    os.utime(unused, (0, 0))
    image._prune(first.parent)
    assert first.is_dir()
    assert not unused.exists()  # for more than a month


def test_a_firmware_that_does_not_compile_says_where(tmp_path):
    vm_path()
    folder = mutated(tmp_path, "FW = (0, 1, 0)", "FW = (0, 1,, 0)")
    with pytest.raises(ConfigError, match=r"(?s)mutant/firmware_py does not compile.*SyntaxError"):
        image.bytecode(folder)


def test_a_folder_without_firmware_is_refused(tmp_path):
    vm_path()
    with pytest.raises(ConfigError, match=r"has no firmware_py/main\.py: give the folder"):
        VmBoard(config_file(tmp_path), firmware=tmp_path)


def test_cpython_cannot_run_another_firmware(tmp_path):
    with pytest.raises(Unsupported, match="use the MicroPython VM"):
        CpythonBoard(config_file(tmp_path), firmware=tmp_path)


def test_without_the_compiler_bytecode_says_how_to_get_it_and_sources_have_room(make, monkeypatch):
    monkeypatch.setattr(image.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(RuntimeMissing, match=r"pip install 'rackedge\[flash\]'"):
        make(VmBoard, compiled=True)
    board = make(VmBoard)
    board.run(3)
    assert board.hello()["reset_cause"] == reset.BOOT_FIRST


def test_what_lies_in_the_current_folder_is_not_run(make, tmp_path, monkeypatch):
    for trap in ("firmware_py", "."):
        folder = tmp_path / "trap" / trap
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("main", "json", "struct", "__init__"):
            (folder / f"{name}.py").write_text("raise SystemExit(77)\n")
    monkeypatch.chdir(tmp_path / "trap")
    board = make(VmBoard, store=False, key=None)
    board.run(3)
    assert board.relays == 0b1111


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_firmware_refuses_names_the_persons_file(tmp_path, kind):
    PRESENT[kind]()
    config = tmp_path / "rack.bin"
    config.write_bytes(bytes(compile_json(json.dumps(RACK))[0])[:-1])
    with pytest.raises((ConfigError, LinkError), match=rf"{config}: "):
        kind(config)
    gc.collect()


@pytest.mark.parametrize(
    "sections",
    [{}, {"liquid": {}}, {"fans": [{"max_rpm": 6000}] * 3}],
    ids=["air", "liquid", "fans"],
)
def test_a_board_that_nobody_feeds_reads_a_rack_it_need_not_act_on(tmp_path, sections):
    board = Driven(CpythonBoard(config_file(tmp_path, **sections)))
    board.readings = quiet_readings()
    board.run(100)
    assert board.relays == 0b1111
    assert board.device.outputs[OUT_STATE] == m.STATE_LOCAL
