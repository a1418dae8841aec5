# SPDX-License-Identifier: Apache-2.0
"""Runs for the tests of the report: a real rack with the real firmware, cut up into verdicts."""

import math
import tempfile
from array import array
from dataclasses import replace
from functools import cache
from pathlib import Path

from firmware_py.channels import IN_FEED_A_MW, N_IN, OUT_RELAYS, OUT_STATE
from firmware_py.link import messages as m
from firmware_py.link.messages import INVALID
from hil.demo import DemoOptions, sized, workload
from hil.drivers.inprocess import CpythonBoard
from hil.fidelity import compare
from hil.frames import Sniffer
from hil.plant import io
from hil.plant.rack import Rack
from hil.rackfile import board_json
from hil.record import Recorder
from hil.report.write import write
from hil.trace import Demand
from hil.verdict import (
    BoardIdentity,
    CheckResult,
    FaultSpan,
    FrameEntry,
    Measurement,
    RunResult,
    Verdict,
)
from tests.hil.test_frames import damaged, frame

SECONDS = 60
NASTY = "</script><img src=x onerror=alert(1)>&\"'<!--RUNS-->\u2028"


def names_of(rack):
    loads = [load.name for load in rack.spec.loads]
    return (
        "feed_a_w", "feed_b_w", "ttt_a_s", "ttt_b_s", "theta_a", "theta_b", "inlet_c", "outlet_c",
        "demand_w", "load_w", "fan_rpm", "trips", "state", "in_feed_a_mw", "in_inlet_mc",
        "out_fan_permille", "tm_state", "tm_feed_a_mw", "tm_ttt_a_ms", "tm_lease_left_ms",
        "group_0_on", "group_1_on", "group_2_on", "host_up", "host_lease", "n_shed", "n_trip",
        "mcu_heap_free", "mcu_tick_ms",
        *(f"load_{n}_w" for n in loads), *(f"cap_{n}_w" for n in loads),
        *(f"demand_{n}_w" for n in loads), *(f"in_load{i}_mw" for i in range(len(loads))),
    )  # fmt: skip


def row_of(rack, board, inputs, telemetry, sheds, tick):
    relays = board.outputs[OUT_RELAYS]
    known = telemetry is not None
    return (
        *rack.feed_w,
        *(rack.time_to_trip_s(feed.name) for feed in rack.spec.feeds),
        *rack.theta, rack.inlet_c, rack.outlet_c, sum(rack.demand_w), sum(rack.load_w),
        rack.fan_rpm, rack.trips, board.outputs[OUT_STATE],
        math.nan if inputs[IN_FEED_A_MW] == INVALID else inputs[IN_FEED_A_MW],
        inputs[6], board.outputs[0],
        telemetry.state if known else math.nan, telemetry.feed_a_mw if known else math.nan,
        telemetry.ttt_a_ms if known else math.nan, telemetry.lease_left_ms if known else math.nan,
        *(float(relays >> g & 1) for g in range(3)), 1.0, float(200 < tick < 420), sheds,
        sum(rack.tripped), 120_000 - 37 * (tick % 211), 3.0 + (tick % 7) * 0.5,
        *rack.load_w, *rack.cap_enforced_w, *rack.demand_w, *(1000 * w for w in rack.load_w),
    )  # fmt: skip


def real_run(seconds=SECONDS, seed=1, lie_mw=0, firmware=CpythonBoard):
    """(record, frames, spec) of a rack under its board, no host; feed A is lost at a third."""
    options = DemoOptions(seconds=seconds, virtual=True, runtime="cpython", seed=seed)
    demand, _ = workload(options)
    spec = sized(options, demand)
    rack = Rack(spec, Demand(demand))
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "board.json"
        config.write_text(board_json(spec), encoding="utf-8")
        board = firmware(config)
    try:
        return *_drive(rack, board, seconds, lie_mw), spec
    finally:
        board.close()


