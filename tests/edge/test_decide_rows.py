# SPDX-License-Identifier: Apache-2.0
"""What the decision does with each kind of row, in a closed loop of a fake rack."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import Config
from edge.core import CURVES, Breaker
from edge.decide import Decider
from edge.rack_limit import BbuState
from edge.readings import Snapshot
from edge.reason import Decision, Rule
from edge.rows import Kind
from tests.edge.fake_rack import TICK_MS, Demand, FakeRack, rack_config, run

RATING_W = 25_000  # one of two feeds
POLES = (1, 1, 1, 1, 2, 2, 3, 3)
PLAIN = 'redundancy = "none"\noverdraft_fraction = 0.0\n'


def constant(*watts: float) -> Demand:
    return lambda _t_s: watts


def swings(seed: int, loads: int = 8) -> Demand:
    """All loads jump together between levels, as training jobs do."""
    levels = [Random(seed * 1000 + k).choice((0.1, 0.5, 1.0, 1.0)) for k in range(400)]
    period_s = 0.4 + Random(seed).random() * 8
    return lambda t_s: [10_000 * levels[int(t_s / period_s)]] * loads


class Watched:
    """The worst breakers of both feeds, on the rack's real power."""

    def __init__(self, rack: FakeRack) -> None:
        self.rack = rack
        self.breakers = [Breaker(int(RATING_W / 690 * 1000), CURVES["iec60898_c"]) for _ in "AB"]
        self.hottest_ppm = 0
        self.peak_ratio = 0.0

    def check(self, rack: FakeRack, _decision: Decision) -> None:
        for breaker, watts in zip(self.breakers, rack.feed_w(), strict=True):
            breaker.step(int(watts / 0.69), TICK_MS)
            self.hottest_ppm = max(self.hottest_ppm, breaker.theta_fast_ppm)
            self.peak_ratio = max(self.peak_ratio, watts / RATING_W)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 16), delay_s=st.floats(0, 0.6), tau_s=st.floats(0.02, 0.3))
def test_overdraft_uses_heat_and_never_all_of_it(seed: int, delay_s: float, tau_s: float) -> None:
    config = rack_config(8, RATING_W, control='redundancy = "none"')
    rack = FakeRack(config, swings(seed), seed, delay_s=delay_s, tau_s=tau_s, fans_w=500)
    watched = Watched(rack)
    run(rack, Decider(config, seed), 40, check=watched.check)
    assert watched.hottest_ppm < 1_000_000


def test_overdraft_serves_more_than_the_rating() -> None:
    config = rack_config(8, RATING_W, control='redundancy = "none"')
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    run(rack, Decider(config), 60)
    assert sum(rack.draw_w) > 1.02 * 2 * RATING_W


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 16), lost=st.integers(0, 1), at_s=st.floats(5, 20))
def test_a_dead_feed_is_survived_by_capping_alone(seed: int, lost: int, at_s: float) -> None:
    config = rack_config(8, RATING_W, control='redundancy = "reactive"')
    rack = FakeRack(config, swings(seed), seed)
    decider, watched = Decider(config, seed), Watched(rack)
    decisions = run(rack, decider, at_s, check=watched.check)
    rack.lost = {lost}
    decisions += run(rack, decider, 20, check=watched.check)
    assert watched.hottest_ppm < 1_000_000
    assert not any(decision.shed_groups for decision in decisions)


def test_strict_keeps_the_survivor_within_its_rating_at_once() -> None:
    config = rack_config(8, RATING_W, control='redundancy = "strict"')
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    run(rack, Decider(config), 60)
    assert sum(rack.draw_w) <= RATING_W
    assert sum(rack.draw_w) == pytest.approx(RATING_W * 0.95, rel=0.03)


def test_reactive_frees_power_that_strict_strands() -> None:
    config = rack_config(8, RATING_W, control='redundancy = "reactive"')
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    run(rack, Decider(config), 90)
    assert sum(rack.draw_w) > 1.2 * RATING_W


def test_minimums_that_a_survivor_could_not_carry_are_not_shed_before_anything_happens() -> None:
    config = rack_config(8, RATING_W, min_w=5_000, control='redundancy = "strict"')
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    decisions = run(rack, Decider(config), 40)
    assert not any(decision.shed_groups for decision in decisions)
    assert Rule.SHED not in decisions[-1].rule
    assert rack.draw_w == pytest.approx([5_000] * 8, rel=0.01)


