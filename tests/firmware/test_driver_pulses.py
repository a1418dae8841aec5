# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.messages import INVALID
from firmware_py.sense.flow import Flow
from firmware_py.sense.pulses import Window
from firmware_py.sense.tach import EdgeCounter, Tach
from tests.firmware.fakes.fake_pulse import FakeCounter, FakeTachLine
from tests.firmware.small import Small

WRAP = 1 << 30
K = 45_000  # 450 pulses per litre


class Turbine:
    """A counter just before its wrap, polled every 100 ms just before that of board time."""

    def __init__(self, start=WRAP - 100, bits=30, **options):
        self.counter = FakeCounter(start, bits)
        self.flow = Flow(self.counter, K, 60_000, mask=(1 << min(bits, 29)) - 1, **options)
        self.now_ms = WRAP - 3_000

    def run(self, ticks, mlm=0, period_ms=100):
        self.counter.mhz = mlm * 15 // 2
        for _ in range(ticks):
            self.now_ms += period_ms
            self.counter.run(period_ms)
            self.flow.poll(self.now_ms % WRAP)
        return self.flow.mlm


def test_there_is_no_flow_reading_before_the_window_is_full():
    turbine = Turbine()
    assert turbine.run(20, 20_000) == INVALID
    assert turbine.run(1, 20_000) != INVALID
    assert turbine.flow.errors == 0


@pytest.mark.parametrize("mlm", [100, 1_000, 5_000, 20_000, 59_000])
@pytest.mark.parametrize("bits", [16, 30])
def test_flow_is_right_to_one_pulse_per_window(mlm, bits):
    turbine = Turbine(bits=bits)
    turbine.run(21, mlm)
    for _ in range(60):  # the counter and board time wrap here
        assert abs(turbine.run(1, mlm) - mlm) <= 68


def test_flow_falls_to_zero_within_the_window_and_zero_is_a_reading():
    turbine = Turbine()
    turbine.run(40, 20_000)
    seen = [turbine.run(1) for _ in range(20)]
    assert seen == sorted(seen, reverse=True)
    assert seen[10] > 5_000
    assert seen[-1] == 0
    assert turbine.run(50) == 0


def test_a_missing_turbine_is_no_flow():
    assert Turbine().run(60) == 0


def test_jitter_of_the_loop_does_not_move_the_flow():
    turbine = Turbine()
    turbine.run(30, 20_000)
    for period_ms in (100, 130, 70, 350, 100, 60):
        assert abs(turbine.run(1, 20_000, period_ms) - 20_000) <= 70


# fault, pulses added in one tick, reading of that tick
@pytest.mark.parametrize("name", ["counter restarted", "burst of noise"])
def test_an_absurd_count_is_no_reading_and_heals_in_the_next_tick(name):
    turbine = Turbine()
    turbine.run(40, 20_000)
    turbine.counter.add(-5_000 if name == "counter restarted" else 3_000)
    assert turbine.run(1, 20_000) == INVALID
    assert turbine.flow.errors == 1
    assert abs(turbine.run(1, 20_000) - 20_000) <= 70


def test_faster_than_plausible_is_no_reading_while_it_lasts():
    turbine = Turbine()
    turbine.run(40, 59_000)
    for _ in range(40):
        turbine.run(1, 80_000)
    assert turbine.flow.mlm == INVALID
    turbine.run(40, 30_000)
    assert abs(turbine.flow.mlm - 30_000) <= 70


def test_a_little_too_fast_is_seen_by_the_window():
    turbine = Turbine()
    turbine.run(60, 62_000)
    assert turbine.flow.mlm == INVALID


@pytest.mark.parametrize("gap_ms", [401, 5_000, 1 << 28])
def test_a_pause_of_the_loop_begins_a_new_window(gap_ms):
    turbine = Turbine()
    turbine.run(40, 20_000)
    turbine.now_ms += gap_ms
    assert turbine.run(20, 20_000) == INVALID
    assert abs(turbine.run(2, 20_000) - 20_000) <= 70


