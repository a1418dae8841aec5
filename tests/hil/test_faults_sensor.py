# SPDX-License-Identifier: Apache-2.0
"""Whatever a sensor fault does to a reading, the board gets a number that it can hold."""

import random
from array import array
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.channels import IN_LOAD0_MW, N_IN, N_OUT
from firmware_py.link.messages import INVALID
from hil.faults import CATALOGUE
from hil.faults.draw import DRAWS, Range
from hil.faults.names import INPUTS, MOST, OUTPUTS, rails, select
from hil.faults.schedule import make
from tests.hil.faults_rig import spec_of

READING = st.one_of(st.just(INVALID), st.integers(-MOST, MOST), st.integers(-50_000, 50_000))
BY_READING = [k for k in sorted(CATALOGUE) if k.startswith(("sensor.", "data.")) and k in DRAWS]
BY_READING.remove("data.lying_cap")
MAY_LOSE = {"sensor.open", "sensor.dropout"}
MOVES = {"sensor.swap", "sensor.late", "data.load_power_swapped", "data.replayed_day"}
MOVES |= {"data.time_shifted"}


@pytest.mark.parametrize("kind", BY_READING)
@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.lists(READING, min_size=N_IN, max_size=N_IN), min_size=1, max_size=6),
    seed=st.integers(0, 999),
)
def test_every_reading_fits_and_what_is_not_there_stays_so(kind, rows, seed):
    ports = SimpleNamespace(sensors=[])
    fault = make(spec_of(kind, **DRAWS[kind](random.Random(seed), Range())), seed, 0)
    fault.start(ports, 0)
    for tick, row in enumerate(rows):
        words = array("i", row)
        for transform in ports.sensors:
            transform(tick * 100, words)
        assert all(value == INVALID or -MOST <= value <= MOST for value in words)
        if kind not in MOVES:
            absent = [i for i, value in enumerate(row) if value == INVALID]
            assert all(words[i] == INVALID for i in absent)
            if kind not in MAY_LOSE:
                assert words.count(INVALID) == row.count(INVALID)
    fault.stop(ports, 0)
    assert ports.sensors == []


def test_names_are_those_of_the_channels():
    assert sorted(INPUTS.values()) == list(range(N_IN))
    assert sorted(OUTPUTS.values()) == list(range(N_OUT))
    assert INPUTS["load31_mw"] == N_IN - 1
    assert "fan0_permille" in OUTPUTS


def test_globs_and_lists_select_in_the_order_of_the_array():
    assert select("load*_mw", INPUTS) == tuple(range(IN_LOAD0_MW, N_IN))
    assert select(["load1_mw", "feed_?_mw"], INPUTS) == (0, 1, IN_LOAD0_MW + 1)
    with pytest.raises(ValueError, match=r"no channel 'laod\*': known are feed_a_mw"):
        select("laod*", INPUTS)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_every_input_has_two_rails(name):
    low, high = rails(INPUTS[name])
    assert low < high
