# SPDX-License-Identifier: Apache-2.0
"""The table of requirements and faults."""

import pytest

from edge.errors import ConfigError
from hil.scenario.coverage import coverage, requirements_of
from hil.scenario.requirements import Requirement
from tests.hil.scenario_rig import CHECKS, HEAD, SCENARIOS, cases_of, write

REQUIREMENTS = tuple(
    Requirement(id=name, title=title, area="shedding")
    for name, title in (
        ("SHED-1", "Sheds | in time"),
        ("SHED-2", "Restores"),
        ("LINK-1", "Silence"),
    )
)


def cases(tmp_path, **texts):
    for name, more in texts.items():
        text = HEAD.replace("name: one", f"name: {name}") + CHECKS + more
        write(tmp_path, text, f"{name}.yaml")
    return cases_of(tmp_path)


def table(tmp_path):
    return coverage(
        REQUIREMENTS,
        cases(
            tmp_path,
            calm="covers: [SHED-1]\n",
            storm="covers: [SHED-1, LINK-1]\nmatrix: {n: [1, 2]}\nfaults:\n"
            "  - {fault: link.drop, at: 1 s}\n  - {fault: mcu.reset, at: 1 s}\n",
            later="covers: [SHED-2]\nskip: {reason: r, until: 2030-01-01}\n",
            other="covers: [OLD-1]\n",
        ),
    )


def test_scenarios_by_requirement_and_layer(tmp_path):
    found = table(tmp_path)
    assert found.layers == ("link", "mcu", "none")
    assert found.rows[0].scenarios == {"none": ("calm",), "link": ("storm",), "mcu": ("storm",)}
    assert found.rows[2].scenarios == {"link": ("storm",), "mcu": ("storm",)}


def test_a_requirement_without_scenario_or_only_in_quarantine_is_uncovered(tmp_path):
    assert table(tmp_path).uncovered == ("SHED-2",)
    assert coverage(REQUIREMENTS, []).uncovered == ("SHED-1", "SHED-2", "LINK-1")


def test_what_is_covered_without_being_required_is_told(tmp_path):
    assert table(tmp_path).unknown == ("OLD-1",)


def test_the_table_in_markdown(tmp_path):
    assert table(tmp_path).markdown() == (
        "| requirement | link | mcu | none |\n"
        "|---|---|---|---|\n"
        "| SHED-1 Sheds \\| in time | storm | storm | calm |\n"
        "| SHED-2 Restores **no scenario** |  |  |  |\n"
        "| LINK-1 Silence | storm | storm |  |\n"
    )


def test_an_absent_trace_does_not_change_the_table():
    found = coverage(requirements_of(SCENARIOS / "requirements.yaml"), cases_of(SCENARIOS))
    assert found.uncovered == ()
    assert found.rows[2].scenarios == {"none": ("trace-day",)}


def test_a_bad_list_of_requirements(tmp_path):
    with pytest.raises(ConfigError, match=r"r\.yaml:1: \[0\]\.area: missing; add it"):
        requirements_of(write(tmp_path, "- {id: A-1, title: t}\n", "r.yaml"))
    with pytest.raises(ConfigError, match=r"r\.yaml:1: not a list; write"):
        requirements_of(write(tmp_path, "a: 1\n", "r.yaml"))
