# SPDX-License-Identifier: Apache-2.0
"""Recharge set-points on their way out, what is said of the shelf, and how one is made."""

import logging

import pytest

from edge.actuate.base import Applied, Reading
from edge.battery_watch import InlineBatteryWatch, ThreadedBatteryWatch
from edge.config import Config
from edge.errors import ActuatorError
from edge.executor import InlineExecutor
from edge.rack_limit import BbuState
from edge.shelf import Shelf, inline_shelf, threaded_shelf
from tests.edge.fake_rack import PLAIN, rack_config

KW = 1_000_000


class Charger:
    """Notes set-points with their time; `broken` refuses them."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.sent: list[tuple[int, float]] = []
        self.broken = False
        self.closed = False

    def apply(self, watts: float) -> Applied:
        self.sent.append((self.now_ms, watts))
        if self.broken:
            raise ActuatorError("shelf: no answer; check it")
        return Applied(watts, watts)

    def read(self) -> Reading:
        return Reading(None, None, None)

    def verify(self, watts: float) -> Applied:
        return Applied(watts, watts)

    def close(self) -> None:
        self.closed = True


class Sender:
    """A shelf whose recharge power is told each 100 ms."""

    def __init__(self) -> None:
        self.charger = Charger()
        self.shelf = Shelf(recharge=InlineExecutor([self.charger]))

    def tell(self, power_mw: int, times: int = 1) -> list[tuple[int, float]]:
        """What was sent meanwhile."""
        before = len(self.charger.sent)
        for _ in range(times):
            self.shelf.recharge(power_mw, self.charger.now_ms)
            self.charger.now_ms += 100
        return self.charger.sent[before:]


def test_the_first_set_point_goes_out_also_if_it_is_none() -> None:
    assert Sender().tell(0, 30) == [(0, 0)]


def test_set_points_are_a_second_apart_and_the_newest_wins() -> None:
    sender = Sender()
    assert sender.tell(2 * KW) == [(0, 2_000)]
    assert sender.tell(3 * KW, 5) == []
    assert sender.tell(1 * KW, 10) == [(1_000, 1_000)]


@pytest.mark.parametrize(
    ("was_mw", "is_mw", "sent"),
    [
        (1 * KW, 1_050_000, False),  # 50 W
        (1 * KW, 1_051_000, True),
        (1 * KW, 949_000, True),
        (4 * KW, 4_080_000, False),  # 2 %
        (4 * KW, 4_081_000, True),
        (4 * KW, 3_920_000, False),
        (0, 50_000, False),
    ],
)
def test_small_changes_are_not_worth_a_write(was_mw: int, is_mw: int, sent: bool) -> None:
    sender = Sender()
    sender.tell(was_mw, 10)
    assert bool(sender.tell(is_mw, 30)) is sent


def test_the_end_of_recharging_is_told_at_once_and_once() -> None:
    sender = Sender()
    sender.tell(20_000)
    assert sender.tell(0, 30) == [(100, 0)]
    assert sender.tell(KW, 30) == [(3_100, 1_000)]


def test_a_set_point_that_fails_is_tried_again_each_second_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sender = Sender()
    sender.tell(KW, 20)
    sender.charger.broken = True
    with caplog.at_level(logging.INFO, "rackedge"):
        assert sender.tell(0, 25) == [(2_000, 0), (3_000, 0), (4_000, 0)]
        sender.charger.broken = False
        assert sender.tell(0, 30) == [(5_000, 0)]
    assert [record.message for record in caplog.records] == [
        "battery recharge: shelf: no answer; check it; trying again",
        "battery recharge: takes set-points again",
    ]


class Cells:
    """A source that says `state`, or fails."""

    def __init__(self) -> None:
        self.state: BbuState | None = BbuState(900_000, discharging=False)
        self.closed = False

    def read(self) -> BbuState:
        if self.state is None:
            raise ActuatorError("shelf: no answer; check it")
        return self.state

    def close(self) -> None:
        self.closed = True


def test_each_change_of_the_shelf_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    cells = Cells()
    shelf = Shelf(InlineBatteryWatch(cells))
    states = [
        cells.state,
        BbuState(800_000, discharging=True),
        BbuState(700_000, discharging=True),
        None,
        BbuState(600_000, discharging=True),
        BbuState(600_000, discharging=False),
    ]
    with caplog.at_level(logging.INFO, "rackedge"):
        shelf.start(0)
        for index, cells.state in enumerate(states):
            for now_ms in range(index * 20_000, (index + 1) * 20_000, 250):
                shelf.state(now_ms)
    assert [record.message for record in caplog.records] == [
        "battery discharges: 800 Wh left",
        "battery: shelf: no answer; check it; counted as empty until it answers",
        "battery is back: 600 Wh",
        "battery no longer discharges: 600 Wh left",
    ]


def test_closing_closes_both_ways() -> None:
    cells, charger = Cells(), Charger()
    Shelf(InlineBatteryWatch(cells), InlineExecutor([charger])).close()
    assert cells.closed
    assert charger.closed
    assert not charger.sent  # the set-point stays


def bbu(*devices: str) -> Config:
    text = "[bbu]\nenergy_wh = 900\npower_w = 9000\nrecharge_w = 900\n" + "\n".join(devices)
    return rack_config(1, control=PLAIN + text)


SOURCE, ACTUATOR = 'source = { kind = "dryrun" }', 'actuator = { kind = "dryrun" }'


class Still:
    """A clock that stands."""

    def now_ms(self) -> int:
        return 0


def test_a_rack_without_a_shelf_has_nothing_to_say() -> None:
    config = rack_config(1)
    for shelf in (inline_shelf(config), threaded_shelf(config, Still()), Shelf()):
        shelf.start(0)
        assert shelf.state(0) is None
        shelf.recharge(KW, 0)
        shelf.close()


@pytest.mark.parametrize("devices", [(SOURCE,), (SOURCE, ACTUATOR)])
def test_a_shelf_is_made_as_the_section_says(devices: tuple[str, ...]) -> None:
    config = bbu(*devices)
    for shelf in (inline_shelf(config), threaded_shelf(config, Still())):
        shelf.start(0)
        assert shelf.state(0) == BbuState(900_000, discharging=False)
        assert (shelf._recharge is None) == (len(devices) == 1)
        shelf.recharge(KW, 0)
        shelf.close()


def test_a_dry_run_reads_no_shelf_and_sets_nothing() -> None:
    redfish = 'kind = "redfish", url = "http://127.0.0.1:9", chassis = "s"'
    config = bbu(f"source = {{ {redfish} }}", f"actuator = {{ {redfish} }}")
    shelf = threaded_shelf(config, Still(), dry_run=True)
    assert isinstance(shelf._watch, ThreadedBatteryWatch)
    shelf.start(0)
    assert shelf.state(0) == BbuState(900_000, discharging=False)
    shelf.close()
