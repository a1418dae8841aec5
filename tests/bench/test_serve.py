# SPDX-License-Identifier: Apache-2.0
"""Peers of `serve` cut, wait and release as published; the bound is one; the table is honest."""

import math
import sys
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.plant.breaker import Breaker, Curve
from hil.plant.spec import RackSpec
from hil.workload import generate
from tests.bench import _serve_cases, serve
from tests.bench._serve_cases import Case, Outcome
from tests.bench._serve_clairvoyant import Breakers, bound_w, clairvoyant_served, step_gain
from tests.bench._serve_peers import Reading, Rumd, ThreeBand, common_level_w
from tests.data import power_traces

FLOOR_W, MAX_W = [300.0] * 3, [1_000.0] * 3
TAU_S = 4.57


def reading(ratio, load_w=(900.0, 600.0, 600.0), now_ms=0):
    return Reading(now_ms, ratio, sum(load_w), load_w)


# three-band


@pytest.mark.parametrize("limit", [0.8, 1.0])
def test_three_band_cuts_above_its_band_down_to_the_target(limit):
    peer = ThreeBand(limit, FLOOR_W, MAX_W)
    assert peer.decide(reading(0.975 * limit)) == [None] * 3
    caps = peer.decide(reading(1.0 * limit))
    kept = [w if cap is None else min(w, cap) for w, cap in zip((900, 600, 600), caps, strict=True)]
    assert sum(kept) == pytest.approx(2_100 * 0.95)
    assert caps[1:] == [None, None], "the load that draws most is cut first"


def test_three_band_keeps_its_caps_until_the_feed_is_below_the_lowest_band():
    peer = ThreeBand(1.0, FLOOR_W, MAX_W)
    caps = peer.decide(reading(1.2))
    assert peer.decide(reading(0.95)) == caps
    assert peer.decide(reading(0.91)) == caps
    assert peer.decide(reading(0.89)) == [None] * 3


def test_three_band_stepped_raises_until_a_cap_limits_nothing():
    peer = ThreeBand(1.0, FLOOR_W, MAX_W, raise_ratio=0.05)
    first = peer.decide(reading(1.0))[0]
    assert peer.decide(reading(0.5))[0] == pytest.approx(1.05 * first)
    for _ in range(10):
        caps = peer.decide(reading(0.5))
    assert caps == [None] * 3


def test_three_band_never_caps_below_the_lowest_cap():
    caps = ThreeBand(1.0, FLOOR_W, MAX_W).decide(reading(9.0))
    assert caps == FLOOR_W


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), min_size=1, max_size=9),
    st.floats(0, 1),
)
def test_common_level_leaves_what_is_asked_or_all_floors(loads, share):
    load_w = [draw for draw, _ in loads]
    floor_w = [floor for _, floor in loads]
    floors = sum(map(min, load_w, floor_w))
    left_w = share * sum(load_w)
    level_w = common_level_w(load_w, floor_w, left_w)
    kept = sum(min(d, max(level_w, f)) for d, f in zip(load_w, floor_w, strict=True))
    assert kept == pytest.approx(max(left_w, floors), rel=1e-6, abs=1e-6)


# RUMD


def test_rumd_multiplies_what_a_load_uses_of_its_range():
    soft = Rumd(1.0, FLOOR_W, MAX_W, 1).decide(reading(0.97))
    assert soft == pytest.approx([300 + 0.75 * 600, 300 + 0.75 * 300, 300 + 0.75 * 300])
    hard = Rumd(1.0, FLOOR_W, MAX_W, 1).decide(reading(0.99))
    assert hard == pytest.approx([307.0] * 3), "no load falls below one percent of its range"


def test_rumd_at_80_percent_acts_at_80_percent():
    assert Rumd(0.8, FLOOR_W, MAX_W, 1).decide(reading(0.76)) == [None] * 3
    assert None not in Rumd(0.8, FLOOR_W, MAX_W, 1).decide(reading(0.77))


