# SPDX-License-Identifier: Apache-2.0
import pytest

from edge.errors import TraceError
from hil.plant import Rack, RackSpec, static_caps
from hil.trace import Demand
from hil.workload import IDLE_W, MAX_W, Schedule, generate

SEEDS = (0, 1, 2)


def column(trace, name):
    return trace.column(trace.names.index(name))


def test_the_same_seed_gives_the_same_trace_and_another_does_not():
    assert generate(20, seed=7) == generate(20, seed=7)
    assert generate(20, seed=7).watts != generate(20, seed=8).watts


@pytest.mark.parametrize("loads", [1, 2, 3, 8, 16, 32])
def test_every_load_has_a_name_and_stays_within_the_rating(loads):
    trace = generate(15, seed=1, loads=loads)
    assert len(set(trace.names)) == loads
    assert all(len(row) == loads for row in trace.watts)
    assert all(0.9 * IDLE_W <= watts <= MAX_W for row in trace.watts for watts in row)


@pytest.mark.parametrize("seconds", [10, 60, 3600])
def test_rows_are_100_ms_apart_over_the_whole_duration(seconds):
    trace = generate(seconds)
    assert trace.duration_s == seconds
    assert trace.t_s[:4] == (0.0, 0.1, 0.2, 0.3)
    assert len(trace.t_s) == 10 * seconds + 1


def test_times_reach_their_natural_length_and_stop_growing():
    hours, day = Schedule.of(4 * 3600, 0), Schedule.of(86_400, 0)
    assert hours == day
    assert (day.run_s, day.checkpoint_every_s, day.checkpoint_s) == (3600.0, 600.0, 15.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_minute_shows_start_ramp_steps_checkpoint_and_stop(seed):
    trace = generate(60, seed=seed)
    server = column(trace, "train-a1")
    times = Schedule.of(60, 0)
    before = server[: int(times.start_s * 10)]
    assert max(before) < 1.1 * IDLE_W
    assert max(server[int(times.start_s * 10) + 35 :]) > 4 * IDLE_W
    steady = server[100:200]
    assert max(steady) > 1.25 * min(steady)  # compute and communication
    saving = int((times.start_s + times.checkpoint_every_s - times.checkpoint_s / 2) * 10)
    assert max(server[saving - 3 : saving + 3]) < 0.4 * MAX_W
    assert max(server[-20:]) < 1.1 * IDLE_W


def test_servers_of_one_job_step_together_and_jobs_do_not():
    trace = generate(60)
    low = [
        {t for t in range(100, 200) if column(trace, name)[t] < 7800}
        for name in ("train-a1", "train-a2", "train-b1")
    ]
    assert len(low[0] & low[1]) > 0.8 * len(low[0])
    assert len(low[0] & low[2]) < 0.6 * len(low[0])


def test_inference_wanders_between_decode_and_prefill():
    trace = generate(600)
    server = column(trace, "infer-1")
    assert min(server[100:]) < 0.4 * MAX_W
    assert max(server) > 0.7 * MAX_W


@pytest.mark.parametrize("seed", SEEDS)
def test_an_uncapped_rack_is_overloaded_and_trips_within_half_a_minute(seed):
    trace = generate(60, seed=seed)
    spec = RackSpec.for_trace(trace)
    assert 1.1 < trace.mean_w / spec.rating_w < 1.35
    rack = Rack(spec, Demand(trace))
    for _ in range(600):
        rack.step(100)
    assert rack.first_trip_s is not None
    assert rack.first_trip_s < 30


def served(row, caps, floors):
    limits = zip(row, caps, floors, strict=True)
    return sum(min(watts, max(cap, floor)) for watts, cap, floor in limits)


@pytest.mark.parametrize("seconds", [60, 600])
@pytest.mark.parametrize("seed", SEEDS)
def test_static_shares_leave_an_ideal_controller_at_least_13_percent(seconds, seed):
    trace = generate(seconds, seed=seed)
    spec = RackSpec.for_trace(trace)
    caps, floors = static_caps(spec), [load.cap_floor_w for load in spec.loads]
    static = sum(served(row, caps, floors) for row in trace.watts)
    ideal = sum(min(sum(row), 0.95 * spec.rating_w) for row in trace.watts)
    assert static < 0.7 * sum(map(sum, trace.watts))  # visibly loses work
    assert ideal / static >= 1.13


@pytest.mark.parametrize(("seconds", "loads"), [(9.9, 8), (86_401, 8), (float("nan"), 8), (60, 0)])
def test_impossible_workloads_are_refused(seconds, loads):
    with pytest.raises(TraceError, match="workload of"):
        generate(seconds, loads=loads)
