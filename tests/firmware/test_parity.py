# SPDX-License-Identifier: Apache-2.0
"""The whole board as bytecode: the same bits as on CPython, and a short day. The long ones are
`python -m tests.firmware.parity` and `python -m tests.firmware.day`."""

import pytest

from firmware_py.link import messages as m
from tests.firmware import day, parity
from tests.firmware.vm import bytecode


@pytest.mark.parametrize(("rack", "steps"), [("plain", 5_000), ("everything", 5_000)])
def test_bytecode_and_cpython_say_and_do_the_same(rack, steps):
    mine, theirs = parity.run(bytecode(), rack, steps, every=500)
    assert mine == theirs
    assert mine["states"] >> m.STATE_LOCAL & 1
    assert mine["states"] >> m.STATE_SAFE & 1
    assert mine["offs"] == 0b1110
    assert mine["missed"] > 0
    assert mine["rx_errors"] > 0


def test_a_short_day_with_a_busy_host_misses_nothing_and_leaks_nothing():
    short = day.run(bytecode(), 2000)
    assert day.problems(short) == []
    assert short["answers"] == 8000
    assert sum(short["events"].values()) >= 3
