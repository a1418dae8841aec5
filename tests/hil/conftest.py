# SPDX-License-Identifier: Apache-2.0
"""Scenario files of these tests are material of tests, not tests by themselves."""

import pytest

from tests.hil.cli_rig import Place

collect_ignore = ["scenarios"]


@pytest.fixture
def place(tmp_path):
    """A directory to work in; whatever is left running fails the test."""
    made = Place(tmp_path)
    yield made
    left = [] if made.is_empty() else made.living()
    made.close()
    assert not left
