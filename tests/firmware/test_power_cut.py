# SPDX-License-Identifier: Apache-2.0
"""Power fails at every write of everything that a board writes; see power_cut/cuts.py.

`python -m tests.firmware.power_cut` prints the table of all file systems.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.store import copies, journal_scan, slots
from firmware_py.store.intent import Intent
from firmware_py.store.journal import Journal
from tests.firmware.power_cut import cuts, lfs, on_vm, scenarios
from tests.firmware.vm import vm_path

AGES = (0, 9, 12, 13)
"""Of littlefs: at these the scenarios' writes make it tidy up its directory."""

LOST_ON_FAT = {  # scenario: cuts, and how many of them lose what was there; not begun, half done
    "config, first save": (8, 1, 1),
    "config, save": (10, 4, 4),
    "config in chunks": (10, 4, 4),
    "journal, first append": (8, 1, 1),
    "journal, append": (4, 2, 2),
    "journal, rotate": (14, 11, 12),
    "intent, boot": (10, 4, 4),
    "intent, latch and reset": (20, 8, 8),
    "slot switch": (10, 4, 4),
    "loader counts down": (30, 12, 12),
    "slot is good": (10, 4, 4),
}


@pytest.fixture(scope="module")
def rig():
    return lfs.Rig()


@pytest.mark.parametrize("how", cuts.HOW)
@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.name)
def test_no_cut_on_littlefs_leaves_a_bad_state(rig, scenario, how):
    _, _, writes, old, new, bad = cuts.survey_ages(rig, scenario, how, AGES)
    assert bad == 0
    assert writes == old + new >= len(AGES)


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.name)
def test_nor_does_a_second_cut_in_what_follows(rig, scenario):
    for how in cuts.HOW:
        assert cuts.survey(rig, scenario, how, age=9, twice=True)[5] == 0


@pytest.mark.parametrize("how", cuts.HOW)
def test_the_harness_sees_a_file_that_is_emptied_before_it_is_written(rig, how):
    assert cuts.survey(rig, scenarios.NAIVE, how)[5] >= 2


def test_no_cut_on_the_vms_own_littlefs_leaves_a_bad_state():
    vm_path()
    rows = on_vm.rows("lfs2", 0, 9)
    assert len(rows) == 3 * (len(scenarios.ALL) + 1)
    for name, how, writes, old, new, bad in rows:
        assert writes == old + new + bad > 0
        assert (bad == 0) == (name != scenarios.NAIVE.name), (name, how)


def test_fat_on_flash_loses_files_and_this_is_how_often():
    """So the board does not write there (store/fskind.py)."""
    vm_path()
    found = {}
    for name, how, writes, old, new, bad in on_vm.rows("fat", 0):
        assert writes == old + new + bad
        found.setdefault(name, {})[how] = (writes, bad)
    del found[scenarios.NAIVE.name]
    for name, (writes, before, half) in LOST_ON_FAT.items():
        assert found[name]["before"] == (writes, before)
        assert found[name]["half"] == (writes, half)
        assert found[name]["noise"][1] >= before
    assert found.keys() == LOST_ON_FAT.keys()


def test_two_copies_outlive_cuts_on_fat_where_a_sector_is_replaced_as_a_whole():
    """As on a managed card, if it keeps that promise. Only rotation loses: the oldest segment."""
    vm_path()
    for name, how, _, _, _, bad in on_vm.rows("card", 0):
        if how == "before" and name not in ("journal, rotate", scenarios.NAIVE.name):
            assert bad == 0, name


def _write_config(files, n):
    copies.save(files, "config", bytes([n]) * (7 * n))


def _write_journal(files, n):
    journal = Journal(files, 1)
    journal.put(1, 0, 0, n)
    journal.flush(0)


def _write_latch(files, n):
    latch = Intent(files)
    latch.note(n, n, 0)
    latch.flush(0, n, n)


def _write_pointer(files, n):
    slots.start_trial(files, n & 1, n)


def _journal_args(files):
    return [journal_scan.fields(row)[2] for row in journal_scan.read(Journal(files, 1), 0, 999)]


STORES = {  # name: how it is written, how it is read, what it then holds
    "config": (
        _write_config,
        lambda files: copies.load(files, "config")[0],
        lambda _, n: bytes([n]) * (7 * n),
    ),
    "journal": (_write_journal, _journal_args, lambda old, n: [*old, n]),
    "latch": (_write_latch, lambda files: Intent(files).safe_reason, lambda _, n: n),
    "pointer": (_write_pointer, slots.read, lambda _, n: (n & 1, n, slots.TRIAL)),
}

writes = st.tuples(st.sampled_from(sorted(STORES)), st.integers(1, 99))
cut = st.one_of(st.none(), st.tuples(st.integers(1, 6), st.sampled_from(cuts.HOW)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(writes, cut), max_size=25))
def test_no_life_with_cuts_changes_what_was_not_being_written(rig, life):
    rig.blank()
    files = rig.mount()
    holds = {name: read(files) for name, (_, read, _) in STORES.items()}
    for (name, n), where in life:
        write, _, then = STORES[name]
        rig.cut(*(where or (0, "before")))
        may = [then(holds[name], n)]
        try:
            write(files, n)
        except lfs.Cut:
            may.append(holds[name])
        if rig.dead:
            rig.restore(rig.image())
            files = rig.mount()
        found = {name: read(files) for name, (_, read, _) in STORES.items()}
        assert found[name] in may
        holds[name] = found[name]
        assert found == holds
