# SPDX-License-Identifier: Apache-2.0
"""run.json: one run for programs. Keys are stable: new ones may come, none changes its meaning.

    schema        1
    case, title, source, covers, device, clock, seed, params
    verdict       PASS, MARGINAL, INCONCLUSIVE, FAIL, SKIP
    reasons       why it is no PASS, the worst first
    checks        [{name, kind, text, verdict, at_ms, detail, where}]; at_ms null: it held
    measurements  [{name, value, unit, low, high, marginal, verdict, where}]
    faults        [{kind, text, start_ms, end_ms}]; end_ms null: to the end of the run
    events        [{t_ms, source, kind, text}]
    decisions     [{t_ms, lost_feed, blind, shed_groups, reaction_ms, rows, writes}], powers in W
    limits        {signal: value}
    frames        {up: {name: count}, down: {name: count}}
    signals       names of the columns of signals.csv; rows: how many
    identity      {machine, uid, firmware, config_crc} or null
    environment   {name: text}
    replay        command line; digest: SHA-256 of record and frames, null in real time
    duration_s, late_ticks, wall_s; metrics: {name: value}, of wall time (hil.verdict.RunResult)
    fidelity      only if the run was compared: [{with, role, verdict, reasons, rows, rows_a,
                  rows_b, signals: [{name, match, max_deviation, mean_deviation, rms_deviation,
                  out_rows, first_out_ms, first_out, tolerance}], events: [{source, kind, paired,
                  max_shift_ms, only_a_ms, only_b_ms}]}]

Times are ms since the start of the run. A number that is not finite is null.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from hil.fidelity import Comparison
from hil.verdict import FrameEntry, RunResult

SCHEMA = 1


def run_document(result: RunResult, comparisons: Sequence[Comparison] = ()) -> dict[str, object]:
    """The JSON document of one run. `comparisons`: those that it is part of."""
    record = result.record
    out: dict[str, object] = {
        "schema": SCHEMA,
        "case": result.case,
        "title": result.title,
        "source": result.source,
        "covers": result.covers,
        "device": result.device,
        "clock": result.clock,
        "seed": result.seed,
        "params": dict(result.params),
        "verdict": result.verdict,
        "reasons": result.reasons,
        "checks": [asdict(each) for each in result.checks],
        "measurements": [asdict(each) for each in result.measurements],
        "faults": [asdict(each) for each in result.faults],
        "events": [each._asdict() for each in record.events] if record else [],
        "decisions": [each.document() for each in record.decisions] if record else [],
        "limits": dict(result.limits),
        "frames": _counts(result.frames),
        "signals": record.names if record else [],
        "rows": len(record) if record else 0,
        "identity": asdict(result.identity) if result.identity else None,
        "environment": dict(result.environment),
        "replay": result.replay,
        "digest": result.digest,
        "duration_s": result.duration_s,
        "late_ticks": result.late_ticks,
        "wall_s": result.wall_s,
        "metrics": dict(result.metrics),
    }
    if comparisons:
        out["fidelity"] = [_fidelity(each, result) for each in comparisons]
    return {key: plain(value) for key, value in out.items()}


def plain(value: object) -> object:
    """What JSON has a form for; anything else as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def _counts(frames: Iterable[FrameEntry]) -> dict[str, dict[str, int]]:
    counts = Counter((entry.up, entry.name) for entry in frames)
    return {
        way: {name: count for (is_up, name), count in sorted(counts.items()) if is_up is up}
        for way, up in (("up", True), ("down", False))
    }


def _fidelity(comparison: Comparison, result: RunResult) -> dict[str, object]:
    is_a = comparison.a is result
    other = comparison.b if is_a else comparison.a
    return {
        "with": {"case": other.case, "device": other.device, "digest": other.digest},
        "role": "a" if is_a else "b",
        "verdict": comparison.verdict,
        "reasons": comparison.reasons,
        "rows": comparison.rows,
        "rows_a": comparison.rows_a,
        "rows_b": comparison.rows_b,
        "signals": [asdict(each) for each in comparison.signals],
        "events": [asdict(each) for each in comparison.events],
    }
