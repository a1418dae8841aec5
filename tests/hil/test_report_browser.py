# SPDX-License-Identifier: Apache-2.0
"""The page in a headless Chromium: it runs without a complaint, and zooms, reads out, filters."""

import re
from dataclasses import replace

import pytest

from hil.fidelity import compare
from hil.report.write import write
from tests.hil.browser import Browser
from tests.hil.report_runs import nasty, real_run, result_of, session

KEY = "feed-loss[edge=slow]"
FAILED = f"document.getElementById('{KEY}')"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    results = session()
    other = result_of(real_run(lie_mw=400_000), "quiet", device="micropython")
    directory = tmp_path_factory.mktemp("session")
    return write([*results, other], directory, [compare(results[0], other)]).as_uri()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(running):
    running.problems.clear()
    running.requests.clear()
    yield running
    assert running.problems == []
    assert not [url for url in running.requests if not url.startswith(("file:", "about:"))]


def opened(browser, url):
    browser.open(url)
    browser.wait("document.documentElement.dataset.ready")
    browser.wait(f"{FAILED}.querySelector('.stack').dataset.drawn")


def shown_range(browser):
    """(from, to) s as drawn, once nothing waits to be drawn."""
    stack = f"{FAILED}.querySelector('.stack')"
    browser.wait(f"{stack}.dataset.drawn === {stack}.dataset.from + ' ' + {stack}.dataset.to")
    return tuple(float(word) for word in browser.do(f"{stack}.dataset.drawn").split())


def box(browser, selector):
    """(left, top, width, height) in the window of something in the failed run."""
    return browser.do(
        f"(b => [b.left, b.top, b.width, b.height])"
        f"({FAILED}.querySelector({selector!r}).getBoundingClientRect())"
    )


def pixel(browser, t_s, span=(0.0, 60.0)):
    """Window x of a time."""
    left, _, width, _ = box(browser, ".stack")
    return left + 132 + (width - 132 - 14) * (t_s - span[0]) / (span[1] - span[0])


def test_all_runs_are_there_and_the_failed_one_is_drawn(browser, url):
    opened(browser, url)
    assert browser.do("document.querySelectorAll('details.run').length") == 7
    assert browser.do("document.querySelectorAll('details.run[open]').length") == 1
    assert browser.do(f"{FAILED}.open")
    paths = browser.do(
        f"[...{FAILED}.querySelectorAll('figure:not([hidden]) path.line')]"
        ".map(p => p.getAttribute('d'))"
    )
    assert len(paths) > 12
    assert not [p for p in paths if re.search(r"nan|infinity|undefined", p, re.I)]
    assert shown_range(browser) == (0.0, 60.0)


def test_a_complaint_of_the_page_would_be_seen(running, url):
    running.open(url)
    running.do("console.error('seen'); setTimeout(() => { throw Error('too') })")
    running.do("fetch('file:///nowhere').catch(() => 0)")
    running.do("new Promise(done => setTimeout(done, 50))")
    text = " ".join(running.problems)
    assert "seen" in text
    assert "too" in text
    assert "Content Security Policy" in text


@pytest.mark.parametrize("width", [1280, 900])
def test_the_page_never_scrolls_sideways(browser, url, width):
    browser.size(width, 900)
    opened(browser, url)
    browser.do("document.querySelectorAll('details').forEach(each => { each.open = true })")
    browser.do("document.querySelectorAll('.tools input').forEach(b => b.checked || b.click())")
    assert browser.do("document.documentElement.scrollWidth") <= width
    browser.size(1280, 900)


def test_a_link_shows_its_part_of_the_time(browser, url):
    opened(browser, f"{url}#{KEY}&from=10&to=20")
    assert shown_range(browser) == (10.0, 20.0)
    ticks = browser.do(
        f"[...{FAILED}.querySelectorAll('.axis .tick')].map(each => each.textContent)"
    )
    assert (ticks[0], ticks[-1]) == ("10 s", "20 s")


def test_a_link_may_name_a_case_and_opens_it(browser, url):
    opened(browser, f"{url}#late")
    assert browser.do("document.getElementById('late').open")
    opened(browser, f"{url}#no-such-case&from=x&to=")


def test_a_click_on_a_failed_check_zooms_to_it(browser, url):
    opened(browser, url)
    browser.do(f"{FAILED}.querySelector('td a').click()")
    browser.wait("document.documentElement.dataset.followed")
    begin, end = shown_range(browser)
    assert begin < 24.3 < end
    assert end - begin < 6
    assert browser.do(f"{FAILED}.querySelectorAll('figure:not([hidden]) .fail').length") > 5


