# SPDX-License-Identifier: Apache-2.0
"""Closes the loop: plant -> board -> telemetry -> decision -> cap writes -> plant, 100 ms a tick.

The breakers are on the fast edge of their band: what trips first is what must not trip. Relays
open one tick after the board says so, which the firmware counts on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from edge.caps import CapLedger
from edge.config import Config, parse_config
from edge.decide import Decider
from edge.readings import Snapshot
from edge.reason import Decision
from firmware_py.channels import OUT_FAN_PERMILLE, OUT_RELAYS
from firmware_py.link.messages import INVALID
from hil.plant.air import AirSpec, FanSpec
from hil.plant.rack import Rack
from hil.plant.server import CapSpec, LoadSpec
from hil.plant.spec import FeedSpec, RackSpec
from tests.storm.board import Note, StormBoard
from tests.storm.demand import StormDemand
from tests.storm.outcome import NO_ROW_MW, Outcome, RowCheck, Shed
from tests.storm.scenario import TICK_MS, VOLTS_PER_AMP_PHASES, Scenario, rack_text
from tests.storm.wires import Downlink, Sample, Uplink, Writes

DECIDE_MS = 250
"""The daemon decides at least so often, also without telemetry (edge.control)."""
GRACE_MS = 2_000
"""Before the first telemetry it waits so long."""
SILENCE_MS = 1_000
"""After so long the session is lost, and with it what the loads drew (edge.link.conversation)."""
FULL_FAN_RISE_K = 14.0
AIR_J_M3_K = 1206.0
ALL_ON = (1 << 16) - 1


class Host(Protocol):
    """edge.decide.Decider, or what a test puts in its place."""

    caps: CapLedger

    def decide(self, snapshot: Snapshot) -> Decision:
        """See Decider."""


MakeHost = Callable[[Config, int], Host]


@dataclass(frozen=True, slots=True)
class Instant:
    """What a watcher sees after each tick."""

    now_ms: int
    rack: Rack
    decision: Decision | None
    notes: tuple[Note, ...]
    events: tuple[str, ...]


Watch = Callable[[Instant], None]


def rack_spec(scenario: Scenario) -> RackSpec:
    """The plant of a scenario."""
    peak_w = sum(load.max_w for load in scenario.loads)
    flow_m3_s = peak_w / (AIR_J_M3_K * FULL_FAN_RISE_K)
    return RackSpec(
        loads=tuple(
            LoadSpec(f"n{i}", x.idle_w, x.max_w, x.floor_w, x.share_a, x.group)
            for i, x in enumerate(scenario.loads)
        ),
        feeds=(
            FeedSpec("A", scenario.rating_w[0] / VOLTS_PER_AMP_PHASES),
            FeedSpec("B", scenario.rating_w[1] / VOLTS_PER_AMP_PHASES),
        ),
        fans=FanSpec(max_w=scenario.fans_w, flow_m3_s=flow_m3_s, leak_m3_s=0.03 * flow_m3_s),
        air=AirSpec(heat_capacity_j_k=4.0 * peak_w),
        caps=CapSpec(scenario.devices.dead_s, scenario.devices.tau_s),
        seed=scenario.seed,
    )


class Loop:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, make_host: MakeHost, relays: bool) -> None:
        random = Random(scenario.seed + 2)
        self._scenario = scenario
        self._relays = relays
        self._demand = StormDemand(scenario)
        self.rack = Rack(rack_spec(scenario), self._demand, scenario.theta)
        self._board = StormBoard(scenario, self.rack, random)
        self._config = parse_config(rack_text(scenario))
        self._host = make_host(self._config, scenario.seed)
        self._up = Uplink(scenario.line, random)
        self._down = Downlink(scenario.line, random)
        self._writes = Writes(scenario, random)
        self._telemetry: tuple[int, Sample] | None = None
        self._decide_at_ms = GRACE_MS
        self._relay_mask = ALL_ON
        self._blank = (INVALID,) * len(scenario.loads)
        self.decision: Decision | None = None
        self._rows = RowCheck(self._config)
        self._excess = (-NO_ROW_MW, 0)
        self._refused = 0
        self._sheds: list[Shed] = []
        self._trips_ms: list[int] = []
        self._max_theta = self._max_ratio = 0.0

    def tick(self, now_ms: int) -> Instant:
        """Let `now_ms` happen: faults, caps, plant, board, host."""
        events = self._feeds(now_ms)
        for load, cap_mw in self._writes.arrivals(now_ms):
            self.rack.set_cap(load, cap_mw / 1000)
        trips = self.rack.trips
        self.rack.step(TICK_MS)
        if self.rack.trips > trips:
            self._trips_ms.append(now_ms)
            events.append("TRIP")
        notes = self._run_board(now_ms)
        self._run_host(now_ms)
        self._measure()
        return Instant(now_ms, self.rack, self.decision, tuple(notes), tuple(events))

    def _feeds(self, now_ms: int) -> list[str]:
        scenario = self._scenario
        if scenario.lost_feed is None:
            return []
        name = "AB"[scenario.lost_feed]
        if now_ms == scenario.lost_ms:
            self._demand.dark_feed = scenario.lost_feed
            self.rack.fail_feed(name)
            return [f"feed {name} LOST"]
        if now_ms == scenario.back_ms:
            self._demand.dark_feed = None
            self.rack.restore_feed(name)
            return [f"feed {name} back"]
        return []

    def _run_board(self, now_ms: int) -> list[Note]:
        if self._relays:
            self.rack.set_relays(self._relay_mask)
        notes = self._board.tick(now_ms, self._down.receive(now_ms))
        outputs = self._board.app.act.outputs
        self.rack.set_fan(outputs[OUT_FAN_PERMILLE])
        self._relay_mask = outputs[OUT_RELAYS]
        for note in notes:
            if note.what == "refused":
                self._refused += 1
            elif note.what not in {"restore", "lockout"}:
                self._sheds.append(Shed(now_ms, note.group, note.what))
        self._up.send(self._board.sample(), now_ms)
        return notes

    def _run_host(self, now_ms: int) -> None:
        sample = self._up.receive(now_ms)
        if sample is not None:
            self._telemetry = (now_ms, sample)
        caps = self._host.caps
        for load, cap_mw, failed in self._writes.results(now_ms):
            if failed:
                caps.fail(load, cap_mw, now_ms)
            else:
                caps.confirm(load, cap_mw, None, now_ms)
        if sample is not None or now_ms >= self._decide_at_ms:
            self._decide(now_ms)
        if self.decision is not None:
            self._down.hold(self.decision.shed_groups, now_ms)

    def _decide(self, now_ms: int) -> None:
        self._decide_at_ms = now_ms + DECIDE_MS
        self.decision = decision = self._host.decide(self._snapshot(now_ms))
        for write in decision.writes:
            self._writes.submit(write.load, write.cap_mw, now_ms)
        self._excess = max(self._excess, (self._rows.excess_mw(decision), -now_ms))

    def _snapshot(self, now_ms: int) -> Snapshot:
        if self._telemetry is None:
            return Snapshot(now_ms, None, (), self._blank)
        received_ms, sample = self._telemetry
        age_ms = now_ms - received_ms
        loads_mw = sample.load_mw if age_ms <= SILENCE_MS else self._blank
        return Snapshot(now_ms, age_ms, sample.feed_mw, loads_mw, sample.off_groups)

    def _measure(self) -> None:
        rack, rating_w = self.rack, self._scenario.rating_w
        self._max_theta = max(self._max_theta, *rack.theta)
        ratios = (rack.feed_w[0] / rating_w[0], rack.feed_w[1] / rating_w[1])
        self._max_ratio = max(self._max_ratio, *ratios)

    def outcome(self) -> Outcome:
        """What it has shown so far."""
        rack = self.rack
        return Outcome(
            scenario=self._scenario,
            trips_ms=tuple(self._trips_ms),
            sheds=tuple(self._sheds),
            refused=self._refused,
            max_theta=self._max_theta,
            max_ratio=self._max_ratio,
            row_excess_mw=self._excess[0],
            row_excess_ms=-self._excess[1],
            served_ratio=rack.served_j / rack.demand_j if rack.demand_j else 1.0,
        )


def run(
    scenario: Scenario,
    *,
    make_host: MakeHost = Decider,
    relays: bool = True,
    watch: Watch | None = None,
) -> Outcome:
    """Run a scenario to its end, or to its first trip. `relays` False: the board cannot shed."""
    loop = Loop(scenario, make_host, relays)
    for now_ms in range(0, scenario.length_ms, TICK_MS):
        instant = loop.tick(now_ms)
        if watch is not None:
            watch(instant)
        if loop.rack.trips:
            break
    return loop.outcome()
