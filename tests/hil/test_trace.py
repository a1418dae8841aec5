# SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import TraceError
from hil.trace import Demand, Trace, read_trace, spread

GOOD = "t_s,a,b\n0,100,200\n1.5,110,210\n3,120,220\n"


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "trace.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_good_file_is_read_with_names_times_and_watts(write):
    trace = read_trace(write(GOOD))
    assert trace.names == ("a", "b")
    assert trace.t_s == (0.0, 1.5, 3.0)
    assert trace.watts == ((100.0, 200.0), (110.0, 210.0), (120.0, 220.0))
    assert (trace.duration_s, trace.peak_w, trace.mean_w, trace.dropouts) == (3.0, 340.0, 310.0, 0)
    assert trace.column(1) == (200.0, 210.0, 220.0)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n",
        GOOD.rstrip("\n"),
        GOOD.replace(",", " , "),
    ],
)
def test_bom_crlf_blank_lines_and_padding_do_not_matter(write, content):
    assert read_trace(write(content)).watts == read_trace(write(GOOD)).watts


def test_extra_columns_are_kept_apart_and_may_be_negative(write):
    text = "t_s,a,inlet_c:row 1,freq_hz,b,price_per_kwh\n0,1,22,50,2,-0.01\n1,3,23,49.9,4,0.2\n"
    trace = read_trace(write(text))
    assert trace.names == ("a", "b")
    assert trace.watts == ((1.0, 2.0), (3.0, 4.0))
    assert trace.extra == {
        "inlet_c:row 1": (22.0, 23.0),
        "freq_hz": (50.0, 49.9),
        "price_per_kwh": (-0.01, 0.2),
    }


def test_a_meter_dropout_holds_the_value_before_it_and_is_counted(write):
    trace = read_trace(write("t_s,a,b\n0,100,200\n1,-1.0,210\n2,-1,-1\n3,130,230\n"))
    assert trace.watts == ((100.0, 200.0), (100.0, 210.0), (100.0, 210.0), (130.0, 230.0))
    assert trace.dropouts == 3


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        ("", ":1:", "empty"),
        ("\n1,2\n", ":1:", "empty"),
        ("time,a\n0,1\n1,2\n", ":1 column 1:", "expected 't_s'"),
        ("0,1\n1,2\n", ":1 column 1:", "expected 't_s'"),
        ("t_s\n0\n1\n", ":1:", "no load columns"),
        ("t_s,a\n0,1\n1e306,1\n", ":3 column 't_s':", "in seconds"),
        ("t_s,a\n0,1\n1,1\n31622401,1\n", ":4 column 't_s':", "in seconds"),
        ("t_s,freq_hz\n0,50\n1,50\n", ":1:", "no load columns"),
        ("t_s,a,b,a\n0,1,2,3\n1,1,2,3\n", ":1 column 4:", "'a' is used twice"),
        ("t_s,t_s\n0,1\n1,1\n", ":1 column 2:", "'t_s' is used twice"),
        ("t_s,a,\n0,1,2\n1,1,2\n", ":1 column 3:", "without a name"),
        ("t_s,a\n0,1\n1\n", ":3:", "1 values for 2 columns"),
        ("t_s,a\n0,1\n1,2,3\n", ":3:", "3 values for 2 columns"),
        ("t_s,a\n0,1\n1,x\n", ":3 column 'a':", "'x' is not a finite number"),
        ("t_s,a\n0,1\n1,\n", ":3 column 'a':", "'' is not a finite number"),
        ("t_s,a\n0,1\n1,nan\n", ":3 column 'a':", "finite"),
        ("t_s,a\n0,inf\n1,2\n", ":2 column 'a':", "finite"),
        ("t_s,a\n0,1\n1,1_000\n", ":3 column 'a':", "finite"),
        ("t_s,a,freq_hz\n0,1,NaN\n1,1,50\n", ":2 column 'freq_hz':", "finite"),
        ("t_s,a\nnan,1\n1,2\n", ":2 column 't_s':", "finite"),
        ("t_s,a\n-1,1\n1,2\n", ":2 column 't_s':", "negative time"),
        ("t_s,a\n0,1\n2,1\n2,1\n", ":4 column 't_s':", "does not rise"),
        ("t_s,a\n0,1\n2,1\n1,1\n", ":4 column 't_s':", "sort the rows"),
        ("t_s,a\n0,1\n1,-0.5\n", ":3 column 'a':", "negative power"),
        ("t_s,a\n0,1\n1,-1.0001\n", ":3 column 'a':", "negative power"),
        ("t_s,a\n0,-1\n1,5\n", ":2 column 'a':", "first row is a meter dropout"),
        ("t_s,a\n0,1\n1,1000001\n", ":3 column 'a':", "must be watts"),
        ("t_s,a\n", ":", "0 rows of data"),
        ("t_s,a\n0,1\n", ":", "1 rows of data"),
        (b"t_s,a\n0,1\n1,\xff\n", ":", "not UTF-8"),
        ('t_s,a\n0,1\n1,"2\n', ":", "not CSV"),
    ],
)
def test_a_bad_file_is_refused_with_file_place_and_reason(write, content, where, what):
    path = write(content)
    with pytest.raises(TraceError) as refused:
        read_trace(path)
    message = str(refused.value)
    assert message.startswith(f"{path}{where}")
    assert what in message
    assert refused.value.exit_code == 6


