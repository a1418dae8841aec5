# SPDX-License-Identifier: Apache-2.0
"""What is proven of each load's cap."""

from itertools import pairwise

import pytest

from edge.caps import CapLedger
from edge.settle import SettleWatch

KW = 1_000_000
SETTLE_MS = 1_500
PROBATION_MS = 10_000


def ledger() -> CapLedger:
    made = CapLedger([10 * KW], SettleWatch(1, SETTLE_MS), PROBATION_MS)
    made.send(0, 8 * KW, 0)
    made.confirm(0, 8 * KW, None, 0)
    made.observe([7 * KW], SETTLE_MS)
    assert made.bound_mw == [8 * KW]
    return made


def test_a_raise_counts_from_the_moment_it_is_sent() -> None:
    made = ledger()
    made.send(0, 9 * KW, 2_000)
    assert made.bound_mw == [9 * KW]


def test_a_lowering_counts_only_after_confirmation_settle_and_obedience() -> None:
    made = ledger()
    made.send(0, 5 * KW, 2_000)
    made.observe([4 * KW], 9_000)
    assert made.bound_mw == [8 * KW]  # not confirmed
    made.confirm(0, 5 * KW, None, 9_000)
    made.observe([4 * KW], 9_000 + SETTLE_MS - 1)
    assert made.bound_mw == [8 * KW]  # not settled
    made.observe([5_120_000], 9_000 + SETTLE_MS)
    assert made.bound_mw == [8 * KW]  # draws more than 2 % above it
    made.observe([5_050_000], 9_100 + SETTLE_MS)
    assert made.bound_mw == [5 * KW]


def test_an_unmetered_load_counts_at_its_new_cap_after_the_settle_time() -> None:
    made = ledger()
    made.send(0, 5 * KW, 2_000)
    made.confirm(0, 5 * KW, None, 2_100)
    made.observe([None], 2_100 + SETTLE_MS)
    assert made.bound_mw == [5 * KW]


def test_the_result_of_an_older_write_proves_nothing() -> None:
    made = ledger()
    made.send(0, 6 * KW, 2_000)
    made.send(0, 5 * KW, 2_100)
    made.confirm(0, 6 * KW, None, 2_200)
    assert made.in_flight[0]
    made.fail(0, 6 * KW, 2_300)
    assert not made.quarantined[0]


def test_a_device_that_enforces_more_than_asked_counts_at_that() -> None:
    made = ledger()
    made.send(0, 2 * KW, 2_000)
    made.confirm(0, 2 * KW, 3 * KW, 2_100)
    made.observe([1 * KW], 2_100 + SETTLE_MS)
    assert made.bound_mw == [3 * KW]


def test_a_failed_write_pins_the_load_at_the_higher_of_both_caps() -> None:
    made = ledger()
    made.send(0, 5 * KW, 2_000)
    made.fail(0, 5 * KW, 2_500)
    assert made.quarantined == [True]
    assert made.pin_mw == [8 * KW]


def test_three_readings_above_the_cap_after_two_settle_times_are_defiance() -> None:
    made = ledger()
    made.observe([9 * KW], 2_900)
    made.observe([9 * KW], 3_000)
    made.observe([9 * KW], 3_100)
    assert not made.quarantined[0]  # the first came too early to count
    assert made.bound_mw[0] == 9 * KW  # but what is drawn is counted at once
    made.observe([9 * KW], 3_200)
    assert made.quarantined[0]
    assert made.pin_mw == [9 * KW]


def test_a_spike_of_two_readings_is_forgiven() -> None:
    made = ledger()
    for tick in range(60):
        made.observe([(9 if tick % 3 else 7) * KW], 2_000 + tick * 100)
    assert not made.quarantined[0]


def test_retries_back_off_and_wait_for_a_result() -> None:
    made = ledger()
    made.send(0, 5 * KW, 2_000)
    made.fail(0, 5 * KW, 2_000)
    tries = []
    for now_ms in range(2_000, 120_000, 100):
        if made.retry_due(0, now_ms):
            tries.append(now_ms)
            made.send(0, 5 * KW, now_ms)
            assert not made.retry_due(0, now_ms + 60_000)
            made.fail(0, 5 * KW, now_ms)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 2 * SETTLE_MS
    assert gaps[-1] == 10_000


def test_quarantine_ends_after_a_probation_of_obedience() -> None:
    made = ledger()
    made.send(0, 5 * KW, 2_000)
    made.fail(0, 5 * KW, 2_000)
    made.send(0, 5 * KW, 6_000)
    made.confirm(0, 5 * KW, None, 6_000)
    start_ms = 6_000 + SETTLE_MS
    for now_ms in range(6_100, start_ms + PROBATION_MS, 100):
        made.observe([4 * KW], now_ms)
        assert made.quarantined[0]
    made.observe([4 * KW], start_ms + PROBATION_MS)
    assert not made.quarantined[0]
    assert made.bound_mw == [5 * KW]


def test_probation_starts_anew_with_each_excess() -> None:
    made = ledger()
    made.send(0, 5 * KW, 2_000)
    made.fail(0, 5 * KW, 2_000)
    made.send(0, 5 * KW, 6_000)
    made.confirm(0, 5 * KW, None, 6_000)
    for now_ms in range(8_000, 60_000, 100):
        made.observe([9 * KW if now_ms % 5_000 == 0 else 4 * KW], now_ms)
    assert made.quarantined[0]
    assert made.pin_mw == [9 * KW]