@settings(max_examples=100)
@given(st.integers(600, 6_500_000), st.integers(1000, 600_000), st.data())
def test_rates_are_exact_and_fit_small_ints(k, mlm_most, data):
    hz_most = min(mlm_most * k // 6_000_000 + 1, 2000)
    flow = Flow(FakeCounter(), k, mlm_most)
    span_ms = data.draw(st.integers(1000, 20 * 400))
    pulses = data.draw(st.integers(0, hz_most * span_ms // 1000 + 40))
    flow.span_ms, flow.pulses = Small(span_ms), Small(pulses)
    each = Small(6_000_000_000 // k)
    assert flow.rate(each) == pulses * int(each) // span_ms


def test_a_window_beyond_small_ints_is_cut():
    counter = FakeCounter()
    window = Window(counter, 99, 9_999, WRAP - 1)
    for i in range(51):
        counter.add(202)
        full = window.count(100 * i)
    assert full
    assert (window.pulses, window.span_ms) == (50 * 202, 5_000)
    counter.add(203)  # 2030 Hz
    assert not window.count(5_100)


class Fan:
    def __init__(self, now_us=WRAP - 1_500_000, **options):
        self.edges = EdgeCounter()
        self.line = FakeTachLine(self.edges, now_us)
        self.tach = Tach(self.edges, **options)
        self.now_ms = WRAP - 1_000

    def run(self, ticks, rpm):
        self.line.rpm = rpm
        for _ in range(ticks):
            self.now_ms += 100
            self.line.run(100)
            self.tach.poll(self.now_ms % WRAP)
        return self.tach.rpm


@pytest.mark.parametrize("rpm", [300, 301, 777, 3_000, 9_999, 20_000, 24_900])
def test_speed_is_right_to_one_edge_per_window(rpm):
    fan = Fan()
    fan.run(21, rpm)
    for _ in range(30):
        assert abs(fan.run(1, rpm) - rpm) <= 15 + rpm // 1000


@pytest.mark.parametrize("ringing", [1, 5, 10])
def test_edges_that_ring_for_less_than_the_dead_time_count_once(ringing):
    fan = Fan()
    fan.line.ringing = ringing
    assert abs(fan.run(40, 12_000) - 12_000) <= 30


# fault, rpm of the fan, noise period in us, reading
FAULTS = [
    ("stalled", 0, 0, 0),
    ("open or short", 0, 0, 0),  # the same to a count
    ("pwm noise on a stalled fan", 0, 40, INVALID),
    ("pwm noise on a running fan", 6_000, 40, INVALID),
    ("absurd", 60_000, 0, INVALID),
    ("slow", 900, 0, 900),  # its duty says what it should be
]


@pytest.mark.parametrize(("name", "rpm", "noise_us", "expected"), FAULTS)
def test_tach_fault(name, rpm, noise_us, expected):
    fan = Fan()
    fan.run(40, 6_000)
    fan.line.noise_us = noise_us
    assert fan.run(21, rpm) == expected
    assert fan.run(20, rpm) == expected
    fan.line.noise_us = 0
    assert abs(fan.run(22, 6_000) - 6_000) <= 20


def test_a_stall_shows_within_two_seconds():
    fan = Fan()
    fan.run(40, 6_000)
    seen = [fan.run(1, 0) for _ in range(21)]
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 0


def test_an_edge_counter_wraps_like_any_other():
    edges = EdgeCounter()
    edges._count = WRAP // 2 - 2
    tach = Tach(edges)
    line = FakeTachLine(edges)
    line.rpm = 6_000
    for i in range(40):
        line.run(100)
        tach.poll(100 * i)
    assert edges.value() < 1000
    assert abs(tach.rpm - 6_000) <= 20


@given(st.integers(0, WRAP - 1), st.integers(0, WRAP - 1))
def test_edges_stay_in_small_ints(last_us, us):
    edges = EdgeCounter()
    edges._last_us = Small(last_us)
    edges._count = Small(WRAP // 2 - 1)
    edges.edge(Small(us))
    assert edges.value() == (0 if (us - last_us) % WRAP >= 500 else WRAP // 2 - 1)


@pytest.mark.parametrize("pulses_rev", [1, 2, 3, 4])
def test_pulses_per_revolution(pulses_rev):
    counter = FakeCounter()
    counter.mhz = 100_000 * pulses_rev
    tach = Tach(counter, pulses_rev)
    for i in range(30):
        counter.run(100)
        tach.poll(100 * i)
    assert tach.rpm == 6_000