def test_rumd_releases_each_load_by_steps_after_its_own_wait_of_1_to_10_s():
    peer = Rumd(1.0, FLOOR_W, MAX_W, 1)
    peer.decide(reading(0.99))
    rises_ms = [[], [], []]
    before = peer.decide(reading(0.5))
    for now_ms in range(1_000, 120_000, 1_000):
        caps = peer.decide(reading(0.5, now_ms=now_ms))
        for load in range(3):
            if caps[load] != before[load]:
                rises_ms[load].append(now_ms)
                if caps[load] is not None:
                    assert caps[load] - before[load] == pytest.approx(0.05 * 700)
        before = caps
    for times in rises_ms:
        waits = np.diff(times)
        assert min(waits) >= 1_000
        assert max(waits) <= 11_000
        assert len(set(waits)) > 3
    assert rises_ms[0] != rises_ms[1]


# The bound


def breakers(theta=0.0, rating_w=1_000.0):
    return Breakers(Curve(), rating_w, theta)


def test_bound_of_one_tick_is_what_heats_the_breaker_to_its_limit():
    gain = 1 - math.exp(-1.0 / TAU_S)
    exact_w = 1_130 * math.sqrt((1 - 0.5 * (1 - gain)) / gain)
    (bound,) = bound_w(breakers(0.5), np.array([9_000.0]), 1.0)
    assert exact_w <= bound <= exact_w * 1.01


def test_bound_of_a_lasting_overload_is_the_conventional_non_tripping_current():
    found = bound_w(breakers(1.0), np.full(400, 2_000.0), 0.1)
    assert found.mean() == pytest.approx(1_130, rel=1e-3)


@pytest.mark.parametrize("stride", [1, 3])
def test_bound_of_a_demand_that_fits_is_the_demand(stride):
    wanted_w = np.array([200.0, 900.0, 1_100.0, 0.0, 500.0])
    assert bound_w(breakers(), wanted_w, 0.1, stride).sum() == pytest.approx(wanted_w.sum())


def test_bound_lets_no_more_through_than_the_magnetic_gate():
    (bound,) = bound_w(breakers(), np.array([9_000.0]), 0.001)
    assert bound == pytest.approx(5_000)


@given(st.integers(1, 30), st.lists(st.floats(0, 3), min_size=30, max_size=30))
def test_step_gain_never_counts_more_heat_than_its_ticks_make(stride, m):
    decay, gain = step_gain(TAU_S, 0.1, stride)
    keep = math.exp(-0.1 / TAU_S)
    theta = 0.3
    for each in m[:stride]:
        theta = keep * theta + (1 - keep) * each**2
    mean = sum(m[:stride]) / stride
    assert decay * 0.3 + gain * mean**2 <= theta + 1e-12


@pytest.mark.parametrize("stride", [1, 5])
def test_bound_is_above_a_simulation_that_uses_all_of_the_breaker(stride):
    draw = np.random.default_rng(3)
    wanted_w = np.repeat(draw.uniform(300, 2_500, 40), 7)
    breaker = Breaker(Curve(), 1_000.0, 0.4)
    keep = math.exp(-0.1 / TAU_S)
    served_w = 0.0
    for watts in wanted_w:
        most = math.sqrt(max(0.0, 1 - keep * breaker.theta) / (1 - keep)) * 1_130 * (1 - 1e-9)
        power_w = min(watts, most)
        served_w += power_w
        assert not breaker.step(0.1, power_w)
    bound = bound_w(breakers(0.4), wanted_w, 0.1, stride).sum()
    assert served_w < bound < 1.1 * served_w


def test_bound_refuses_unequal_breakers():
    spec = RackSpec.for_trace(generate(10), 1.5)
    feeds = (spec.feeds[0], replace(spec.feeds[1], rating_a=99.0))
    unequal = replace(spec, feeds=feeds)
    with pytest.raises(ValueError, match="differ"):
        clairvoyant_served(unequal, generate(10), 10)


# The runs and the table

SHORT = Case(None, 1.5, (0.0, 12.0))


