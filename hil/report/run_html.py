# SPDX-License-Identifier: Apache-2.0
"""One run on the page: what failed first, the lanes, then everything in tables."""

import re
from collections import Counter
from collections.abc import Sequence
from html import escape

from hil.decisions import lines
from hil.frame_text import line_of
from hil.report.run_lanes import Stack
from hil.report.stack_html import Sizes, stack_html
from hil.report.tables import badge, facts, folded, seconds, table
from hil.verdict import CheckResult, FrameEntry, Measurement, RunResult, Verdict

EVENTS_LISTED = 300
DECISIONS_LISTED = 300
BAD_FRAMES_LISTED = 40
AROUND_S = 2.0
"""Half of what a link to a failed check shows, at least; 4 % of the run if that is more."""
WORD = re.compile(r"[A-Za-z_]\w*")


def first_failure(result: RunResult) -> CheckResult | None:
    """The check that failed earliest; one without an instant only if no other failed."""
    failed = [check for check in result.checks if check.verdict is Verdict.FAIL]
    return min(
        failed, key=lambda each: (each.at_ms is None, each.at_ms if each.at_ms else 0), default=None
    )


def why(result: RunResult) -> str:
    """In one line, why the run is no PASS."""
    first = first_failure(result)
    if first is not None:
        at = f" at {seconds(first.at_ms)}" if first.at_ms is not None else ""
        return f"{first.name}{at}: {first.detail}"
    return result.reasons[0] if result.reasons else ""


def run_html(result: RunResult, key: str, stack: Stack | None, sizes: Sizes, opened: bool) -> str:
    """The section of one run."""
    is_open = " open" if opened else ""
    length = f"{result.duration_s:g} s" if result.record else ""
    about = ", ".join(filter(None, (result.title, result.device, length)))
    note = "" if result.verdict is Verdict.PASS else escape(why(result))
    return (
        f'<details class="run" id="{escape(key)}" data-case="{escape(result.case)}" '
        f'data-verdict="{result.verdict}"{is_open}><summary>{badge(result.verdict)} '
        f'<b>{escape(result.case)}</b> <span class="dim">{escape(about)}</span> '
        f'<span class="why">{note}</span></summary><div class="body">'
        f"{_top(result, key)}{_lanes(result, key, stack, sizes)}"
        f"{_checks(result, key)}{_measurements(result.measurements)}{_faults(result)}"
        f"{_events(result)}{_decisions(result)}{_frames(result.frames)}{_facts(result)}"
        "</div></details>"
    )


def _top(result: RunResult, key: str) -> str:
    first = first_failure(result)
    out = ""
    if first is not None:
        at = f" at {_instant(first, result, key)}" if first.at_ms is not None else ""
        out += (
            f'<p class="first"><b>First: {escape(first.name)}</b>{at}. {escape(first.detail)}</p>'
        )
    if len(result.reasons) > (first is not None):  # one that is told already is not repeated
        items = "".join(f"<li>{escape(reason)}</li>" for reason in result.reasons)
        out += f'<ul class="reasons">{items}</ul>'
    return out


def _lanes(result: RunResult, key: str, stack: Stack | None, sizes: Sizes) -> str:
    if stack is None:
        return '<p class="dim">Nothing was recorded.</p>'
    words = [
        word
        for check in result.checks
        if check.verdict is not Verdict.PASS
        for word in WORD.findall(f"{check.text} {check.detail}")
    ]
    return stack_html(stack, key, sizes, frozenset(words))


def _instant(check: CheckResult, result: RunResult, key: str) -> str:
    """A link that shows the lanes around the instant at which a check failed."""
    if check.at_ms is None:
        return ""
    if result.record is None:
        return seconds(check.at_ms)
    at_s, around_s = check.at_ms / 1000, max(AROUND_S, 0.04 * result.duration_s)
    begin_s, end_s = max(at_s - around_s, 0.0), at_s + around_s
    link = f"#{escape(key)}&amp;from={begin_s:g}&amp;to={end_s:g}"
    return f'<a href="{link}">{seconds(check.at_ms)}</a>'


def _checks(result: RunResult, key: str) -> str:
    if not result.checks:
        return ""
    ordered = sorted(result.checks, key=lambda check: check.verdict is Verdict.PASS)
    rows = [
        (
            badge(each.verdict),
            escape(each.name),
            _instant(each, result, key),
            escape(each.detail),
            f"<code>{escape(each.text)}</code>",
            escape(each.where),
        )
        for each in ordered
    ]
    heads = ("verdict", "check", "failed at", "seen", "condition", "where")
    return f"<h2>Checks</h2>{table(heads, rows, ('v', '', 't', '', '', ''))}"


