# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.decide.pump import Pump
from firmware_py.link.messages import INVALID
from tests.firmware.liquid_rig import Readings
from tests.firmware.vm_liquid import settings as liquid_settings


class Bench:
    """A pump on a loop without inertia: flow goes with speed, pressure with its square."""

    def __init__(self, flow_gain=1.0, **config):
        self.c = liquid_settings(config).liquid
        self.pump = Pump(self.c)
        self.sense = Readings(total_w=50_000)
        self.flow_gain = flow_gain
        self.faults = {}
        self.outs = []

    def run(self, seconds, may_run=True, full=False):
        pump, sense = self.pump, self.sense
        for _ in range(round(seconds * 10)):
            speed = pump.out_permille / 1000
            sense.flow_mlm = int(self.c.flow_full_mlm * speed * self.flow_gain)
            sense.dp_pa = int(self.c.dp_full_pa * speed * speed * self.flow_gain)
            sense.pump_rpm = int(4000 * speed)
            for name, value in self.faults.items():
                setattr(sense, name, value)
            pump.look(100, sense)
            pump.step(100, sense, may_run, full)
            self.outs.append(pump.out_permille)
        return pump


DRY = {"flow_mlm": 0, "dp_pa": 0}


def test_starts_slowly_and_stays_slow_until_coolant_has_been_seen_for_two_seconds():
    bench = Bench()
    bench.sense.total_w = 30_000
    bench.faults = DRY
    bench.run(6)
    assert bench.outs[0] == 150
    assert all(b - a <= 5 for a, b in zip(bench.outs, bench.outs[1:], strict=False))
    assert bench.outs[-1] == 400
    bench.faults = {}
    bench.run(1.9)
    assert bench.outs[-1] == 400
    bench.run(3)
    assert bench.outs[-1] < 390


@pytest.mark.parametrize("missing", ["flow_mlm", "dp_pa"])
def test_either_flow_or_pressure_shows_prime(missing):
    bench = Bench()
    bench.faults = {missing: INVALID}
    bench.run(4)
    bench.faults = {missing: 0}
    assert bench.run(30).flowing == (missing == "dp_pa")
    assert 0 not in bench.outs