@pytest.mark.parametrize("policy", [*_serve_cases.PEERS, *_serve_cases.OURS])
def test_each_policy_serves_less_than_the_bound_on_a_short_run(policy):
    found = serve.outcome((SHORT, policy))
    bound = serve.outcome((SHORT, serve.CLAIRVOYANT))
    assert 0.2 < found.served < bound.served <= 1


def test_a_peer_caps_the_plant_in_its_first_tick_and_then_each_period(tmp_path):
    class Spy:
        period_ms = 1_000

        def __init__(self):
            self.asked_ms = []

        def decide(self, reading):
            self.asked_ms.append(reading.now_ms)
            return [500.0] * 8

    spec, demand, _ = SHORT.build()
    spy = Spy()
    with ExitStack() as stack:
        run = _serve_cases.policy_run("RUMD 80", spec, demand, tmp_path, stack)
        run._controller = spy
        for tick in range(1, 25):
            run.step_to(tick * 100)
    assert spy.asked_ms == [100, 1_100, 2_100]
    assert run.rack.cap_requested_w == [500.0] * 8


def test_cases_are_every_trace_and_the_generated_workload_at_each_level():
    full = _serve_cases.all_cases(quick=False)
    assert len(full) == 3 * (1 + len(power_traces()))
    assert len({case.name for case in full}) == len(full)
    assert {case.path for case in _serve_cases.all_cases(quick=True)} <= {
        case.path for case in full
    }


def test_a_cut_has_the_rows_between_its_ends():
    trace = generate(10)
    part = _serve_cases.cut(trace, 2.0, 5.0)
    assert (part.t_s[0], part.t_s[-1]) == (2.0, 5.0)
    assert part.watts == trace.watts[20:51]


TABLE = {
    SHORT: {
        "ours, no overdraft": Outcome(0.7, 0),
        "ours": Outcome(0.8, 0),
        serve.CLAIRVOYANT: Outcome(0.9, 0),
        "static 80": Outcome(0.6, 0),
        "RUMD 100": Outcome(0.85, 2),
    }
}
UNBOUND = {SHORT: TABLE[SHORT] | {serve.CLAIRVOYANT: None}}


def test_targets_compare_ours_with_the_best_other_and_count_trips():
    trips, gain = serve.targets(TABLE)
    assert (trips.value, trips.met) == (0, True)
    assert gain.name.endswith("RUMD 100 (2 trips)")
    assert (gain.value, gain.met) == (pytest.approx(0.8 / 0.85), False)


def test_rows_name_trips_and_say_that_more_is_better():
    found = {row.peer: row for row in serve.rows(SHORT, TABLE[SHORT])}
    assert set(found) == {
        serve.CLAIRVOYANT,
        "ours, no overdraft",
        "static 80",
        "RUMD 100 (2 trips)",
    }
    assert found["static 80"].ratio == pytest.approx(0.8 / 0.6)


def test_notes_have_the_mean_of_each_policy_and_the_part_of_the_bound():
    text = "\n".join(serve.notes(TABLE))
    assert "85.00 %  RUMD 100, trips on 1" in text
    assert "served ÷ clairvoyant  88.89 %  generated" in text


def test_without_scipy_the_bound_is_named_as_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "tests.bench._serve_clairvoyant", None)
    assert serve.outcome((SHORT, serve.CLAIRVOYANT)) is None
    rows = {row.peer: row.ratio for row in serve.rows(SHORT, UNBOUND[SHORT])}
    assert rows[f"{serve.CLAIRVOYANT} (absent)"] is None
    assert "clairvoyant" not in "\n".join(serve.notes(UNBOUND))
    assert len(serve.targets(UNBOUND)) == 2


def test_run_fills_the_whole_table(monkeypatch):
    monkeypatch.setattr(serve, "all_cases", {True: [SHORT]}.get)
    report = serve.run(quick=True)
    assert len(report.rows) == len(_serve_cases.PEERS) + len(_serve_cases.OURS)
    assert all(row.ours and row.peer_value for row in report.rows)
    assert report.targets[0].met
