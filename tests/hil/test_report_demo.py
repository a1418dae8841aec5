# SPDX-License-Identifier: Apache-2.0
"""The report: one file that opens offline and shows what the record says."""

import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import EdgeError
from hil.demo import DemoOptions, run_demo
from hil.report import demo as report
from hil.report.axis import TimeAxis
from hil.report.files import check_directory
from hil.report.plot import Lane, Level, Series, buckets, lane_svg
from hil.result import POLICIES
from tests.hil.page_reader import Reader

LANES = 9
SHAPES = ("line", "rect", "path")
"""Left open in the demo's drawings."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
NASTY = "<img src=x onerror=alert(1)>&\"'</script><!--FACTS-->"


@pytest.fixture(scope="module")
def result():
    return run_demo(DemoOptions(seconds=20, virtual=True, runtime="cpython"))


@pytest.fixture(scope="module")
def page(result):
    return report.html(result)


# One file


def test_the_page_is_well_formed_and_loads_nothing(page):
    reader = Reader(page, *SHAPES)
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert not {"link", "img", "iframe", "object"} & set(reader.tags)
    assert not [a for a in reader.attributes if a[1] in {"src", "href", "srcset"}]
    assert "<!--" not in page  # every part was filled in


def test_every_lane_and_every_policy_is_there(page, result):
    titles = re.findall(r"<figcaption><b>(.*?)</b>", page)
    assert len(titles) == LANES + 1
    for word in ("Feed A", "Feed B", "Time to trip", "Demand", "Caps", "inlet", "Fan", "Events"):
        assert any(word in title for title in titles), word
    text = " ".join(Reader(page, *SHAPES).text)
    for name in POLICIES:
        assert f'class="key {name}">{name}' in page
        assert f"{100 * result.policies[name].metrics.served_ratio:.1f} %" in text
    assert result.replay.record_sha256 in text
    assert result.replay.command in text


def test_no_number_in_a_drawing_is_missing(page):
    drawn = " ".join(re.findall(r' d="(.*?)"', page))
    assert len(drawn) > 10_000
    assert not re.search(r"nan|inf|None", drawn)
    assert not re.search(r'"[^"<>]*\bnan\b[^"<>]*"', page)


def test_the_headline_tells_the_record_not_a_hope(result):
    page = report.html(result)
    assert "With rackedge no breaker opened" in page
    gain = 100 * (result.gain_over_static - 1)
    assert f"the servers got {gain:.1f} % more energy than under static caps" in page
    policies = dict(result.policies)
    bad = replace(policies["rackedge"].metrics, trips=2, first_trip_s=3.0)
    policies["rackedge"] = replace(policies["rackedge"], metrics=bad)
    page = report.html(replace(result, policies=policies))
    assert "With rackedge 2 breakers opened" in page
    assert 'class="bad"><th class="key rackedge">' in page


def test_names_and_texts_from_outside_are_escaped(result):
    policies = dict(result.policies)
    ours = policies["rackedge"]
    record = replace(ours.record, events=[*ours.record.events])
    for kind in ("cut", "shed", "state", "trip"):
        record.event(100, NASTY, kind, NASTY)
    policies["rackedge"] = replace(ours, record=record)
    page = report.html(replace(result, policies=policies, trace=NASTY))
    reader = Reader(page, *SHAPES)
    assert "img" not in reader.tags
    assert reader.tags.count("dl") == 1
    assert reader.tags.count("script") == 2
    assert NASTY in "".join(reader.text)


# Files


def test_all_three_files_are_whole_and_nothing_else_is_left(tmp_path, result):
    path = report.write(result, tmp_path / "a" / "b")
    assert path == tmp_path / "a" / "b" / "report.html"
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "report.html",
        "run.json",
        "signals.csv",
    ]
    document = json.loads((path.parent / "run.json").read_text())
    assert document["policies"]["rackedge"]["trips"] == 0
    assert len(document["events"]["rackedge"]) == len(result.policies["rackedge"].record.events)
    lines = (path.parent / "signals.csv").read_text().splitlines()
    assert len(lines) == 201
    assert lines[0].startswith("t_s,uncapped:demand_w,")
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    column = lines[0].split(",").index("rackedge:feed_a_w")
    got = [float(line.split(",")[column]) for line in lines[1:]]
    assert got == pytest.approx(list(result.policies["rackedge"].record.signal("feed_a_w")), 1e-5)


def test_a_second_report_replaces_the_first(tmp_path, result):
    (tmp_path / "report.html").write_text("old")
    assert report.write(result, tmp_path).read_text() == report.html(result)


def test_a_disk_that_is_full_leaves_the_old_report_and_no_half_one(tmp_path, result, monkeypatch):
    (tmp_path / "report.html").write_text("old")
    replace_file = Path.replace

    def full(path, target):
        if target.name == "report.html":
            raise OSError(28, "No space left on device")
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(EdgeError, match=r"cannot hold the report \(No space left on device\)"):
        report.write(result, tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "report.html").read_text() == "old"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_directory_that_cannot_be_is_told_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
        with pytest.raises(EdgeError, match=r"file is a file\): give another --report"):
            check_directory(directory)
    check_directory(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()


# Plots


def test_buckets_lose_no_peak():
    values = [0.0] * 10_000
    values[1234], values[9999] = 7.0, -3.0
    parts = buckets(values, 100)
    assert len(parts) == 100
    assert max(high for _, high in parts) == 7.0
    assert min(low for low, _ in parts) == -3.0
    assert parts[12] == (0.0, 7.0)
    assert buckets([1.0, 2.0], 100) == [(1.0, 1.0), (2.0, 2.0)]


@pytest.mark.parametrize("values", [[5.0], [5.0] * 9, [0.0, 0.0], [1e-9, 1e9]])
def test_a_lane_of_any_values_stays_inside_its_panel(values):
    lane = Lane("t", "kW", [Series("s", "c", values)], (Level("limit", "limit", 3.0),))
    svg = lane_svg(lane, TimeAxis(10.0))
    numbers = re.findall(r"[LMV]([\d.]+)(?: (-?[\d.]+))?", re.search(r' d="(.*?)"', svg)[1])
    heights = [float(y) for _, y in numbers if y]
    assert heights
    assert all(0 <= y <= lane.height_px for y in heights)


def test_a_log_lane_takes_values_off_both_ends():
    lane = Lane("t", "s", [Series("s", "c", [0.0, 1e9, 1.0])], log=True, lowest=0.1, highest=1000.0)
    path = re.search(r' d="(.*?)"', lane_svg(lane, TimeAxis(1.0)))[1]
    heights = [float(y) for y in re.findall(r"[LM][\d.]+ (-?[\d.]+)", path)]
    assert heights == [lane.height_px, 0.0, pytest.approx(lane.height_px * 0.75, abs=0.1)]


# In a browser


def chromium(directory, *args):
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium in CI: install it")
        pytest.skip("Chromium is not installed")
    profile = directory / "profile"
    flags = "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    flags += "--disable-background-networking --disable-component-update --disable-sync "
    flags += "--hide-scrollbars"
    return subprocess.run(
        [program, "--headless", *flags.split(), f"--user-data-dir={profile}", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


HOVER = """
<script>
const box = stack.getBoundingClientRect();
const at = box.left + box.width * (132 + 0.5 * (1180 - 132 - 14)) / 1180;
stack.dispatchEvent(new MouseEvent("mousemove", {clientX: at, clientY: box.top + 50}));
document.documentElement.dataset.read = read.innerText;
</script>
"""


def test_the_script_runs_and_reads_out_the_values_under_the_pointer(tmp_path, page, result):
    path = tmp_path / "report.html"
    path.write_text(page.replace("</html>", HOVER + "</html>"), encoding="utf-8")
    dom = chromium(tmp_path, "--dump-dom", path.as_uri()).stdout
    assert f'data-lanes="{LANES}"' in dom
    lines = re.search(r'data-read="(.*?)"', dom, re.DOTALL)[1].splitlines()
    assert lines[0] == "10.0 s"
    served = next(line for line in lines if line.startswith("Demand"))
    shown_kw = float(re.search(r"rackedge ([\d.]+)", served)[1])
    loads_w = result.policies["rackedge"].record.signal("load_w")[95:106]
    assert min(loads_w) / 1000 - 0.1 <= shown_kw <= max(loads_w) / 1000 + 0.1


def pixels(png):
    """Rows of a PNG, unfiltered enough to tell blank from drawn."""
    at, data, width = 8, b"", 0
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8
            stride = 1 + width * {2: 3, 6: 4}[colour]
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    raw = zlib.decompress(data)
    assert len(raw) == stride * height
    return [raw[row * stride : (row + 1) * stride] for row in range(height)]


def test_a_screenshot_is_not_blank(tmp_path, page):
    path, shot = tmp_path / "report.html", tmp_path / "shot.png"
    path.write_text(page, encoding="utf-8")
    chromium(tmp_path, f"--screenshot={shot}", "--window-size=1280,1000", path.as_uri())
    rows = pixels(shot.read_bytes())
    assert len(rows) == 1000
    assert len(set(rows)) > 400
