# SPDX-License-Identifier: Apache-2.0
"""The daemon's loop against a real firmware endpoint, with cables, boards and BMCs that fail."""

import logging
import threading
from collections.abc import Sequence

import pytest

from edge.control import Daemon
from edge.errors import LinkError, PortError
from edge.link import events as ev
from edge.link.session import State
from edge.reason import Rule
from firmware_py.link.messages import INVALID
from tests.edge.daemon_rig import DaemonRig
from tests.edge.fake_rack import FakeRack, rack_config

LOADS = 4
LIMIT_W = 10_000  # a feed; four loads of up to 10 kW each share both feeds
TARGET_W = 2 * LIMIT_W * 0.95


def full(_t_s: float) -> Sequence[float]:
    return [9_000.0] * LOADS


def rig(demand=full, **rack_options) -> DaemonRig:
    config = rack_config(LOADS, LIMIT_W)
    made = DaemonRig(config, FakeRack(config, demand, **rack_options))
    made.daemon.start()
    return made


def caps_w(made: DaemonRig) -> float:
    return sum(made.rack.requested_w)


def test_it_holds_the_lease_and_the_rack_uses_its_target() -> None:
    made = rig()
    made.run(5)
    assert made.daemon.session.state is State.READY
    assert made.daemon.session.lease.held
    assert sum(made.rack.draw_w) == pytest.approx(TARGET_W, rel=0.02)
    assert made.daemon.stats.caps_written >= LOADS


def test_caps_fall_to_the_fair_share_before_the_board_has_said_a_word() -> None:
    made = rig()
    made.mute = True
    made.run(1.9)
    assert not made.log.results  # the board may yet speak
    made.run(1)
    assert caps_w(made) <= TARGET_W
    assert made.log.decisions[0].rule == (Rule.STARTUP,) * LOADS


def test_a_live_board_gets_its_rack_capped_on_its_first_telemetry() -> None:
    made = rig()
    made.run(0.5)
    assert len(made.log.results) == LOADS
    assert Rule.STARTUP not in made.log.decisions[0].rule


def restarted(made: DaemonRig) -> DaemonRig:
    """Another daemon on the same rack, as after a kill: it knows nothing but its configuration."""
    again = DaemonRig(made.daemon.config, made.rack)
    again.daemon.start()
    return again


def lost_feed_rig() -> DaemonRig:
    made = rig()
    made.run(3)
    made.rack.lost = {0}
    made.run(10)
    assert caps_w(made) <= TARGET_W / 2 + 1
    return made


def test_a_restart_without_telemetry_raises_no_cap() -> None:
    made = lost_feed_rig()
    before = [*made.rack.requested_w]
    again = restarted(made)
    again.mute = True
    again.run(6)
    assert again.log.decisions
    assert made.rack.requested_w == before


def test_a_restart_with_telemetry_never_overloads_the_feed_that_is_left() -> None:
    made = lost_feed_rig()
    again = restarted(made)
    for _ in range(400):
        again.tick()
        again.daemon.step()
        assert sum(made.rack.draw_w) <= LIMIT_W
    assert again.log.decisions[-1].lost_feed == 0
    assert sum(made.rack.draw_w) == pytest.approx(TARGET_W / 2, rel=0.03)


def test_a_limit_below_what_a_device_obeys_is_no_defiance() -> None:
    made = DaemonRig(rack_config(LOADS, LIMIT_W), FakeRack(rack_config(LOADS, LIMIT_W), full))
    made.rack.requested_w[0] = 100  # its minimum is 1 kW
    made.rack.enforced_w[0] = 1_000
    made.rack.deaf = {0}
    made.daemon.start()
    made.mute = True
    made.run(3)
    assert made.daemon.decider.caps.cap_mw[0] == 1_000_000


def test_a_wrong_port_sends_nothing_to_any_bmc() -> None:
    made = rig()
    asked: list[int] = []
    made.daemon._executor.ask_limits = lambda: asked.append(made.time_ms)
    made.mute = True
    made.run(1.9)
    assert not asked
    made.run(5)
    assert len(asked) == 1


def test_silence_of_the_board_can_only_lower_caps() -> None:
    made = rig(lambda t: [1_000.0, 9_000.0, 9_000.0, 9_000.0] if t < 15 else [9_000.0] * LOADS)
    made.run(14)
    before = [*made.daemon.decider.caps.cap_mw]
    assert max(before) > 5_500_000  # the hungry have what the idle one leaves
    made.mute = True
    made.run(10)
    after = made.daemon.decider.caps.cap_mw
    assert all(new <= old for new, old in zip(after, before, strict=True))
    assert Rule.STALE in made.log.decisions[-1].rule


