# SPDX-License-Identifier: Apache-2.0
"""Every range of edge_breaker.h reaches to its ends and no further; beyond is EDGE_E_RANGE."""

import math
from collections.abc import Callable
from typing import NamedTuple

import pytest

from edge._native import ffi, lib

DAY_MS = 86_400_000
INT32_MAX = 2**31 - 1
COLD = {
    "rating_ma": 16_000,
    "mnt_ppm": 1_130_000,
    "tau_fast_ms": 4_570,
    "tau_slow_ms": 274_000,
    "magnetic_low_ppm": 5_000_000,
    "magnetic_high_ppm": 10_000_000,
    "theta_fast": 0.0,
    "theta_slow": 0.0,
}
COUNT = 3


def image(**changed):
    return ffi.new("struct edge_breaker *", {**COLD, **changed})


def check(**field):
    return lib.edge_breaker_check(image(**field))


def bank_step(count, dt_ms):
    images = ffi.new("struct edge_breaker[]", [COLD] * COUNT)
    return lib.edge_breaker_bank_step(images, ffi.new("int32_t[]", COUNT), count, dt_ms)


def bank_time_to_trip(count, edge):
    images = ffi.new("struct edge_breaker[]", [COLD] * COUNT)
    current_ma, left_ms = ffi.new("int32_t[]", COUNT), ffi.new("int32_t[]", COUNT)
    return lib.edge_breaker_bank_time_to_trip(images, current_ma, count, edge, left_ms)


def trace(count, dt_ms, edge):
    return lib.edge_breaker_trace(image(), ffi.new("int32_t[]", COUNT), count, dt_ms, edge)


class Ends(NamedTuple):
    good: int
    """Stands while another argument is at its end."""
    low: int
    high: int


CURRENT = Ends(20_000, 0, INT32_MAX)
TIME = Ends(1_000, 0, DAY_MS)
EDGE = Ends(0, 0, 1)
LIMIT = Ends(1_000_000, 1, 1_000_000)
BREAKERS = Ends(COUNT, 0, COUNT)
CELSIUS = Ends(50_000, -100_000, 1_000_000)

# Each answers 0 or more if it accepts.
CALLS: dict[str, tuple[Callable[..., int], tuple[Ends, ...]]] = {
    "step": (lambda *given: lib.edge_breaker_step(image(), *given), (CURRENT, TIME)),
    "away": (lambda *given: lib.edge_breaker_away(image(), *given), (CURRENT, TIME)),
    "time to trip": (
        lambda *given: lib.edge_breaker_time_to_trip_ms(image(), *given),
        (CURRENT, EDGE),
    ),
    "hold": (lambda *given: lib.edge_breaker_hold_ma(image(), *given), (TIME, LIMIT, EDGE)),
    "survivor": (
        lambda *given: lib.edge_breaker_survivor_ma(image(), *given),
        (TIME, LIMIT, Ends(500_000, 0, 1_000_000), EDGE),
    ),
    "bank step": (bank_step, (BREAKERS, TIME)),
    "bank time to trip": (bank_time_to_trip, (BREAKERS, EDGE)),
    "trace": (trace, (BREAKERS, TIME, EDGE)),
    "derated, ambient": (
        lambda ambient_mc: lib.edge_breaker_derated_ma(16_000, ambient_mc, 40_000, 97_000),
        (CELSIUS,),
    ),
    "derated, reference": (
        lambda reference_mc: lib.edge_breaker_derated_ma(16_000, 0, reference_mc, 1_000_000),
        (CELSIUS._replace(high=999_999),),
    ),
    "derated, trip": (
        lambda trip_mc: lib.edge_breaker_derated_ma(16_000, 0, -100_000, trip_mc),
        (CELSIUS._replace(low=-99_999),),
    ),
    "derated, rating": (
        lambda rating_ma: lib.edge_breaker_derated_ma(rating_ma, 50_000, 40_000, 97_000),
        (Ends(16_000, 1, lib.EDGE_NEVER_MS),),
    ),
    "check, rating": (lambda ma: check(rating_ma=ma), (Ends(16_000, 1, lib.EDGE_NEVER_MS),)),
    "check, mnt": (lambda ppm: check(mnt_ppm=ppm), (Ends(1_130_000, 1_000_000, 2_000_000),)),
    "check, fast tau": (lambda ms: check(tau_fast_ms=ms), (Ends(4_570, 1, 274_000),)),
    "check, slow tau": (lambda ms: check(tau_slow_ms=ms), (Ends(274_000, 4_570, DAY_MS),)),
    "check, low gate": (
        lambda ppm: check(magnetic_low_ppm=ppm),
        (Ends(5_000_000, 1_130_001, 10_000_000),),
    ),
    "check, high gate": (
        lambda ppm: check(magnetic_high_ppm=ppm),
        (Ends(10_000_000, 5_000_000, 100_000_000),),
    ),
}
ARGUMENTS = [(name, i) for name, (_, every) in CALLS.items() for i in range(len(every))]


