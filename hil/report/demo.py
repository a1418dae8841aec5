# SPDX-License-Identifier: Apache-2.0
"""The demo's report: one HTML file that opens offline, plus the record it was drawn from."""

import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from hil.decisions import DecisionEntry, lines
from hil.record import RunEvent
from hil.report.axis import TimeAxis
from hil.report.files import unwritable, write_whole
from hil.report.plot import Lane, Level, Series, buckets, caption, lane_svg
from hil.report.rows import Marker, Row, RowLane, rows_svg
from hil.result import POLICIES, DemoResult, PolicyResult

NEVER_S = 1000.0
"""Top of the time-to-trip axis: a breaker this far from tripping is drawn as safe."""
FEED_TOP = 1.7
"""Top of the feed power axis ÷ rating: a survivor that takes over everything is off the scale."""
EVENTS_LISTED = 200
DECISIONS_LISTED = 400
HOVER_BUCKETS = 900


def _kilo(values: Sequence[float]) -> list[float]:
    return [value / 1000.0 for value in values]


def _by_policy(result: DemoResult, signal: str, scale: float = 1.0) -> list[Series]:
    return [
        Series(name, name, [v * scale for v in result.policies[name].record.signal(signal)])
        for name in POLICIES
    ]


def _feed_lane(result: DemoResult, feed: int) -> Lane:
    letter = "ab"[feed]
    rating_kw = result.rating_w[feed] / 1000.0
    series = _by_policy(result, f"feed_{letter}_w", 1e-3)
    peak_kw = max(max(each.values) for each in series)
    return Lane(
        f"Feed {letter.upper()} power against its breaker",
        "kW",
        series,
        (Level("rating", "limit", rating_kw), Level("80 %", "soft", 0.8 * rating_kw)),
        height_px=150,
        lowest=0.0,
        highest=FEED_TOP * rating_kw,
        note="" if peak_kw <= FEED_TOP * rating_kw else f"off the scale: {peak_kw:.0f} kW",
    )


def _lanes(result: DemoResult) -> list[Lane]:
    ours = result.policies["rackedge"].record
    caps = [name for name in ours.names if name.startswith("cap_")]
    draws = [name for name in ours.names if name.startswith("load_") and name != "load_w"]
    return [
        _feed_lane(result, 0),
        _feed_lane(result, 1),
        Lane(
            "Time to trip of the nearer breaker (fast edge)",
            "s",
            _by_policy(result, "ttt_s"),
            log=True,
            lowest=0.1,
            highest=NEVER_S,
            note="top of the axis: does not trip; 0.1: tripped",
        ),
        Lane(
            "Demand and what was served",
            "kW",
            [
                Series("demand", "demand", _kilo(ours.signal("demand_w"))),
                *_by_policy(result, "load_w", 1e-3),
            ],
            lowest=0.0,
        ),
        Lane(
            "Caps in force, one line per load (rackedge)",
            "kW",
            [Series("cap", "thin", _kilo(ours.signal(name))) for name in caps],
            lowest=0.0,
        ),
        Lane(
            "Power drawn, one line per load (rackedge)",
            "kW",
            [Series("draw", "thin2", _kilo(ours.signal(name))) for name in draws],
            lowest=0.0,
        ),
        Lane(
            "Server inlet temperature",
            "°C",
            _by_policy(result, "inlet_c"),
            height_px=100,
        ),
        Lane(
            "Exhaust temperature",
            "°C",
            _by_policy(result, "outlet_c"),
            height_px=100,
        ),
        Lane(
            "Fan speed",
            "%",
            _by_policy(result, "fan_ratio", 100.0),
            height_px=90,
            lowest=0.0,
            highest=100.0,
        ),
    ]