def _measurements(measurements: Sequence[Measurement]) -> str:
    if not measurements:
        return ""
    rows = [
        (
            badge(each.verdict),
            escape(each.name),
            f"{each.value:.6g} {escape(each.unit)}",
            "" if each.low is None else f"{each.low:g}",
            "" if each.high is None else f"{each.high:g}",
            f"{each.marginal:g}" if each.marginal else "",
            escape(each.where),
        )
        for each in measurements
    ]
    heads = ("verdict", "measurement", "value", "at least", "at most", "marginal band", "where")
    return f"<h2>Measurements</h2>{table(heads, rows, ('v', '', 'n', 'n', 'n', 'n', ''))}"


def _faults(result: RunResult) -> str:
    if not result.faults:
        return ""
    rows = [
        (
            escape(each.kind),
            seconds(each.start_ms),
            seconds(each.end_ms) or "end of run",
            escape(each.text),
        )
        for each in result.faults
    ]
    return f"<h2>Faults</h2>{table(('fault', 'from', 'to', ''), rows, ('', 't', 't', ''))}"


def _more(total: int, listed: int) -> str:
    return f"<p>{total - listed} more in run.json.</p>" if total > listed else ""


def _events(result: RunResult) -> str:
    events = result.record.events if result.record else []
    if not events:
        return ""
    rows = [
        (seconds(e.t_ms), escape(e.source), escape(e.kind), escape(e.text))
        for e in events[:EVENTS_LISTED]
    ]
    inside = table(("at", "source", "kind", ""), rows, ("t", "", "", ""))
    return folded(f"Events ({len(events)})", inside + _more(len(events), EVENTS_LISTED))


def _decisions(result: RunResult) -> str:
    decisions = result.record.decisions if result.record else []
    if not decisions:
        return ""
    rows = [
        (seconds(entry.t_ms), escape(line.partition(" s  ")[2]))
        for entry in decisions[:DECISIONS_LISTED]
        for line in lines(entry)
    ]
    inside = table(("at", ""), rows, ("t", ""))
    more = _more(len(decisions), DECISIONS_LISTED)
    return folded(f"Decisions: what the host changed and why ({len(decisions)})", inside + more)


def _frames(frames: Sequence[FrameEntry]) -> str:
    """How many of which, and the first of those that were no good."""
    if not frames:
        return ""
    counts = Counter((entry.name, entry.up) for entry in frames)
    names = sorted({name for name, _ in counts})
    rows = [(escape(n), f"{counts[n, True]}", f"{counts[n, False]}") for n in names]
    inside = table(("frame", "board to host", "host to board"), rows, ("", "n", "n"))
    bad = [entry for entry in frames if entry.name in ("crc", "garbage", "unknown")]
    if bad:
        shown = [
            (seconds(e.t_ms), "up" if e.up else "down", f"<code>{escape(line_of(e))}</code>")
            for e in bad[:BAD_FRAMES_LISTED]
        ]
        inside += table(("at", "", "damaged or unknown"), shown, ("t", "", ""))
    inside += "<p>All of them, decoded, in serial.jsonl.</p>"
    return folded(f"Frames ({len(frames)}, {len(bad)} damaged or unknown)", inside)


def _facts(result: RunResult) -> str:
    board = result.identity
    pairs = (
        ("scenario", result.source),
        ("covers", ", ".join(result.covers)),
        ("parameters", ", ".join(f"{k}={v}" for k, v in result.params.items())),
        ("seed", str(result.seed)),
        ("device", f"{result.device}, {result.clock} time"),
        (
            "board",
            f"{board.machine} {board.uid}, firmware {board.firmware}, config {board.config_crc:08x}"
            if board
            else "",
        ),
        ("took", f"{result.wall_s:.1f} s for {result.duration_s:g} s" if result.record else ""),
        ("late ticks", str(result.late_ticks) if result.late_ticks else ""),
        ("record SHA-256", result.digest or ""),
        *((str(k), str(v)) for k, v in result.environment.items()),
    )
    replay = (
        f'<div class="replay"><span class="dim">replay</span> <code>{escape(result.replay)}</code> '
        '<button type="button" class="copy" hidden>copy</button></div>'
        if result.replay
        else ""
    )
    return f"<h2>Run again</h2>{replay}{facts(pairs)}"