def test_silence_is_said_once_also_when_every_device_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = rig()
    made.run(5)
    made.mute = True
    for actuator in made.actuators:
        actuator.broken = True
    for load in range(LOADS):  # all quarantined: no load's rule tells that telemetry is stale
        made.daemon.decider.caps.fail(load, made.daemon.decider.caps.cap_mw[load], made.time_ms)
    with caplog.at_level(logging.INFO, "rackedge"):
        made.run(10)
        assert set(made.log.decisions[-1].rule) == {Rule.QUARANTINE}
        made.mute = False
        made.run(3)
    said = [record.message for record in caplog.records if "telemetry" in record.message]
    assert said == ["telemetry is stale: caps can only fall", "telemetry is back"]


def test_what_piled_up_while_the_process_was_stopped_is_not_telemetry() -> None:
    made = rig()
    made.run(5)
    before = [*made.daemon.decider.caps.cap_mw]
    known = made.daemon._latest._telemetry
    for _ in range(100):
        made.tick()  # 2 s in which the board talks and nobody listens
    made.daemon.step()
    assert made.daemon._latest._telemetry is known
    assert made.log.decisions[-1].blind is Rule.STALE
    after = made.daemon.decider.caps.cap_mw
    assert all(new <= old for new, old in zip(after, before, strict=True))
    made.run(3)
    assert made.log.decisions[-1].blind is None
    assert made.daemon.session.lease.held


def test_unplugging_is_survived_and_the_session_comes_back() -> None:
    made = rig()
    made.run(3)
    made.plugged = False
    made.run(4)
    assert made.closed == 1
    assert caps_w(made) <= TARGET_W + 1
    made.plugged = True
    made.run(7)
    assert made.daemon.session.lease.held
    assert made.daemon.stats.reopened == 1


def test_reopening_backs_off_and_complains_once(caplog: pytest.LogCaptureFixture) -> None:
    made = rig()
    made.run(1)
    made.plugged = False
    with caplog.at_level(logging.WARNING, "rackedge"):
        made.run(60)
    attempts = made.opened
    assert attempts == 1
    assert sum("no such port" in record.message for record in caplog.records) == 1


def test_a_reboot_of_the_board_is_normal() -> None:
    made = rig()
    made.run(3)
    made.board.reboot(made.time_ms)
    made.run(4)
    assert any(isinstance(event, ev.Rebooted) for event in made.log.events)
    assert made.daemon.session.lease.held
    assert sum(made.rack.draw_w) == pytest.approx(TARGET_W, rel=0.02)


def test_a_bmc_that_fails_is_counted_at_its_highest_and_the_others_make_room() -> None:
    made = rig()
    made.actuators[0].broken = True
    made.run(8)
    assert made.rack.draw_w[0] == pytest.approx(9_000, rel=0.01)  # nobody capped it
    assert sum(made.rack.draw_w) <= 2 * LIMIT_W
    assert made.log.decisions[-1].rule[0] is Rule.QUARANTINE
    assert made.daemon.stats.cap_failures >= 2


def test_a_bmc_that_works_again_gets_its_fair_share_back() -> None:
    made = rig()
    made.actuators[0].broken = True
    made.run(8)
    made.actuators[0].broken = False
    made.run(40)
    assert made.log.decisions[-1].rule[0] is not Rule.QUARANTINE
    assert made.rack.draw_w[0] == pytest.approx(TARGET_W / LOADS, rel=0.03)


def test_the_group_of_a_dead_bmc_is_shed_when_the_others_cannot_make_room() -> None:
    config = rack_config(LOADS, LIMIT_W, max_w=18_000, min_w=2_000)
    made = DaemonRig(config, FakeRack(config, lambda _t: [18_000.0] * LOADS))
    made.daemon.start()
    made.actuators[2].broken = True
    made.run(8)
    assert made.board.executed[-1] == 1 << 2
    assert made.rack.draw_w[2] == 0
    assert sum(made.rack.draw_w) <= 2 * LIMIT_W


def test_a_missing_load_reading_is_counted_at_its_cap() -> None:
    made = rig()

    def hide(_values: dict[str, int], loads: list[int]) -> None:
        loads[1] = INVALID

    made.board.edit = hide
    made.run(10)
    assert sum(made.rack.draw_w) == pytest.approx(TARGET_W, rel=0.03)
    assert made.daemon.stats.readings_refused > 50