def test_a_limit_found_in_the_device_is_its_cap_and_counts_once_it_is_obeyed() -> None:
    made = CapLedger([10 * KW], SettleWatch(1, SETTLE_MS), PROBATION_MS)
    made.ask()
    assert made.asked == [True]
    made.adopt(0, 3 * KW, 100)
    assert (made.asked, made.known, made.cap_mw, made.bound_mw) == (
        [False],
        [True],
        [3 * KW],
        [10 * KW],
    )
    made.observe([2 * KW], 100 + SETTLE_MS)
    assert made.bound_mw == [3 * KW]


def test_a_limit_that_is_not_enforced_is_defiance() -> None:
    made = CapLedger([10 * KW], SettleWatch(1, SETTLE_MS), PROBATION_MS)
    made.adopt(0, 3 * KW, 0)
    for now_ms in (3_000, 3_100, 3_200, 3_300):
        made.observe([9 * KW], now_ms)
    assert made.quarantined == [True]


@pytest.mark.parametrize("limit_mw", [None, 10 * KW, 99 * KW])
def test_a_limit_that_limits_nothing_leaves_the_load_unknown(limit_mw: int | None) -> None:
    made = CapLedger([10 * KW], SettleWatch(1, SETTLE_MS), PROBATION_MS)
    made.ask()
    made.adopt(0, limit_mw, 0)
    assert (made.asked, made.known, made.cap_mw) == ([False], [False], [10 * KW])


def test_a_limit_read_late_does_not_undo_a_cap() -> None:
    made = ledger()
    made.adopt(0, 3 * KW, 2_000)
    assert made.cap_mw == [8 * KW]


def test_a_deaf_device_is_found_out_however_often_it_is_told_less() -> None:
    made = ledger()
    for tick in range(60):
        now_ms = 2_000 + tick * 100
        if tick % 5 == 0:  # lower and lower, far more often than its settle time
            cap_mw = 7 * KW - tick * 10_000
            made.send(0, cap_mw, now_ms)
            made.confirm(0, cap_mw, None, now_ms)
        made.observe([9 * KW], now_ms)
    assert made.quarantined == [True]


def test_a_device_that_follows_falling_caps_late_is_never_blamed_and_its_bound_follows() -> None:
    made = ledger()
    told: list[int] = []
    for tick in range(200):
        now_ms = 2_000 + tick * 100
        cap_mw = 8 * KW - tick * 30_000
        told.append(cap_mw)
        made.send(0, cap_mw, now_ms)
        made.confirm(0, cap_mw, None, now_ms)
        draw_mw = told[max(0, tick - 12)]  # 1.2 s late
        made.observe([draw_mw], now_ms)
        assert made.quarantined == [False]
        assert made.bound_mw[0] >= draw_mw
    assert made.bound_mw[0] <= told[-1 - 16]


def test_a_draw_that_still_falls_is_not_defiance() -> None:
    made = ledger()
    made.send(0, 4 * KW, 2_000)
    made.confirm(0, 4 * KW, None, 2_000)
    draw_mw = 9 * KW
    for tick in range(80):
        draw_mw = max(int(draw_mw * 0.98), 4 * KW)  # slower than it was ever seen
        made.observe([draw_mw], 2_100 + tick * 100)
    assert made.quarantined == [False]


def test_a_load_without_power_proves_nothing() -> None:
    made = ledger()
    made.send(0, 5 * KW, 2_000)
    made.fail(0, 5 * KW, 2_500)
    made.send(0, 5 * KW, 3_000)
    made.confirm(0, 5 * KW, None, 3_000)
    for tick in range(600):
        made.observe([0], 3_100 + tick * 100, [True])
    assert made.quarantined == [True]
    for tick in range(600):
        made.observe([4 * KW], 63_100 + tick * 100, [False])
    assert made.quarantined == [False]


def test_what_is_owed_is_the_highest_cap_of_the_last_settle_time() -> None:
    made = ledger()
    made.send(0, 6 * KW, 4_000)
    made.confirm(0, 6 * KW, None, 4_000)
    made.send(0, 5 * KW, 5_000)
    made.confirm(0, 5 * KW, None, 5_000)
    assert made.owed_mw(5_400) == [8 * KW]
    assert made.owed_mw(5_600) == [6 * KW]
    assert made.owed_mw(6_600) == [5 * KW]


def test_a_raise_that_is_overtaken_by_a_cut_before_its_answer_is_no_defiance() -> None:
    made = ledger()
    made.observe([8 * KW], 4_000)
    made.send(0, 9 * KW, 4_000)
    made.observe([9 * KW], 4_100)  # the device has taken it, and its answer is late
    made.send(0, 6 * KW, 4_200)
    made.confirm(0, 9 * KW, None, 4_300)
    made.confirm(0, 6 * KW, None, 4_400)
    for tick in range(10):
        made.observe([9 * KW], 4_400 + tick * 100)
    assert made.quarantined == [False]
    for tick in range(10, 40):
        made.observe([9 * KW], 4_400 + tick * 100)
    assert made.quarantined == [True]
