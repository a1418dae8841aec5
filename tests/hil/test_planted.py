# SPDX-License-Identifier: Apache-2.0
"""The scenario library sees every planted bug: each by the case that was recorded for it."""

import functools
import json
import subprocess
import sys

import pytest

from hil.scenario.problem import Problems
from hil.scenario.requirements import nearest_requirements
from hil.session import LIBRARY
from hil.verdict import Verdict
from tests.hil.planted import table, trial
from tests.hil.planted.bug import Bug, occurrences, plant
from tests.hil.planted.bugs import BUGS, BY_NAME

LEAST = 30
KILLERS = table.killers()
SEARCH = "python -m tests.hil.planted --unseen --write"
each_bug = pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)


@functools.cache
def library():
    return {case.name: case for case in trial.library()}


def test_every_bug_is_seen():
    assert len(BY_NAME) == len(BUGS) >= LEAST
    assert set(KILLERS) == set(BY_NAME), SEARCH


def test_the_table_is_fresh():
    assert table.README.read_text(encoding="utf-8") == table.readme_text(KILLERS), SEARCH


@each_bug
def test_it_is_one_change_against_a_requirement(bug):
    assert occurrences(bug) == 1
    assert bug.old != bug.new
    assert bug.breaks
    assert set(bug.breaks) <= nearest_requirements(LIBRARY, Problems())


@each_bug
def test_its_case_fails_with_it_after_a_quiet_rack_has_passed(bug, tmp_path):
    firmware = plant(bug, tmp_path)
    quiet = trial.run(trial.healthy(), firmware)
    assert quiet.verdict in trial.GOOD, quiet.reasons
    killer = KILLERS[bug.name]
    case = library()[killer.case]
    assert set(case.covers) & set(bug.breaks), "seen by chance: no requirement that it breaks"
    kill = trial.failed(trial.run(case, firmware))
    assert kill is not None, f"survives {killer.case}: {SEARCH}"
    assert kill.check == killer.check


@pytest.mark.parametrize("name", sorted({killer.case for killer in KILLERS.values()}))
def test_its_case_passes_without(name):
    result = trial.run(library()[name], None)
    assert result.verdict in trial.GOOD[:2], result.reasons


def test_the_search_finds_what_is_recorded():
    bug = "hard-limit-confirmed"
    arguments = ["--bug", bug, "--intended", "--trust", "--jobs", "1", "--json"]
    command = [sys.executable, "-m", "tests.hil.planted", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["bugs"]
    assert (found["bug"], found["kill"]["check"]) == (bug, KILLERS[bug].check)
    assert "1 of 1 planted bugs are seen: 100 %" in done.stderr


def test_a_board_that_dies_is_no_kill(tmp_path):
    crash = Bug(
        "crash",
        "decide/shed.py",
        "        if sense.leak:\n            self._shed",
        "        if sense.leak:\n            None.shed\n            self._shed",
        ("SHED-LEAK",),
        "It raises.",
    )
    result = trial.run(library()["shed-leak"], plant(crash, tmp_path))
    assert result.verdict is Verdict.FAIL
    assert trial.died(result)
    assert trial.failed(result) is None


def test_a_bug_that_is_not_there_is_refused(tmp_path):
    bug = Bug("none", "app.py", "no such text", "", ("LINK-CRC",), "Nothing.")
    with pytest.raises(ValueError, match="0 times"):
        plant(bug, tmp_path)


def test_those_that_cover_come_first():
    bug = BY_NAME["lease-never-expires"]
    ordered = trial.in_order(bug, library().values())
    covers = [bool(set(bug.breaks) & set(case.covers)) for case in ordered]
    assert covers == sorted(covers, reverse=True)
    assert len(trial.in_order(bug, library().values(), intended=True)) == sum(covers)
