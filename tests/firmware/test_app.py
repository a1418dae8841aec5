# SPDX-License-Identifier: Apache-2.0
import pytest

from firmware_py import channels as ch
from firmware_py.app import App
from firmware_py.decide.breaker import Breaker
from firmware_py.link import messages as m
from firmware_py.link.commands import BoardInfo
from tests.firmware.rig import Rig, frame, parse


def test_deadlines_are_absolute():
    rig = Rig()
    rig.fill()
    due = [rig.app.step(now_ms, b"", 0) for now_ms in (0, 40, 137, 199, 201)]
    assert due == [100, 100, 200, 200, 300]
    assert rig.app.missed == 0


def test_late_ticks_are_counted_and_skipped_not_caught_up():
    rig = Rig()
    rig.fill()
    rig.app.step(0, b"", 0)
    assert rig.app.step(450, b"", 0) == 500
    assert rig.app.missed == 3
    assert rig.app.step(499, b"", 0) == 500


def test_bytes_are_answered_between_ticks_without_a_tick():
    rig = Rig().hosted()
    before = len(rig.sent("TELEMETRY"))
    rig.now_ms -= 60
    (answer,) = rig.step(frame(m.PING, 900))
    assert answer[1] == m.ACK
    assert len(rig.sent("TELEMETRY")) == before


def test_telemetry_tells_what_the_board_knows():
    rig = Rig().hosted(100)  # the breakers have cooled to what the board knows
    rig.load_w = [8000] * 8
    rig.run(10)
    last = rig.sent("TELEMETRY")[-1]
    app = rig.app
    assert last["state"] == m.STATE_HOSTED
    assert last["flags"] & m.FLAG_LEASE
    assert last["feed_a_mw"] == rig.feed_ma()[1][0] * 690
    assert last["theta_a_ppm"] == app.breakers[0].theta_ppm > 0
    assert 0 < last["ttt_b_ms"] == app.ttt_ms[1] < m.NEVER_MS
    assert (last["inlet_mc"], last["outlet_mc"]) == (24_000, 36_000)
    assert last["fan_permille"] == app.act.outputs[ch.OUT_FAN_PERMILLE]
    assert last["fan_rpm"] == 3000
    assert last["lease_left_ms"] > 28_000
    assert (last["missed"], last["rx_errors"], last["tx_dropped"]) == (0, 0, 0)


def test_noise_is_counted_in_telemetry():
    rig = Rig().hosted()
    rig.step(b"\0noise\0more\0")
    rig.run(2)
    assert rig.sent("TELEMETRY")[-1]["rx_errors"] == 2


def test_events_wait_in_order_and_lost_ones_show_as_a_jump_of_count():
    rig = Rig()
    for g in range(20):
        rig.app.events.put(m.EV_RESTORE, g, 0, 0)
    rig.run(1)
    rig.hello()
    rig.run(20)
    counts = [e["count"] for e in rig.sent("BOARD_EVENT")]
    assert len(counts) >= 16
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    assert counts[0] > 1  # the oldest are gone, and the host can tell


@pytest.mark.parametrize(("before_w", "after_w"), [(2700, 4900), (4900, 2700)])
def test_missed_ticks_heat_the_breakers_with_the_larger_current(before_w, after_w):
    rig = Rig()
    rig.load_w = [before_w] * 8
    rig.run(20)
    breaker = rig.app.breakers[0]
    truth = Breaker(32_000, 1_130_000, 4_570, 5_000_000)
    truth.theta_ppm = breaker.theta_ppm
    larger_ma = max(rig.feed_ma()[1][0], rig.feed_ma()[1][0] * after_w // before_w)
    rig.now_ms += 1500  # the board stalls for 15 ticks
    rig.load_w = [after_w] * 8
    rig.run(1)
    for _ in range(15):
        truth.step(larger_ma)
    truth.step(rig.app.sense.feed_ma[0])
    assert breaker.theta_ppm == pytest.approx(truth.theta_ppm, abs=100)
    assert rig.app.missed == 15


@pytest.mark.parametrize(("cause", "hot"), [(0, False), (1, True), (2, True), (3, True)])
def test_only_a_first_start_takes_the_breakers_for_settled(cause, hot):
    app = App(parse(), BoardInfo("sim 0001", 1, 1, cause))
    rig = Rig()
    rig.app = app
    app.start(0)
    rig.step()
    assert (app.breakers[0].theta_ppm > 800_000) == hot
