# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM, and is imported on CPython by the tests that compare:
#     vm_liquid.py dew              digest of dew points over a grid
#     vm_liquid.py walk STEPS       digest of a random walk of Liquid
#     vm_liquid.py heap STEPS       bytes allocated by the walk, heap locked; and its live heap
#
# Prints one JSON object.

import gc
import json
import sys

from firmware_py.decide.dewpoint import dew_point_mc
from firmware_py.decide.liquid import Liquid
from firmware_py.link.events import Events
from firmware_py.link.wire import INVALID
from firmware_py.store.schema_liquid import LIQUID

_MASK = (1 << 30) - 1


class Section:
    pass


# Settings with a liquid section, defaults but for what is given.
def settings(given):
    made = Section()
    made.liquid = Section()
    for row in LIQUID:
        setattr(made.liquid, row[0], given.get(row[0], row[1]))
    return made


# Quick to give up, so that a short walk sees every interlock latch.
_HASTY = {
    "pump_rpm_full": 4000,
    "valve_rangeability": 40,
    "prime_ms": 5_000,
    "prime_pause_ms": 1_000,
    "prime_tries": 2,
    "low_flow_repeats": 2,
}


def dew_digest():
    digest = 0
    for air_mc in range(-40_000, 125_001, 1900):
        for rh_permille in range(1, 1001, 37):
            digest = (digest * 31 + dew_point_mc(air_mc, rh_permille)) & 0xFFFFFF
    return digest


# The same readings on every runtime: a small generator, and readings that drift and get lost.
class Walk:
    def __init__(self):
        self._seed = 1
        self.unit = Liquid(settings(_HASTY), Events())
        self.supply_mc = 24_000
        self.return_mc = 30_000
        self.flow_mlm = 0
        self.dp_pa = 0
        self.rh_permille = 500
        self.dew_air_mc = 24_000
        self.reservoir_permille = 800
        self.pump_rpm = 0
        self.leak = False
        self.total_w = 20_000
        self.now_ms = (1 << 30) - 60_000  # the wrap of board time is on the way
        self.digest = 0
        self.seen = 0  # bit per outcome, two of each kind
        self.latched = 0  # ever

    def _next(self, n):
        self._seed = (self._seed * 1021 + 12_345) & 0xFFFFF
        return (self._seed >> 4) % n

    def step(self):
        unit = self.unit
        out = unit.pump_permille
        self._happen(self._next(400))
        self.flow_mlm = 150 * out + self._next(2_000)
        self.dp_pa = 250 * out * out // 1000 + self._next(3_000)
        self.pump_rpm = 4 * out
        self.supply_mc += self._next(401) - 200 + (500 - unit.valve_permille) // 20
        self.supply_mc = min(max(self.supply_mc, 5_000), 60_000)
        self.return_mc = self.supply_mc + 8_000
        kept_mc = self.supply_mc
        kept_permille = self.rh_permille
        self._lose(self.now_ms // 20_000 % 16)  # what is lost stays lost for 20 s
        self.now_ms = (self.now_ms + 100) & _MASK
        unit.step(self.now_ms, self)
        self.supply_mc = kept_mc
        self.rh_permille = kept_permille
        self._mix()

    def _happen(self, kind):
        if kind < 8:
            self.total_w = 10_000 * kind
        elif kind < 16:
            self.rh_permille = 100 * (kind - 7)
        elif kind < 20:
            self.dew_air_mc = 15_000 + 5_000 * (kind - 15)
        elif kind == 20:
            self.leak = True
        elif kind < 26:
            self.reservoir_permille = 200 * (kind - 21)
            self.leak = False
        elif kind < 60:
            self.unit.clear()
        elif kind == 60:
            self.unit.full = not self.unit.full

    def _lose(self, phase):
        if phase == 3:
            self.flow_mlm = INVALID
        elif phase == 4:
            self.flow_mlm = self.dp_pa = INVALID
        elif phase == 5:
            self.return_mc = INVALID
        elif phase == 7:
            self.flow_mlm = 100
            self.dp_pa = 0
        elif phase == 9:
            self.pump_rpm = 0
        elif phase == 10:
            self.supply_mc = INVALID
        elif phase == 11:
            self.rh_permille = INVALID

    def _mix(self):
        unit = self.unit
        digest = (self.digest * 31 + unit.pump_permille) & 0xFFFFF
        digest = (digest * 31 + unit.valve_permille) & 0xFFFFF
        digest = (digest * 31 + (unit.dew_mc & 0xFFFF)) & 0xFFFFF
        digest = (digest * 31 + unit.latched) & 0xFFFFF
        self.digest = (digest * 31 + 2 * unit.fault + unit.shed_request) & 0xFFFFF
        self.seen |= 1 << (unit.pump_permille > 0) | 4 << (unit.valve_permille > 0)
        self.seen |= 16 << unit.fault | 64 << unit.shed_request
        self.latched |= unit.latched


def walk(steps):
    made = Walk()
    for _ in range(steps):
        made.step()
    return {"digest": made.digest, "seen": made.seen, "latched": made.latched}


def heap(steps):
    import time

    import micropython

    gc.collect()
    before = gc.mem_alloc()
    made = Walk()
    gc.collect()
    live = gc.mem_alloc() - before
    for _ in range(10):
        made.step()
    gc.collect()
    before = gc.mem_alloc()
    start_us = time.ticks_us()
    micropython.heap_lock()
    for _ in range(steps):
        made.step()
    micropython.heap_unlock()
    taken_us = time.ticks_us() - start_us
    allocated = gc.mem_alloc() - before
    step_us = taken_us / steps
    return {"allocated": allocated, "live": live, "step_us": step_us, "latched": made.latched}


if __name__ == "__main__":
    if sys.argv[1] == "dew":
        print(json.dumps({"digest": dew_digest()}))
    elif sys.argv[1] == "walk":
        print(json.dumps(walk(int(sys.argv[2]))))
    else:
        print(json.dumps(heap(int(sys.argv[2]))))
