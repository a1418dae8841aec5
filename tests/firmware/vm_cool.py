# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM and on CPython: 3 zones, 8 fans, readings that jump, get lost and
# stall. As a script on the VM it prints one JSON object; the heap is locked during every tick.

import gc
import json
from array import array
from binascii import crc32

from firmware_py.decide.cool import Cooler
from firmware_py.link.events import Events
from firmware_py.link.wire import INVALID
from firmware_py.store.schema_air import AIR, FAN, ZONE

TICKS = 3000


class Section:
    def __init__(self, rows):
        for row in rows:
            setattr(self, row[0], row[1])


class Config:
    def __init__(self):
        self.air = Section(AIR)
        self.air.design_w = 20_000
        self.zones = [Section(ZONE) for _ in range(3)]
        self.fans = [Section(FAN) for _ in range(8)]
        for f in range(8):
            self.fans[f].zones = (1, 3, 2, 6, 4, 7, 0, 5)[f]
            self.fans[f].max_rpm = 6000


class Senses:
    def __init__(self):
        self.zone_mc = array("i", [38_000] * 4)
        self.inlet_mc = 24_000
        self.total_w = 10_000
        self.fan_rpm = array("i", [6000] * 8)
        self._x = 1

    def _random(self, n):
        self._x = (self._x * 1103 + 12_345) % 65_536
        return self._x * n // 65_536

    # Fans follow their duty; now and then something changes or breaks, or heals.
    def move(self, tick, permille):
        for f in range(8):
            if self.fan_rpm[f] > 0:
                self.fan_rpm[f] = max(permille[f] * 6 + self._random(200) - 100, 1)
        if tick % 40 == 0:
            lost = self._random(10) == 0
            self.zone_mc[self._random(3)] = INVALID if lost else 30_000 + self._random(16_000)
            self.inlet_mc = INVALID if self._random(20) == 0 else 18_000 + self._random(12_000)
            self.total_w = self._random(30_000)
            self.fan_rpm[self._random(8)] = (0, INVALID, 1, 1)[self._random(4)]


# (crc of all duties, events, allocated bytes per tick); around: called before and after a tick.
def decide(before=None, after=None):
    events = Events()
    cooler = Cooler(Config(), events)
    sense = Senses()
    crc = allocated = 0
    for tick in range(TICKS):
        sense.move(tick, cooler.fan_permille)
        floor = 600 if tick // 500 % 3 == 1 else 0
        start = before() if before else 0
        cooler.step(sense, floor)
        if after:
            allocated += after() - start
        crc = crc32(cooler.fan_permille, crc)
    return crc, events._count, allocated / TICKS


def _main():
    import micropython

    def before():
        gc.collect()
        used = gc.mem_alloc()
        micropython.heap_lock()
        return used

    def after():
        micropython.heap_unlock()
        return gc.mem_alloc()

    crc, events, per_tick = decide(before, after)
    print(json.dumps({"crc": crc, "events": events, "bytes_per_tick": per_tick}))


if __name__ == "__main__":
    _main()
