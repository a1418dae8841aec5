# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.link.messages import INVALID
from firmware_py.sense.adc import AdcLine
from firmware_py.sense.leak import Leak
from tests.firmware.fakes.fake_adc_line import FakeAdc

END = 47_000  # end-of-line resistor, and the series one


class Rope:
    def __init__(self):
        self.adc = FakeAdc(END, END)
        self.leak = Leak(AdcLine(self.adc), END, 33_000, 70_000)
        self.now_ms = 0

    def run(self, *ohms):
        for ohm in ohms:
            self.adc.set(ohm)
            self.now_ms += 100
            self.leak.poll(self.now_ms)
        return self.leak.wet


def dry():
    rope = Rope()
    rope.run(*[END] * 5)
    return rope


# fault or state, Ohm of the rope (-1: open), expected reading after three ticks
CASES = [
    ("dry", END, 0),
    ("dry, resistor 10 % low", 42_300, 0),
    ("dry, resistor 10 % high", 51_700, 0),
    ("humid", 36_000, 0),
    ("a drop", 30_000, 1),
    ("wet", 5_000, 1),
    ("in coolant", 200, 1),
    ("short", 0, 1),
    ("cut", -1, INVALID),
    ("cut in a damp place", 500_000, INVALID),
    ("corroded", 80_000, INVALID),
]


@pytest.mark.parametrize(("name", "ohm", "expected"), CASES)
def test_state_of_the_rope(name, ohm, expected):
    rope = dry()
    assert rope.run(ohm, ohm) == 0
    assert rope.run(ohm) == expected
    assert rope.leak.shorted == (name == "short")
    assert (rope.leak.errors > 0) == (expected == INVALID)
    assert rope.run(END, END, END) == 0


def test_nothing_is_known_before_three_ticks():
    rope = Rope()
    assert rope.run(END, END) == INVALID
    assert rope.run(END) == 0


@pytest.mark.parametrize("spike", [0, 5_000, -1])
def test_a_spike_of_two_ticks_does_not_count(spike):
    rope = dry()
    for _ in range(5):
        assert rope.run(spike, spike, END, END, END) == 0


@pytest.mark.parametrize("other", [5_000, -1])
def test_flapping_is_no_reading(other):
    rope = dry()
    assert rope.run(*[other, END] * 8) == INVALID
    assert rope.run(END, END, END) == 0


def test_a_wet_rope_that_is_cut_is_lost_and_not_dry():
    rope = dry()
    assert rope.run(5_000, 5_000, 5_000) == 1
    assert rope.run(-1, -1, -1) == INVALID


def test_short_and_wet_in_turn_stay_wet():
    rope = dry()
    assert rope.run(0, 5_000, 0, 5_000) == 1


def test_an_adc_that_fails_is_no_reading():
    rope = dry()
    rope.adc.fault = "error"
    assert rope.run(END, END) == 0
    assert rope.run(END) == INVALID


@given(st.lists(st.sampled_from([END, 5_000, 0, -1]), max_size=60))
def test_dry_is_never_shown_unless_three_ticks_in_a_row_were_dry_lately(ohms):
    rope = Rope()
    since_dry = 99
    run = 0
    for ohm in ohms:
        wet = rope.run(ohm)
        run = run + 1 if ohm == END else 0
        since_dry = 0 if run >= 3 else since_dry + 1
        if wet == 0:
            assert since_dry <= 10
