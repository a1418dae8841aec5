# SPDX-License-Identifier: Apache-2.0
"""The closed loop in virtual time, while line, host or board fail."""

from itertools import pairwise

import pytest

from edge.link import events as ev
from firmware_py import channels
from firmware_py.link import messages as m
from hil.demo import DemoOptions, workload
from hil.drivers.inprocess import CpythonBoard
from hil.engine.virtual import TICK_MS
from hil.plant.rack import Rack
from hil.plant.spec import RackSpec
from hil.policies import BaselineRun, time_to_trip_s
from hil.rackfile import board_json
from hil.trace import Demand
from tests.data import ABSENT, power_traces
from tests.hil.lockstep_rig import TTL_MS, Bench

TRACES = power_traces()
each_trace = pytest.mark.parametrize("trace", TRACES or [None], ids=lambda p: p.stem if p else "")


def only_with_traces(trace):
    if trace is None:
        pytest.skip(ABSENT)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    with Bench(tmp_path, monkeypatch) as rig:
        yield rig


def on_again(relays_seen):
    """Masks of the groups that went from off to on, one per change."""
    return [after & ~before for before, after in pairwise(relays_seen) if after & ~before]


def test_the_board_starts_on_the_readings_of_the_rack_not_on_zeros(bench):
    seen = []
    board = bench.run.bench.mcu.device
    exchange = board.exchange

    def note(now_ms, inputs, rx):
        seen.append((now_ms, list(inputs)))
        return exchange(now_ms, inputs, rx)

    board.exchange = note
    bench.go(0.5)
    now_ms, first = seen[0]
    assert now_ms == 0
    assert min(first[channels.IN_FEED_A_MV : channels.IN_OUTLET_MC + 1]) > 0
    kinds = {event.kind for event in bench.run.record.events if event.source == "board"}
    assert kinds <= {"boot", "state", "lease"}


# A line that damages bytes


@pytest.mark.parametrize("share", [0.001, 0.01])
def test_bad_bytes_are_counted_and_change_neither_safety_nor_the_state(bench, share):
    bench.hosted()
    bench.noise(share)
    bench.go(90)
    link = bench.run.link_counters()
    assert sum(line.hit for line in bench.lines) > 30
    assert link.crc_errors > 10
    assert link.gaps > 0
    assert bench.rack.trips == 0
    bench.noise(0)
    bench.until(m.STATE_HOSTED, 8)


def test_a_line_of_nothing_but_noise_is_a_dead_host_and_heals(bench):
    bench.hosted()
    bench.noise(0.5)
    took_ms = bench.until(m.STATE_LOCAL, 5)
    assert took_ms <= TTL_MS + 2 * TICK_MS
    bench.go(20)
    assert bench.rack.trips == 0
    assert bench.state == m.STATE_LOCAL
    bench.noise(0)
    assert bench.until(m.STATE_HOSTED, 8) <= 6000
    bench.go(10)
    assert bench.rack.trips == 0


def test_no_value_that_the_board_did_not_send_is_believed(bench):
    sent, got = set(), []
    run = bench.run
    step = run.bench.plant_step

    def remember():
        step()
        sent.add(tuple(run.inputs[:2]))

    sent.add(tuple(run.inputs[:2]))
    run.bench.plant_step = remember
    take = run.host.daemon._observer.on_link_event

    def note(event, now_ms):
        if isinstance(event, ev.Telemetry):
            got.append((event.values.feed_a_mw, event.values.feed_b_mw))
        take(event, now_ms)

    run.host.daemon._observer.on_link_event = note
    bench.hosted()
    bench.noise(0.004)
    bench.go(60)
    assert len(got) > 200
    assert len(got) < 600  # some were lost, so the noise was real
    assert set(got) <= sent


# A host that dies


def test_a_dead_host_leaves_the_board_local_one_lease_time_later(bench):
    bench.hosted()
    bench.kill_host()
    took_ms = bench.until(m.STATE_LOCAL, 10)
    assert TTL_MS - 1000 - TICK_MS <= took_ms <= TTL_MS + TICK_MS  # renewed every second
    relays = bench.relays
    bench.relays_seen.clear()
    bench.go(90)
    assert bench.rack.trips == 0
    assert relays == 0b1111
    assert on_again(bench.relays_seen) == []  # nothing was off: nothing may be switched on
    assert bench.state == m.STATE_LOCAL


@pytest.mark.parametrize("after_s", [0.3, 2.0, 11.5, 12.3])
def test_a_host_that_dies_at_any_moment_of_the_start_trips_nothing(bench, after_s):
    bench.go(after_s)
    bench.kill_host()
    bench.go(60)
    assert bench.rack.trips == 0
    assert bench.state == m.STATE_LOCAL


