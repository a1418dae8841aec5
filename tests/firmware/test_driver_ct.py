# SPDX-License-Identifier: Apache-2.0
"""A current clamp by RMS of ADC samples."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.wire import INVALID
from firmware_py.sense.ct import CtClamp, isqrt
from tests.firmware.fakes.fake_adc import FakeAdc
from tests.firmware.small import Small, SmallArray

UA = 73_260  # 100 A : 50 mA into 22 Ohm, 3.3 V, 12 bits


class Bench:
    def __init__(self, amplitude=600, mhz=50_000, phase=0):
        self.adc = FakeAdc(amplitude, mhz, phase)
        self.ct = CtClamp(UA)
        self.now = 0
        self.timer = True

    def run(self, ticks=5):
        for _ in range(ticks):
            for _ in range(100 if self.timer else 0):
                self.ct.sample(self.adc.read())
            self.ct.poll(self.now)
            self.now = (self.now + 100) & ((1 << 30) - 1)
        return self.ct.ma


@pytest.mark.parametrize("mhz", [50_000, 60_000])
@pytest.mark.parametrize("amplitude", [0, 10, 100, 600, 2000])
def test_rms_of_a_sine_at_every_phase(amplitude, mhz):
    true_ma = amplitude / math.sqrt(2) * UA / 1000
    for phase in range(0, 1000, 37):
        ma = Bench(amplitude, mhz, phase).run(2)
        # rounding of the ADC adds 1/12 to the mean square
        assert ma == pytest.approx(true_ma, rel=0.004, abs=35)


@pytest.mark.parametrize("mhz", [47_500, 49_000, 51_000, 61_500])
def test_a_mains_frequency_that_is_off_costs_little(mhz):
    true_ma = 600 / math.sqrt(2) * UA / 1000
    for phase in range(0, 1000, 111):
        assert Bench(600, mhz, phase).run(2) == pytest.approx(true_ma, rel=0.03)


def test_the_bias_is_taken_out():
    bench = Bench()
    true_ma = bench.run()
    bench.adc.bias = 2300
    assert bench.run() == pytest.approx(true_ma, rel=0.002)
    assert bench.ct.mid == 2300


def test_clipping_is_flagged_and_is_a_lower_bound():
    bench = Bench(3000)
    assert bench.run() < 3000 / math.sqrt(2) * UA / 1000
    assert bench.ct.clipped
    bench.adc.amplitude = 600
    bench.run()
    assert not bench.ct.clipped


FAULTS = [
    ("open", {"stuck": 2048}, 0),  # burden without clamp: like no load; the fusion's job
    ("open", {"stuck": 4095}, INVALID),  # bias resistor to ground off
    ("short", {"stuck": 0}, INVALID),
    ("stuck", {"stuck": 2700}, INVALID),  # a bias far off the middle
    ("stuck", {"stuck": 2100}, 0),  # an ADC that repeats one value: not visible alone
    (
        "drift",
        {"bias": 2560},
        pytest.approx(31_081, rel=0.001),
    ),  # of the bias: taken out; of the gain: not visible alone
    ("drift", {"bias": 2600}, INVALID),
    ("absurd", {"amplitude": 100_000}, pytest.approx(146_000, rel=0.03)),  # clipped
]


@pytest.mark.parametrize(("name", "fault", "expected"), FAULTS)
def test_fault_table(name, fault, expected):
    bench = Bench()
    good = bench.run()
    for key, value in fault.items():
        setattr(bench.adc, key, value)
    bench.run(2)
    assert bench.ct.ma == expected
    assert bench.ct.clipped == (name == "absurd")
    bench.adc.stuck, bench.adc.bias, bench.adc.amplitude = -1, 2048, 600
    assert bench.run() == pytest.approx(good, rel=0.002)


def test_spike_one_sample_moves_one_window_only():
    bench = Bench()
    good = bench.run()
    bench.adc.spike = 4095
    assert bench.run(1) < good * 1.15
    assert not bench.ct.clipped  # one sample at a rail is not clipping
    assert bench.run(1) == pytest.approx(good, rel=0.002)


def test_late_a_dead_timer_makes_the_current_invalid():
    bench = Bench()
    bench.run()
    bench.timer = False
    assert bench.run(5) > 0
    assert bench.run(2) == INVALID
    bench.timer = True
    assert bench.run(2) > 0


def test_a_window_that_ends_while_the_tick_reads_is_not_torn():
    bench = Bench()
    good = bench.run()

    class Interrupting(list):
        """While armed, each read of the bank lets the ISR take 3 more samples."""

        armed = False

        def __getitem__(self, at):
            if self.armed:
                self.armed = False
                for _ in range(3):
                    bench.ct.sample(bench.adc.read())
                self.armed = True
            return super().__getitem__(at)

    bank = bench.ct._bank = Interrupting(bench.ct._bank)
    torn = 0
    for offset in range(60):
        for _ in range(100 + offset % 7):
            bench.ct.sample(bench.adc.read())
        bank.armed = True
        before = bench.ct._done
        bench.ct.poll(0)
        torn += bench.ct._done != before
        bank.armed = False
        assert bench.ct.ma == pytest.approx(good, rel=0.002)
    assert torn > 5


@settings(max_examples=400, deadline=None)
@given(st.integers(0, (1 << 30) - 1))
def test_the_root_is_whole_and_below(x):
    root = isqrt(Small(x))
    assert root == math.isqrt(x)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(20, 250),
    st.lists(st.sampled_from([0, 1, 1536, 2047, 2048, 2049, 2560, 4094, 4095]), min_size=5),
    st.sampled_from([1, 73_260, 32_000_000]),
)
def test_no_window_leaves_30_bits(window, pattern, ua):
    ct = CtClamp(Small(ua), Small(window))
    ct._bank = SmallArray("i", ct._bank)
    samples = [pattern[i % len(pattern)] for i in range(window)]
    for raw in samples:
        ct.sample(Small(raw))
    ct.poll(0)
    mean = sum(samples) / window
    if math.floor(mean) - 2048 in range(-512, 513):
        rms = math.sqrt(sum((raw - mean) ** 2 for raw in samples) / window)
        assert ct.ma == pytest.approx(rms * ua / 1000, rel=0.002, abs=ua / 4000 + 1)
    else:
        assert ct.ma == INVALID
