# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.link.messages import INVALID
from firmware_py.sense.spike import Spike

GONE = INVALID


# readings, what is believed after each; steps of up to 10 are true
@pytest.mark.parametrize(
    ("readings", "believed"),
    [
        ((50, 50), (GONE, 50)),
        ((50, 60, 70), (GONE, 60, 70)),
        ((50, 61, 60), (GONE, GONE, 60)),
        ((50, 50, 90, 51), (GONE, 50, 50, 51)),
        ((50, 50, 90, 91), (GONE, 50, 50, 91)),
        ((50, 50, 90, 20, 51), (GONE, 50, 50, 50, 51)),
        ((50, 50, 90, 20, 120, 51, 52), (GONE, 50, 50, 50, GONE, GONE, 52)),
        ((50, 50, 90, 51, 20, 51, 150, 51), (GONE, 50, 50, 51, 51, 51, 51, 51)),
        ((50, 50, 90, 20, 51, 90, 20, 51), (GONE, 50, 50, 50, 51, 51, 51, 51)),
        ((50, 50, 90, 51, 90, 51), (GONE, 50, 50, 51, 51, 51)),
        ((50, 50, GONE, 50, 50), (GONE, 50, GONE, GONE, 50)),
        ((50, 50, 90, GONE, 90, 90), (GONE, 50, 50, GONE, GONE, 90)),
        ((50, 50, 90, 20, GONE, 70, 20, 71, 20), (GONE, 50, 50, 50, GONE, GONE, GONE, GONE, GONE)),
    ],
)
def test_what_is_believed(readings, believed):
    spike = Spike(10)
    assert tuple(spike.take(reading) for reading in readings) == believed
    assert spike.value == believed[-1]


@given(st.lists(st.one_of(st.just(GONE), st.integers(0, 300)), max_size=40))
def test_a_value_is_one_of_the_last_three_readings_and_had_a_neighbour(readings):
    spike = Spike(10)
    for i, reading in enumerate(readings):
        value = spike.take(reading)
        if value != GONE:
            assert value in readings[max(i - 2, 0) : i + 1]
            assert GONE not in readings[max(i - 1, 0) : i + 1]
            earlier = readings[: i + 1]
            earlier.remove(value)
            assert any(other != GONE and abs(other - value) <= 10 for other in earlier)