def test_a_pole_that_carries_more_than_its_part_limits_its_loads_alone() -> None:
    config = rack_config(
        8,
        RATING_W,
        extra=lambda i: f"phases = {{ A = {POLES[i]}, B = {POLES[i]} }}",
        control=PLAIN,
    )
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    decision = run(rack, Decider(config), 40)[-1]
    assert sum(rack.draw_w[:4]) == pytest.approx(2 * RATING_W / 3 * 0.95, rel=0.02)
    assert sum(rack.draw_w[4:6]) == pytest.approx(2 * RATING_W / 3 * 0.95, rel=0.02)
    assert decision.rows[decision.row[0]].kind is Kind.PHASE


@pytest.mark.parametrize("key", ["contract_w", "cooling_w", "site_floor_w"])
def test_a_limit_of_the_rack_holds_with_its_margin(key: str) -> None:
    config = rack_config(8, RATING_W, control=f"{PLAIN}[limits]\n{key} = 30000")
    rack = FakeRack(config, constant(*[9_000.0] * 8), fans_w=1_000)
    decision = run(rack, Decider(config), 40)[-1]
    assert sum(rack.draw_w) + 1_000 == pytest.approx(30_000 * 0.95, rel=0.02)
    assert decision.rows[decision.row[0]].name == key.split("_", maxsplit=1)[0]


def test_a_site_lease_raises_the_rack_in_steps_and_its_end_lowers_it_at_once() -> None:
    config = rack_config(8, RATING_W, control=f"{PLAIN}[limits]\nsite_floor_w = 20000")
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    decider = Decider(config)
    run(rack, decider, 20)
    assert sum(rack.draw_w) <= 20_000
    decider.rooms.site.grant(35_000_000, 120_000)
    run(rack, decider, 5)
    assert sum(rack.draw_w) < 30_000
    run(rack, decider, 94)
    assert sum(rack.draw_w) == pytest.approx(35_000 * 0.95, rel=0.02)
    run(rack, decider, 4)
    assert sum(rack.draw_w) <= 20_000


def test_the_demand_window_is_kept() -> None:
    limits = "demand_w = 30000\ndemand_window_s = 60"
    config = rack_config(8, RATING_W, control=f"{PLAIN}[limits]\n{limits}")
    rack = FakeRack(config, lambda t_s: [9_000.0 if t_s % 60 > 25 else 2_000.0] * 8)
    decider = Decider(config)
    energies = []
    for _ in range(4):
        before = rack.served_j
        run(rack, decider, 60)
        energies.append((rack.served_j - before) / 60)
    assert max(energies) <= 30_000 * 1.005
    assert energies[-1] > 25_000  # what the quiet half left is used by the other


def test_the_rack_climbs_no_faster_than_its_ramp() -> None:
    config = rack_config(8, RATING_W, control=f"{PLAIN}[limits]\nramp_w_per_s = 1000")
    rack = FakeRack(config, lambda t_s: [1_000.0 if t_s < 15 else 5_500.0] * 8)
    totals: list[float] = []
    run(rack, Decider(config), 80, check=lambda rack, _d: totals.append(sum(rack.draw_w)))
    climbs = [b - a for a, b in zip(totals[:-50], totals[50:], strict=True)]  # in 5 s
    assert max(climbs[100:]) <= 1_000 * (5 + 3) + 500
    assert totals[-1] == pytest.approx(8 * 5_500, rel=0.02)


BATTERY = "[bbu]\nenergy_wh = 6000\npower_w = 60000\nrecharge_w = 4000\n"
BATTERY += 'source = { kind = "dryrun" }\n'


def with_battery(rack: FakeRack, decider: Decider, states: Sequence[BbuState | None]) -> Decision:
    now_ms = round(rack.t_s * 1000)
    for state in states:
        decision = decider.decide(replace(rack.snapshot(now_ms), bbu=state))
        for write in decision.writes:
            rack.set_cap(write.load, write.cap_mw / 1000)
            decider.caps.confirm(write.load, write.cap_mw, None, now_ms)
        rack.step()
        now_ms += TICK_MS
    return decision


