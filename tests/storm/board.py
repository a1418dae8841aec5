# SPDX-License-Identifier: Apache-2.0
"""The real firmware, in process, between the plant's meters and its relays.

Frames are not encoded: telemetry is read where TELEMETRY and LOADS are filled from, and a lease
with its shed mask goes to the handlers that LEASE and SHED go to. The codec has its own tests.
"""

from array import array
from random import Random
from struct import unpack_from
from typing import NamedTuple

from firmware_py.app import App
from firmware_py.channels import IN_FEED_A_MA, IN_FEED_A_MV, IN_FEED_A_MW, IN_LOAD0_MW, N_IN
from firmware_py.link import messages as m
from firmware_py.link.commands import COMMANDS, BoardInfo, CommandError
from firmware_py.store import config as store
from firmware_py.store.compile import compile_json
from hil.plant import io
from hil.plant.rack import Rack
from hil.rackfile import board_json
from tests.storm.scenario import Meter, Scenario
from tests.storm.wires import Sample

LEASE_MS = 3_000
OWNER = 1
EVENT = "<HHBBBBi"
"""BOARD_EVENT: time (two halves), code, group, reason, count, arg."""
REASONS = {
    m.SHED_BREAKER: "breaker",
    m.SHED_HARD_OVERCURRENT: "over-current",
    m.SHED_FEED_LOSS: "feed loss",
    m.SHED_OVERTEMP: "over-temperature",
    m.SHED_HOST: "host",
    m.SHED_LEAK: "leak",
}


class Note(NamedTuple):
    """What the board did."""

    what: str
    """A value of REASONS, `restore`, `lockout` or `refused`."""
    group: int


class Meters:
    """Adds class error, noise and quantisation to the board's power and current readings."""

    def __init__(self, meter: Meter, loads: int, random: Random) -> None:
        self._random = random
        self._noise = meter.noise
        self._quantum_mw = meter.quantum_mw
        powers = [IN_FEED_A_MW, IN_FEED_A_MW + 1, *range(IN_LOAD0_MW, IN_LOAD0_MW + loads)]
        self._powers = [(i, 1 + meter.gain_error * random.uniform(-1, 1)) for i in powers]
        self._currents = [
            (i, 1 + meter.gain_error * random.uniform(-1, 1))
            for i in range(IN_FEED_A_MA, IN_FEED_A_MV)
        ]

    def __call__(self, _now_ms: int, inputs: "array[int]") -> None:
        """A hil.plant.io.Fault."""
        draw, quantum_mw, width = self._random.random, self._quantum_mw, 2 * self._noise
        least = 1 - self._noise
        for i, gain in self._powers:
            value = inputs[i] * gain * (least + width * draw())
            inputs[i] = int(value / quantum_mw + 0.5) * quantum_mw
        for i, gain in self._currents:
            inputs[i] = int(inputs[i] * gain * (least + width * draw()))


class StormBoard:
    """One board; `tick` once per 100 ms, after the plant's step."""

    def __init__(self, scenario: Scenario, rack: Rack, random: Random) -> None:
        binary, _ = compile_json(board_json(rack.spec, sorted(scenario.never)))
        settings = store.parse(binary)
        self.app = App(settings, BoardInfo("storm 0001", 1 + scenario.seed % 1_000))
        self._rack = rack
        self._meters = (Meters(scenario.meter, len(scenario.loads), random),)
        self._inputs = array("i", [0] * N_IN)
        self._event = bytearray(12)
        self._started = False

    def tick(self, now_ms: int, mask: int | None) -> list[Note]:
        """Take a lease with its mask if one came, then sense, decide, act; returns what it did."""
        app = self.app
        io.fill_inputs(self._rack, self._inputs, self._meters)
        app.raw[:N_IN] = self._inputs
        if not self._started:
            self._started = True
            app.start(now_ms)
        notes = [] if mask is None else self._lease(now_ms, mask)
        app.step(now_ms, b"", 0)
        while app.events.waiting:
            app.events.take(self._event, 0)
            _, _, code, group, reason, _, _ = unpack_from(EVENT, self._event)
            if code == m.EV_SHED:
                notes.append(Note(REASONS[reason], group))
            elif code in {m.EV_RESTORE, m.EV_LOCKOUT}:
                notes.append(Note("restore" if code == m.EV_RESTORE else "lockout", group))
        return notes

    def _lease(self, now_ms: int, mask: int) -> list[Note]:
        state = self.app.state
        state.now_ms = now_ms
        try:
            COMMANDS[m.LEASE](state, (OWNER, LEASE_MS), b"")
            COMMANDS[m.SHED](state, (mask,), b"")
        except CommandError:
            return [Note("refused", mask)]
        return []

    def sample(self) -> Sample:
        """What telemetry carries now."""
        sense = self.app.sense
        return Sample(tuple(sense.feed_mw), tuple(sense.load_mw), self.app.shedder.groups.off_mask)