def asked(name, at, value):
    ask, every = CALLS[name]
    return ask(*(value if i == at else ends.good for i, ends in enumerate(every)))


@pytest.mark.parametrize(("name", "at"), ARGUMENTS)
def test_range_reaches_to_its_ends_and_no_further(name, at):
    _, low, high = CALLS[name][1][at]
    assert asked(name, at, low) >= 0
    assert asked(name, at, high) >= 0
    assert asked(name, at, low - 1) == lib.EDGE_E_RANGE
    if high not in (INT32_MAX, COUNT):
        assert asked(name, at, high + 1) == lib.EDGE_E_RANGE


@pytest.mark.parametrize("edge", ["fast", "slow"])
def test_heat_is_finite_and_not_negative(edge):
    field = f"theta_{edge}"
    for theta in (0.0, 1.0, 1e300):
        assert check(**{field: theta}) == lib.EDGE_OK
    for theta in (-5e-324, -1.0, math.inf, -math.inf, math.nan):
        assert check(**{field: theta}) == lib.EDGE_E_RANGE


@pytest.mark.parametrize("at", range(COUNT))
def test_a_negative_current_anywhere_is_refused_and_nothing_is_written(at):
    current_ma = ffi.new("int32_t[]", [20_000] * COUNT)
    current_ma[at] = -1
    images = ffi.new("struct edge_breaker[]", [COLD] * COUNT)
    left_ms = ffi.new("int32_t[]", [7] * COUNT)
    refusals = (
        lib.edge_breaker_bank_step(images, current_ma, COUNT, 100),
        lib.edge_breaker_bank_time_to_trip(images, current_ma, COUNT, lib.EDGE_FAST, left_ms),
        lib.edge_breaker_trace(images, current_ma, COUNT, 100, lib.EDGE_FAST),
    )
    assert refusals == (lib.EDGE_E_RANGE,) * 3
    assert list(left_ms) == [7] * COUNT
    assert [(each.theta_fast, each.theta_slow) for each in images] == [(0.0, 0.0)] * COUNT


def test_success_is_edge_ok():
    images, current_ma = ffi.new("struct edge_breaker[]", [COLD]), ffi.new("int32_t[]", [20_000])
    left_ms = ffi.new("int32_t[]", 1)
    done = (
        lib.edge_breaker_check(images),
        lib.edge_breaker_step(images, 20_000, 100),
        lib.edge_breaker_away(images, 20_000, 100),
        lib.edge_breaker_bank_step(images, current_ma, 1, 100),
        lib.edge_breaker_bank_time_to_trip(images, current_ma, 1, lib.EDGE_FAST, left_ms),
    )
    assert done == (lib.EDGE_OK,) * 5


def test_the_last_ms_before_never_is_told():
    """m^2 - 1 of 4e-6 and the longest tau; theta that leaves half a ms less than NEVER_MS."""
    target = 1.000_002**2
    theta = target - (target - 1) * math.exp((lib.EDGE_NEVER_MS - 0.5) / DAY_MS)
    slowest = image(rating_ma=1_000_000, mnt_ppm=1_000_000, tau_slow_ms=DAY_MS, theta_slow=theta)
    left_ms = lib.edge_breaker_time_to_trip_ms(slowest, 1_000_002, lib.EDGE_SLOW)
    assert left_ms == lib.EDGE_NEVER_MS - 1


@pytest.mark.parametrize("rating_ma", [1, 7, 16_000, 1_000_001, 199_999_999])
@pytest.mark.parametrize("gate_ppm", [5_000_000, 5_000_001, 5_999_999])
@pytest.mark.parametrize(("edge", "field"), [(0, "magnetic_low_ppm"), (1, "magnetic_high_ppm")])
def test_the_gate_is_the_same_exact_ma_for_all_who_ask(rating_ma, gate_ppm, edge, field):
    first_ma = -(-gate_ppm * rating_ma // 1_000_000)
    breaker = image(rating_ma=rating_ma, **{field: gate_ppm})
    assert lib.edge_breaker_time_to_trip_ms(breaker, first_ma, edge) == 0
    assert lib.edge_breaker_time_to_trip_ms(breaker, first_ma - 1, edge) > 0
    assert lib.edge_breaker_hold_ma(breaker, 0, 1_000_000, edge) == first_ma - 1
    trace_ma = ffi.new("int32_t[]", [first_ma - 1, first_ma])
    assert lib.edge_breaker_trace(breaker, trace_ma, 2, 0, edge) == 1


def test_a_gate_at_the_last_int32_but_one_is_still_that_gate():
    breaker = image(rating_ma=lib.EDGE_NEVER_MS, magnetic_low_ppm=2_000_000)
    assert lib.edge_breaker_time_to_trip_ms(breaker, INT32_MAX - 1, lib.EDGE_FAST) == 0
    assert lib.edge_breaker_hold_ma(breaker, 0, 1_000_000, lib.EDGE_FAST) == INT32_MAX - 2
