# SPDX-License-Identifier: Apache-2.0
"""A run from its first tick to its verdict: replay, verdicts, health, what is refused."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import ConfigError, LinkError
from firmware_py.link import messages as m
from hil.engine.run import Interrupted, run_case
from hil.fidelity import EXACT, compare
from hil.scenario.model import Command
from hil.verdict import Verdict
from tests.firmware.cortex import cortex_present
from tests.firmware.vm import vm_path
from tests.hil.engine_rig import (
    HERE,
    always,
    case,
    demand,
    ends,
    fault,
    go,
    last,
    measure,
    running,
    whole,
)

ROOT = Path(__file__).resolve().parents[2]
BUSY = case(
    12.0,
    host="daemon",
    stimulus=(demand(0.9),),
    faults=(
        fault("link.flip", 2, 3, probability=0.2),
        fault("power.feed_loss", 6, feed="a"),
        fault("mcu.reset", 9),
    ),
    board={"store": True},
)


def test_the_same_case_gives_the_same_record_bit_for_bit(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = whole(BUSY, tmp_path / "a"), whole(BUSY, tmp_path / "b")
    assert first.digest == second.digest
    assert len(first.record) == 120
    assert first.frames
    other = whole(case(12.0, host="daemon", stimulus=(demand(0.9),), seed=2), tmp_path)
    assert other.digest != first.digest


def test_another_process_gives_the_same_record(tmp_path):
    scenario = tmp_path / "s.yaml"
    scenario.write_text(
        "schema: 1\nname: twice\ntitle: t\nduration: 8s\n"
        "stimulus: [{signal: demand_ratio, hold: 0.8}]\n"
        "faults: [{fault: link.drop, at: 2s, for: 2s, probability: 0.5}]\n"
        "checks: [{always: 'trips == 0'}]\n"
    )
    command = [sys.executable, "-c", "from edge.cli import main; main()", "hil", "run"]
    command += [str(scenario), "--device", "cpython", "--json"]

    def digest(hashseed):
        env = {**os.environ, "PYTHONHASHSEED": hashseed}
        done = subprocess.run(command, capture_output=True, cwd=ROOT, env=env, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["results"][0]["digest"]

    assert digest("1") == digest("2")


@pytest.mark.parametrize(
    ("device", "present"), [("micropython", vm_path), ("cortex-m3", cortex_present)]
)
def test_it_says_the_same_as_cpython_in_every_tick(tmp_path, device, present):
    present()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours = whole(BUSY, tmp_path / "a")
    other = whole(BUSY, tmp_path / "b", device)
    same = compare(ours, other, EXACT)
    assert same.verdict is Verdict.PASS, same.reasons
    assert same.rows == 120
    assert last_of(other.record, "mcu_heap_free") > 10_000


def last_of(record, signal):
    return record.signal(signal)[-1]


def test_checks_and_measures_make_the_verdict(tmp_path):
    checks = (always("trips == 0"), ends("state == LOCAL"))
    found = whole(case(3.0, checks=checks, measures=(measure("max(load_w)", high=1e6),)), tmp_path)
    assert found.verdict is Verdict.PASS
    assert found.reasons == ()
    bad = whole(case(3.0, checks=(always("load_w < 100"),)), tmp_path)
    assert bad.verdict is Verdict.FAIL
    assert bad.checks[0].at_ms == 100
    assert "load_w" in bad.reasons[0]
    near = whole(
        case(3.0, measures=(measure("max(load_w)", high=20_000.0, marginal=5_000.0),)), tmp_path
    )
    assert near.verdict is Verdict.MARGINAL


def test_what_was_never_measured_is_no_pass(tmp_path):
    found = whole(case(2.0, checks=(always("tm_feed_a_mw >= 0"),)), tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE  # nobody said HELLO: there is no telemetry


def test_names_are_checked_before_the_first_tick(tmp_path):
    with pytest.raises(ConfigError, match=r"rig\.yaml:1.*feed_a_w"):
        whole(case(1.0, checks=(always("fed_a_w > 0"),)), tmp_path)
    with (
        pytest.raises(ConfigError, match="unknown name `no_such`"),
        running(case(1.0, faults=(fault("mcu.reset", when="no_such > 1"),)), tmp_path),
    ):
        pass


def test_a_fault_begins_in_the_first_tick_in_which_its_condition_is_true(tmp_path):
    warm = case(
        10.0,
        stimulus=(demand(0.5),),
        faults=(fault("power.feed_loss", when="t_s >= 4", feed="b"),),
    )
    found = whole(warm, tmp_path)
    assert found.faults[0].start_ms == 4000
    assert found.record.signal("feed_b_v")[38] > 0
    assert found.record.signal("feed_b_v")[39] == 0


def test_a_run_that_is_interrupted_still_says_what_it_found(tmp_path):
    def stop(run):
        if run.now_ms == 1500:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run_case(lambda: _made(case(5.0, checks=(always("trips == 0"),)), tmp_path), stop)
    found = caught.value.result
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons[0] == "interrupted at 1.5 s"
    assert len(found.record) == 15


def _made(the_case, directory):
    from hil.devices import source_of

    return source_of("cpython").make_run(the_case, directory)


def test_a_board_that_dies_is_a_failure_with_its_last_words(tmp_path):
    with running(case(5.0), tmp_path) as run:
        go(run, 1)

        def dead(*_):
            raise LinkError("the VM has stopped: MemoryError")

        run.mcu.device.exchange = dead
        run.tick()
        assert run.done
        found = run.finish()
    assert found.verdict is Verdict.FAIL
    assert "MemoryError" in found.reasons[0]


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda run: run.heard(True, b"\x00\x05abcdefgh\x00", run.now_ms), "damaged"),
        (lambda run: run.mcu.reset(3), "reset"),
        (lambda run: setattr(run.rack, "feed_j", run.rack.feed_j * 1.01), "energy"),
    ],
)
def test_the_benchs_own_health_can_fail(tmp_path, spoil, name):
    with running(case(5.0, host="watch", board={"store": True}), tmp_path) as run:
        go(run, 3)
        assert all(check.verdict is Verdict.PASS for check in run.finish().checks)
    with running(case(5.0, host="watch", board={"store": True}), tmp_path) as run:
        go(run, 1)
        spoil(run)
        go(run, 2)
        found = run.finish()
    bad = [check.name for check in found.checks if check.verdict is Verdict.FAIL]
    assert any(name in each for each in bad), bad
    assert found.verdict is Verdict.FAIL


def test_a_long_run_keeps_every_nth_row(tmp_path, monkeypatch):
    monkeypatch.setattr("hil.engine.run.MOST_ROWS", 40)
    found = whole(case(12.0), tmp_path)
    assert list(found.record.t_ms[:3]) == [300, 600, 900]
    assert len(found.record) == 40


def test_without_a_host_the_board_is_silent_and_alone(tmp_path):
    with running(case(5.0), tmp_path) as run:
        go(run, 4)
        assert last(run, "state") == m.STATE_LOCAL
        assert math.isnan(last(run, "tm_state"))
        assert run.frames == []
        assert last(run, "host_up") == 0


def test_parameters_are_names_in_expressions(tmp_path):
    found = whole(case(1.0, params={"most": 3}, checks=(always("trips <= most"),)), tmp_path)
    assert found.verdict is Verdict.PASS


def test_a_listener_waits_for_its_port_and_goes_on(tmp_path):
    pulled = case(12.0, host="watch", faults=(fault("link.unplug", 3, 3),))
    with running(pulled, tmp_path) as run:
        go(run, 5)
        before = len(run.frames)
        assert last(run, "tm_t_ms") < 3500
        go(run, 6)
        assert last(run, "tm_t_ms") > 10_000
        assert all(not 3000 < each.t_ms < 6000 for each in run.frames[:before])


def test_what_the_bench_cannot_do_is_no_verdict_of_the_board(tmp_path):
    found = whole(case(6.0, faults=(fault("thermal.leak", 2),)), tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "coolant" in found.reasons[0] or "liquid" in found.reasons[0]
    assert len(found.record) == 20


def test_a_killed_daemon_comes_back_with_its_shelf_and_its_caps(tmp_path):
    killed = case(
        20.0,
        host="daemon",
        rack={"bbu": {}},
        stimulus=(demand(0.9),),
        faults=(fault("host.kill", 8, 4),),
    )
    with running(killed, tmp_path) as run:
        go(run, 10)
        assert last(run, "host_up") == 0
        caps = list(run.rack.cap_requested_w)
        assert None not in caps
        assert last(run, "trips") == 0
        go(run, 9)
        assert last(run, "host_up") == 1
        assert last(run, "state") == m.STATE_HOSTED


@pytest.mark.parametrize(("relays", "on"), [("closed", 1), ("bistable", 0)])
def test_in_a_reset_fans_are_full_and_relays_are_idle(tmp_path, relays, on):
    shed = case(
        20.0,
        host={"kind": "script", "lease": True},
        board={"store": True, "relays": relays},
        stimulus=(demand(0.2),),
        commands=(Command(4000, "SHED", {"off": 0b1000}, HERE),),
        faults=(fault("mcu.reset", 12),),
    )
    with running(shed, tmp_path) as run:
        go(run, 11.9)
        assert last(run, "contact_3") == 0
        assert last(run, "out_fan_permille") < 600
        rpm = last(run, "fan_rpm")
        go(run, 0.3)
        assert last(run, "mcu_on") == 0
        assert last(run, "fan_rpm") > rpm + 300
        assert last(run, "contact_3") == on
        go(run, 1.5)
        assert last(run, "contact_3") == 0  # it remembers


def test_a_tick_off_the_boards_grid_shows_as_jitter_and_a_sound_board_has_none(tmp_path):
    with running(case(6.0, host="watch"), tmp_path) as run:
        go(run, 5)
        assert last(run, "mcu_jitter_ms") == 0
        at_ms = last(run, "tm_t_ms")
        assert run.probe._jitter_ms(at_ms + 107) == 7  # a tick that began late
        assert run.probe._jitter_ms(at_ms + 107) == 7  # and is still the newest
        assert run.probe._jitter_ms(at_ms + 200) == 7  # back on the grid
        assert run.probe._jitter_ms(at_ms + 300) == 0
        assert math.isnan(run.probe._jitter_ms(50))  # booted again
