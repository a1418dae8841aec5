# SPDX-License-Identifier: Apache-2.0
"""Every row of fault_table.py on a whole board; README.md carries the same table."""

import pytest

from tests.firmware import faults
from tests.firmware.fault_table import ROWS

BENCHES = faults.benches()


def test_the_table_has_every_sensor_actuator_and_host():
    assert set(ROWS) == set(BENCHES)


@pytest.mark.parametrize("key", ROWS, ids="-".join)
def test_a_fault_does_what_the_table_says(key):
    make, ticks = BENCHES[key]
    assert faults.seen(make, ticks) == ROWS[key][:-1]


def test_no_fault_of_a_single_sensor_opens_the_never_group():
    assert [key for key, row in ROWS.items() if "0" in row[4].split()] == []


def test_what_is_not_seen_says_why():
    silent = [row for row in ROWS.values() if row[0] == "LOCAL" and row[5] == "none"]
    assert all(row[-1] for row in silent)


def test_the_readme_carries_the_table():
    text = faults.README.read_text(encoding="utf-8")
    assert faults.inserted(text, ROWS) == text
