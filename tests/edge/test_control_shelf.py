# SPDX-License-Identifier: Apache-2.0
"""A daemon in virtual time with a battery shelf that carries the rack and draws to recharge."""

import logging
from collections.abc import Callable
from itertools import pairwise

import pytest

from edge.actuate.base import Applied, Reading
from edge.battery_watch import FRESH_MS, InlineBatteryWatch
from edge.config import Config
from edge.errors import ActuatorError
from edge.executor import InlineExecutor
from edge.rack_limit import RELEASE_MS, BbuState
from edge.rows import Kind
from edge.shelf import Shelf
from firmware_py.link.messages import INVALID
from tests.edge.daemon_rig import DaemonRig
from tests.edge.fake_rack import PLAIN, TICK_MS, FakeRack, rack_config

LOADS = 4
LIMIT_W = 10_000.0
FANS_W = 800.0
RECHARGE_W = 4_000.0
EFFICIENCY = 0.95
RIDE_S = 240.0


class ShelfRack(FakeRack):
    """Feeds that may go dark, and cells that then carry the loads; source and charger at once.

    `obeys` False: the charger acknowledges set-points and recharges as it likes. `follow`: part
    of the way to its set-point that it goes in each tick.
    """

    def __init__(self, config: Config, load_w: Callable[[float], float], stored_wh: float) -> None:
        super().__init__(config, lambda t_s: [load_w(t_s)] * LOADS, fans_w=FANS_W)
        assert config.bbu is not None
        self.full_wh = config.bbu.energy_wh
        self.stored_wh = stored_wh
        self.dark = self.silent = self.broken = False
        self.obeys = True
        self.closed = False
        self.follow = 0.3
        self.allowed_w = 0.0
        self.recharge_w = 0.0
        self.set_points: list[tuple[float, float]] = []

    def step(self) -> None:
        super().step()
        hours = TICK_MS / 3_600_000
        wanted_w = self.allowed_w if self.obeys else RECHARGE_W
        if self.dark or self.stored_wh >= self.full_wh:
            wanted_w = 0.0
        self.recharge_w += self.follow * (wanted_w - self.recharge_w)
        self.stored_wh += self.recharge_w * hours
        if self.dark:
            self.stored_wh -= sum(self.draw_w) / EFFICIENCY * hours

    def feed_w(self) -> list[float]:
        total = 0.0 if self.dark else sum(self.draw_w) + FANS_W + self.recharge_w
        alive = 2 - len(self.lost)
        return [0.0 if feed in self.lost else total / alive for feed in range(2)]

    def read(self) -> BbuState:
        if self.silent:
            raise ActuatorError("shelf: no answer; check it")
        return BbuState(int(self.stored_wh * 1000), self.dark)

    def close(self) -> None:
        self.closed = True


class Charger:
    """Takes set-points for a ShelfRack."""

    def __init__(self, rack: ShelfRack) -> None:
        self.rack = rack

    def apply(self, watts: float) -> Applied:
        if self.rack.broken:
            raise ActuatorError("charger: no answer; check it")
        self.rack.allowed_w = watts
        self.rack.set_points.append((self.rack.t_s, watts))
        return Applied(watts, watts)

    def read(self) -> Reading:
        return Reading(None, None, None)

    def verify(self, watts: float) -> Applied:
        return Applied(watts, watts)

    def close(self) -> None:
        pass


def rig(load_w: Callable[[float], float], energy_wh: float, stored_wh: float) -> DaemonRig:
    section = f"[bbu]\nenergy_wh = {energy_wh}\npower_w = 30000\nrecharge_w = {RECHARGE_W}\n"
    section += 'source = { kind = "dryrun" }\nactuator = { kind = "dryrun" }\n'
    config = rack_config(LOADS, LIMIT_W, control=PLAIN + section)
    rack = ShelfRack(config, load_w, stored_wh)
    shelf = Shelf(InlineBatteryWatch(rack), InlineExecutor([Charger(rack)]))
    made = DaemonRig(config, rack, shelf)
    made.daemon.start()
    return made


def rack_of(made: DaemonRig) -> ShelfRack:
    assert isinstance(made.rack, ShelfRack)
    return made.rack


