# SPDX-License-Identifier: Apache-2.0
"""Curve families against the gates of their standards; custom curves from points."""

import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.core import CURVES, NEVER_MS, Breaker, Curve, TripPoint
from tests.reference import write_golden

GOLDEN = json.loads((write_golden.FOLDER / "breaker.json").read_text())
DAY_MS = 86_400_000

# IEC 60269-1 table 3, A: 10 s at the earliest, 5 s at the latest, 0.1 s at the earliest, 0.1 s
# at the latest.
FUSE_GATES_A = {
    16: (33, 65, 85, 150),
    20: (42, 85, 110, 200),
    25: (52, 110, 150, 260),
    32: (75, 150, 200, 350),
    40: (95, 190, 260, 450),
    50: (125, 250, 350, 610),
    63: (160, 320, 450, 820),
    80: (215, 425, 610, 1100),
    100: (290, 580, 820, 1450),
    125: (355, 715, 1100, 1910),
    160: (460, 950, 1450, 2590),
}


def fuse_points():
    for rating_a, gates_a in FUSE_GATES_A.items():
        early_10s, late_5s, early_100ms, late_100ms = (a / rating_a for a in gates_a)
        yield TripPoint(early_10s, 10, None)
        yield TripPoint(late_5s, None, 5)
        yield TripPoint(early_100ms, 0.1, None)
        yield TripPoint(late_100ms, None, 0.1)


IEC_60898 = [TripPoint(1.45, None, 7_200), TripPoint(2.55, 1, 120)]
UL_489 = [TripPoint(1.35, None, 7_200), TripPoint(2.0, None, 120), TripPoint(2.55, 1, None)]
STANDARDS = {
    "iec60898_b": (IEC_60898, 1.13, 3, 5),
    "iec60898_c": (IEC_60898, 1.13, 5, 10),
    "iec60898_d": (IEC_60898, 1.13, 10, 20),
    "ul489_c": (UL_489, 1.0, 5, 10),
    "ul489_d": (UL_489, 1.0, 7, 20),
    "iec60947_mccb": (
        [TripPoint(1.30, None, 7_200), TripPoint(2.55, 1, None)],
        1.05,
        4,
        12,
    ),
    "iec60269_gg": ([*fuse_points(), TripPoint(1.6, None, 7_200)], 1.25, 85 / 16, 100),
}


def cold_ms(curve, multiple, edge):
    return Breaker(10_000_000, curve).time_to_trip_ms(round(multiple * 10_000_000), edge)


def test_every_family_is_checked_here_and_in_the_golden_file():
    assert set(STANDARDS) == set(CURVES) == set(GOLDEN["families"])


@pytest.mark.parametrize("name", CURVES)
def test_family_is_the_one_of_the_golden_file(name):
    assert Curve(**GOLDEN["families"][name]) == CURVES[name]


@pytest.mark.parametrize("name", CURVES)
def test_family_holds_every_gate_of_its_standard(name):
    points, mnt, low, high = STANDARDS[name]
    curve = CURVES[name]
    assert cold_ms(curve, mnt, "fast") == cold_ms(curve, mnt, "slow") == NEVER_MS
    for point in points:
        if point.fastest_s is not None:
            assert cold_ms(curve, point.multiple, "fast") <= point.fastest_s * 1000
        if point.slowest_s is not None and point.multiple < high:
            assert cold_ms(curve, point.multiple, "slow") >= math.floor(point.slowest_s * 1000)
    assert cold_ms(curve, low, "fast") == cold_ms(curve, high, "slow") == 0


@pytest.mark.parametrize("name", CURVES)
def test_family_is_hardly_wider_than_its_gates(name):
    made = Curve.from_points(*STANDARDS[name])
    curve = CURVES[name]
    assert 0.999 * made.tau_fast_ms <= curve.tau_fast_ms <= made.tau_fast_ms
    assert made.tau_slow_ms <= curve.tau_slow_ms <= 1.001 * made.tau_slow_ms
    assert curve.magnetic_low_ppm == made.magnetic_low_ppm
    assert curve.magnetic_high_ppm == made.magnetic_high_ppm