def _drive(rack, board, seconds, lie_mw):
    record, sniffer = Recorder(names_of(rack)), Sniffer()
    inputs, frames, sheds = array("i", bytes(4 * N_IN)), [], 0
    io.fill_inputs(rack, inputs)
    hello = frame("HELLO", owner=7, nonce=1, max_rx=240)
    for tick in range(1, seconds * 10 + 1):
        now_ms = tick * 100
        if tick == seconds * 10 // 3:
            rack.fail_feed("A")
            record.event(now_ms, "plant", "loss", "feed A has lost its supply")
        rack.step(100)
        io.fill_inputs(rack, inputs)
        if seconds * 4 < tick < seconds * 6:
            inputs[IN_FEED_A_MW] += lie_mw
        rx = hello if tick in (5, 15) else b""
        tx = board.exchange(now_ms, inputs, rx)
        io.apply_outputs(rack, board.outputs)
        frames += sniffer.take(False, rx, now_ms)
        if tick % 97 == 0 and tx:
            tx = damaged(tx, len(tx) // 2)
        frames += sniffer.take(True, tx, now_ms)
        for at_ms, event in sniffer.board_events:
            sheds += event.code == m.EV_SHED
            record.event(at_ms, "board", "shed" if event.code == m.EV_SHED else "state", "…")
        sniffer.board_events.clear()
        record.append(now_ms, row_of(rack, board, inputs, sniffer.telemetry, sheds, tick))
    return record, frames


def result_of(run, case, verdict=Verdict.PASS, **more):
    """A RunResult around a record."""
    record, frames, spec = run
    fields = {
        "title": "A feed is lost under load",
        "source": "hil/scenarios/feed-loss.yaml",
        "covers": ("SHED-1", "SHED-4"),
        "device": "cpython",
        "clock": "virtual",
        "seed": 7,
        "params": {"edge": "slow"},
        "reasons": (),
        "record": record,
        "frames": frames,
        "limits": {"feed_a_w": spec.feeds[0].rating_w, "feed_b_w": spec.feeds[1].rating_w},
        "identity": BoardIdentity("sim", "0001", "0.1.0", 0xBEEF),
        "environment": {"python": "3.11", "bench": "rack-1"},
        "replay": f"rackedge hil run hil/scenarios/feed-loss.yaml --case '{case}' --seed 7",
        "digest": record.digest(),
        "duration_s": record.t_ms[-1] / 1000,
        "wall_s": 1.25,
    } | more
    return RunResult(case=case, verdict=verdict, **fields)


def checks(at_ms=24_300):
    return (
        CheckResult("no breaker opens", "never", "trips > 0", Verdict.PASS, None, "", "f.yaml:12"),
        CheckResult(
            "feed B stays under its rating for good", "always", "feed_b_w <= 12000", Verdict.FAIL,
            at_ms, "feed_b_w = 12873 W, limit 12000 W", "f.yaml:15",
        ),
        CheckResult(
            "shed in time", "within", "n_shed > 0 within 500 ms of feed_a_w == 0", Verdict.MARGINAL,
            None, "450 ms of 500 ms", "f.yaml:19",
        ),
        CheckResult("board lives", "health", "mcu_missed == 0", Verdict.PASS, None, "", ""),
    )  # fmt: skip


FAULTS = (
    FaultSpan("power.feed_loss", "feed A has no supply", 20_000, None),
    FaultSpan("sensor.offset", "feed A reads 500 W too much", 24_000, 36_000),
    FaultSpan("link.flip", "one bit in a thousand", 9_000, 12_000),
)
MEASURES = (
    Measurement("peak of feed B", 12_873.0, "W", None, 12_000.0, 500.0, Verdict.FAIL, "f.yaml:30"),
    Measurement("time to shed", 0.45, "s", None, 0.5, 0.1, Verdict.MARGINAL, "f.yaml:31"),
    Measurement("lowest heap", 112_000.0, "B", 40_000.0, None, 0.0, Verdict.PASS, "f.yaml:32"),
)


@cache
def session():
    """FAIL, MARGINAL, PASS, SKIP and INCONCLUSIVE."""
    run = real_run()
    failed = result_of(
        run, "feed-loss[edge=slow]", Verdict.FAIL, checks=checks(), faults=FAULTS,
        measurements=MEASURES, reasons=("feed B stays under its rating for good failed at 24.3 s",),
    )  # fmt: skip
    marginal = result_of(
        run, "feed-loss[edge=fast]", Verdict.MARGINAL, checks=checks()[2:],
        reasons=("shed in time: 450 ms of 500 ms",),
    )  # fmt: skip
    passed = result_of(run, "quiet", checks=checks()[:1])
    skipped = RunResult(
        "power-cut", "The board loses its supply", "hil/scenarios/power.yaml", (), "micropython",
        "virtual", 1, {}, Verdict.SKIP, ("the device cannot cut power (needs: power)",),
    )  # fmt: skip
    late = result_of(
        run, "late", Verdict.INCONCLUSIVE, late_ticks=12, clock="real", digest=None,
        reasons=("12 ticks began late",),
    )  # fmt: skip
    return [passed, failed, marginal, skipped, late]


def nasty(result):
    """The result with hostile text wherever text can be."""
    record = Recorder((NASTY, f"{NASTY}_w", "state"), t_ms=array("q"))
    for row in range(30):
        record.append(100 * (row + 1), [float(row), float(row % 7), float(row % 3)])
    record.event(500, NASTY, NASTY, NASTY)
    return replace(
        result, case=NASTY, title=NASTY, source=NASTY, covers=(NASTY,), device=NASTY, clock=NASTY,
        params={NASTY: NASTY}, reasons=(NASTY, NASTY), replay=NASTY, environment={NASTY: NASTY},
        identity=replace(result.identity, uid=NASTY), record=record,
        checks=(CheckResult(NASTY, NASTY, NASTY, Verdict.FAIL, 900, NASTY, NASTY),),
        measurements=(Measurement(NASTY, math.nan, NASTY, None, 1.0, 0.0, Verdict.FAIL, NASTY),),
        faults=(FaultSpan(NASTY, NASTY, 500, None),), limits={f"{NASTY}_w": 3.0},
        frames=[FrameEntry(100, True, b"\x01", NASTY)],
    )  # fmt: skip


def write_session(directory):
    """The report of `session` and of one more run, compared with its first."""
    results = [*session(), result_of(real_run(lie_mw=400_000), "quiet", device="micropython")]
    write(results, directory, [compare(results[0], results[-1])])
    return directory
