# SPDX-License-Identifier: Apache-2.0
"""Two runs of one case: what counts as the same, and what is told when it is not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.vm import VmBoard
from hil.fidelity import EXACT, Match, Tolerance, Tolerances, compare, out_of_tolerance
from hil.record import Recorder
from hil.verdict import RunResult, Verdict
from tests.hil.report_runs import real_run, result_of

NAN = math.nan


def run(values, events=(), device="cpython", step_ms=100):
    """A result with the signals {name: values}."""
    record = Recorder(tuple(values))
    for row, numbers in enumerate(zip(*values.values(), strict=True)):
        record.append((row + 1) * step_ms, numbers)
    for t_ms, kind in events:
        record.event(t_ms, "board", kind, "")
    return RunResult(
        "case", "", "s.yaml", (), device, "virtual", 1, {}, Verdict.PASS, (), record=record
    )


def signal(comparison, name):
    return next(each for each in comparison.signals if each.name == name)


floats = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(floats, max_size=20))
def test_a_run_is_equal_to_itself(values):
    found = compare(run({"x_w": values}), run({"x_w": values}), EXACT)
    assert found.verdict is Verdict.PASS
    assert signal(found, "x_w").match is Match.MATCH


@given(st.lists(st.tuples(floats, floats), min_size=1, max_size=20), st.integers(0, 3))
def test_a_wider_tolerance_never_finds_more(pairs, shift):
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    narrow = set(out_of_tolerance(a, b, Tolerance(1.0, 0.1, shift)))
    assert set(out_of_tolerance(a, b, Tolerance(2.0, 0.1, shift))) <= narrow
    assert set(out_of_tolerance(a, b, Tolerance(1.0, 0.2, shift))) <= narrow
    assert set(out_of_tolerance(a, b, Tolerance(1.0, 0.1, shift + 1))) <= narrow
    exact = set(out_of_tolerance(a, b, Tolerance()))
    same = {i for i, (x, y) in enumerate(pairs) if x == y or (math.isnan(x) and math.isnan(y))}
    assert exact == set(range(len(pairs))) - same


def test_a_difference_is_told_with_its_first_instant_and_its_size():
    found = compare(run({"x_w": [1.0, 2.0, 3.0, 4.0]}), run({"x_w": [1.0, 2.0, 3.5, 4.1]}))
    assert found.verdict is Verdict.FAIL
    each = signal(found, "x_w")
    assert each.match is Match.OUT
    assert (each.out_rows, each.first_out_ms, each.first_out) == (2, 300, (3.0, 3.5))
    assert each.max_deviation == 0.5
    assert each.mean_deviation == pytest.approx(0.15)
    assert each.rms_deviation == pytest.approx(math.sqrt((0.25 + 0.01) / 4))
    assert found.reasons == ("x_w: out of tolerance in 2 rows, first at 0.3 s (3 against 3.5)",)


@pytest.mark.parametrize(
    ("a", "b", "tolerance", "out"),
    [
        ([0, 0, 9, 9, 9], [0, 0, 0, 9, 9], Tolerance(), [2]),
        ([0, 0, 9, 9, 9], [0, 0, 0, 9, 9], Tolerance(shift_ticks=1), []),
        ([0, 0, 9, 9, 9, 9], [0, 0, 0, 0, 9, 9], Tolerance(shift_ticks=1), [2, 3]),
        # One that saw nothing of a pulse is out, however wide the window.
        ([0, 0, 9, 0, 0], [0, 0, 0, 0, 0], Tolerance(shift_ticks=2), [2]),
        ([100.0], [104.9], Tolerance(0, 0.05), []),
        ([100.0], [106.0], Tolerance(0, 0.05), [0]),
        ([NAN, NAN, 1], [NAN, 1, 1], Tolerance(10), [1]),
        ([NAN, NAN, 1], [NAN, 1, 1], Tolerance(10, 0, 1), []),
        ([math.inf], [math.inf], Tolerance(), []),
        ([math.inf], [1.0], Tolerance(5), [0]),
        ([1.0], [math.inf], Tolerance(5, 0.1), [0]),
    ],
)
def test_tolerances(a, b, tolerance, out):
    assert out_of_tolerance(a, b, tolerance) == out


def test_each_signal_has_the_tolerance_of_the_first_pattern_that_fits():
    rules = Tolerances(
        (("tm_*_w", Tolerance(9)), ("*_w", Tolerance(1))), Tolerance(0.5), ignore=("mcu_*",)
    )
    a = {"tm_a_w": [0.0], "a_w": [0.0], "theta": [0.0], "mcu_heap_free": [1.0]}
    b = {"tm_a_w": [8.0], "a_w": [8.0], "theta": [0.4], "mcu_heap_free": [2.0]}
    found = {each.name: each.match for each in compare(run(a), run(b), rules).signals}
    assert found == {
        "tm_a_w": Match.MATCH,
        "a_w": Match.OUT,
        "theta": Match.MATCH,
        "mcu_heap_free": Match.IGNORED,
    }


def test_signals_and_rows_that_only_one_has_are_no_match():
    found = compare(run({"x": [1.0, 2.0], "y": [0.0, 0.0]}), run({"x": [1.0], "z": [0.0]}))
    assert {s.name: s.match for s in found.signals} == {
        "x": Match.MATCH,
        "y": Match.ONLY_IN_A,
        "z": Match.ONLY_IN_B,
    }
    assert (found.rows, found.rows_a, found.rows_b) == (1, 2, 1)
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0] == "1 rows in common of 2 on cpython and 1 on cpython"


def test_rows_are_compared_by_time_not_by_number():
    found = compare(run({"x": [1.0, 2.0, 3.0, 4.0]}), run({"x": [2.0, 4.0]}, step_ms=200))
    assert found.rows == 2
    assert signal(found, "x").match is Match.MATCH


def test_events_are_paired_by_kind_and_window():
    a = run({"x": [0.0]}, [(100, "shed"), (500, "shed"), (900, "trip")])
    b = run({"x": [0.0]}, [(150, "shed"), (800, "shed"), (900, "state")])
    found = compare(a, b, Tolerances(event_window_ms=100))
    assert {e.kind: (e.paired, e.max_shift_ms, e.only_a_ms, e.only_b_ms) for e in found.events} == {
        "shed": (1, 50, (500,), (800,)),
        "trip": (0, 0, (900,), ()),
        "state": (0, 0, (), (900,)),
    }
    assert (
        "events board shed: 1 only in A, first at 0.5 s; 1 only in B, first at 0.8 s"
        in found.reasons
    )
    assert compare(a, a).verdict is Verdict.PASS


def test_the_firmware_is_the_same_on_both_interpreters_bit_for_bit():
    a = result_of(real_run(seconds=20), "case")
    b = result_of(real_run(seconds=20, firmware=VmBoard), "case", device="micropython")
    found = compare(a, b, EXACT)
    assert found.reasons == ()
    assert found.verdict is Verdict.PASS
    assert found.rows == 200
    assert sum(each.match is Match.MATCH for each in found.signals) > 50


def test_a_run_without_a_record_cannot_be_compared():
    skipped = run({"x": [0.0]}, device="micropython")
    skipped.record = None
    found = compare(run({"x": [0.0]}), skipped)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == ("case has no record on micropython: nothing to compare",)
