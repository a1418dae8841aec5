# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process, the VM behind a real pty, caps over HTTP: in real time."""

import os
import signal

import pytest

from edge.errors import LinkError
from firmware_py.link import messages as m
from hil import serve
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


def test_serve_boots_a_board_that_died_again(tmp_path, capsys):
    vm_path()
    seen = []

    def disturb(now_ms, rack):
        seen.append(rack.board.outputs[2])
        if now_ms == 1500:
            os.kill(rack.board._vm._process.pid, signal.SIGKILL)

    rack = serve.serve(tmp_path, DemoOptions(seconds=10), 3.5, disturb)
    assert rack.boots == 2
    assert seen[14] == m.STATE_LOCAL
    assert seen[-1] == m.STATE_LOCAL
    out = capsys.readouterr().out
    assert "the MicroPython VM has stopped (exit -9)" in out
    assert "booted again, boot 2" in out
    assert len(rack.record) >= 33  # physics went on


def test_serve_gives_up_on_a_board_that_dies_at_once(tmp_path):
    vm_path()

    def disturb(_now_ms, rack):
        os.kill(rack.board._vm._process.pid, signal.SIGKILL)
        rack.board._vm._process.wait(5)

    with pytest.raises(LinkError, match="has stopped"):
        serve.serve(tmp_path, DemoOptions(seconds=10), 3.0, disturb)


def test_serve_prints_where_the_toml_is_and_a_line_a_second(tmp_path, capsys, monkeypatch):
    vm_path()
    words = ["hil.serve", "--directory", str(tmp_path / "r"), "--seconds", "1.2"]
    monkeypatch.setattr("sys.argv", words)
    assert serve.main() == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"rackedge run --config {tmp_path / 'r' / 'rack.toml'}"
    assert "1 s  board LOCAL" in second
    assert "trips 0" in second


def test_serve_tells_a_bad_trace_in_one_line(tmp_path, capsys, monkeypatch):
    words = ["hil.serve", "--directory", str(tmp_path / "r"), "--trace", str(tmp_path / "no.csv")]
    monkeypatch.setattr("sys.argv", words)
    assert serve.main() == 6
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_serve_tells_a_bad_directory_in_one_line(tmp_path, capsys, monkeypatch, below):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("sys.argv", ["serve", "--directory", str(tmp_path / below)])
    assert serve.main() == 1
    assert "choose another --directory" in capsys.readouterr().err