def test_recharging_gets_what_the_loads_leave_and_gives_way_to_them() -> None:
    config = rack_config(8, RATING_W, control=PLAIN + BATTERY)
    rack = FakeRack(config, lambda t_s: [4_000.0 if t_s < 60 else 9_000.0] * 8)
    decider = Decider(config)
    half = BbuState(5_700_000, discharging=False)
    calm = with_battery(rack, decider, [half] * 580)
    assert calm.recharge_mw == 4_000_000
    busy = with_battery(rack, decider, [half] * 300)
    assert busy.recharge_mw < 500_000
    assert sum(busy.cap_mw) <= 2 * RATING_W * 950


def test_an_empty_battery_limits_the_rack_to_its_minimums_and_no_further() -> None:
    config = rack_config(8, RATING_W, control=PLAIN + BATTERY)
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    decision = with_battery(rack, Decider(config), [BbuState(0, discharging=True)] * 60)
    assert sum(decision.cap_mw) == 8 * 1_000_000
    assert not decision.shed_groups


def cold_snapshot(config: Config, now_ms: int, draw_mw: int) -> Snapshot:
    n = len(config.loads)
    total = draw_mw * n
    return Snapshot(now_ms, 0, (total // 2, total // 2), (draw_mw,) * n)


def test_each_write_says_why() -> None:
    config = rack_config(8, RATING_W, control=PLAIN)
    decider = Decider(config)
    decisions = [decider.decide(cold_snapshot(config, t * 100, 9_000_000)) for t in range(3)]
    write = decisions[1].writes[0] if decisions[1].writes else decisions[0].writes[0]
    row = decisions[0].rows[write.row]
    assert write.rule is Rule.ROW
    assert (row.kind, row.name) == (Kind.FEED, "A")
    assert write.cap_mw < write.request_mw
    assert write.before_mw == 10_000_000
    assert write.draw_mw == 9_000_000
    assert row.used_mw <= row.room_mw <= row.limit_mw


def test_nobody_gets_the_room_of_a_load_that_is_to_be_shed_before_it_is_off() -> None:
    config = rack_config(8, RATING_W, min_w=5_500, control=PLAIN)
    rack = FakeRack(config, constant(*[6_000.0] * 8))
    decider = Decider(config)
    run(rack, decider, 10)
    rack.lost = {0}
    for decision in run(rack, decider, 8):  # the board sheds nothing
        if decision.lost_feed == 0:
            assert set(decision.cap_mw) == {5_500_000}
    rack.off = 0b1111_0000
    decision = run(rack, decider, 10)[-1]
    standing = [cap for cap, gone in zip(decision.cap_mw, decision.absent, strict=True) if not gone]
    assert len(standing) == 4
    assert sum(standing) == pytest.approx(RATING_W * 950, rel=0.03)


def test_a_group_that_the_board_never_sheds_is_asked_for_once_and_then_another() -> None:
    config = rack_config(8, RATING_W, min_w=5_500, control=PLAIN)
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    decider = Decider(config)
    run(rack, decider, 10)
    rack.lost = {0}
    asked: list[int] = []
    for _ in range(120):
        asked.append(run(rack, decider, 0.1)[-1].shed_groups)
        rack.off = asked[-1] & 0b0111_1111  # the board keeps group 7 on
    first = next(mask for mask in asked if mask)
    assert first >> 7 & 1
    assert asked[-1] & 0b0111_1111 == 0b0111_1000
    assert sum(rack.draw_w) <= RATING_W


def test_a_rack_that_is_left_alone_stands_within_rating_and_hours_and_nothing_rises() -> None:
    config = rack_config(
        8, RATING_W, control='redundancy = "none"', feed="before_w = 0.0", rack='state_file = "s"'
    )
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    decider = Decider(config)
    run(rack, decider, 60)
    before = list(decider.caps.cap_mw)
    assert sum(before) > 2 * RATING_W * 1000
    writes = decider.rest(60_000)
    assert {write.rule for write in writes} == {Rule.REST}
    assert all(write.cap_mw < write.before_mw for write in writes)
    assert sum(decider.caps.cap_mw) <= 2 * RATING_W * 800
    assert sum(decider.caps.cap_mw) == pytest.approx(2 * RATING_W * 800, rel=0.02)


def test_caps_that_may_stay_are_left_alone() -> None:
    config = rack_config(8, RATING_W, control=PLAIN)
    rack = FakeRack(config, constant(*[9_000.0] * 8))
    decider = Decider(config)
    run(rack, decider, 30)
    assert decider.rest(30_000) == ()
    assert Decider(config).rest(0) == ()
