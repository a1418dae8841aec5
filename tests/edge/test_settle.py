# SPDX-License-Identifier: Apache-2.0
"""Settle times learned from simulated devices: dead time, first-order lag, noise, lost readings."""

import math
from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.settle import BAND, FEWEST, KEEP, SettleWatch

TOP_MW = 8_000_000


class Device:
    """Draws what it wants, below a cap that moves to the commanded one."""

    def __init__(self, random: Random, dead_ms: float, tau_ms: float, *, swings: bool) -> None:
        self.watch = SettleWatch(1, 1_500)
        self.dead_ms, self.tau_ms = dead_ms, tau_ms
        self._random, self._swings = random, swings
        self._force_mw = self._cap_mw = float(TOP_MW)
        self._demand_mw, self._new_demand_ms = float(TOP_MW), 0.0
        self.draw_mw: int | None = None
        self.now_ms = 0.0

    @property
    def half_ms(self) -> float:
        """True time to within 2 % of the cap for a fall to half the power."""
        return self.dead_ms + self.tau_ms * math.log(1 / BAND)

    def run(self, cap_mw: int, wait_ms: float, noise: float = 0.003) -> None:
        """Tell it `cap_mw`, then read it each 100 ms with 15 % jitter and 3 % losses."""
        self.watch.sent(0, cap_mw, self.draw_mw, int(self.now_ms))
        start_ms = self.now_ms
        while self.now_ms < start_ms + wait_ms:
            last_ms, self.now_ms = self.now_ms, self.now_ms + self._random.uniform(85, 115)
            obeying_ms = self.now_ms - max(last_ms, start_ms + self.dead_ms)
            if obeying_ms >= 0:
                self._cap_mw = cap_mw
            self._force_mw += (self._cap_mw - self._force_mw) * -math.expm1(
                -min(max(obeying_ms, 0), self.now_ms - last_ms) / self.tau_ms
            )
            draw_mw = min(self._demand(), self._force_mw) * (1 + self._random.gauss(0, noise))
            self.draw_mw = None if self._random.random() < 0.03 else int(draw_mw)
            self.watch.observe([self.draw_mw], int(self.now_ms))

    def _demand(self) -> float:
        if self._swings and self.now_ms >= self._new_demand_ms:
            self._demand_mw = TOP_MW * self._random.choice([1, 1, 1, 0.9, 0.7, 0.3])
            self._new_demand_ms = self.now_ms + self._random.uniform(300, 6_000)
        return self._demand_mw

    def answers(self, count: int) -> Iterator[int]:
        """The estimate after each of `count` caps."""
        for _ in range(count):
            cap_mw = int(TOP_MW * self._random.uniform(0.5, 1))
            self.run(cap_mw, 1.2 * self.half_ms + self._random.uniform(500, 5_000))
            yield self.watch.settle_ms[0]


def any_device(seed: int, *, swings: bool) -> Device:
    random = Random(seed)
    tau_ms = math.exp(random.uniform(math.log(50), math.log(3_000)))
    return Device(random, random.uniform(0, 2_000), tau_ms, swings=swings)


