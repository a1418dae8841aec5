# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process, the VM behind a real pty, caps over HTTP: in real time."""

import signal

import pytest

from firmware_py.link import messages as m
from hil.demo import DemoOptions, run_demo
from tests.firmware.vm import vm_path
from tests.hil.live_rig import LiveBench

TTL_S = 3.0
SLACK_S = 1.5
"""For a machine that does other things as well."""
START_S = 20
"""Python with pydantic and httpx on a busy machine."""


@pytest.fixture
def bench(tmp_path):
    vm_path()
    with LiveBench(tmp_path) as rig:
        yield rig


def lead(bench):
    """Start a daemon and wait until every load stands under its cap."""
    daemon = bench.start()
    bench.until_state(m.STATE_HOSTED, START_S)
    bench.until(lambda: bench.capped == 8, 5, "caps")
    return daemon


def sums_w(plant):
    """What the caps asked for sum to on each feed, W."""
    pairs = list(zip(plant.cap_requested_w, plant.spec.loads, strict=True))
    a_w = sum(cap * load.share_a for cap, load in pairs)
    return a_w, sum(cap for cap, _ in pairs) - a_w


def finish(bench, daemon):
    """SIGTERM; the rack goes on until the daemon has ended. Returns its exit code."""
    daemon.send_signal(signal.SIGTERM)
    bench.until(lambda: daemon.poll() is not None, 10, "end")
    assert "Traceback" not in bench.log
    return daemon.returncode


def test_the_daemon_leads_and_on_sigterm_leaves_the_board_to_itself_at_once(bench):
    daemon = lead(bench)
    bench.go(1)
    ratings_w = [feed.rating_w for feed in bench.plant.spec.feeds]
    assert all(s <= rating for s, rating in zip(sums_w(bench.plant), ratings_w, strict=True))
    assert finish(bench, daemon) == 0
    assert bench.until_state(m.STATE_LOCAL, TTL_S) < 1.0  # released, not expired
    assert bench.capped == 8  # caps stay in place
    assert "caps stay in place" in bench.log


def test_a_killed_daemon_leaves_the_board_local_one_lease_time_later(bench):
    daemon = lead(bench)
    daemon.kill()
    took_s = bench.until_state(m.STATE_LOCAL, 10)
    assert took_s <= TTL_S + 0.1 + SLACK_S
    assert bench.capped == 8
    assert bench.plant.trips == 0


def test_board_and_cable_may_go_and_come_back(bench):
    daemon = lead(bench)
    bench.rack.reboot_board()
    bench.until(lambda: bench.state != m.STATE_HOSTED, 3, "reboot")
    bench.until_state(m.STATE_HOSTED, 10)
    bench.until(lambda: bench.log.count("lease held") >= 2, 3, "second lease")
    assert "sensor" not in bench.log
    assert "shed group" not in bench.log
    bench.rack.cable.unplug()
    assert bench.until_state(m.STATE_LOCAL, 10) <= TTL_S + 0.1 + SLACK_S
    assert daemon.poll() is None
    bench.rack.cable.plug()
    bench.until_state(m.STATE_HOSTED, 10)
    assert "port is back" in bench.log
    assert finish(bench, daemon) == 0
    assert bench.plant.trips == 0


def test_one_bmc_that_fails_leaves_the_others_inside_the_rows(bench):
    bench.rack.redfish.service.fail(3, 500, times=1 << 30)
    daemon = bench.start()
    bench.until(lambda: bench.capped == 7, START_S, "caps")
    bench.until(lambda: bench.log.count("train-a1:") > 0, 5, "complaint")
    bench.go(4)
    plant = bench.plant
    assert plant.cap_requested_w[3] is None
    caps = [
        load.max_w if c is None else c
        for c, load in zip(plant.cap_requested_w, plant.spec.loads, strict=True)
    ]
    pairs = list(zip(caps, plant.spec.loads, strict=True))
    a_w = sum(cap * load.share_a for cap, load in pairs)
    assert a_w <= plant.spec.feeds[0].rating_w * 1.01  # counted at its maximum
    assert sum(caps) - a_w <= plant.spec.feeds[1].rating_w * 1.01
    bench.rack.redfish.service.fail(3, 500, times=0)
    bench.until(lambda: bench.capped == 8, 12, "eighth cap")
    assert finish(bench, daemon) == 0
    assert bench.log.count("train-a1:") < 10  # said once, not each time
    assert plant.trips == 0


def test_the_demo_in_real_time_is_the_whole_loop(tmp_path):
    vm_path()
    result = run_demo(DemoOptions(seconds=3))
    ours = result.policies["rackedge"]
    assert result.clock == "real"
    assert result.replay.record_sha256 is None
    assert len(ours.record) == 30
    assert result.caps_written >= 8
    assert result.link.frames > 20
    assert result.link.crc_errors == 0
    kinds = [event.kind for event in ours.record.events]
    assert "shed" not in kinds, "it began without readings"
    assert "sensor" not in kinds
    assert any(event.text.endswith("to HOSTED") for event in ours.record.events)
