# SPDX-License-Identifier: Apache-2.0
"""Controllers and scores of the `cooling` bench."""

import math
import sys
from dataclasses import replace

import pytest

from tests.bench import cooling
from tests.bench._cooling_peers import CURVE, OURS, PEERS, controller
from tests.bench._cooling_plant import (
    MIN_PERMILLE,
    MISMATCHES,
    SETPOINT_C,
    Mismatch,
    Profile,
    Score,
    Seen,
    least_travel_percent,
    needed_permille,
    plant,
    run_once,
)

STEADY = Profile("steady", ((0.0, 20e3),), 100.0, 30e3)
WARM = Seen(SETPOINT_C + 5.0, 25.0, 20e3)
COLD = replace(WARM, outlet_c=SETPOINT_C - 20.0)
GOOD = Score(100.0, 100.0, 1.0, 0.0, 50.0, 10.0, 0.0, 0.0)


@pytest.mark.parametrize("name", [OURS, *PEERS])
def test_every_controller_keeps_a_steady_load_near_the_setpoint_or_below(name):
    score = run_once(STEADY, Mismatch(), controller(name, STEADY))
    assert score.bias_k < 0.5
    assert score.above_s == 0
    if name != CURVE:
        assert score.mean_k < 0.5


@pytest.mark.parametrize("name", [OURS, *PEERS])
def test_every_controller_stays_between_minimum_and_full(name):
    step = controller(name, STEADY)
    duties = [step(seen) for seen in [WARM] * 3000 + [COLD] * 3000]
    assert max(duties) == 1000
    assert min(duties) == duties[-1] == MIN_PERMILLE


def test_plant_settles_at_the_setpoint_at_the_needed_duty():
    for off in MISMATCHES[:3]:
        air = plant(STEADY, off)
        for _ in range(5000):
            air.fan_permille = needed_permille(air, 20e3)
            air.step_fans(1.0, True)
            air.step(1.0, 20e3)
        assert air.outlet_c == pytest.approx(SETPOINT_C, abs=0.01)


def test_least_travel_counts_from_level_to_level():
    there = Profile("there", ((0.0, 12e3), (1.0, 24e3)), 2.0, 30e3)
    back = replace(there, rows=(*there.rows, (2.0, 12e3)))
    once = least_travel_percent(there, Mismatch())
    assert 20 < once < 40
    assert least_travel_percent(back, Mismatch()) == pytest.approx(2 * once)


def test_totals_are_means_over_seeds_but_the_highest_peak():
    other = replace(GOOD, iae_ks=300.0, over_k=3.0, end_k=1.0)
    total = Score.total([GOOD, other], seeds=2)
    assert (total.iae_ks, total.over_k, total.end_k) == (200.0, 3.0, 0.5)


def test_targets_are_against_the_best_pid_in_each_metric_and_the_curve():
    case = cooling.Case("steps", (STEADY,), Mismatch())
    found = {name: replace(GOOD, iae_ks=200.0) for name in PEERS} | {OURS: GOOD}
    found["BMC PID"] = replace(GOOD, iae_ks=150.0, over_k=0.5)
    found[CURVE] = replace(GOOD, iae_ks=1000.0)
    targets = {each.name: each for each in cooling.targets(case, found)}
    assert not targets["steps, as designed: IAE ÷ BMC PID"].met
    assert targets["steps, as designed: IAE ÷ fan curve"].met
    peak = targets["steps, as designed: peak over setpoint, K above BMC PID"]
    assert (peak.value, peak.met) == (0.5, False)


def test_an_absent_library_is_named_and_its_targets_go_to_the_others(monkeypatch):
    monkeypatch.setitem(sys.modules, "simple_pid", None)
    case = cooling.Case("steps", (replace(STEADY, seconds=1.0),), Mismatch())
    assert cooling.score((case, "simple-pid")) is None
    found = dict.fromkeys(PEERS, GOOD) | {OURS: GOOD, "simple-pid": None}
    labels = {row.peer for row in cooling.rows(case, found)}
    assert "simple-pid (absent)" in labels
    assert all(math.isfinite(each.value) for each in cooling.targets(case, found))