def test_groups_that_the_host_held_off_come_back_one_by_one_and_only_when_rested(bench):
    bench.hosted()
    bench.daemon.session.command("SHED", bench.now_ms, off=0b1100)
    bench.go(0.5)
    assert bench.relays == 0b0011
    bench.kill_host()
    bench.relays_seen.clear()
    off_at_ms = bench.now_ms
    local_ms = bench.until(m.STATE_LOCAL, 5)
    assert local_ms <= TTL_MS + TICK_MS
    assert bench.relays == 0b0011, "the end of the lease itself switched a load on"
    bench.go(25)
    assert bench.relays == 0b0011  # min_off_ms is 30 s
    while bench.relays == 0b0011 and bench.now_ms < 110_000:
        bench.tick()
    assert bench.now_ms - off_at_ms >= 29_000
    bench.go(20)
    assert all(mask.bit_count() == 1 for mask in on_again(bench.relays_seen))
    assert bench.rack.trips == 0


def test_a_host_that_comes_back_leads_the_board_again(bench):
    bench.hosted()
    bench.kill_host()
    bench.until(m.STATE_LOCAL, 5)
    bench.go(20)
    bench.wake_host()
    before = bench.run.caps_written
    assert bench.until(m.STATE_HOSTED, 5) <= 3000
    bench.go(30)
    assert bench.run.caps_written > before
    assert bench.rack.trips == 0
    assert bench.daemon.decider.caps.known == [True] * 8


def test_a_host_that_was_stopped_for_less_than_its_lease_keeps_it(bench):
    bench.hosted()
    bench.kill_host()
    bench.go(1.5)
    bench.wake_host()
    bench.go(20)
    leases = [e for e in bench.run.record.events if e.kind == "lease"]
    assert [e.text for e in leases] == ["lease granted"]
    assert bench.rack.trips == 0


# A board that dies


def test_a_rebooted_board_is_leased_and_read_again(bench):
    bench.hosted()
    bench.reboot(boot_id=77)
    took_ms = bench.until(m.STATE_HOSTED, 8)
    assert took_ms <= 5000
    texts = [e.text for e in bench.run.record.events]
    assert any("rebooted" in text or "booted, reset cause" in text for text in texts[3:])
    frames = bench.run.link_counters().frames
    bench.go(10)
    assert bench.run.link_counters().frames - frames >= 190  # telemetry and loads, each tick
    assert bench.rack.trips == 0


@pytest.mark.parametrize("seconds", [1.0, 12.0, 13.2, 40.0])
def test_a_reboot_at_any_moment_trips_nothing(bench, seconds):
    bench.go(seconds)
    for boot_id in (2, 3):
        bench.reboot(boot_id)
        bench.go(9)
    bench.go(20)
    assert bench.state == m.STATE_HOSTED
    assert bench.rack.trips == 0


def test_everything_at_once_trips_nothing(bench):
    bench.hosted()
    for boot_id in range(2, 8):
        bench.noise(0.02)
        bench.go(3)
        bench.kill_host()
        bench.go(5)
        bench.reboot(boot_id)
        bench.wake_host()
        bench.noise(0)
        bench.go(7)
    assert bench.rack.trips == 0
    assert bench.state == m.STATE_HOSTED


# The board alone: no host, no caps


def alone(options, directory):
    """The board and its shedding against uncapped loads; (run, least time to trip in s)."""
    demand, seconds = workload(options)
    spec = RackSpec.for_trace(demand, options.oversubscription, seed=options.seed)
    config = directory / "board.json"
    config.write_text(board_json(spec), encoding="utf-8")
    run = BaselineRun("alone", Rack(spec, Demand(demand)), CpythonBoard(config))
    least_s = min(_steps(run, round(seconds * 1000 / TICK_MS)))
    return run, least_s


def _steps(run, ticks):
    for tick in range(1, ticks + 1):
        run.step_to(tick * TICK_MS)
        yield time_to_trip_s(run.rack)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("oversubscription", [1.2, 1.5, 2.0, 3.0])
def test_without_a_host_shedding_alone_keeps_the_breakers_closed(tmp_path, oversubscription, seed):
    options = DemoOptions(seconds=120, virtual=True, seed=seed, oversubscription=oversubscription)
    run, least_s = alone(options, tmp_path)
    assert run.rack.trips == 0
    assert run.peak_utilisation > 1.13  # it would have tripped
    assert least_s < 5.0


@each_trace
def test_without_a_host_shedding_alone_survives_the_recorded_loads(tmp_path, trace):
    only_with_traces(trace)
    run, _ = alone(DemoOptions(trace=trace, virtual=True), tmp_path)
    assert run.rack.trips == 0
    assert run.result().metrics.served_ratio > 0.4  # it sheds groups, not the rack