def test_a_missing_file_and_a_directory_are_named(tmp_path):
    with pytest.raises(TraceError, match=r"absent\.csv: no such file"):
        read_trace(tmp_path / "absent.csv")
    with pytest.raises(TraceError, match="is a directory"):
        read_trace(tmp_path)
    with pytest.raises(TraceError, match="not a usable path"):
        read_trace("nul\0byte.csv")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_give_a_trace_or_a_trace_error(write, tail):
    try:
        trace = read_trace(write(b"t_s,a\n0,1\n1,2\n" + tail))
    except TraceError:
        return
    assert all(math.isfinite(watts) and watts >= 0 for row in trace.watts for watts in row)
    assert all(a < b for a, b in zip(trace.t_s, trace.t_s[1:], strict=False))


def trace_of(t_s, *columns) -> Trace:
    names = tuple(f"n{i}" for i in range(len(columns)))
    return Trace("made", names, tuple(t_s), tuple(zip(*columns, strict=True)))


def test_demand_holds_each_row_until_the_next_and_the_last_for_ever():
    demand = Demand(trace_of([5.0, 6.0, 7.5], [1.0, 2.0, 3.0]))
    at_ms = [0, 999, 1000, 2499, 2500, 10**9]
    assert [demand.at(t)[0] for t in at_ms] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    assert demand.at(1000)[0] == 2.0  # going back
    assert demand.at(-5)[0] == 1.0


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=30),
    st.lists(st.integers(0, 100_000), min_size=1, max_size=40),
)
def test_demand_is_the_newest_row_at_any_order_of_times(gaps_ms, asked_ms):
    t_ms = [sum(gaps_ms[:i]) for i in range(len(gaps_ms) + 1)]
    demand = Demand(trace_of([t / 1000 for t in t_ms], [float(i) for i in range(len(t_ms))]))
    for t in asked_ms:
        assert demand.at(t)[0] == max(i for i, start in enumerate(t_ms) if start <= t)


def test_spread_lags_each_copy_by_the_documented_step():
    ramp = trace_of([float(t) for t in range(20)], [float(t) for t in range(20)])
    rack = spread(ramp, 4)
    assert rack.names == ("n0-1", "n0-2", "n0-3", "n0-4")
    assert rack.watts[10] == (10.0, 8.0, 6.0, 4.0)  # 10 - 0, 1.7, 3.4, 5.1 s, held per row
    assert rack.watts[0] == (0.0, 0.0, 0.0, 0.0)


def test_spread_of_several_columns_repeats_them_in_turn():
    two = trace_of([0.0, 10.0], [1.0, 2.0], [5.0, 6.0])
    assert spread(two, 5).watts == ((1.0, 5.0, 1.0, 5.0, 1.0), (2.0, 6.0, 1.0, 5.0, 1.0))


def test_spread_keeps_peak_and_mean_of_slow_load():
    t_s = [float(t) for t in range(600)]
    one = trace_of(t_s, [2000.0 + (t // 60 % 2) * 6000.0 for t in t_s])
    rack = spread(one, 8)
    assert rack.peak_w == pytest.approx(8 * one.peak_w)
    assert rack.mean_w == pytest.approx(8 * one.mean_w, rel=0.02)


def test_spread_over_no_loads_is_refused():
    with pytest.raises(TraceError, match="over 0 loads"):
        spread(trace_of([0.0, 1.0], [1.0, 1.0]), 0)
