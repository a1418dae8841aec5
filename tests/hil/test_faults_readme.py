# SPDX-License-Identifier: Apache-2.0
"""The table of faults is that of the catalogue."""

import pytest

from hil.faults import CATALOGUE
from hil.faults.make_readme import README, readme_text


def test_the_table_is_fresh():
    assert README.read_text(encoding="utf-8") == readme_text(), "python -m hil.faults.make_readme"


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_parameter_is_explained(kind):
    properties = CATALOGUE[kind].model.model_json_schema().get("properties", {})
    for name, schema in properties.items():
        assert len(schema.get("description", "")) > 8, name
    assert f"| `{kind}` | {CATALOGUE[kind].doc}" in readme_text()
