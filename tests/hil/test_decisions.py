# SPDX-License-Identifier: Apache-2.0
"""The decision log: a run in which a feed dies, told so that a person sees why."""

import json

import pytest

from edge.errors import ConfigError
from hil.decisions import lines
from hil.demo import DemoOptions, FeedLoss, run_demo
from hil.report.demo import html, write

RUN = run_demo(
    DemoOptions(
        seconds=40, virtual=True, runtime="cpython", lose=FeedLoss("A", 20), redundancy="reactive"
    )
)
OURS = RUN.policies["rackedge"].record


def test_the_feed_that_dies_is_survived_without_a_shed_where_static_caps_trip():
    metrics = {name: each.metrics for name, each in RUN.policies.items()}
    assert metrics["rackedge"].trips == 0
    assert RUN.shed_events == 0
    assert metrics["static"].first_trip_s == pytest.approx(22, abs=1)
    assert OURS.signal("feed_a_w")[210] == 0.0


def test_the_loss_is_answered_within_two_readings_and_says_which_row_bound():
    first = next(entry for entry in OURS.decisions if entry.lost_feed == "A")
    assert 20_000 < first.t_ms <= 20_300
    assert {write.row for write in first.writes} == {"B"}
    (row,) = [row for row in first.rows if row.name == "B"]
    assert row.used_w <= row.room_w <= row.limit_w
    (text,) = lines(first)
    assert "feed A is dead; cut 8 by" in text
    assert "row B carries" in text


def test_before_the_loss_the_row_of_the_survivor_binds():
    kinds = {
        row.kind
        for entry in OURS.decisions
        if 10_000 < entry.t_ms < 20_000
        for write in entry.writes
        for row in entry.rows
        if row.name == write.row
    }
    assert kinds == {"survivor"}


def test_report_and_run_json_have_every_decision(tmp_path):
    write(RUN, tmp_path)
    document = json.loads((tmp_path / "run.json").read_text())
    assert len(document["decisions"]) == len(OURS.decisions)
    entry = document["decisions"][0]
    assert set(entry["rows"][0]) == {"name", "kind", "limit_w", "room_w", "used_w"}
    assert entry["writes"][0]["rule"] in ("demand", "row", "startup")
    page = html(RUN)
    assert f"by which rule ({len(OURS.decisions)})" in page
    assert "Under static caps it opened after" in page


@pytest.mark.parametrize("text", ["A", "A@", "C@5", "A@-3", "A@x", "@5", "A@1e9"])
def test_a_loss_that_makes_no_sense_says_how_to_write_it(text):
    with pytest.raises(ConfigError, match=r"for example A@20"):
        FeedLoss.parse(text)


def test_a_loss_after_the_end_is_refused():
    with pytest.raises(ConfigError, match="choose an earlier time"):
        run_demo(DemoOptions(seconds=12, virtual=True, runtime="cpython", lose=FeedLoss("B", 12)))
