# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (and on CPython, for comparison): every electrical driver against
# its fake, 200 polls each with the heap locked, ISR paths included. Prints one JSON object:
#     {"bytes": {case: allocated}, "us": {case: per poll}, "seen": {case: [last readings, digest]}}

import gc
import json
from array import array

from firmware_py.act.mcp23017 import McpContacts, McpRelays
from firmware_py.act.relays import PinPort, RelayBank
from firmware_py.decide.contacts import Contacts
from firmware_py.decide.fast import FastTrip
from firmware_py.link.events import Events
from firmware_py.link.modbus_crc import crc16
from firmware_py.sense import ina2xx, meter_maps
from firmware_py.sense.ct import CtClamp
from firmware_py.sense.meter import Meter
from firmware_py.sense.modbus_master import Master
from tests.firmware.fakes.fake_adc import FakeAdc
from tests.firmware.fakes.fake_i2c import FakeI2c
from tests.firmware.fakes.fake_ina2xx import FakeIna2xx
from tests.firmware.fakes.fake_modbus_meter import FakeModbusMeter
from tests.firmware.fakes.fake_relay_bank import FakeContacts, FakeMcp23017, FakePin

try:
    from time import ticks_us

    from micropython import heap_lock, heap_unlock

    mem_alloc = gc.mem_alloc
except ImportError:  # CPython

    def ticks_us():
        return 0

    def heap_lock():
        pass

    heap_unlock = heap_lock

    def mem_alloc():
        return 0


POLLS = 200


# A meter whose current rises by one step per tick, its answers corrupt now and then.
class MeterCase:
    def __init__(self, table, function, rising, word):
        self.device = FakeModbusMeter(1, function, 3300)
        self.device.delay_ms = 30
        for i in range(3300):
            self.device.registers[i] = word
        self.driver = Meter(Master(self.device, 19_200, retries=1), 1, table, 230_000)
        self.rising = rising

    def step(self, now_ms):
        self.device.now_ms = now_ms
        self.device.registers[self.rising] += 1
        self.device.flip = 4 if now_ms // 100 % 37 == 0 else -1
        self.driver.poll(now_ms)

    def seen(self):
        meter = self.driver
        return [meter.mv, meter.ma, meter.mw, meter.mhz, meter.energy.kwh, meter.energy.mwh]


class InaCase:
    def __init__(self, chip):
        i2c = FakeI2c()
        self.chip = FakeIna2xx(chip)
        self.chip.bus_uv = 30_000_000
        i2c.attach(0x40, self.chip)
        self.driver = ina2xx.Ina2xx(i2c, 0x40, chip, 250)

    def step(self, now_ms):
        self.chip.shunt_nv = 15_000_000 - 1000 * now_ms
        if now_ms % 5000 == 0:
            self.chip.reset()
        self.driver.poll(now_ms)

    def seen(self):
        return [self.driver.ma, self.driver.mv, self.driver.mw, self.driver.restarts]


# The ISR at 1 kHz with clamp and fast trip, and the tick that arms it again.
class IsrCase:
    def __init__(self):
        self.pins = [FakePin() for _ in range(4)]
        self.bank = RelayBank(PinPort(self.pins), 15, 15)
        self.ct = CtClamp(73_260)
        self.adc = FakeAdc(400)
        self.fast = FastTrip(1, self.bank.open_mask)
        self.trips = 0

    def step(self, now_ms):
        self.adc.amplitude = 1500 if now_ms % 2000 == 1000 else 400
        for _ in range(100):
            raw = self.adc.read()
            self.ct.sample(raw)
            self.fast.sample(0, abs(raw - self.ct.mid))
        self.ct.poll(now_ms)
        if self.fast.fired:
            self.trips += 1
            self.bank.write(self.bank.on_mask & ~self.fast.opened)
            self.fast.taken()
        else:
            self.bank.write(15)
        self.fast.arm(12, self.ct.counts(50_000), 0)
        self.bank.poll(now_ms)

    def seen(self):
        return [self.ct.ma, self.ct.mid, self.trips, self.fast.peak(0), self.bank.on_mask]


# An expander with contacts that sometimes stick, and their judge.
class ExpanderCase:
    def __init__(self):
        i2c = FakeI2c()
        self.chip = FakeMcp23017()
        self.aux = FakeMcp23017()
        i2c.attach(0x20, self.chip)
        i2c.attach(0x21, self.aux)
        self.bank = RelayBank(McpRelays(i2c, 0x20, 1), 15, 15, McpContacts(i2c, 0x21))
        self.relays = FakeContacts()
        self.events = Events()
        self.contacts = Contacts(4, self.events, 7, 3, 3, 30, 20_000)
        self.group_mw = array("i", [0] * 4)

    def step(self, now_ms):
        on = 15 if now_ms // 1000 % 2 else 5
        if now_ms % 700 == 0:
            self.bank.open_mask(8)
        self.bank.write(on)
        if now_ms % 3000 == 0:
            self.chip.reset()
        self.relays.welded = 2 if now_ms > 9000 else 0
        self.relays.coils = ~self.chip.driven() & 15
        closed = self.relays.read()
        self.aux.inputs = 0xFFFF ^ closed
        self.bank.poll(now_ms)
        for g in range(4):
            self.group_mw[g] = 2_000_000 * (closed >> g & 1)
        self.contacts.step(15 & ~on, self.bank.contacts, self.group_mw)

    def seen(self):
        bank = self.bank
        welded = self.contacts.welded
        return [bank.on_mask, bank.contacts, bank.rewrites, welded, self.events.waiting]


class CrcCase:
    def __init__(self):
        self.frame = bytearray(range(125))
        self.crc = 0

    def step(self, now_ms):
        self.frame[3] = now_ms & 0xFF
        self.crc = crc16(self.frame, 0, 125)

    def seen(self):
        return [self.crc]


# Makers, so that one case at a time is on the heap.
CASES = {
    # 0x4366 0x4366: 230.26 as binary32; an EM24's registers hold small integers
    "sdm630": lambda: MeterCase(meter_maps.SDM630, 4, 7, 0x4366),
    "iem3000": lambda: MeterCase(meter_maps.IEM3000, 3, 3000, 0x4366),
    "em24": lambda: MeterCase(meter_maps.EM24, 4, 0x0C, 0),
    "ina226": lambda: InaCase(ina2xx.INA226),
    "ina228": lambda: InaCase(ina2xx.INA228),
    "ina238": lambda: InaCase(ina2xx.INA238),
    "isr": IsrCase,
    "expander": ExpanderCase,
    "crc": CrcCase,
}


# One case: bytes allocated, microseconds per poll, last readings and a digest of all later ones.
def measure(case):
    for i in range(10):
        case.step(100 * i)
    gc.collect()
    start_us = ticks_us()  # on 32 bits it may take heap itself
    before = mem_alloc()
    heap_lock()
    for i in range(10, 10 + POLLS):
        case.step(100 * i)
    heap_unlock()
    allocated = mem_alloc() - before
    taken_us = ticks_us() - start_us
    digest = 0
    for i in range(10 + POLLS, 10 + 2 * POLLS):
        case.step(100 * i)
        for value in case.seen():
            digest = (digest * 31 + value) & 0xFFFFFFFF
    seen = case.seen()
    seen.append(digest)
    return allocated, taken_us / POLLS, seen


def main():
    found = {"bytes": {}, "us": {}, "seen": {}}
    for name, make in CASES.items():
        found["bytes"][name], found["us"][name], found["seen"][name] = measure(make())
    return found


if __name__ == "__main__":
    print(json.dumps(main()))
