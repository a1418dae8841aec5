# SPDX-License-Identifier: Apache-2.0
"""The page of a session: it says what the results say, loads nothing and takes any text."""

import base64
import json
import re
import zlib
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml

from hil.fidelity import compare
from hil.record import Recorder
from hil.report.axis import TimeAxis
from hil.report.compare_html import compare_stack
from hil.report.page import page
from hil.report.plot import Lane, Series
from hil.report.run_lanes import Stack, stack_of
from hil.report.signals import RULES, signal_lanes
from hil.report.stack_html import static_columns
from hil.report.units import unit_of
from hil.report.write import write
from hil.verdict import FaultSpan
from tests.hil.page_reader import Reader
from tests.hil.report_runs import nasty, real_run, result_of, session, write_session

FIVE = session()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("session"))


def test_the_page_loads_nothing_and_is_well_formed(written):
    text = (written / "report.html").read_text()
    reader = Reader(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert not {"link", "img", "iframe", "object"} & set(reader.tags)
    sources = [a for a in reader.attributes if a[1] in {"src", "srcset", "href"}]
    assert sources
    assert all(value.startswith("#") for _, _, value in sources)
    assert "<!--" not in text


def test_the_page_says_what_failed_first_with_value_and_time(written):
    text = (written / "report.html").read_text()
    assert "<b>First: feed B stays under its rating for good</b> at " in text
    assert "feed_b_w = 12873 W, limit 12000 W" in text
    link = 'href="#feed-loss[edge=slow]&amp;from=21.9&amp;to=26.7"'
    assert text.count(link) == 2
    for result in FIVE:
        assert f'data-case="{result.case}" data-verdict="{result.verdict}"' in text


def test_only_the_worst_run_is_open_at_first():
    def opened(results):
        return re.findall(r'<details class="run" id="([^"]*)"[^>]* open>', page(results))

    assert opened(FIVE) == ["feed-loss[edge=slow]"]
    assert opened(FIVE[:1]) == ["quiet"]
    assert opened([FIVE[0], FIVE[3]]) == []
    assert opened([FIVE[0], FIVE[2]]) == ["feed-loss[edge=fast]"]


def lanes_named(result):
    return {lane.title: lane for lane in stack_of(result).lanes}


def test_lanes_are_chosen_from_the_signals_that_exist():
    lanes = lanes_named(FIVE[1])
    assert list(lanes)[:7] == [
        "Checks", "Faults", "State", "On and off", "Events", "Feed power", "Time to trip",
    ]  # fmt: skip
    assert [s.label for s in lanes["Feed power"].series] == ["feed_a_w", "feed_b_w"]
    (level,) = lanes["Feed power"].levels
    assert level.value == pytest.approx(FIVE[1].limits["feed_a_w"] / 1000)
    assert lanes["Feed power"].unit == "kW"
    assert [row.name for row in lanes["State"].rows] == ["state", "tm_state"]
    assert [s.label for s in lanes["Frames"].series] == [
        "board to host", "host to board", "damaged",
    ]  # fmt: skip
    assert max(lanes["Time to trip"].series[0].values) == 1000.0
    assert "trips" in stack_of(FIVE[1]).named["Never changed"]


def test_a_failed_check_is_marked_through_all_lanes():
    stack = stack_of(FIVE[1])
    assert stack.axis.fails == [(24.3, "feed B stays under its rating for good")]
    assert stack.axis.shades == [(9.0, 12.0), (20.0, 60.0)]
    text = page(FIVE[1:2])
    shown = len(re.findall(r"<figure data-group=\"\w*\">", text))
    assert shown > 10
    assert len(re.findall(r'class="fail" x1="\d', text)) == shown
    assert len(re.findall(r'class="failhead" d="M\d', text)) == 1


def test_rows_stay_few_and_what_failed_stays_in():
    held, failed = FIVE[1].checks[0], FIVE[1].checks[1]
    many = replace(FIVE[1], checks=(held,) * 40 + (failed,) * 3)
    lane = lanes_named(many)["Checks"]
    assert [row.name for row in lane.rows] == [failed.name] * 3 + [held.name] * 7
    assert lane.note == "33 more in the table"
    spans = [FaultSpan("link.drop", f"{i}", 1000 * i, 1000 * i + 900) for i in range(9)]
    spans += [FaultSpan("link.drop", "meanwhile", 500, 1500), FaultSpan("link.dup", "", 0, None)]
    rows = lanes_named(replace(FIVE[1], faults=tuple(spans)))["Faults"].rows
    assert [(row.name, len(row.spans)) for row in rows] == [
        ("link.drop", 9), ("link.dup", 1), ("link.drop", 1),
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.one_of(
            st.text(min_size=1, max_size=12),
            st.from_regex(r"[a-z]{1,6}_(mw|c|s|a)", fullmatch=True),
        ),
        st.lists(st.floats(width=32), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    )
)
def test_every_signal_is_drawn_or_named_whatever_it_is(signals):
    record = Recorder(tuple(signals))
    for row, values in enumerate(zip(*signals.values(), strict=True)):
        record.append(100 * (row + 1), values)
    found = signal_lanes(record, {})
    drawn = [series.label for lane in found.lanes for series in lane.series]
    assert sorted([*drawn, *found.constant, *found.absent]) == sorted(signals)
    page([replace(FIVE[0], record=record, limits=dict.fromkeys(signals, 1.0))])


def test_the_last_rule_takes_every_name():
    assert re.fullmatch(RULES[-1].pattern, "a\nb c", re.DOTALL)
    assert [unit_of(n).text for n in ("feed_a_w", "theta_a", "feed_b_a", "x_mc", "x")] == [
        "W", "", "A", "°C", "",
    ]  # fmt: skip


def test_a_comparison_overlays_both_lines_and_shows_their_difference():
    other = result_of(real_run(lie_mw=400_000), "quiet", device="micropython")
    comparison = compare(FIVE[0], other)
    stack = compare_stack(comparison)
    titles = [lane.title for lane in stack.lanes]
    assert titles[:2] == ["in_feed_a_mw: OUT", "Difference, B - A"]
    both, difference = stack.lanes[:2]
    assert [series.label for series in both.series] == ["cpython", "micropython"]
    assert max(difference.series[0].values) == pytest.approx(400.0)
    assert stack.axis.fails[0] == (24.1, "in_feed_a_mw out of tolerance")
    text = page([FIVE[0], other], [comparison])
    assert "; fidelity: 1 FAIL" in text
    assert 'data-verdict="FAIL" checked' in text  # so that the filter can bring it back
    assert text.count('id="fidelity-1"') == 1
    assert compare_stack(compare(FIVE[0], FIVE[0])) is None
    assert "signals agree" in page(FIVE[:1], [compare(FIVE[0], FIVE[0])])


def unpacked(text, place=0):
    """(document, float32 numbers) of the data of one run in a page."""
    blocks = re.findall(r'<script type="application/json">(.*?)</script>', text)
    document = json.loads(blocks[place])
    raw = zlib.decompress(base64.b64decode(document["z"]))
    count = len(raw) // 4
    numbers = array("f", bytes(raw[place * count + i] for i in range(count) for place in range(4)))
    return document, numbers


def test_the_data_in_the_page_are_the_samples():
    document, numbers = unpacked(page(FIVE[1:2]))
    record = FIVE[1].record
    assert not document["reduced"]
    n = document["n"]
    assert list(numbers[:n]) == pytest.approx([t / 1000 for t in record.t_ms])
    at = n
    for lane in document["lanes"]:
        for label, _ in lane.get("series", ()):
            if label == "theta_b":
                assert numbers[at : at + n] == array("f", iter(record.signal("theta_b")))
            at += n
    assert at == len(numbers)


def test_a_long_run_is_reduced_without_losing_a_peak():
    record = Recorder(tuple(f"x{i}_w" for i in range(60)))
    for row in range(31_000):
        record.append(100 * row + 100, [float(row == 12_345)] * 60)
    text = page([replace(FIVE[0], record=record)])
    document, numbers = unpacked(text)
    assert document["reduced"]
    assert len(text) < 10_000_000
    n = document["n"]
    lines = sum(len(lane.get("series", ())) for lane in document["lanes"])
    assert len(numbers) == n * (1 + 2 * lines)
    assert lines >= 60
    highs = [max(numbers[(2 + 2 * i) * n : (3 + 2 * i) * n]) for i in range(60)]
    assert highs == [1.0] * 60


def test_hostile_text_stays_text(tmp_path):
    result = nasty(FIVE[1])
    other = replace(result, device="b")
    path = write(
        [result, other], tmp_path, [compare(result, replace(other, record=FIVE[0].record))]
    )
    text = path.read_text()
    reader = Reader(text)
    assert "img" not in reader.tags
    assert not [a for a in reader.attributes if a[1].startswith("on")]
    assert reader.tags.count("script") == 1 + text.count('<script type="application/json">')
    assert "<!--" not in text
    assert unpacked(text)[0]["lanes"]
    assert len(JUnitXml.fromfile(str(tmp_path / "junit.xml"))) == 2
    assert all(folder.parent == tmp_path for folder in tmp_path.iterdir())


def test_a_line_has_every_class_that_the_style_sheet_knows():
    css = (Path(page.__globals__["__file__"]).parent / "page.css").read_text()
    for lane in stack_of(FIVE[1]).lanes:
        for series in lane.series if isinstance(lane, Lane) else ():
            assert all(f".{word}" in css for word in series.css.split())


def test_a_page_of_very_many_runs_draws_only_those_that_somebody_will_look_at():
    def stack(lines):
        lane = Lane("t", "W", [Series("s", "a", array("d", [0.0])) for _ in range(lines)])
        return Stack(TimeAxis(1.0), array("d", [0.0]), (lane,), {})

    few = [stack(30)] * 4
    assert set(static_columns(few, [False] * 4)) == {240}
    many = [stack(100)] * 200
    drawn = static_columns(many, [n == 7 for n in range(200)])
    assert drawn[7] == 240
    assert sum(drawn) == 240
    all_bad = static_columns(many, [True] * 200)
    assert set(all_bad) == {40}
