# SPDX-License-Identifier: Apache-2.0
"""The library as a whole: what it covers, and that its page says so."""

from hil.faults import CATALOGUE
from hil.scenario.coverage import coverage, requirements_of
from hil.scenario.load import load
from hil.scenario.make_coverage import README, readme_text
from hil.scenario.requirements import REQUIREMENTS
from hil.session import LIBRARY


def test_every_requirement_is_shown_by_some_scenario():
    table = coverage(requirements_of(LIBRARY / REQUIREMENTS), load([LIBRARY]))
    assert table.uncovered == ()
    assert table.unknown == ()
    assert len(table.rows) >= 100


def test_the_library_is_of_many_scenarios_and_meets_faults_of_every_layer():
    cases = load([LIBRARY])
    assert len({case.scenario for case in cases}) >= 25
    used = {fault.kind for case in cases for fault in case.faults}
    assert {kind.layer for kind in CATALOGUE.values()} == {kind.split(".")[0] for kind in used}


def test_its_page_is_fresh():
    assert README.read_text(encoding="utf-8") == readme_text(), (
        "python -m hil.scenario.make_coverage"
    )