def _events(result: DemoResult) -> RowLane:
    def marks(policy: PolicyResult, kinds: set[str], css: str) -> list[Marker]:
        found = [e for e in policy.record.events if e.kind in kinds]
        return [Marker(e.t_ms / 1000.0, css, e.text) for e in found]

    ours = result.policies["rackedge"]
    trips = [m for n in POLICIES for m in marks(result.policies[n], {"trip"}, n)]
    rows = (
        Row("trips", marks=trips + marks(ours, {"loss"}, "shed")),
        Row("shed", marks=marks(ours, {"shed", "restore", "lockout"}, "shed")),
        Row("decisions", marks=marks(ours, {"cut", "raise", "refused"}, "decision")),
        Row("board", marks=marks(ours, {"state", "lease", "boot", "sensor", "link"}, "board")),
    )
    return RowLane("Events", rows)


def _figures(result: DemoResult, lanes: Sequence[Lane]) -> str:
    axis = TimeAxis(result.duration_s)
    figures = [f"<figure>{caption(lane)}{lane_svg(lane, axis)}</figure>" for lane in lanes]
    head = "<figcaption><b>Events</b> (point at a mark to read it)</figcaption>"
    figures.append(f"<figure>{head}{rows_svg(_events(result), axis, labels=True)}</figure>")
    return "".join(figures)


def _table(result: DemoResult) -> str:
    def row(name: str) -> str:
        m = result.policies[name].metrics
        first = "never" if m.first_trip_s is None else f"{m.first_trip_s:.1f} s"
        cells = (
            f"{m.trips}",
            first,
            f"{100 * m.served_ratio:.1f} %",
            f"{m.energy_wh:,.0f} Wh",
            f"{100 * m.peak_utilisation:.0f} %",
            f"{m.max_inlet_c:.1f} °C",
        )
        return (
            f'<tr class="{"bad" if m.trips else "good"}"><th class="key {name}">{name}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )

    heads = (
        "policy",
        "breaker trips",
        "first trip",
        "demand served",
        "energy served",
        "peak feed power ÷ rating",
        "warmest inlet",
    )
    head = "".join(f"<th>{h}</th>" for h in heads)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(row, POLICIES))}</tbody></table>"
    )


def _headline(result: DemoResult) -> str:
    uncapped = result.policies["uncapped"].metrics
    static = result.policies["static"].metrics
    ours = result.policies["rackedge"].metrics
    first = (
        f"Without caps the breaker opened after {uncapped.first_trip_s:.1f} s. "
        if uncapped.first_trip_s is not None
        else "Even without caps no breaker opened. "
    )
    if static.first_trip_s is not None:
        first += f"Under static caps it opened after {static.first_trip_s:.1f} s. "
    second = (
        "With rackedge no breaker opened"
        if ours.trips == 0
        else f"With rackedge {ours.trips} breakers opened"
    )
    gain = 100.0 * (result.gain_over_static - 1.0)
    more = f"{abs(gain):.1f} % {'less' if gain < 0 else 'more'}"
    return f"{first}{second}, and the servers got {more} energy than under static caps."


def _events_table(events: Sequence[RunEvent]) -> str:
    rows = "".join(
        f"<tr><td>{e.t_ms / 1000:.1f} s</td><td>{escape(e.source)}</td>"
        f"<td>{escape(e.kind)}</td><td>{escape(e.text)}</td></tr>"
        for e in events[:EVENTS_LISTED]
    )
    more = len(events) - EVENTS_LISTED
    tail = f"<p>{more} more in run.json.</p>" if more > 0 else ""
    return (
        f"<details><summary>Event log of the rackedge run ({len(events)})</summary>"
        f'<table class="log"><tbody>{rows}</tbody></table>{tail}</details>'
    )


