# SPDX-License-Identifier: Apache-2.0
"""Long streams: meters that work are always believed, and those that froze are found."""

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frozen import FROZEN_FEED_MS, FROZEN_LOAD_MS, LONGEST_MS
from edge.intake import Intake
from edge.link.fields import INVALID
from edge.probation import RETURN_TICKS
from edge.readings import Fault, Readings, Snapshot
from hil.trace import DROPOUT_W
from tests.data import ABSENT, DATA, power_traces
from tests.edge.meters import Edit, Meters, feed, kinds, load

LEVELS_MW = (0, 20, 6_000, 40_000, 500_000, 2_000_000, 5_999_000, 9_900_000)
QUANTA_MW = st.sampled_from((1, 1_000, 10_000, 50_000))

# Good meters


@settings(max_examples=80, deadline=None)
@given(
    levels=st.lists(
        st.tuples(*[st.sampled_from(LEVELS_MW)] * 6, st.integers(1, 30)), min_size=2, max_size=12
    ),
    quantum_mw=QUANTA_MW,
    noise=st.sampled_from((0.0, 0.003, 0.01)),
    lose=st.integers(0, 12),
    dead_mw=st.sampled_from((0, 5_000, 20_000, 100_000)),
    seed=st.integers(0, 99),
)
def test_steps_sheds_and_a_lost_feed_are_always_believed(
    levels: list[tuple[int, ...]], quantum_mw: int, noise: float, lose: int, dead_mw: int, seed: int
) -> None:
    meters = Meters(6, noise=noise, quantum_mw=quantum_mw, seed=seed, dead_mw=dead_mw)
    for index, (*draws, ticks) in enumerate(levels):
        meters.lost = {seed % 2} if lose <= index < lose + 3 else set()
        meters.run(draws, ticks)
    assert meters.false_alarms == 0


@settings(max_examples=25, deadline=None)
@given(
    periods_s=st.lists(st.floats(0.7, 400), min_size=4, max_size=4),
    depth=st.floats(0, 0.98),
    quantum_mw=QUANTA_MW,
    seed=st.integers(0, 99),
)
def test_smooth_swings_are_always_believed(
    periods_s: list[float], depth: float, quantum_mw: int, seed: int
) -> None:
    meters = Meters(quantum_mw=quantum_mw, seed=seed)
    for tick in range(1_500):
        phase = [math.sin(tick / 10 / period * math.tau) for period in periods_s]
        meters.tick([int(5_000_000 * (1 + depth * sine)) for sine in phase])
    assert meters.false_alarms == 0


@pytest.mark.parametrize("jitter_mw", [0, 1_000])
def test_hours_of_an_idle_rack_on_coarse_meters_are_believed(jitter_mw: int) -> None:
    meters = Meters(8, noise=0.0, quantum_mw=1_000, period_ms=1_000)
    random = Random(5)
    for second in range(3 * 3_600):
        # Fans that follow the night: up to 600 W, slowly.
        meters.fans_mw = 700_000 + int(300_000 * math.sin(second / 1_800))
        draws = [300_000 + jitter_mw * random.choice((-1, 0, 0, 0, 0, 1)) for _ in range(8)]
        meters.tick(draws)
    assert meters.false_alarms == 0


def test_a_spare_server_on_a_coarse_meter_beside_training_is_believed() -> None:
    meters = Meters(8, quantum_mw=10_000)
    for tick in range(12_000):
        step = 9_800_000 if tick % 20 >= 4 else 4_000_000
        spare = 400_000 if tick > 2_000 else step  # has been lively, then waits for work
        meters.fans_mw = 900_000 + int(500_000 * math.sin(tick / 900))
        meters.tick([spare] + [step] * 7)
    assert meters.false_alarms == 0


def test_a_meter_that_refreshes_each_90_s_is_believed_whatever_starts_unmetered() -> None:
    meters = Meters(8, period_ms=1_000)
    random = Random(3)
    held = [0]
    for second in range(5_000):
        draws = [3_000_000 + random.randrange(500_000) for _ in range(8)]
        if second % 90 == 0:
            held[0] = meters.read(draws[2])
        if second == 4_000:
            meters.fans_mw += 6_000_000
        meters.tick(draws, load(2, lambda _mw: held[0]))
    assert meters.false_alarms == 0