def test_a_missing_feed_reading_raises_nothing() -> None:
    made = rig(lambda t: [1_000.0, 9_000.0, 9_000.0, 9_000.0] if t < 20 else [9_000.0] * LOADS)
    made.run(14)
    before = [*made.daemon.decider.caps.cap_mw]

    def hide(values: dict[str, int], _loads: list[int]) -> None:
        values["feed_b_mw"] = INVALID

    made.board.edit = hide
    made.run(10)
    after = made.daemon.decider.caps.cap_mw
    assert all(new <= old for new, old in zip(after, before, strict=True))
    assert Rule.BLIND in made.log.decisions[-1].rule


def test_shutdown_releases_the_lease_and_leaves_the_caps() -> None:
    made = rig()
    made.run(4)
    caps = [*made.rack.requested_w]
    made.daemon.close(wait=made.tick)
    assert not made.board.lease.held
    assert made.rack.requested_w == caps
    assert all(actuator.closed for actuator in made.actuators)
    assert made.closed == 1


def test_shutdown_lowers_what_was_only_allowed_while_somebody_watches() -> None:
    config = rack_config(LOADS, LIMIT_W, control='redundancy = "none"')
    made = DaemonRig(config, FakeRack(config, full))
    made.daemon.start()
    made.run(40)
    assert caps_w(made) > 2 * LIMIT_W  # overdraft
    made.daemon.close(wait=made.tick)
    made.run_rack(2)
    assert caps_w(made) <= TARGET_W
    assert not made.board.lease.held


def test_shutdown_without_an_answer_still_ends() -> None:
    made = rig()
    made.run(4)
    made.mute = True
    made.daemon.close()  # a clock that stands still must not keep it either
    assert made.closed == 1
    assert all(actuator.closed for actuator in made.actuators)


def test_a_port_that_cannot_be_opened_at_the_start_is_an_error() -> None:
    config = rack_config(LOADS, LIMIT_W)
    made = DaemonRig(config, FakeRack(config, full))
    made.plugged = False
    with pytest.raises(PortError, match="no such port"):
        made.daemon.start()


def test_something_else_at_the_port_is_an_error_before_the_first_connection() -> None:
    made = rig()
    made.board.exchange = lambda _data, _now_ms: b"\r\n>>> MicroPython v1.28\r\n" * 3
    with pytest.raises(LinkError, match=r"\S"):
        made.run(20)


def test_noise_from_the_start_is_survived() -> None:
    config = rack_config(LOADS, LIMIT_W)
    made = DaemonRig(config, FakeRack(config, full))
    exchange = made.board.exchange
    made.board.exchange = lambda _data, _now_ms: bytes(range(1, 200)) * 3
    made.daemon.start()
    made.run(4)
    made.board.exchange = exchange
    made.run(8)
    assert made.daemon.session.lease.held


def test_noise_on_a_line_that_worked_is_survived() -> None:
    made = rig()
    made.run(3)
    exchange = made.board.exchange
    made.board.exchange = lambda _data, _now_ms: bytes(range(1, 200)) * 3
    made.run(8)
    made.board.exchange = exchange
    made.run(6)
    assert made.daemon.session.lease.held


def test_next_wakeup_is_never_later_than_the_lease_needs() -> None:
    made = rig()
    for _ in range(200):
        made.tick()
        made.daemon.step()
        assert made.daemon.next_wakeup_ms() <= made.time_ms + 1_000


def test_run_ends_when_told_and_reports_cycles() -> None:
    made = rig()
    stop = threading.Event()
    cycles = []

    def on_cycle() -> None:
        cycles.append(made.time_ms)
        if len(cycles) == 10:
            stop.set()

    original = made.read

    def read(timeout_s: float) -> bytes:
        made.tick()
        return original(timeout_s)

    made.read = read
    Daemon.run(made.daemon, stop, on_cycle)
    assert len(cycles) == 10
    assert len(set(cycles)) == 10


def test_hello_leaves_at_once() -> None:
    config = rack_config(LOADS, LIMIT_W)
    made = DaemonRig(config, FakeRack(config, full))
    made.daemon.start()
    assert made.daemon.next_wakeup_ms() == made.now_ms()
    made.run(2)
    assert made.daemon.stats.link.retries == 0
