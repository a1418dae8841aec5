# SPDX-License-Identifier: Apache-2.0
"""What a load is taken to want."""

from hypothesis import given
from hypothesis import strategies as st

from edge.demand import Demand, PeakHold


def feed(demand: Demand, values: list[int], start_ms: int = 0) -> int:
    for tick, value in enumerate(values):
        demand.update([value], start_ms + 100 * tick)
    return demand.request_mw[0]


def test_a_steady_load_wants_what_it_draws() -> None:
    assert feed(Demand(1, 10_000, 0.7), [5_000_000] * 50) == 5_000_000


def test_dips_of_a_fifth_of_the_time_leave_the_plateau() -> None:
    demand = Demand(1, 10_000, 0.7)
    feed(demand, ([9_000] * 16 + [3_000] * 4) * 10)
    lowest = min(feed(demand, [3_000], 20_000 + 100 * tick) for tick in range(5))
    assert lowest >= 0.98 * 9_000


def test_a_rare_spike_reserves_little() -> None:
    assert feed(Demand(1, 10_000, 0.7), ([4_000] * 29 + [9_000]) * 5) < 6_500


def test_a_load_that_went_idle_is_forgotten_after_the_hold_time() -> None:
    demand = Demand(1, 10_000, 0.7)
    feed(demand, [9_000] * 100)
    assert feed(demand, [2_000] * 115, 10_000) == 2_000


def test_a_pause_without_samples_makes_the_next_one_count() -> None:
    demand = Demand(1, 10_000, 0.7)
    feed(demand, [9_000] * 100)
    assert feed(demand, [2_000], 3_600_000) <= 2_100


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=60), st.floats(0, 4))
def test_the_estimate_stays_between_the_lowest_and_the_highest_sample(
    values: list[int], sigmas: float
) -> None:
    assert min(values) - 1 <= feed(Demand(1, 10_000, sigmas), values) <= max(values)


@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 1_000)), min_size=1, max_size=40),
    st.integers(100, 5_000),
)
def test_a_peak_is_held_for_the_window_and_not_much_longer(
    steps: list[tuple[int, int]], window_ms: int
) -> None:
    hold = PeakHold(1, window_ms)
    now_ms, seen = 0, []
    for wait_ms, value in steps:
        now_ms += wait_ms
        hold.update([value], now_ms)
        seen.append((now_ms, value))
        must = [v for t, v in seen if now_ms - t < window_ms * 0.9]
        may = [v for t, v in seen if now_ms - t <= window_ms * 1.2]
        assert max(must) <= hold.held[0] <= max(may)
