# SPDX-License-Identifier: Apache-2.0
"""Many breakers, or many samples, in one call are what they are one by one."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge._native import ffi, lib
from edge.core import CURVES, Breaker, BreakerBank, Curve
from edge.core.breaker import cold_image

BREAKERS = st.lists(
    st.tuples(st.integers(1_000, 200_000), st.sampled_from(sorted(CURVES))), max_size=8
)


@given(BREAKERS, st.data())
def test_bank_steps_each_as_it_would_step_alone(breakers, data):
    kinds = [(rating_ma, CURVES[name]) for rating_ma, name in breakers]
    bank, alone = BreakerBank(kinds), [Breaker(*kind) for kind in kinds]
    assert len(bank) == len(kinds)
    for _ in range(3):
        dt_ms = data.draw(st.integers(0, 5_000))
        for i, (rating_ma, _) in enumerate(breakers):
            bank.current_ma[i] = data.draw(st.integers(0, 6 * rating_ma))
            alone[i].step(bank.current_ma[i], dt_ms)
        bank.step(dt_ms)
    for edge in ("fast", "slow"):
        left_ms = bank.time_to_trip_ms(edge)
        for i, breaker in enumerate(alone):
            assert bank.theta_ppm(i, edge) == getattr(breaker, f"theta_{edge}_ppm")
            assert left_ms[i] == breaker.time_to_trip_ms(bank.current_ma[i], edge)


def test_the_shortest_tau_is_not_taken_for_one_seen_before():
    curve = Curve(1_130_000, 1, 1, 5_000_000, 10_000_000)
    bank, alone = BreakerBank([(16_000, curve)]), Breaker(16_000, curve)
    bank.current_ma[0] = 16_000
    bank.step(1)
    alone.step(16_000, 1)
    assert bank.theta_ppm(0, "fast") == alone.theta_fast_ppm > 0
    assert bank.theta_ppm(0, "slow") == alone.theta_slow_ppm > 0


def test_only_its_own_are_read_and_written():
    """Two in the middle of four; the neighbours' currents would be refused."""
    images = ffi.new("struct edge_breaker[]", [cold_image(16_000, CURVES["iec60898_c"])] * 4)
    current_ma = ffi.new("int32_t[]", [-1, 20_000, 20_000, -1])
    left_ms = ffi.new("int32_t[]", [-7] * 4)
    middle = (images + 1, current_ma + 1, 2)
    assert lib.edge_breaker_bank_step(*middle, 1_000) == lib.EDGE_OK
    assert [each.theta_fast > 0 for each in images] == [False, True, True, False]
    done = lib.edge_breaker_bank_time_to_trip(*middle, lib.EDGE_FAST, left_ms + 1)
    assert done == lib.EDGE_OK
    assert left_ms[1] == left_ms[2] > 0
    assert left_ms[0] == left_ms[3] == -7
    assert lib.edge_breaker_trace(images + 1, current_ma + 1, 2, 0, lib.EDGE_FAST) == 2


def two():
    bank = BreakerBank([(16_000, CURVES["iec60898_c"]), (32_000, CURVES["ul489_c"])])
    bank.current_ma[0], bank.current_ma[1] = 20_000, 20_000
    bank.step(1_000)
    return bank


def test_one_absurd_current_changes_no_breaker():
    bank = two()
    before = [bank.theta_ppm(i) for i in range(2)]
    bank.current_ma[1] = -1
    with pytest.raises(ValueError, match="out of range"):
        bank.step(100)
    with pytest.raises(ValueError, match="negative"):
        bank.time_to_trip_ms()
    assert [bank.theta_ppm(i) for i in range(2)] == before


@pytest.mark.parametrize("dt_ms", [-1, 86_400_001])
def test_absurd_time_is_refused(dt_ms):
    with pytest.raises(ValueError, match="out of range"):
        two().step(dt_ms)


def test_absurd_breaker_is_refused():
    with pytest.raises(ValueError, match="breaker out of range"):
        BreakerBank([(16_000, CURVES["iec60898_c"]), (0, CURVES["ul489_c"])])


@given(
    st.lists(st.integers(0, 90_000), max_size=40),
    st.integers(0, 2_000),
    st.sampled_from(["fast", "slow"]),
)
def test_trace_is_its_steps_until_the_trip(trace_ma, dt_ms, edge):
    traced, stepped = (Breaker(16_000, CURVES["iec60898_c"]) for _ in range(2))
    whole = traced.carry(array("i", trace_ma), dt_ms, edge)
    for i, current_ma in enumerate(trace_ma):
        gated = current_ma >= (80_000 if edge == "fast" else 160_000)
        if not gated:
            stepped.step(current_ma, dt_ms)
        if gated or stepped.time_to_trip_ms(0, edge) == 0:
            assert whole == i
            break
    else:
        assert whole == len(trace_ma)
    assert traced.state() == stepped.state()


def test_trace_ends_at_the_gate_and_at_theta_1_themselves():
    breaker = Breaker(16_000, CURVES["iec60898_c"])
    assert breaker.carry(array("i", [0, 79_999, 80_000, 0]), 0) == 2
    assert breaker.carry(array("i", [159_999, 160_000]), 0, "slow") == 1
    breaker.theta_fast_ppm = 1_000_000
    assert breaker.carry(array("i", [0]), 0) == 0


def test_a_trace_goes_on_where_the_last_one_ended():
    breaker = Breaker(16_000, CURVES["iec60898_c"])
    assert breaker.carry(array("i", [18_080] * 1_000), 100) == 1_000
    assert breaker.carry(array("i", [40_800] * 1_000), 100) == 0


FLAT = memoryview(array("i", [0] * 4))


@pytest.mark.parametrize(
    "trace_ma",
    [array("d", [0] * 4), FLAT.cast("b").cast("i", (2, 2)), array("q", [0] * 4), b"1234"],
    ids=["float64", "two axes", "int64", "bytes"],
)
def test_other_buffers_are_refused(trace_ma):
    with pytest.raises(ValueError, match="not a flat int32"):
        Breaker(16_000, CURVES["iec60898_c"]).carry(trace_ma, 100)


@pytest.mark.parametrize(("trace_ma", "dt_ms"), [([5, -1], 100), ([5], -1), ([5], 86_400_001)])
def test_absurd_trace_is_refused_and_carries_nothing(trace_ma, dt_ms):
    breaker = Breaker(16_000, CURVES["iec60898_c"])
    with pytest.raises(ValueError, match="trace out of range"):
        breaker.carry(array("i", trace_ma), dt_ms)
    assert breaker.state() == (0, 0)
