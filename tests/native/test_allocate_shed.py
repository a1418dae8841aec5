# SPDX-License-Identifier: Apache-2.0
"""Whose minimum is given up when not all fit: rule 1 of edge_alloc.h."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native.capping import WHOLE, solve
from tests.reference import allocate
from tests.reference.allocate import Load, Row


def shed_of(limit_mw: int, *loads: tuple[int, int]) -> list[int]:
    """Loads of one class as (min_mw, weight), all in one row."""
    made = [Load(min_mw, min_mw, weight) for min_mw, weight in loads]
    rows = [Row(limit_mw, dict.fromkeys(range(len(made)), WHOLE))]
    result = solve(made, rows)
    assert result == allocate.allocate(made, rows)
    return result.shed


@pytest.mark.parametrize(
    ("limit_mw", "loads", "shed"),
    [
        (100, [(50, 1), (50, 1), (50, 1)], [0, 0, 1]),  # all alike: the highest index
        (45, [(30, 10), (40, 1), (50, 1)], [0, 1, 1]),  # none is enough: the one that frees most
        (90, [(30, 10), (40, 1), (50, 1)], [0, 1, 0]),  # both are enough: the least work
        (90, [(30, 1), (40, 1), (50, 1)], [1, 0, 0]),  # just enough
        (55, [(10, 1), (25, 1), (50, 1)], [0, 0, 1]),  # only the last is enough
        (89, [(30, 1), (40, 1), (50, 1)], [0, 1, 0]),  # by 1 mW not enough
    ],
)
def test_victim_in_one_row(limit_mw, loads, shed):
    assert shed_of(limit_mw, *loads) == shed


def test_only_what_takes_power_from_the_row_is_shed():
    loads = [Load(50, 50, weight=9), Load(50, 50)]
    rows = [Row(40, {0: WHOLE, 1: 0})]
    assert solve(loads, rows).shed == [1, 0]


def test_load_is_put_back_where_a_later_row_has_shed_more():
    """Row 0 sheds load 0, row 1 then load 2: there is room for load 0 again."""
    loads = [Load(30, 30), Load(60, 60), Load(60, 60)]
    rows = [Row(130, dict.fromkeys(range(3), WHOLE)), Row(70, {1: WHOLE, 2: WHOLE})]
    result = solve(loads, rows)
    assert result == allocate.allocate(loads, rows)
    assert (result.shed, result.binding_row) == ([0, 0, 1], [-1, -1, 0])


@st.composite
def crowded(draw):
    """Many ties, and minimums that do not all fit."""
    loads = []
    for _ in range(draw(st.integers(2, 7))):
        min_mw, weight = 10 * draw(st.integers(0, 4)), draw(st.integers(1, 3))
        request_mw = min_mw + draw(st.sampled_from([0, 15]))
        loads.append(Load(min_mw, request_mw, weight, priority=draw(st.sampled_from([0, 0, 1]))))
    coefs = st.sampled_from([WHOLE, WHOLE, WHOLE // 2, 2 * WHOLE, 0])
    members = st.dictionaries(st.integers(0, len(loads) - 1), coefs, min_size=1)
    limits_mw = st.integers(0, 12).map(lambda tens: 10 * tens)
    rows = draw(st.lists(st.builds(Row, limits_mw, members), min_size=1, max_size=3))
    return loads, rows


@given(crowded())
@settings(max_examples=500)
def test_c_sheds_as_reference(problem):
    assert solve(*problem) == allocate.allocate(*problem)