@pytest.mark.parametrize("swings", [False, True])
def test_estimates_are_late_by_a_poll_at_most_and_never_twice_the_truth(swings: bool) -> None:
    estimates = early = 0
    for seed in range(100):
        device = any_device(seed, swings=swings)
        for settle_ms in device.answers(40):
            if device.watch.learned[0] < FEWEST:
                continue
            estimates += 1
            early += settle_ms < device.half_ms - 100
            assert settle_ms <= 2 * device.half_ms + 300
        assert device.watch.learned[0] >= FEWEST
    assert estimates > 2_000
    assert early <= estimates / 100


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_down_is_learned_from_the_first_slow_answer(seed: int) -> None:
    device = Device(Random(seed), 300, 200, swings=False)
    list(device.answers(20))
    assert device.watch.settle_ms[0] < 1_800
    device.tau_ms = 1_000
    device.run(TOP_MW, 10_000)
    before = device.watch.learned[0]
    device.run(TOP_MW // 2, 10_000)
    assert device.watch.learned[0] == before + 1
    assert device.watch.settle_ms[0] >= device.half_ms - 100


def test_a_slow_answer_is_forgotten_only_after_as_many_quick_ones_as_are_kept() -> None:
    watch = SettleWatch(1, 500)
    now_ms = answer(watch, 0, fall_ms=5_000)
    slow_ms = watch.settle_ms[0]
    assert slow_ms >= 5_000
    for _ in range(KEEP - 1):
        now_ms = answer(watch, now_ms, fall_ms=500)
        assert abs(watch.settle_ms[0] - slow_ms) <= 10
    answer(watch, now_ms, fall_ms=500)
    assert watch.settle_ms[0] <= 1_000


def answer(
    watch: SettleWatch, now_ms: int, fall_ms: int, cap_mw: int = 3_000_000, end_mw: int = 3_000_000
) -> int:
    """The draw stands at 6 kW, falls to `end_mw` at once after `fall_ms`, and stays for 2 s."""
    watch.sent(0, cap_mw, 6_000_000, now_ms)
    for at_ms in range(100, fall_ms + 2_000, 100):
        watch.observe([6_000_000 if at_ms < fall_ms else end_mw], now_ms + at_ms)
    return now_ms + fall_ms + 2_000


def test_nothing_shrinks_before_three_answers() -> None:
    watch = SettleWatch(1, 5_000)
    now_ms = answer(watch, answer(watch, 0, 600), 700)
    assert watch.settle_ms == watch.dead_ms == [5_000]
    answer(watch, now_ms, 500)
    assert 700 <= watch.settle_ms[0] <= 820
    assert watch.learned == [3]
    assert 600 <= watch.dead_ms[0] <= 700


def test_a_draw_that_fell_with_its_demand_is_no_sample() -> None:
    watch = SettleWatch(1, 5_000)
    now_ms = 0
    for _ in range(5):
        now_ms = answer(watch, now_ms, 500, end_mw=2_500_000)
    assert watch.learned == [0]
    assert watch.settle_ms == [5_000]


def test_a_dip_of_demand_hides_the_end_and_only_what_was_seen_above_counts() -> None:
    watch = SettleWatch(1, 1_000)
    watch.sent(0, 3_000_000, 6_000_000, 0)
    for at_ms in range(100, 10_000, 100):
        draw = 6_000_000 if at_ms <= 2_000 else 1_000_000 if at_ms < 8_000 else 3_000_000
        watch.observe([draw], at_ms)
    assert 2_000 <= watch.settle_ms[0] <= 2_200
    assert watch.learned == [0]


def test_a_falling_demand_that_passes_the_cap_is_no_sample() -> None:
    watch = SettleWatch(1, 5_000)
    for turn in range(5):
        watch.sent(0, 3_000_000, 6_000_000, turn * 5_000)
        for tick, draw in enumerate([6_000_000, 4_500_000, 3_000_000, 1_500_000, 1_000_000], 1):
            watch.observe([draw], turn * 5_000 + tick * 100)
    assert watch.learned == [0]
    assert watch.settle_ms == [5_000]


def test_a_dip_before_the_reaction_is_not_the_reaction() -> None:
    watch, now_ms = SettleWatch(1, 500), 0
    for _ in range(3):
        watch.sent(0, 3_000_000, 6_000_000, now_ms)
        for at_ms in range(100, 4_000, 100):
            draw = 4_500_000 if at_ms == 200 else 6_000_000 if at_ms < 2_000 else 3_000_000
            watch.observe([draw], now_ms + at_ms)
        now_ms += 4_000
    assert 1_900 <= watch.dead_ms[0] <= 2_000
    assert 1_900 <= watch.settle_ms[0] <= 2_200


def test_an_answer_that_never_comes_teaches_nothing() -> None:
    watch = SettleWatch(1, 1_000, most_ms=5_000)
    answer(watch, 0, 30_000)
    assert watch.settle_ms == [1_000]
    assert watch.learned == [0]


@pytest.mark.parametrize(
    ("cap_mw", "draw_mw"),
    [(3_000_000, None), (3_000_000, 2_900_000), (3_000_000, 3_100_000), (0, 6_000_000)],
)
def test_caps_that_need_not_lower_the_draw_are_not_watched(
    cap_mw: int, draw_mw: int | None
) -> None:
    watch = SettleWatch(1, 5_000)
    for turn in range(5):
        watch.sent(0, cap_mw, draw_mw, turn * 1_000)
        for at_ms in range(100, 1_000, 100):
            watch.observe([cap_mw], turn * 1_000 + at_ms)
    assert watch.learned == [0]
    assert watch.settle_ms == [5_000]


def test_a_small_fall_grows_the_estimate_and_never_shrinks_it() -> None:
    watch = SettleWatch(1, 1_000)
    now_ms = 0
    for _ in range(5):
        now_ms = answer(watch, now_ms, 400, cap_mw=5_600_000, end_mw=5_600_000)
    assert watch.settle_ms == [1_000]
    answer(watch, now_ms, 3_000, cap_mw=5_600_000, end_mw=5_600_000)
    assert watch.settle_ms[0] >= 3_000
    assert watch.learned == [0]


def test_a_retry_does_not_start_the_clock_again_and_a_new_cap_does() -> None:
    retried, renewed = SettleWatch(1, 500), SettleWatch(1, 500)
    for watch, second_mw in ((retried, 3_000_000), (renewed, 2_900_000)):
        watch.sent(0, 3_000_000, 6_000_000, 0)
        watch.observe([6_000_000], 2_000)
        watch.sent(0, second_mw, 6_000_000, 2_000)
        for at_ms in range(2_100, 4_000, 100):
            watch.observe([6_000_000 if at_ms < 2_400 else second_mw], at_ms)
    assert retried.settle_ms[0] >= 2_300
    assert 300 <= renewed.settle_ms[0] <= 700


def test_the_slowest_device_is_the_one_to_wait_for() -> None:
    watch = SettleWatch(2, 400)
    answer_of_first = [6_000_000] * 20 + [3_000_000] * 5
    watch.sent(0, 3_000_000, 6_000_000, 0)
    for tick, draw in enumerate(answer_of_first, 1):
        watch.observe([draw, None], tick * 100)
    assert watch.settle_ms[1] == 400
    assert watch.slowest_ms == watch.settle_ms[0] >= 2_000
    assert SettleWatch(0, 400).slowest_ms == 300


EVENT = st.tuples(
    st.integers(0, 5_000),
    st.one_of(st.none(), st.integers(0, TOP_MW)),
    st.one_of(st.none(), st.integers(0, TOP_MW), st.just(3_000_000)),
)


@given(st.lists(EVENT, max_size=80), st.integers(0, 60_000))
def test_whatever_comes_estimates_stay_in_range_and_shrink_only_by_samples(
    events: list[tuple[int, int | None, int | None]], initial_ms: int
) -> None:
    watch = SettleWatch(1, initial_ms)
    history = [(watch.learned[0], watch.settle_ms[0])]
    now_ms = 0
    for wait_ms, cap_mw, draw_mw in events:
        if cap_mw is not None:
            watch.sent(0, cap_mw, draw_mw, now_ms)
        now_ms += wait_ms
        for _ in range(4):
            now_ms += 100
            watch.observe([draw_mw], now_ms)
        history.append((watch.learned[0], watch.settle_ms[0]))
        assert 300 <= watch.settle_ms[0] <= 30_000
        assert 0 <= watch.dead_ms[0] <= 30_000
    for (learned, before_ms), (later, after_ms) in pairwise(history):
        assert after_ms >= before_ms or later > learned
        assert after_ms >= before_ms or later >= FEWEST