def caps_w(made: DaemonRig) -> float:
    return sum(made.log.decisions[-1].cap_mw) / 1000


def bbu_limit_w(made: DaemonRig) -> float:
    (row,) = [row for row in made.log.decisions[-1].rows if row.kind is Kind.BBU]
    return row.limit_mw / 1000


def carries_w(stored_wh: float) -> float:
    """What the cells carry for the whole ride-through."""
    return stored_wh * EFFICIENCY * 3600 / RIDE_S


def test_caps_fall_to_what_the_battery_carries_for_the_ride_through() -> None:
    made = rig(lambda _t: 9_000.0, 1_000.0, 1_000.0)
    made.run(10)
    assert sum(made.rack.draw_w) + FANS_W == pytest.approx(carries_w(1_000), rel=0.02)
    assert sum(made.rack.draw_w) + FANS_W <= carries_w(1_000)


def test_the_battery_lasts_for_the_ride_through() -> None:
    made = rig(lambda _t: 9_000.0, 1_000.0, 1_000.0)
    rack = rack_of(made)
    made.run(10)
    rack.dark = True
    served_w = []
    for _ in range(int(RIDE_S)):
        made.run(1)
        served_w.append(sum(rack.draw_w))
    assert 0 < rack.stored_wh < 60  # used, and never empty
    # The last 10 s are planned for as if 10 s were left.
    assert min(served_w[:-10]) + FANS_W > 0.97 * carries_w(1_000)
    assert {watts for _, watts in rack.set_points} == {0}


def test_a_battery_that_is_half_empty_when_it_is_needed_lowers_the_caps_at_once() -> None:
    made = rig(lambda _t: 9_000.0, 1_000.0, 1_000.0)
    rack = rack_of(made)
    made.run(10)
    rack.stored_wh, rack.dark = 500.0, True
    made.run(4)
    assert caps_w(made) <= bbu_limit_w(made) <= carries_w(500) * 1.05


def test_after_the_power_is_back_recharging_waits_its_turn_and_leaves_the_loads_alone() -> None:
    made = rig(lambda _t: 9_000.0, 1_000.0, 1_000.0)
    rack = rack_of(made)
    made.run(5)
    rack.dark = True
    made.run(60)
    rack.dark = False
    back_s = rack.t_s
    made.run(20)
    first_s = next(t_s for t_s, watts in rack.set_points if watts > 0)
    assert RELEASE_MS[0] / 1000 <= first_s - back_s <= RELEASE_MS[1] / 1000 + 2
    assert rack.recharge_w == pytest.approx(RECHARGE_W, rel=0.01)
    # What it recharges with takes nothing from the row of what it could carry.
    assert sum(rack.draw_w) + FANS_W == pytest.approx(bbu_limit_w(made), rel=0.02)


def test_recharging_gives_way_to_loads_and_no_feed_is_overloaded_meanwhile() -> None:
    made = rig(lambda t_s: 3_000.0 if t_s < 40 else 9_000.0, 6_000.0, 5_000.0)
    rack = rack_of(made)
    made.run(38)
    assert rack.recharge_w == pytest.approx(RECHARGE_W, rel=0.01)
    highest_w = 0.0
    for _ in range(60 * 10):
        made.run(0.1)
        highest_w = max(highest_w, sum(rack.feed_w()))
    assert highest_w <= 2 * LIMIT_W
    assert rack.recharge_w < 100
    assert sum(rack.draw_w) == pytest.approx(2 * LIMIT_W * 0.95 - FANS_W, rel=0.02)
    sent_s = [t_s for t_s, watts in rack.set_points if watts > 0]
    assert min(b - a for a, b in pairwise(sent_s)) > 0.99


@pytest.mark.parametrize("fault", ["broken", "obeys"])
def test_what_a_shelf_draws_without_leave_is_uncontrolled_power(fault: str) -> None:
    made = rig(lambda t_s: 3_000.0 if t_s < 40 else 9_000.0, 6_000.0, 5_000.0)
    rack = rack_of(made)
    made.run(38)
    setattr(rack, fault, fault == "broken")
    highest_w = 0.0
    for _ in range(60 * 10):
        made.run(0.1)
        highest_w = max(highest_w, sum(rack.feed_w()))
    assert highest_w <= 2 * LIMIT_W
    assert rack.recharge_w == pytest.approx(RECHARGE_W, rel=0.01)
    uncontrolled_w = sum(feed.uncontrolled_mw for feed in made.daemon.decider.feeds) / 1000
    assert uncontrolled_w == pytest.approx(FANS_W + RECHARGE_W, rel=0.05)
    assert sum(rack.draw_w) == pytest.approx(2 * LIMIT_W * 0.95 - FANS_W - RECHARGE_W, rel=0.03)


