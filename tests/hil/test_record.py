# SPDX-License-Identifier: Apache-2.0
"""The run record and its digest."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.actuate.base import Applied
from edge.errors import ActuatorError
from edge.executor import CapResult
from edge.link import events as ev
from edge.link import fields
from firmware_py.link import messages as m
from hil.observe import RunObserver
from hil.record import Recorder, combined_digest

ROWS = st.lists(st.tuples(st.floats(width=64), st.floats(width=64)), max_size=20)


def record_of(rows, names=("a_w", "b_w"), events=()):
    record = Recorder(names)
    for number, row in enumerate(rows):
        record.append(100 * number, row)
    for event in events:
        record.event(*event)
    return record


@given(rows=ROWS)
def test_signals_are_the_columns_of_the_rows(rows):
    record = record_of(rows)
    assert len(record) == len(rows)
    for column, name in enumerate(record.names):
        got = [repr(value) for value in record.signal(name)]
        assert got == [repr(row[column]) for row in rows]
    assert [t_ms for t_ms, _ in record.rows()] == [100 * i for i in range(len(rows))]


def test_an_unknown_signal_is_named_with_what_there_is():
    with pytest.raises(KeyError, match=r"no signal 'c_w'; there are a_w, b_w"):
        record_of([]).signal("c_w")


def test_a_row_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match="3 values for 2 signals"):
        record_of([]).append(0, (1.0, 2.0, 3.0))


@settings(max_examples=50)
@given(rows=ROWS.filter(len), data=st.data())
def test_the_digest_sees_every_bit_of_every_value(rows, data):
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, 1))
    other = [list(each) for each in rows]
    other[row][column] = math.nextafter(other[row][column], math.inf)
    changed = other[row][column] != rows[row][column] and not math.isnan(other[row][column])
    assert (record_of(rows).digest() != record_of(other).digest()) == changed


def test_the_digest_sees_names_times_and_events():
    same = record_of([(1.0, 2.0)])
    assert same.digest() == record_of([(1.0, 2.0)]).digest()
    assert same.digest() != record_of([(1.0, 2.0)], names=("a_w", "c_w")).digest()
    event = (100, "plant", "trip", "breaker of feed A opened")
    assert same.digest() != record_of([(1.0, 2.0)], events=[event]).digest()
    later = Recorder(("a_w", "b_w"))
    later.append(100, (1.0, 2.0))
    assert same.digest() != later.digest()


def test_the_combined_digest_depends_on_the_order():
    one, two = record_of([(1.0, 2.0)]), record_of([(3.0, 4.0)])
    assert combined_digest([one, two]) != combined_digest([two, one])


# What the daemon tells


def test_a_refused_cap_is_an_event_and_one_that_was_applied_is_not():
    record = record_of([])
    observer = RunObserver(record, ("n0", "n1"), ("A", "B"))
    observer.on_cap_result(CapResult(1, 5000, Applied(5.0, 5.0), None))
    observer.on_cap_result(CapResult(1, 5000, None, ActuatorError("n1: HTTP 500; check the BMC")))
    assert record.events == [(0, "host", "refused", "n1: HTTP 500; check the BMC")]


def test_a_board_event_is_kept_in_the_words_of_the_log():
    record = record_of([])
    observer = RunObserver(record, ("n0",), ("A",))
    values = fields.BoardEvent(0, m.EV_SHED, 2, m.SHED_LEAK, 1, 5_390_000)
    observer.on_link_event(ev.BoardEvent(0, 0, values), 100)
    assert record.events == [(100, "board", "shed", "shed group 2: coolant leak, 5.39 kW")]