def test_dragging_over_the_lanes_zooms_and_a_double_click_shows_all(browser, url):
    opened(browser, url)
    browser.do(f"{FAILED}.querySelector('.axis').scrollIntoView()")
    _, top, _, height = box(browser, ".axis")
    y = top + height + 60
    browser.mouse("mousePressed", pixel(browser, 15), y)
    browser.mouse("mouseMoved", pixel(browser, 20), y)
    browser.mouse("mouseMoved", pixel(browser, 30), y)
    browser.mouse("mouseReleased", pixel(browser, 30), y)
    begin, end = shown_range(browser)
    assert begin == pytest.approx(15, abs=0.15)
    assert end == pytest.approx(30, abs=0.15)
    browser.wait(f"location.hash.includes('from={begin:g}&to={end:g}')")
    # Now the axis: wheel zooms about the pointer, a drag moves.
    middle = pixel(browser, 22.5, (begin, end))
    _, top, _, height = box(browser, ".axis")
    browser.mouse("mouseWheel", middle, top + height / 2, deltaX=0, deltaY=-150)
    browser.wait(f"{FAILED}.querySelector('.stack').dataset.from !== '{begin:.2f}'")
    nearer = shown_range(browser)
    assert nearer[1] - nearer[0] < 0.8 * (end - begin)
    assert nearer[0] < 22.5 < nearer[1]
    browser.mouse("mousePressed", middle, top + height / 2)
    browser.mouse("mouseMoved", middle - 200, top + height / 2)
    browser.mouse("mouseReleased", middle - 200, top + height / 2)
    later = shown_range(browser)
    assert later[0] > nearer[0] + 1
    assert later[1] - later[0] == pytest.approx(nearer[1] - nearer[0], abs=0.02)
    browser.mouse("mousePressed", middle, y)
    browser.mouse("mouseReleased", middle, y)
    browser.mouse("mousePressed", middle, y, clickCount=2)
    browser.mouse("mouseReleased", middle, y, clickCount=2)
    browser.wait(f"{FAILED}.querySelector('.stack').dataset.from === '0.00'")
    assert shown_range(browser) == (0.0, 60.0)


def test_the_keyboard_zooms_too(browser, url):
    opened(browser, url)
    browser.do(f"{FAILED}.querySelector('.stack').focus()")
    browser.key("+")
    assert shown_range(browser) == (15.0, 45.0)
    browser.key("ArrowRight")
    assert shown_range(browser) == (21.0, 51.0)
    browser.key("ArrowRight")
    browser.key("ArrowRight")
    assert shown_range(browser) == (30.0, 60.0)
    browser.key("0")
    assert shown_range(browser) == (0.0, 60.0)


def test_the_crosshair_reads_out_the_record(browser, url):
    opened(browser, url)
    browser.do(f"{FAILED}.querySelector('.axis').scrollIntoView()")
    figure = browser.do(
        f"[...{FAILED}.querySelectorAll('figure')]"
        ".findIndex(f => f.textContent.includes('Feed power'))"
    )
    left, top, _, height = browser.do(
        f"(b => [b.left, b.top, b.width, b.height])"
        f"({FAILED}.querySelectorAll('figure')[{figure}].querySelector('svg')"
        ".getBoundingClientRect())"
    )
    browser.mouse("mouseMoved", pixel(browser, 15.0), top + height / 2, button="none")
    values = browser.do(
        f"[...{FAILED}.querySelectorAll('figure')[{figure}].querySelectorAll('.key i')]"
        ".map(each => Number(each.textContent))"
    )
    record = session()[1].record
    for value, name in zip(values, ("feed_a_w", "feed_b_w"), strict=True):
        near_kw = [watts / 1000 for watts in record.signal(name)[147:153]]
        assert min(near_kw) - 0.01 <= value <= max(near_kw) + 0.01
    assert browser.do(f"getComputedStyle({FAILED}.querySelector('.cross')).display") == "block"
    browser.mouse("mouseMoved", left - 20, 5, button="none")
    browser.wait(f"{FAILED}.querySelector('.key i').textContent === ''")


def test_verdicts_and_names_filter_the_runs(browser, url):
    opened(browser, url)
    visible = "[...document.querySelectorAll('details.run')].filter(e => !e.hidden).map(e => e.id)"
    browser.do("document.querySelector('.filter [data-verdict=PASS]').click()")
    assert browser.do(visible) == [KEY, "feed-loss[edge=fast]", "power-cut", "late", "fidelity-1"]
    browser.do(
        "(i => { i.value = 'SLOW'; i.dispatchEvent(new Event('input', {bubbles: true})) })"
        "(document.querySelector('.filter input[type=search]'))"
    )
    assert browser.do(visible) == [KEY]
    rows = "[...document.querySelectorAll('tr[data-case]')].filter(e => !e.hidden).length"
    assert browser.do(rows) == 1


def test_a_group_of_lanes_opens_on_demand(browser, url):
    opened(browser, url)
    telemetry = f"{FAILED}.querySelector('figure[data-group=telemetry]')"
    assert browser.do(f"{telemetry}.hidden")
    browser.do(f"{FAILED}.querySelector('.tools [data-group=telemetry]').click()")
    browser.do(f"{telemetry}.scrollIntoView()")
    browser.wait(f"{telemetry}.querySelector('path.line')")


def test_the_replay_command_is_copied_or_selected(browser, url):
    opened(browser, url)
    browser.do(f"{FAILED}.querySelector('button.copy').click()")
    browser.wait(f"{FAILED}.querySelector('button.copy').textContent !== 'copy'")


def test_hostile_text_runs_nothing(browser, tmp_path):
    browser.do("window.hit = 0; window.alert = () => { window.hit = 1 }")
    result = nasty(session()[1])
    path = write([result, replace(result, device="b")], tmp_path)
    browser.open(path.as_uri())
    browser.wait("document.documentElement.dataset.ready === '2'")
    browser.wait("document.querySelector('details[open] .stack').dataset.drawn")
    assert browser.do("document.querySelectorAll('img').length") == 0
    browser.do("document.querySelectorAll('.tools input').forEach(b => b.checked || b.click())")
    browser.wait("document.querySelectorAll('details[open] path.line').length")


def test_without_a_script_the_overview_is_drawn(running, tmp_path, url):
    running.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        running.call("Page.navigate", url=url)
        running._until(lambda message: message.get("method") == "Page.loadEventFired")
        running.screenshot(tmp_path / "shot.png")
    finally:
        running.call("Emulation.setScriptExecutionDisabled", value=False)
    # A blank window of this size is a tenth of that.
    assert (tmp_path / "shot.png").stat().st_size > 40_000
