# SPDX-License-Identifier: Apache-2.0
"""Which readings are refused, for what reason, and when they are believed again."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.link.fields import INVALID
from edge.probation import QUIET_MS, RETURN_TICKS
from edge.readings import (
    DOUBTFUL,
    SENTINELS,
    Fault,
    ReadingFault,
    Snapshot,
    feed_top_mw,
    load_top_mw,
)
from edge.source_clock import SourceClock
from tests.edge.meters import FEED_MW, MAX_MW, Edit, Meters, feed, kinds, load

BUSY = (6_000_000, 7_000_000, 5_000_000, 400_000)
SLIP_DOWN, SLIP_UP = (lambda mw: mw // 1000), (lambda mw: mw * 1000)
TABLE: Sequence[tuple[int, Fault]] = (
    (INVALID, Fault.MISSING),
    (4_294_967_295_000, Fault.SENTINEL),
    (0xFFFF_FFFF, Fault.SENTINEL),
    (0x7FFF_FFFF, Fault.SENTINEL),
    (-0x8000_0000, Fault.SENTINEL),
    (0x3FFF_FFFF, Fault.SENTINEL),
    (64_201_000, Fault.SENTINEL),
    (-1_000, Fault.SENTINEL),
    (-1, Fault.SENTINEL),
    (-10_001, Fault.NEGATIVE),
    (-5_000_000, Fault.NEGATIVE),
    (500_000_000, Fault.ABSURD),
    (6_000_000_000, Fault.SCALE),
    (6_000, Fault.SCALE),
)


@pytest.mark.parametrize(("value", "fault"), TABLE)
def test_a_load_that_shows_this_is_refused_for_that(value: int, fault: Fault) -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    readings = meters.tick(BUSY, load(0, lambda _mw: value))
    assert readings.faults == (ReadingFault("load", 0, fault, value),)
    assert readings.load_mw[0] is None
    assert None not in readings.load_mw[1:]
    assert readings.refused == meters.intake.counts[fault] == 1


@pytest.mark.parametrize(("value", "fault"), [*TABLE[:6], *TABLE[7:11], (9_600, Fault.SCALE)])
def test_a_feed_that_shows_this_is_refused_for_that(value: int, fault: Fault) -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    readings = meters.tick(BUSY, feed(1, lambda _mw: value))
    assert kinds(readings) == [("feed", 1, fault)]
    assert readings.feed_mw[1] is None
    assert None not in readings.load_mw


def test_noise_below_zero_is_zero() -> None:
    meters = Meters()
    readings = meters.tick((0, *BUSY[1:]), load(0, lambda _mw: -10_000))
    assert (readings.load_mw[0], readings.faults) == (0, ())
    assert meters.tick((0, *BUSY[1:]), load(0, lambda _mw: -1)).faults == ()


def test_loads_above_what_the_feeds_carry_are_all_refused() -> None:
    meters = Meters()
    meters.run(BUSY, 20)

    def double(_feeds: list[int], loads: list[int]) -> None:
        loads[:] = [mw * 3 // 2 for mw in loads]

    readings = meters.tick(BUSY, double)
    assert [found.fault for found in readings.faults] == [Fault.CONTRADICTION] * 4
    assert None not in readings.feed_mw


# Slips of unit


def edit_all(feeds: list[int], loads: list[int]) -> None:
    feeds[:] = [mw // 1000 for mw in feeds]
    loads[:] = [mw // 1000 for mw in loads]


def edit_loads(_feeds: list[int], loads: list[int]) -> None:
    loads[:] = [mw // 1000 for mw in loads]


@pytest.mark.parametrize(
    ("edit", "refused"),
    [
        (load(1, SLIP_DOWN), {("load", 1)}),
        (load(1, SLIP_UP), {("load", 1)}),
        (feed(0, SLIP_DOWN), {("feed", 0)}),
        (feed(0, SLIP_UP), {("feed", 0)}),
        (edit_loads, {("load", 0), ("load", 1), ("load", 2)}),
        (edit_all, {("feed", 0), ("feed", 1), ("load", 0), ("load", 1), ("load", 2)}),
    ],
)
def test_a_slip_is_refused_as_long_as_it_lasts(edit: Edit, refused: set[tuple[str, int]]) -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    for tick in range(200):
        swing = [mw * (10 + tick % 20) // 20 for mw in BUSY]
        readings = meters.tick(swing, edit)
        found = {(kind, index) for kind, index, fault in kinds(readings) if fault is Fault.SCALE}
        # The 400 W of load 3 are too few for the feeds to tell.
        assert found - {("load", 3)} == refused
    assert meters.run(BUSY, RETURN_TICKS).faults == ()


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.integers(0, MAX_MW), min_size=4, max_size=4),
    factor=st.sampled_from((250, 500, 1_000, 1_001, 2_000, 4_000)),
    up=st.booleans(),
    noise=st.sampled_from((0.0, 0.003)),
)
def test_a_step_that_the_feeds_confirm_is_believed_whatever_its_size(
    before: list[int], factor: int, up: bool, noise: float
) -> None:
    meters = Meters(noise=noise)
    after = [before[0] // factor, *before[1:]]
    steps = (after, before) if up else (before, after)
    for draws in steps * 3:
        meters.run(draws, 15)
    assert meters.false_alarms == 0


def test_a_standby_load_that_slips_up_is_refused_and_one_that_starts_is_not() -> None:
    meters = Meters()
    idle = (6_000, *BUSY[1:])
    meters.run(idle, 20)
    assert kinds(meters.tick(idle, load(0, SLIP_UP))) == [("load", 0, Fault.SCALE)]
    assert meters.tick((6_000_000, *BUSY[1:])).faults == ()


def test_a_load_whose_group_is_off_may_fall_before_the_feeds_show_it() -> None:
    meters = Meters(groups=(3, 0, 0, 0))
    meters.run(BUSY, 20)
    snapshot = meters.snapshot(BUSY, load(0, SLIP_DOWN), off=1 << 3)
    assert meters.intake.take(snapshot, [MAX_MW] * 4).faults == ()


def test_a_server_that_is_off_may_show_minus_one_watt() -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    readings = meters.run((0, *BUSY[1:]), 5, load(0, lambda _mw: -1_000))
    assert (readings.load_mw[0], meters.false_alarms) == (0, 0)


def test_a_slip_is_still_one_after_the_load_has_changed_sixfold() -> None:
    meters = Meters()
    low = (1_500_000, *BUSY[1:])
    meters.run(low, 20)
    meters.tick(low, load(0, SLIP_DOWN))
    high = (9_900_000, *BUSY[1:])
    assert ("load", 0, Fault.SCALE) in kinds(meters.tick(high, load(0, SLIP_DOWN)))


def test_after_a_slip_is_over_a_fall_to_less_than_a_hundredth_needs_no_witness() -> None:
    meters = Meters()
    low = (1_500_000, *BUSY[1:])
    meters.run(low, 20)
    meters.tick(low, load(0, SLIP_DOWN))
    meters.run(low, 20)

    def edit(feeds: list[int], loads: list[int]) -> None:
        feeds[0] = INVALID
        loads[0] //= 160

    assert kinds(meters.tick(low, edit)) == [("feed", 0, Fault.MISSING)]


def test_a_fall_is_no_slip_where_a_thousand_times_as_much_is_beyond_the_load() -> None:
    meters = Meters()
    meters.run(BUSY, 20)

    def edit(feeds: list[int], loads: list[int]) -> None:
        feeds[0] = INVALID
        loads[0] = 20_000

    assert kinds(meters.tick(BUSY, edit)) == [("feed", 0, Fault.MISSING)]


def test_a_load_that_never_has_a_reading_does_not_keep_others_from_being_confirmed() -> None:
    meters = Meters()
    edit = load(3, lambda _mw: INVALID)
    meters.run(BUSY, 20, edit)
    for draws in ((6_000, *BUSY[1:]), BUSY):
        assert kinds(meters.run(draws, 5, edit)) == [("load", 3, Fault.MISSING)]
    assert meters.intake.counts[Fault.SCALE] == 0


def test_a_load_that_falls_as_its_meter_fails_does_not_hide_the_slip_of_another() -> None:
    meters = Meters()
    meters.run(BUSY, 20)

    def edit(_feeds: list[int], loads: list[int]) -> None:
        loads[:2] = [INVALID, loads[1] // 1000]

    found = kinds(meters.tick((0, *BUSY[1:]), edit))
    assert found == [("load", 0, Fault.MISSING), ("load", 1, Fault.SCALE)]


def test_a_fall_is_confirmed_even_while_fans_start() -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    meters.fans_mw += 3_600_000
    assert meters.tick((6_000, *BUSY[1:])).faults == ()


def test_minus_one_watt_of_a_load_too_small_for_the_feeds_to_tell_is_refused() -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    readings = meters.tick(BUSY, load(3, lambda _mw: -1_000))
    assert kinds(readings) == [("load", 3, Fault.SENTINEL)]


# Coming back


def test_a_lone_fault_costs_one_reading() -> None:
    meters = Meters()
    for _ in range(3):
        meters.run(BUSY, QUIET_MS // 100 + 1)
        meters.tick(BUSY, load(0, lambda _mw: INVALID))
    assert meters.run(BUSY, 10).faults == ()
    assert meters.intake.counts[Fault.MISSING] == meters.false_alarms == 3


@pytest.mark.parametrize("good", range(1, 6))
def test_a_flapping_meter_is_believed_only_after_enough_good_readings(good: int) -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    believed = []
    for _ in range(20):
        meters.tick(BUSY, load(0, lambda _mw: INVALID))
        rows = [meters.tick(BUSY) for _ in range(good)]
        believed.append([row.load_mw[0] is not None for row in rows])
    late = [tick + 1 >= RETURN_TICKS for tick in range(good)]
    assert believed[1:] == [late] * 19


# Time


@pytest.mark.parametrize("bits", [30, 32, 64])
def test_the_wrap_of_the_board_clock_is_not_time_going_back(bits: int) -> None:
    meters = Meters()
    for tick in range(40):
        source_ms = ((1 << 32) - 2_000 + 100 * tick) % (1 << bits)
        assert meters.tick(BUSY, source_ms=source_ms).faults == ()


@pytest.mark.parametrize("boot_ms", [3_000, 100_000_000, 800_000_000])
def test_a_reboot_costs_one_snapshot(boot_ms: int) -> None:
    meters = Meters()
    for tick in range(20):
        meters.tick(BUSY, source_ms=boot_ms + 100 * tick)
    readings = meters.tick(BUSY, source_ms=40)
    assert readings.faults == (ReadingFault("snapshot", 0, Fault.TIME, 40),)
    assert (readings.feed_mw, readings.load_mw) == ([None] * 2, [None] * 4)
    for tick in range(20):
        assert meters.tick(BUSY, source_ms=140 + 100 * tick).faults == ()


def test_a_clock_that_runs_backwards_is_never_believed() -> None:
    meters = Meters()
    meters.tick(BUSY, source_ms=50_000)
    for tick in range(1, 30):
        assert kinds(meters.tick(BUSY, source_ms=50_000 - tick)) == [("snapshot", 0, Fault.TIME)]


def test_a_board_that_repeats_one_time_is_not_fresh() -> None:
    meters = Meters()
    faulty = [bool(meters.tick(BUSY, source_ms=7_000).faults) for _ in range(10)]
    assert faulty == [False] * 3 + [True] * 7
    held = [meters.tick(BUSY, source_ms=7_000 + 100 * tick).faults for tick in range(1, 5)]
    assert [bool(faults) for faults in held] == [True, True, False, False]


def test_only_a_new_arrival_can_show_that_the_clock_stands_still() -> None:
    clock = SourceClock()
    assert all(clock.goes_on(5_000, 100) for _ in range(10))
    assert [clock.goes_on(4_000, 200) for _ in range(3)] == [False] * 3
    assert clock.goes_on(4_100, 300)


def test_a_board_time_seen_twice_now_and_then_is_fresh() -> None:
    clock = SourceClock()
    assert all(clock.goes_on(tick // 3 * 300, 100 * tick) for tick in range(60))


def test_the_same_telemetry_taken_twice_is_judged_and_counted_once() -> None:
    meters = Meters()
    meters.run(BUSY, 20)
    snapshot = meters.snapshot(BUSY, load(0, lambda _mw: INVALID))
    first = meters.intake.take(snapshot, [MAX_MW] * 4)
    later = Snapshot(snapshot.now_ms + 250, 250, snapshot.feed_mw, snapshot.load_mw)
    assert meters.intake.take(later, [MAX_MW] * 4) == first
    assert meters.intake.counts[Fault.MISSING] == 1


@pytest.mark.parametrize("age_ms", [None, 501, 60_000])
def test_what_is_too_old_is_stale(age_ms: int | None) -> None:
    meters = Meters()
    readings = meters.intake.take(Snapshot(90_000, age_ms, (), ()), [MAX_MW] * 4)
    assert kinds(readings) == [("snapshot", 0, Fault.STALE)]
    assert readings.refused == 6


# Never more than physics, never invented

ODD = st.one_of(
    st.sampled_from(sorted(SENTINELS | DOUBTFUL | {INVALID, -10_000, -10_001})),
    st.integers(-(1 << 33), 1 << 33),
    st.integers(-20_000, 20_000),
)
HURT = st.one_of(
    st.tuples(st.integers(0, 5), st.sampled_from(("x1000", "/1000", "same")), st.just(0)),
    st.tuples(st.integers(0, 5), st.just("value"), ODD),
)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.lists(st.integers(0, MAX_MW), min_size=4, max_size=4),
            st.lists(HURT, max_size=6),
            st.one_of(st.none(), st.integers(0, (1 << 30) - 1)),
            st.one_of(st.none(), st.integers(0, 700)),
        ),
        max_size=25,
    )
)
def test_a_believed_value_is_the_reading_itself_and_physically_possible(
    steps: list[tuple[list[int], list[tuple[int, str, int]], int | None, int | None]],
) -> None:
    meters = Meters()
    last = [0] * 6
    top = [feed_top_mw(FEED_MW)] * 2 + [load_top_mw(MAX_MW)] * 4
    for draws, hurts, source_ms, age_ms in steps:

        def edit(
            feeds: list[int], loads: list[int], hurts: list[tuple[int, str, int]] = hurts
        ) -> None:
            values = [*feeds, *loads]
            for channel, how, value in hurts:
                values[channel] = {
                    "x1000": values[channel] * 1000,
                    "/1000": values[channel] // 1000,
                    "same": last[channel],
                    "value": value,
                }[how]
            feeds[:], loads[:] = values[:2], values[2:]
            last[:] = values

        readings = meters.tick(draws, edit, age_ms=age_ms, source_ms=source_ms)  # type: ignore[arg-type]
        believed = [*readings.feed_mw, *readings.load_mw]
        for mw, raw, most in zip(believed, last, top, strict=True):
            assert mw is None or (mw == raw and 0 <= mw <= most) or (mw == 0 and -10_000 <= raw < 0)
        assert (readings.faults == ()) == (None not in believed)
    assert sum(meters.intake.counts.values()) == meters.false_alarms
