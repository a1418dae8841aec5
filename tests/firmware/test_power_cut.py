# SPDX-License-Identifier: Apache-2.0
"""Power fails at every write of everything that a board writes; see power_cut/cuts.py.

`python -m tests.firmware.power_cut` prints the table of all file systems.
"""

import pytest

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