def test_tries_as_often_as_told_with_pauses_and_then_gives_up_for_good():
    bench = Bench(prime_tries=3, prime_ms=20_000, prime_pause_ms=30_000)
    bench.faults = DRY
    bench.run(400)
    turns = [a == 0 and b > 0 for a, b in zip([0, *bench.outs], bench.outs, strict=False)]
    assert [at // 10 for at, turn in enumerate(turns) if turn] == [0, 50, 100]
    assert bench.pump.given_up()
    bench.faults = {}
    assert bench.run(60).out_permille == 0
    bench.pump.retry()
    assert bench.run(60).out_permille > 0


def test_does_not_start_from_an_empty_reservoir_and_starts_once_it_is_filled():
    bench = Bench(start_reservoir_permille=100)
    bench.faults = {"reservoir_permille": 99}
    assert bench.run(60).out_permille == 0
    bench.faults = {"reservoir_permille": 100}
    assert bench.run(10).out_permille > 0


def test_a_reservoir_sensor_that_is_lost_does_not_keep_the_rack_uncooled():
    bench = Bench()
    bench.faults = {"reservoir_permille": INVALID}
    assert bench.run(30).flowing


def test_a_first_start_settles_for_its_grace_and_a_second_attempt_does_not():
    bench = Bench(prime_grace_ms=8_000)
    bench.faults = DRY
    assert bench.run(7.9).settling()
    assert not bench.run(0.3).settling()
    bench.run(42)
    assert bench.outs[-1] > 0
    assert not bench.pump.settling()


@pytest.mark.parametrize("gain", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("load_w", [30_000, 50_000, 75_000])
def test_flow_follows_the_load_whatever_the_loop_resists(gain, load_w):
    bench = Bench(gain)
    bench.sense.total_w = load_w
    bench.run(60)
    assert bench.pump.demand_mlm == load_w * 12 // 10
    assert bench.sense.flow_mlm == pytest.approx(load_w * 1.2, abs=1_600)


@pytest.mark.parametrize("gain", [0.7, 1.0, 1.3])
def test_holds_pressure_when_told_to(gain):
    bench = Bench(gain, pump_on=1, dp_setpoint_pa=120_000)
    assert not bench.run(90).fallback()
    assert bench.sense.dp_pa == pytest.approx(120_000, abs=3_500)


def test_load_steps_move_the_pump_ahead_of_the_integrator():
    bench = Bench()
    bench.sense.total_w = 20_000
    bench.run(60)
    bench.sense.total_w = 80_000
    bench.run(2.5)
    assert bench.pump.out_permille > 600


def test_flow_lost_goes_by_pressure_and_back_without_a_bump():
    bench = Bench(dp_setpoint_pa=64_000)
    bench.run(60)
    before = bench.pump.out_permille
    bench.faults = {"flow_mlm": INVALID}
    assert bench.run(0.1).fallback()
    assert abs(bench.pump.out_permille - before) <= 20
    bench.run(60)
    assert bench.sense.dp_pa == pytest.approx(64_000, abs=3_500)
    before = bench.pump.out_permille
    bench.faults = {}
    assert not bench.run(0.1).fallback()
    assert abs(bench.pump.out_permille - before) <= 20


def test_neither_reading_means_the_fail_speed_at_once_and_never_less():
    bench = Bench(pump_fail_permille=800)
    bench.run(60)
    assert bench.pump.out_permille < 600
    bench.faults = {"flow_mlm": INVALID, "dp_pa": INVALID}
    assert bench.run(0.1).out_permille == 800
    assert bench.run(60).out_permille == 800


def test_full_is_obeyed_at_once_and_left_without_a_dip():
    bench = Bench()
    bench.run(60)
    held = bench.pump.out_permille
    assert bench.run(0.1, full=True).out_permille == 1000
    bench.run(120, full=True)
    bench.outs.clear()
    bench.run(60)
    assert min(bench.outs) >= held - 40
    assert bench.pump.out_permille == pytest.approx(held, abs=20)  # either end of the dead band


def test_the_minimum_wins_over_every_other_number():
    bench = Bench(pump_min_permille=400, pump_max_permille=100, pump_fail_permille=100)
    for blind in ({}, {"flow_mlm": INVALID, "dp_pa": INVALID}):
        for full in (False, True):
            bench.faults = blind
            bench.run(60, full=full)
    assert set(bench.outs) == {400}


def test_a_blind_pump_still_obeys_full():
    bench = Bench()
    bench.run(60)
    bench.faults = {"flow_mlm": INVALID, "dp_pa": INVALID}
    assert bench.run(0.1, full=True).out_permille == 1000


def test_a_minute_of_running_forgets_failed_attempts():
    for steady_s, gave_up in ((50, True), (70, False)):
        bench = Bench(prime_tries=3, prime_pause_ms=1_000)
        for _ in range(2):
            bench.faults = DRY
            bench.run(43)  # two attempts
            bench.faults = {}
            bench.run(4 + steady_s)
        assert bench.pump.given_up() == gave_up


def test_full_does_not_hurry_a_start():
    bench = Bench()
    bench.run(1.9, full=True)
    assert max(bench.outs) < 400


def test_noise_inside_the_dead_band_moves_nothing():
    bench = Bench()
    bench.run(60)
    bench.outs.clear()
    for i in range(100):
        bench.faults = {"flow_mlm": 60_000 + (1_000 if i & 1 else -1_000)}
        bench.run(0.1)
    assert len(set(bench.outs)) == 1


def test_prime_lost_while_running_starts_again_slowly():
    bench = Bench()
    bench.sense.total_w = 80_000
    bench.run(60)
    bench.faults = DRY
    bench.run(3.1)
    assert bench.pump.out_permille < 200
    bench.faults = {}
    bench.run(30)
    assert bench.sense.flow_mlm > 90_000


def test_a_blocked_loop_is_not_taken_for_air():
    bench = Bench()
    bench.run(60)
    bench.faults = {"flow_mlm": 0}  # pressure is there
    bench.outs.clear()
    assert not bench.run(60).flowing
    assert min(bench.outs) > 300


def test_the_tach_tells_a_pump_that_does_not_follow():
    bench = Bench(pump_rpm_full=4000)
    assert not bench.run(60).slow
    bench.faults = {"pump_rpm": 0}
    assert not bench.run(2.9).slow
    assert bench.run(0.2).slow
    assert bench.pump.flowing  # the flow meter is believed
    bench.faults = {"pump_rpm": 0, "flow_mlm": INVALID, "dp_pa": INVALID}
    assert not bench.run(0.1).flowing
    bench.faults = {"pump_rpm": INVALID}
    assert not bench.run(0.1).slow


def test_pressure_stands_in_for_a_lost_flow_meter():
    bench = Bench()
    bench.run(60)
    bench.faults = {"flow_mlm": INVALID}
    assert bench.run(1).flowing
    bench.faults = {"flow_mlm": INVALID, "dp_pa": 0}
    assert not bench.run(0.1).flowing


def test_a_pump_that_must_not_run_stands_still_at_once():
    bench = Bench()
    bench.run(60)
    assert bench.run(0.1, may_run=False).out_permille == 0
    bench.run(10, may_run=False, full=True)
    assert bench.pump.out_permille == 0
    bench.outs.clear()
    bench.run(1)
    assert bench.outs[0] == 150  # and starts slowly again


reading = st.one_of(st.just(INVALID), st.integers(0, 300_000))
TICKS = st.lists(
    st.tuples(
        reading,
        reading,
        st.one_of(st.just(INVALID), st.integers(0, 1000)),
        st.one_of(st.just(INVALID), st.integers(0, 6000)),
        st.integers(0, 150_000),
        st.booleans(),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([1, 5, 40]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(TICKS, st.integers(50, 1000), st.integers(50, 1000), st.integers(50, 1000))
def test_the_pump_stands_still_or_turns_at_its_minimum_or_more(steps, least, fail, prime):
    bench = Bench(pump_min_permille=least, pump_fail_permille=fail, prime_permille=prime)
    for flow, dp, level, rpm, load_w, full, may_run, ticks in steps:
        bench.faults = {"flow_mlm": flow, "dp_pa": dp, "reservoir_permille": level}
        bench.faults |= {"pump_rpm": rpm}
        bench.sense.total_w = load_w
        bench.run(ticks / 10, may_run, full)
        if not may_run:
            assert bench.pump.out_permille == 0
    assert all(out == 0 or least <= out <= 1000 for out in bench.outs)
