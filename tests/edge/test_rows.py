# SPDX-License-Identifier: Apache-2.0
"""Which rows a rack has, and whose power counts in them."""

from edge.config import Config
from edge.rows import PPM, RACK, Kind, Row, rack_rows
from tests.edge.fake_rack import rack_config


def rows_of(config: Config, kind: Kind, lost: int | None = None) -> list[Row]:
    return [row for row in rack_rows(config, lost) if row.kind is kind]


def test_each_feed_is_a_row_of_shares_rounded_up() -> None:
    config = rack_config(3, extra=lambda i: "feeds = { A = 0.3333, B = 0.6667 }" if i == 1 else "")
    first, second = rows_of(config, Kind.FEED)
    assert (first.name, second.name) == ("A", "B")
    assert first.coef_ppm == (500_000, 333_300, 500_000)
    assert second.coef_ppm == (500_000, 666_700, 500_000)
    assert (first.rest_ppm, second.rest_ppm) == ((PPM, 0), (0, PPM))


def single_fed(load: int) -> str:
    return ("feeds = { A = 0.4, B = 0.6 }", "feeds = { A = 1.0 }", "feeds = { B = 1.0 }")[load]


def test_a_survivor_carries_the_whole_of_what_it_shared_and_the_dead_feeds_rest() -> None:
    (row,) = rows_of(rack_config(3, extra=single_fed), Kind.FEED, lost=0)
    assert row.name == "B"
    assert row.coef_ppm == (PPM, 0, PPM)  # the load on A alone is dark
    assert row.rest_ppm == (PPM, PPM)


def test_redundancy_adds_the_same_rows_while_both_feeds_live() -> None:
    config = rack_config(3, extra=single_fed, control='redundancy = "strict"')
    a, b = rows_of(config, Kind.SURVIVOR)
    assert (a.name, b.name) == ("A if B dies", "B if A dies")
    assert b.coef_ppm == (PPM, 0, PPM)
    assert rows_of(config, Kind.SURVIVOR, lost=0) == []
    assert rows_of(rack_config(3), Kind.SURVIVOR) == []


def test_single_phase_loads_make_a_row_of_each_pole() -> None:
    config = rack_config(3, extra=lambda i: f"phases = {{ A = {i + 1} }}" if i < 2 else "")
    poles = rows_of(config, Kind.PHASE)
    assert [row.name for row in poles] == ["A L1", "A L2", "A L3"]
    third = -(-PPM // 6)  # a third of the half that feed A carries
    assert [row.coef_ppm for row in poles] == [
        (500_000, 0, third),
        (0, 500_000, third),
        (0, 0, third),
    ]


def test_each_limit_of_the_rack_is_a_row_over_all_loads_that_are_fed() -> None:
    limits = "[limits]\ncontract_w = 9000\ncooling_w = 9000\nsite_floor_w = 9000\n"
    limits += "demand_w = 9000\nramp_w_per_s = 500\n[bbu]\nenergy_wh = 900\n"
    limits += "power_w = 9000\nrecharge_w = 900\n"
    limits += 'source = { kind = "dryrun" }\n'
    config = rack_config(3, extra=single_fed, control=limits)
    rows = [row for row in rack_rows(config, lost=0) if row.feed == RACK]
    kinds = [row.kind for row in rows]
    assert kinds == [Kind.CONTRACT, Kind.COOLING, Kind.SITE, Kind.DEMAND, Kind.RAMP, Kind.BBU]
    assert {row.coef_ppm for row in rows} == {(PPM, 0, PPM)}


def test_the_hours_rule_is_a_row_unless_the_breaker_is_listed_for_all_of_its_rating() -> None:
    assert rows_of(rack_config(2), Kind.CONTINUOUS) == []  # the fake rack's feeds say 1.0
    config = rack_config(2, feed="continuous_ratio = 0.8")
    assert [row.name for row in rows_of(config, Kind.CONTINUOUS)] == ["A 3 h", "B 3 h"]