@pytest.mark.parametrize("lively", [True, False])
@pytest.mark.parametrize("steady_mw", [0, 400_000])
def test_a_steady_load_is_believed_when_something_unmetered_starts(
    steady_mw: int, lively: bool
) -> None:
    meters = Meters(quantum_mw=20_000)
    if lively and steady_mw == 0:
        meters.run([6_000_000] * 4, 600)
    draws = [steady_mw, *[6_000_000] * 3]
    meters.run(draws, 100)
    meters.fans_mw += 6_000_000
    meters.run(draws, 700)
    assert meters.false_alarms == 0


# Frozen meters


def frozen_after(meters: Meters, edit: Edit, draws: list[int], ticks: int) -> Iterator[Readings]:
    return (meters.tick(draws, edit) for _ in range(ticks))


BUSY = [6_000_000] * 4


@pytest.mark.parametrize("falls_to_mw", [1_000_000, 9_500_000])
def test_a_load_that_froze_is_found_once_it_has_really_moved(falls_to_mw: int) -> None:
    meters = Meters()
    held = meters.run(BUSY, 600).load_mw[1]
    assert held is not None
    edit = load(1, lambda _mw: held)
    meters.run(BUSY, 100, edit)
    moved = [BUSY[0], falls_to_mw, *BUSY[2:]]
    rows = list(frozen_after(meters, edit, moved, FROZEN_LOAD_MS // 100))
    first = next(tick for tick, row in enumerate(rows) if row.faults)
    assert 100 + first == pytest.approx(FROZEN_LOAD_MS // 100, abs=2)
    assert kinds(rows[-1]) == [("load", 1, Fault.FROZEN)]
    back = [meters.tick(moved).load_mw[1] is None for _ in range(5)]
    assert back == [True] * (RETURN_TICKS - 1) + [False] * (6 - RETURN_TICKS)


def test_a_load_that_froze_and_never_moved_is_believed() -> None:
    meters = Meters()
    held = meters.run(BUSY, 600).load_mw[1]
    assert held is not None
    meters.run(BUSY, 3_000, load(1, lambda _mw: held))
    assert meters.false_alarms == 0


@pytest.mark.parametrize(
    ("obeys", "fans_mw", "refused"),
    [(True, 0, True), (False, 0, False), (False, 4_000_000, False), (False, -500_000, False)],
)
def test_a_frozen_reading_above_the_cap_is_refused_only_if_the_feeds_show_obedience(
    obeys: bool, fans_mw: int, refused: bool
) -> None:
    meters = Meters(noise=0.001)
    held = meters.run(BUSY, 600).load_mw[1]
    assert held is not None
    meters.cap_mw = 4_500_000
    after = [*BUSY]
    after[1] = 4_500_000 if obeys else 6_000_000
    edit = load(1, lambda _mw: held)
    meters.run(after, 2, edit)
    meters.fans_mw += fans_mw
    assert kinds(meters.run(after, 700, edit)) == [("load", 1, Fault.FROZEN)] * refused


def test_a_load_that_was_off_for_long_is_found_frozen_as_soon_as_any() -> None:
    meters = Meters()
    meters.run([0] * 4, 6_000)
    held = meters.run(BUSY, 600).load_mw[1]
    assert held is not None
    moved = [BUSY[0], 1_000_000, *BUSY[2:]]
    edit = load(1, lambda _mw: held)
    meters.run(BUSY, 50, edit)
    readings = meters.run(moved, FROZEN_LOAD_MS // 100, edit)
    assert kinds(readings) == [("load", 1, Fault.FROZEN)]


def test_a_meter_that_once_repeated_for_hours_is_found_frozen_after_one() -> None:
    meters = Meters(period_ms=1_000)
    held = meters.run(BUSY, 600).load_mw[1]
    assert held is not None
    edit = load(1, lambda _mw: held)
    meters.run(BUSY, 7_200, edit)
    meters.run(BUSY, 60)
    meters.run(BUSY, 60, edit)
    moved = [BUSY[0], 1_000_000, *BUSY[2:]]
    meters.run(moved, LONGEST_MS // 1_000 - 62, edit)
    assert meters.false_alarms == 0
    assert kinds(meters.run(moved, 5, edit)) == [("load", 1, Fault.FROZEN)]


def test_a_frozen_feed_is_found_while_the_loads_move() -> None:
    meters = Meters()
    held = meters.run(BUSY, 600).feed_mw[0]
    assert held is not None
    edit = feed(0, lambda _mw: held)
    rows = list(frozen_after(meters, edit, [9_000_000] * 4, FROZEN_FEED_MS // 100 + 5))
    assert not rows[FROZEN_FEED_MS // 100 - 2].faults
    assert kinds(rows[-1]) == [("feed", 0, Fault.FROZEN)]
    assert kinds(meters.run([9_000_000] * 4, 1_000, edit)) == [("feed", 0, Fault.FROZEN)]
    assert meters.run([9_000_000] * 4, RETURN_TICKS).faults == ()


def test_fans_on_the_other_feed_do_not_make_a_steady_feed_frozen() -> None:
    meters = Meters()
    held = meters.run(BUSY, 600).feed_mw[0]
    assert held is not None

    def edit(feeds: list[int], _loads: list[int]) -> None:
        feeds[:] = [held, feeds[1] + 5_000_000]

    meters.run(BUSY, 3_000, edit)
    assert meters.false_alarms == 0


def test_loads_and_fans_that_rise_on_the_other_feed_do_not_either() -> None:
    meters = Meters()
    held = meters.run(BUSY, 600).feed_mw[0]
    assert held is not None

    def edit(feeds: list[int], _loads: list[int]) -> None:
        feeds[:] = [held, sum(feeds) - held]

    meters.run(BUSY, 2, edit)
    meters.fans_mw += 6_000_000
    meters.run([8_000_000] * 4, 1_000, edit)
    assert meters.false_alarms == 0


def test_telemetry_that_was_away_does_not_count_as_repetition() -> None:
    meters = Meters()
    held = meters.run(BUSY, 600).load_mw[1]
    assert held is not None
    edit = load(1, lambda _mw: held)
    meters.run(BUSY, 5, edit)
    meters.now_ms += 2 * FROZEN_LOAD_MS
    assert meters.run([6_000_000, 1_000_000, *BUSY[2:]], 60, edit).faults == ()


# Recorded racks


def replay(path: Path, split: tuple[int, int] = (1, 1)) -> tuple[Intake, int]:
    """All rows of a trace as snapshots, with the feeds that carried it, and how many rows."""
    lines = path.read_text("ascii").splitlines()[1:]
    rows = [[round(float(cell) * 1000) for cell in line.split(",")] for line in lines]
    true_mw = rows[0][1:]
    intake = Intake([200_000_000] * 2, [12_000_000] * len(true_mw), stale_ms=500)
    for t_ms, *loads_mw in rows:
        drop = round(DROPOUT_W * 1000)
        true_mw = [old if mw == drop else mw for mw, old in zip(loads_mw, true_mw, strict=True)]
        total = sum(true_mw) + 600_000
        first = total * split[0] // sum(split)
        feeds = (first, total - first)
        intake.take(Snapshot(t_ms, 0, feeds, tuple(loads_mw), 0, t_ms), [12_000_000] * len(true_mw))
    return intake, len(rows)


def test_recorded_racks_are_believed_but_for_what_the_meter_dropped() -> None:
    if not power_traces():
        pytest.skip(ABSENT)
    for path in power_traces():
        for split in ((1, 1), (0, 1)):
            intake, rows = replay(path, split)
            found = {fault: n for fault, n in intake.counts.items() if n}
            dropped = path.read_text("ascii").count(",-1.0\n")
            assert found == ({Fault.SENTINEL: dropped} if dropped else {}), (path.name, rows)
            assert dropped == (2 if path.stem.endswith("_meter_dropout") else 0)


def test_a_recorded_rack_with_a_dead_load_meter_is_believed_but_for_that_one() -> None:
    path = DATA / "power" / "unet3d_start_stop_9_nodes.csv"
    if not path.exists():
        pytest.skip(ABSENT)
    meters = Meters(9, noise=0.0, period_ms=2_000)
    for line in path.read_text("ascii").splitlines()[1:]:
        draws = [round(float(cell) * 1000) for cell in line.split(",")[1:]]
        readings = meters.tick(draws, load(4, lambda _mw: INVALID))
        assert kinds(readings) == [("load", 4, Fault.MISSING)]
