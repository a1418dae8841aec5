# SPDX-License-Identifier: Apache-2.0
"""The whole rack: energy balance, feeds, trips, relays, sizing."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError
from hil.plant import FeedSpec, Rack, RackSpec, static_caps
from hil.trace import Demand, Trace
from hil.workload import generate


class Steady:
    def __init__(self, *watts):
        self.watts = watts

    def at(self, _t_ms):
        return self.watts


def trace(loads=4, peak_w=10_000.0):
    names = tuple(f"n{i}" for i in range(loads))
    rows = tuple((watts,) * loads for watts in (2000.0, peak_w, 5000.0))
    return Trace("made", names, (0.0, 10.0, 20.0), rows)


def rack_of(demand_w=5000.0, oversubscription=1.0, **changes):
    spec = replace(RackSpec.for_trace(trace(), oversubscription), noise=0.0, **changes)
    return Rack(spec, Steady(*[demand_w] * 4))


def run(rack, seconds):
    for _ in range(round(seconds * 10)):
        rack.step(100)


def run_to(rack, trips):
    for _ in range(600):
        if rack.trips >= trips:
            return
        rack.step(100)
    pytest.fail(f"{rack.trips} trips in a minute")


ACTIONS = st.one_of(
    st.tuples(st.just("cap"), st.integers(0, 5), st.one_of(st.none(), st.floats(0, 12_000))),
    st.tuples(st.just("fan"), st.integers(0, 1000)),
    st.tuples(st.just("relays"), st.integers(0, 15)),
    st.tuples(st.just("room"), st.floats(15, 35)),
    st.tuples(st.sampled_from(["fail", "restore", "reclose"]), st.sampled_from(["A", "B"])),
    st.tuples(st.just("restart")),
    st.tuples(st.just("run"), st.integers(1, 40), st.sampled_from([50, 100, 1000])),
)


def act(rack, action):
    name, *args = action
    if name == "run":
        for _ in range(args[0]):
            rack.step(args[1])
        return
    methods = {"cap": rack.set_cap, "fan": rack.set_fan, "relays": rack.set_relays}
    methods |= {"fail": rack.fail_feed, "restore": rack.restore_feed, "reclose": rack.reclose}
    methods |= {"restart": rack.restart, "room": rack.set_room}
    methods[name](*args)


WORK = generate(60, seed=3, loads=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, min_size=5, max_size=40), st.floats(1.0, 3.0), st.integers(0, 50))
def test_energy_balances_through_trips_sheds_caps_and_feed_loss(actions, oversubscription, start):
    spec = RackSpec.for_trace(WORK, oversubscription, seed=start)
    rack = Rack(spec, Demand(WORK))
    run(rack, 1 + start)
    for action in actions:
        act(rack, action)
        shares = rack.feed_w[0] + rack.feed_w[1]
        assert shares == pytest.approx(sum(rack.load_w) + rack.fan_w, rel=1e-9, abs=1e-6)
        assert all(
            draw <= want + 1e-9 for draw, want in zip(rack.load_w, rack.demand_w, strict=True)
        )
    heat_j = rack.carried_j + rack.stored_j
    assert abs(rack.feed_j - heat_j) <= 1e-6 * rack.feed_j
    assert abs(rack.feed_j - rack.dc_j - rack.psu_loss_j - rack.fan_j) <= 1e-6 * rack.feed_j
    assert abs(rack.served_j - rack.dc_j - rack.psu_loss_j) <= 1e-6 * rack.feed_j
    assert 0 <= rack.served_j <= rack.demand_j
    assert rack.psu_loss_j > 0.04 * rack.served_j * (1 - 1e-9)  # Titanium at its best is 96 %


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=25))
def test_a_dead_feed_carries_nothing_and_a_dark_rack_stays_dark(actions):
    rack = Rack(RackSpec.for_trace(WORK, 1.5), Demand(WORK))
    dark = False
    for action in actions:
        act(rack, action)
        dark = (dark or not any(rack.feed_v)) and not (action[0] == "restart" and any(rack.feed_v))
        before = list(rack.feed_v)
        rack.step(100)
        assert all(
            watts == 0.0 for watts, volts in zip(rack.feed_w, before, strict=True) if not volts
        )
        dark = dark or not any(rack.feed_v)
        assert not dark or all(rack.is_off(load) for load in range(6))


def test_the_same_seed_gives_the_same_run_and_another_does_not():
    def loads_w(seed):
        rack = Rack(RackSpec.for_trace(WORK, seed=seed), Demand(WORK))
        run(rack, 5)
        return rack.load_w

    assert loads_w(4) == loads_w(4)
    assert loads_w(4) != loads_w(5)


def test_noise_stays_within_its_width_and_averages_out():
    rack = Rack(replace(RackSpec.for_trace(trace()), noise=0.003), Steady(*[4000.0] * 4))
    seen = []
    for _ in range(3000):
        rack.step(100)
        seen += rack.load_w
    assert all(abs(watts / 4000.0 - 1) <= 0.003 for watts in seen)
    assert max(seen) > min(seen)
    assert sum(seen) / len(seen) == pytest.approx(4000.0, rel=1e-3)


def test_feeds_share_by_psu_split_and_the_survivor_takes_all():
    rack = rack_of()
    rack.set_fan(0)
    run(rack, 30)
    split_w = sum(load.share_a * 5000.0 for load in rack.spec.loads)
    assert rack.feed_w[0] == pytest.approx(split_w, rel=1e-6)
    assert rack.feed_a[0] == pytest.approx(rack.feed_w[0] / 690.0)
    rack.fail_feed("A")
    assert rack.feed_v == [0.0, 230.0]
    rack.step(100)
    assert rack.feed_w == [0.0, pytest.approx(20_000.0, rel=1e-6)]
    rack.restore_feed("A")
    rack.step(100)
    assert rack.feed_w[0] == pytest.approx(split_w, rel=1e-6)


@pytest.mark.parametrize("multiple", [1.3, 1.6, 2.2])
def test_an_overloaded_breaker_trips_when_the_closed_form_says(multiple):
    feeds = (FeedSpec("A", 20_000 * 0.5 / 690 / multiple), FeedSpec("B", 1000.0))
    loads = tuple(replace(load, share_a=0.5) for load in RackSpec.for_trace(trace()).loads)
    rack = rack_of(loads=loads, feeds=feeds)
    rack.set_fan(0)
    rack = Rack(rack.spec, Steady(*[5000.0] * 4), theta=(0.3, 0.0), fan_permille=0)
    m2 = (multiple / 1.13) ** 2
    closed_s = 4.57 * math.log((m2 - 0.3) / (m2 - 1))
    rack.step(100)
    assert rack.time_to_trip_s("A") == pytest.approx(closed_s - 0.1)
    run(rack, closed_s + 0.2)
    assert rack.tripped == [True, False]
    assert rack.trips == 1
    assert rack.first_trip_s == pytest.approx(closed_s, abs=0.1001)
    assert rack.feed_v[0] == 0.0


def test_when_both_feeds_trip_the_rack_is_dark_until_reclosed_and_restarted():
    rack = rack_of(demand_w=10_000.0, oversubscription=2.5, boot_s=1.0)
    run_to(rack, trips=1)
    first_s = rack.now_ms / 1000
    run_to(rack, trips=2)
    assert rack.first_trip_s == first_s < rack.now_ms / 1000
    run(rack, 1)
    assert (rack.tripped, rack.trips, sum(rack.load_w)) == ([True, True], 2, 0.0)
    rack.restart()
    run(rack, 1)
    assert sum(rack.load_w) == 0.0
    rack.reclose("A")
    rack.reclose("B")
    run(rack, 30)
    assert sum(rack.load_w) == 0.0  # no auto-reclose, no auto-start
    for load in range(4):
        rack.set_cap(load, 3000.0)
    run(rack, 3)
    rack.restart()
    run(rack, 0.5)
    assert rack.load_w == [2000.0] * 4  # booting
    run(rack, 10)
    assert rack.load_w == pytest.approx([3000.0] * 4)
    assert rack.trips == 2


def test_a_relay_group_off_draws_nothing_and_comes_back_through_boot():
    rack = rack_of(boot_s=2.0)
    assert [load.group for load in rack.spec.loads] == [0, 1, 2, 3]
    rack.set_relays(0b0101)
    rack.step(100)
    assert rack.load_w == [5000.0, 0.0, 5000.0, 0.0]
    rack.set_relays(0b1111)
    rack.step(100)
    assert rack.load_w == [5000.0, 2000.0, 5000.0, 2000.0]
    run(rack, 2.1)
    assert rack.load_w == [5000.0] * 4


def test_lost_work_counts_as_demand_that_was_not_served():
    rack = rack_of()
    rack.set_relays(0b0011)
    run(rack, 10)
    assert rack.served_j / rack.demand_j == pytest.approx(0.5)


def test_breakers_start_as_those_of_an_idle_rack():
    rack = rack_of(demand_w=2000.0)
    start = list(rack.theta)
    run(rack, 60)
    assert rack.theta == pytest.approx(start, rel=1e-6)
    assert 0 < start[0] < 0.2


def test_breakers_of_a_rack_that_never_pauses_start_at_their_rating():
    spec = RackSpec.for_trace(trace(), 3.0)
    loads = tuple(replace(load, idle_w=load.max_w) for load in spec.loads)
    rack = Rack(replace(spec, loads=loads), Demand(trace()))
    assert rack.theta == pytest.approx([1 / 1.13**2] * 2)


def test_fans_stop_when_both_feeds_are_gone():
    rack = rack_of()
    rack.fail_feed("A")
    rack.fail_feed("B")
    run(rack, 10)
    assert rack.fan_w == 0.0
    assert rack.fan_rpm < 100


def test_an_unknown_feed_is_named():
    with pytest.raises(ValueError, match="no feed 'C'"):
        rack_of().fail_feed("C")


@pytest.mark.parametrize("oversubscription", [1.0, 1.5, 2.0])
def test_a_rack_is_sized_to_peak_over_oversubscription(oversubscription):
    spec = RackSpec.for_trace(trace(), oversubscription)
    assert spec.rating_w == pytest.approx(40_000.0 / oversubscription)
    assert spec.feeds[0].rating_a == spec.feeds[1].rating_a
    assert [load.max_w for load in spec.loads] == [10_000.0] * 4
    assert [load.idle_w for load in spec.loads] == [2000.0] * 4
    assert all(0.48 <= load.share_a <= 0.52 for load in spec.loads)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(100, 12_000), min_size=1, max_size=32), st.floats(0.5, 4), st.integers(0, 9)
)
def test_static_caps_fit_80_percent_of_each_breaker(peaks_w, oversubscription, seed):
    names = tuple(f"n{i}" for i in range(len(peaks_w)))
    made = Trace("made", names, (0.0, 1.0), (tuple(peaks_w), tuple(peaks_w)))
    spec = RackSpec.for_trace(made, oversubscription, seed=seed)
    caps = static_caps(spec)
    a_w = sum(cap * load.share_a for cap, load in zip(caps, spec.loads, strict=True))
    b_w = sum(caps) - a_w
    limits_w = [0.8 * feed.rating_w for feed in spec.feeds]
    assert a_w <= limits_w[0] * (1 + 1e-9)
    assert b_w <= limits_w[1] * (1 + 1e-9)
    tight = max(a_w / limits_w[0], b_w / limits_w[1])
    assert tight == pytest.approx(1.0) or caps == pytest.approx(peaks_w)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_impossible_oversubscription_is_refused(bad):
    with pytest.raises(ConfigError, match="oversubscription"):
        RackSpec.for_trace(trace(), bad)


def test_an_impossible_rack_is_refused_with_every_problem():
    spec = RackSpec.for_trace(trace())
    load = replace(spec.loads[0], idle_w=20_000.0, share_a=1.5, group=16, cap_floor_w=-1.0)
    feeds = (FeedSpec("A", 0.0), FeedSpec("A", 10.0))
    with pytest.raises(ConfigError) as refused:
        replace(spec, loads=(load,), feeds=feeds)
    lines = str(refused.value).splitlines()
    assert len(lines) == 6
    assert all(line.startswith("rack: ") for line in lines)
    with pytest.raises(ConfigError, match="at most 32"):
        RackSpec.for_trace(trace(loads=33))
    with pytest.raises(ConfigError, match="no loads"):
        replace(spec, loads=())
