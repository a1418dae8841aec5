# SPDX-License-Identifier: Apache-2.0
"""The board's Liquid on the emulated loop, or on readings that a test sets."""

from firmware_py import channels as ch
from firmware_py.decide.liquid import TICK_MS, Liquid
from firmware_py.link.messages import INVALID
from hil.plant.liquid import Liquid as Loop
from hil.plant.liquid import LiquidSpec
from tests.firmware.vm_liquid import settings

assert ch.IN_LEAK  # the channels that sense reads from

READINGS = {
    "supply_mc": 30_000,
    "return_mc": 38_000,
    "flow_mlm": 60_000,
    "dp_pa": 44_000,
    "rh_permille": 400,
    "dew_air_mc": 24_000,
    "reservoir_permille": 800,
    "pump_rpm": INVALID,
    "leak": False,
    "total_w": 50_000,
}


class Readings:
    """What Sense believes."""

    def __init__(self, **given):
        for name, value in (READINGS | given).items():
            setattr(self, name, value)


class Journal:
    """Events in the order they were put: (code, group, reason, arg)."""

    def __init__(self):
        self.rows = []

    def put(self, *row):
        self.rows.append(row)


class Board:
    """Liquid on readings that a test sets; `follow`: flow and pressure obey the pump."""

    def __init__(self, follow=True, start_ms=0, given=None, **config):
        self.config = settings(config).liquid
        self.journal = Journal()
        self.unit = Liquid(settings(config), self.journal)
        self.sense = Readings(**(given or {}))
        self.now_ms = start_ms
        self.follow = follow

    def run(self, ticks=1, **changes):
        for name, value in changes.items():
            setattr(self.sense, name, value)
        for _ in range(ticks):
            if self.follow:
                out = self.unit.pump_permille
                self.sense.flow_mlm = out * self.config.flow_full_mlm // 1000
                self.sense.dp_pa = out * out // 1000 * self.config.dp_full_pa // 1000
            self.now_ms = (self.now_ms + TICK_MS) & 0x3FFFFFFF
            self.unit.step(self.now_ms, self.sense)
        return self.unit


class Closed:
    """Board and loop, closed at the board's tick."""

    def __init__(self, spec=None, air=0.0, start_c=24.0, **config):
        self.loop = Loop(spec or LiquidSpec(), start_c, air)
        self.board = Board(follow=False, pump_rpm_full=4000, **config)
        self.lost = ()  # names of readings that are INVALID
        self.t_s = 0.0

    def run(self, seconds, heat_w, watch=None):
        loop, board = self.loop, self.board
        unit, sense = board.unit, board.sense
        for _ in range(round(seconds * 10)):
            sense.supply_mc = round(loop.supply_c * 1000)
            sense.return_mc = round(loop.return_c * 1000)
            sense.flow_mlm = round(loop.flow_lpm * 1000)
            sense.dp_pa = round(loop.dp_pa)
            sense.rh_permille = round(loop.rh * 1000)
            sense.dew_air_mc = round(loop.room_c * 1000)
            sense.reservoir_permille = round(loop.reservoir_permille)
            sense.pump_rpm = round(loop.pump_rpm)
            sense.leak = loop.wet
            sense.total_w = round(heat_w)
            for name in self.lost:
                setattr(sense, name, INVALID)
            board.run()
            loop.set_pump(unit.pump_permille)
            loop.set_valve(unit.valve_permille)
            loop.step(TICK_MS / 1000, heat_w)
            self.t_s += 0.1
            if watch:
                watch(self)
        return unit