def _decisions_table(decisions: Sequence[DecisionEntry]) -> str:
    """What the host decided and why, one line a direction; everything is in run.json."""
    rows = "".join(
        f"<tr><td>{entry.t_ms / 1000:.1f} s</td><td>{escape(text.partition(' s  ')[2])}</td></tr>"
        for entry in decisions[:DECISIONS_LISTED]
        for text in lines(entry)
    )
    more = len(decisions) - DECISIONS_LISTED
    tail = f"<p>{more} more in run.json.</p>" if more > 0 else ""
    return (
        f"<details><summary>Decision log: which row bound, which load, by which rule "
        f'({len(decisions)})</summary><table class="log"><tbody>{rows}</tbody></table>{tail}'
        "</details>"
    )


def _facts(result: DemoResult) -> str:
    link = result.link
    pairs = (
        ("workload", result.trace),
        ("loads", str(result.loads)),
        ("duration", f"{result.duration_s:g} s, {result.clock} time"),
        ("seed", str(result.seed)),
        ("firmware on", result.runtime),
        ("oversubscription", f"{result.oversubscription:g}"),
        ("breakers", " + ".join(f"{w / 1000:.2f} kW" for w in result.rating_w)),
        ("caps written", str(result.caps_written)),
        ("shed events", str(result.shed_events)),
        (
            "link",
            f"{link.frames} frames, {link.crc_errors} CRC errors, {link.gaps} gaps, "
            f"{link.retries} retries",
        ),
        ("replay", result.replay.command),
        ("record SHA-256", result.replay.record_sha256 or "real time: not replayable"),
    )
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs) + "</dl>"


def _hover_data(lanes: Sequence[Lane], duration_s: float) -> str:
    """Bucket maxima for the crosshair's read-out, as JSON."""
    data = [
        {
            "unit": lane.unit,
            "series": [
                [s.label, [float(f"{high:.4g}") for _, high in buckets(s.values, HOVER_BUCKETS)]]
                for s in lane.series
                if not s.css.startswith("thin")
            ],
        }
        for lane in lanes
    ]
    return json.dumps({"duration_s": duration_s, "lanes": data}, separators=(",", ":"))


def html(result: DemoResult) -> str:
    """The whole report as one self-contained page."""
    template = resources.files("hil.report").joinpath("demo.html").read_text(encoding="utf-8")
    lanes = _lanes(result)
    parts = {
        "HEADLINE": escape(_headline(result)),
        "TABLE": _table(result),
        "LANES": _figures(result, lanes),
        "EVENTS": _events_table(result.policies["rackedge"].record.events),
        "DECISIONS": _decisions_table(result.policies["rackedge"].record.decisions),
        "FACTS": _facts(result),
        "DATA": _hover_data(lanes, result.duration_s),
    }
    for name, text in parts.items():
        template = template.replace(f"<!--{name}-->", text)
    return template


def _signals_csv(result: DemoResult) -> str:
    records = [result.policies[name].record for name in POLICIES]
    names = [f"{p}:{n}" for p, r in zip(POLICIES, records, strict=True) for n in r.names]
    lines = [",".join(["t_s", *names])]
    for rows in zip(*(record.rows() for record in records), strict=True):
        cells = [f"{rows[0][0] / 1000:g}"]
        cells += [f"{value:.6g}" for _, values in rows for value in values]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def write(result: DemoResult, directory: Path) -> Path:
    """Write report.html, run.json and signals.csv into `directory`; returns the report's path.

    Raises EdgeError when the directory cannot be made or written; each file is whole or absent.
    """
    try:
        return _write_all(result, directory)
    except OSError as error:
        raise unwritable(directory, error.strerror or str(error)) from error


def _write_all(result: DemoResult, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    document = result.document()
    document["events"] = {
        name: [list(event) for event in result.policies[name].record.events] for name in POLICIES
    }
    document["decisions"] = [
        entry.document() for entry in result.policies["rackedge"].record.decisions
    ]
    write_whole(directory / "run.json", json.dumps(document, indent=1) + "\n")
    write_whole(directory / "signals.csv", _signals_csv(result))
    write_whole(directory / "report.html", html(result))
    return directory / "report.html"