def recharging_rig() -> DaemonRig:
    """The battery row limits the loads, and recharging is at its full power."""
    made = rig(lambda _t: 9_000.0, 1_000.0, 700.0)
    made.run(20)
    assert rack_of(made).recharge_w == pytest.approx(RECHARGE_W, rel=0.01)
    return made


def test_a_feed_without_reading_is_counted_with_what_recharging_draws() -> None:
    made = recharging_rig()
    for feed, carried_w in enumerate(made.rack.feed_w()):
        counted_w = made.daemon.decider._carried_mw(feed, None) / 1000
        assert carried_w * 0.99 <= counted_w <= carried_w * 1.05


def test_a_glitch_of_the_telemetry_ends_recharging_but_lowers_no_cap() -> None:
    made = recharging_rig()
    rack = rack_of(made)
    before_w, sent = caps_w(made), len(rack.set_points)

    def hide(values: dict[str, int], _loads: list[int]) -> None:
        values["feed_b_mw"] = INVALID

    edit, made.board.edit = made.board.edit, hide
    made.run(0.3)
    made.board.edit = edit
    for _ in range(80):
        made.run(0.1)
        assert caps_w(made) >= before_w * 0.98
    assert [watts for _, watts in rack.set_points[sent:]] == [0, RECHARGE_W]


def test_a_charger_that_is_slow_to_give_way_is_no_reason_to_cut_the_loads_twice() -> None:
    made = rig(lambda _t: 3_500.0, 6_000.0, 5_000.0)
    rack = rack_of(made)
    made.run(20)
    rack.follow = 0.04
    rack.lost = {0}
    for _ in range(60):
        made.run(0.1)
        assert made.daemon.decider.feeds[1].correction_mw == 0
    assert rack.set_points[-1][1] == 0


def test_the_end_of_the_daemon_closes_the_shelf_and_leaves_the_set_point() -> None:
    made = recharging_rig()
    made.daemon.close(wait=made.tick)
    assert rack_of(made).closed
    assert rack_of(made).set_points[-1][1] == RECHARGE_W


def test_a_full_battery_is_not_recharged() -> None:
    made = rig(lambda _t: 3_000.0, 6_000.0, 6_000.0)
    made.run(30)
    assert [watts for _, watts in rack_of(made).set_points] == [0]


def test_a_silent_battery_counts_as_empty_after_five_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = rig(lambda _t: 9_000.0, 2_000.0, 2_000.0)
    made.run(10)
    before_w = caps_w(made)
    rack_of(made).silent = True
    with caplog.at_level(logging.INFO, "rackedge"):
        made.run(FRESH_MS / 1000 - 1.5)
        assert caps_w(made) == pytest.approx(before_w, rel=0.01)
        made.run(6)
        assert caps_w(made) == LOADS * 1_000  # the minimums
        assert not made.log.decisions[-1].shed_groups
        rack_of(made).silent = False
        made.run(120)
    assert caps_w(made) > 0.8 * before_w
    said = [record.message for record in caplog.records if "battery" in record.message]
    assert [line.split(";")[0] for line in said] == [
        "battery: shelf: no answer",
        "battery is back: 2000 Wh",
    ]


def test_a_restart_with_a_shelf_that_answers_cuts_nothing() -> None:
    made = rig(lambda _t: 2_000.0, 2_000.0, 2_000.0)
    made.run(10)
    again = DaemonRig(made.daemon.config, made.rack, Shelf(InlineBatteryWatch(rack_of(made))))
    again.daemon.start()
    again.run(5)
    assert all(write.rule != "overload" for d in again.log.decisions for write in d.writes)
    assert sum(made.rack.draw_w) == pytest.approx(LOADS * 2_000, rel=0.01)
