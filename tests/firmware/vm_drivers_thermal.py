# SPDX-License-Identifier: Apache-2.0
# Polls every thermal and fluid driver against its fake with the heap locked, so that one allocated
# byte raises MemoryError. Runs inside the VM and prints one JSON object; on CPython the test calls
# walk() and compares.
#     vm_drivers_thermal.py TICKS

import gc
import json
import sys

from firmware_py.act.analog_out import Mcp4725, PwmOut
from firmware_py.act.fan_pwm import FanPwm
from firmware_py.act.led import level
from firmware_py.sense.adc import AdcLine
from firmware_py.sense.ds18b20 import Ds18b20
from firmware_py.sense.flow import Flow
from firmware_py.sense.leak import Leak
from firmware_py.sense.ntc import Ntc
from firmware_py.sense.ntc_tables import NTC10K_B3950_10K
from firmware_py.sense.sht import Sht
from firmware_py.sense.tach import EdgeCounter, Tach
from tests.firmware.fakes.fake_adc_line import FakeAdc
from tests.firmware.fakes.fake_dac import FakeMcp4725
from tests.firmware.fakes.fake_onewire import FakeDs18b20, FakeOneWire
from tests.firmware.fakes.fake_pulse import FakeCounter, FakeTachLine
from tests.firmware.fakes.fake_pwm import FakeFanLine, FakePin, FakePwm
from tests.firmware.fakes.fake_sht import FakeSht

_ROMS = (b"\x28\1\2\3\4\5\6\7", b"\x28\7\6\5\4\3\2\1")
_START_MS = (1 << 30) - 10_000  # board time wraps on the way


class Bench:
    def __init__(self):
        self.wire = FakeOneWire(FakeDs18b20(_ROMS[0], 23_500), FakeDs18b20(_ROMS[1], -4_500))
        self.ds = Ds18b20(self.wire, _ROMS)
        self.adc = FakeAdc(10_000, 10_000)
        self.ntc = Ntc(AdcLine(self.adc, FakeAdc(10_000, 10_000)), NTC10K_B3950_10K)
        self.rope = FakeAdc(47_000, 47_000)
        self.leak = Leak(AdcLine(self.rope), 47_000, 30_000, 70_000)
        self.sht_bus = (FakeSht(0x44, 3), FakeSht(0x44, 4))
        self.sht = (Sht(self.sht_bus[0], 0x44, 3), Sht(self.sht_bus[1], 0x44, 4))
        self.turbine = FakeCounter((1 << 30) - 50)
        self.flow = Flow(self.turbine, 45_000, 60_000)
        self.edges = EdgeCounter()
        self.tach_line = FakeTachLine(self.edges)
        self.tach = Tach(self.edges)
        self.fan_line = FakeFanLine()
        self.fan = FanPwm(self.fan_line.make, self.fan_line.pin, 1)
        self.dac = FakeMcp4725(0x60)
        self.valve = Mcp4725(self.dac, 0x60, 819, 4095, 500)
        self.pump_pwm = FakePwm(FakePin(), 0)
        self.pump = PwmOut(self.pump_pwm, 60_000, 6_000, 1000)
        self.lit = 0
        self.now_ms = _START_MS

    def tick(self, i):
        self.move(i)
        self.poll(i)

    # The fakes on to tick i. They may allocate. Their time begins at 0, for theirs does not wrap.
    def move(self, i):
        true_ms = 100 * i
        self.now_ms = (_START_MS + true_ms) & ((1 << 30) - 1)
        self.wire.now_ms = self.sht_bus[0].now_ms = self.sht_bus[1].now_ms = true_ms
        self.dac.now_ms = true_ms
        self.adc.set(10_000 - 20 * (i % 100))
        self.rope.set(5_000 if i % 60 > 40 else 47_000)
        self.turbine.mhz = 300_000 + 1_000 * (i % 50)
        self.turbine.run(100)
        self.tach_line.rpm = 3000 + 10 * (i % 100)
        self.tach_line.ringing = i & 1
        self.tach_line.run(100)

    # The drivers, whose time does.
    def poll(self, i):
        now_ms = self.now_ms
        self._read(now_ms)
        self.fan.write(i % 500 + 300)
        self.valve.write(i % 300)
        self.valve.poll(now_ms)
        self.pump.write(i % 700)
        self.lit += level(now_ms, i % 7, i & 3)

    def _read(self, now_ms):
        self.ds.poll(now_ms)
        self.ntc.poll(now_ms)
        self.leak.poll(now_ms)
        self.sht[0].poll(now_ms)
        self.sht[1].poll(now_ms)
        self.flow.poll(now_ms)
        self.tach.poll(now_ms)

    # What all drivers show.
    def readings(self):
        three, four = self.sht
        return [
            self.ds.mc[0],
            self.ds.mc[1],
            self.ntc.mc,
            self.leak.wet,
            three.mc,
            three.rh_permille,
            four.mc,
            four.rh_permille,
            self.flow.mlm,
            self.tach.rpm,
            self.fan_line.level(),
            self.valve.permille,
            self.dac.code,
            self.pump_pwm.duty,
            self.lit,
            self.ds.errors + self.ntc.errors + self.leak.errors + self.valve.errors,
            three.errors + four.errors + self.flow.errors + self.tach.errors,
        ]


# Readings every 20 ticks.
def walk(ticks):
    bench = Bench()
    found = []
    for i in range(ticks):
        bench.tick(i)
        if i % 20 == 19:
            found.append(bench.readings())
    return found


# Bytes that the drivers allocate in `ticks` ticks, from the first reading on.
def allocated(ticks):
    import micropython

    bench = Bench()
    bench.tick(0)  # the first write after release() makes the fan's PWM
    total = 0
    for i in range(1, ticks):
        bench.move(i)
        gc.collect()
        before = gc.mem_alloc()
        micropython.heap_lock()
        bench.poll(i)
        micropython.heap_unlock()
        total += gc.mem_alloc() - before
    return total


if __name__ == "__main__":
    ticks = int(sys.argv[1])
    print(json.dumps({"bytes": allocated(ticks), "walk": walk(ticks)}))