@pytest.mark.parametrize(
    ("rating_a", "melts"),  # Siemens NH size 1, average curve: (A, s), as pandapower 3.5.6 has it
    [
        (16, [(26, 4_000), (35, 400), (75, 2), (150, 0.1), (200, 0.04)]),
        (63, [(100, 4_000), (200, 100), (300, 10), (400, 2), (1_000, 0.04)]),
        (100, [(150, 5_400), (190, 2_000), (250, 400), (430, 20), (900, 1), (1_250, 0.2)]),
    ],
)
def test_fuses_of_a_maker_melt_within_the_band(rating_a, melts):
    fuse = Breaker(rating_a * 1000, CURVES["iec60269_gg"])
    for current_a, melts_s in melts:
        assert fuse.time_to_trip_ms(current_a * 1000, "fast") <= melts_s * 1000
        assert fuse.time_to_trip_ms(current_a * 1000, "slow") >= math.floor(melts_s * 1000)


MULTIPLES = st.floats(1.3, 8.0)


@given(
    st.lists(
        st.tuples(MULTIPLES, st.floats(0.5, 20), st.floats(1, 50)).map(
            lambda p: TripPoint(p[0], p[1], p[1] * p[2])
        ),
        min_size=1,
        max_size=6,
    ),
    st.floats(1.0, 1.25),
)
def test_band_from_points_holds_them_and_no_narrower_one_does(points, mnt):
    try:
        curve = Curve.from_points(points, mnt, 9, 12)
    except ValueError:
        assume(False)
    early = [cold_ms(curve, p.multiple, "fast") - p.fastest_s * 1000 for p in points]
    late = [cold_ms(curve, p.multiple, "slow") - p.slowest_s * 1000 for p in points]
    assert max(early) <= 1
    assert min(late) >= -1.001
    wider = Curve(curve.mnt_ppm, curve.tau_fast_ms + 2, curve.tau_slow_ms, 9_000_000, 12_000_000)
    if curve.tau_fast_ms + 2 <= curve.tau_slow_ms <= DAY_MS:
        m_squared = [(p.multiple * 1e6 / curve.mnt_ppm) ** 2 for p in points]
        exact = [
            -wider.tau_fast_ms * math.log1p(-1 / m) - p.fastest_s * 1000
            for m, p in zip(m_squared, points, strict=True)
        ]
        assert max(exact) > 0


def test_bounds_beyond_a_magnetic_gate_do_not_count():
    near = [TripPoint(2.55, 1, 60)]
    far = [TripPoint(6, 0.001, 600), TripPoint(11, None, 9_000)]
    assert Curve.from_points([*near, far[1]], 1.13, 5, 10) == Curve.from_points(near, 1.13, 5, 10)
    both = Curve.from_points([*near, far[0]], 1.13, 5, 10)
    assert both.tau_fast_ms == Curve.from_points(near, 1.13, 5, 10).tau_fast_ms
    assert both.tau_slow_ms > 1_000_000


def test_plain_tuples_are_points():
    assert Curve.from_points([(2.55, 1, 60)], 1.13, 5, 10) == Curve(
        1_130_000, 4_574, 274_453, 5_000_000, 10_000_000
    )


@pytest.mark.parametrize(
    ("points", "ratios", "complaint"),
    [
        ([], (1.13, 5, 10), "too few points"),
        ([(2, 1, None)], (1.13, 5, 10), "too few points"),
        ([(2, None, 60)], (1.13, 5, 10), "too few points"),
        ([(6, 1, 60)], (1.13, 5, 10), "too few points"),
        ([(1.13, 1, 60)], (1.13, 5, 10), "above mnt"),
        ([(math.nan, 1, 60)], (1.13, 5, 10), "above mnt"),
        ([(2, 0, 60)], (1.13, 5, 10), "fastest_s must be above 0"),
        ([(2, 1, -1)], (1.13, 5, 10), "slowest_s must be above 0"),
        ([(2, 60, 1)], (1.13, 5, 10), "swap them"),
        ([(2, 60, 90), (4, 0.1, 0.2), (3, 0.0001, 1)], (1.13, 5, 10), "time constant"),
        ([(2, 90, None), (3, None, 1)], (1.13, 5, 10), "crossed"),
        ([(2, 1, 90_000)], (1.13, 5, 10), "in seconds"),
        ([(2, 1, 60)], (0.9, 5, 10), "give multiples"),
        ([(2, 1, 60)], (2.1, 5, 10), "give multiples"),
        ([(2, 1, 60)], (1.13, 1.13, 10), "give multiples"),
        ([(2, 1, 60)], (1.13, 5, 4), "give multiples"),
        ([(2, 1, 60)], (1.13, 5, 101), "give multiples"),
        ([(2, 1, 60)], (math.nan, 5, 10), "give multiples"),
    ],
)
def test_what_cannot_be_a_curve_is_refused_with_what_to_do(points, ratios, complaint):
    with pytest.raises(ValueError, match=complaint):
        Curve.from_points(points, *ratios)
