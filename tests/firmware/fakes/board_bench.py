# SPDX-License-Identifier: Apache-2.0
# A whole board around the example configuration of firmware_py/board/example.py: its own port
# module on a fake `machine`, its devices, a host on its UART, and a plant whose loads draw what
# their relays let through. In the portable subset: runs on CPython and inside the VM.

import sys

from firmware_py.compat import ticks_ms  # before `micropython` may be a fake  # noqa: F401
from tests.firmware.fakes.fake_adc import FakeAdc
from tests.firmware.fakes.fake_adc_line import FakeAdc as FakeRope
from tests.firmware.fakes.fake_i2c import FakeI2c
from tests.firmware.fakes.fake_ina2xx import INA228, FakeIna2xx
from tests.firmware.fakes.fake_machine import FakeHost, World
from tests.firmware.fakes.fake_modbus_meter import FakeModbusMeter
from tests.firmware.fakes.fake_onewire import FakeDs18b20, FakeOneWire
from tests.firmware.fakes.fake_sht import FakeSht

ROM = b"\x28\x11\x22\x33\x44\x55\x66\xe6"


# I2C with register devices and an SHT.
class Bus(FakeI2c):
    def __init__(self, sht):
        super().__init__()
        self._sht = sht

    def writeto(self, address, buf):
        return self._sht.writeto(address, buf)

    def readfrom_into(self, address, buf):
        self._sht.readfrom_into(address, buf)


# A clamp at its ADC pin.
class Clamp:
    def __init__(self):
        self.wave = FakeAdc(0)

    def read_u16(self):
        return self.wave.read() << 4


# Two meters on one pair.
class Meters:
    def __init__(self, world):
        self._world = world
        self.meters = (FakeModbusMeter(1, 4, 100), FakeModbusMeter(2, 4, 100))
        self._asked = self.meters[0]
        self.de = None  # line of the driver enable
        self.driven_us = 0  # longest time that it was held
        self._held_us = -1

    # 230 V at L1 and the power in W, as binary32 by hand: 230.0 is 43660000.
    def volts(self, meter, on):
        for at in (0, 2, 4):
            self.meters[meter].put(at, 0x4366 if on else 0, 0)

    # Each millisecond.
    def watch(self):
        now_us = self._world.us
        if self.de is None or not self.de.level:
            self._held_us = -1
        elif self._held_us < 0:
            self._held_us = now_us
        else:
            self.driven_us = max(self.driven_us, now_us - self._held_us)

    def any(self):
        self._asked.now_ms = self._world.us // 1000
        return self._asked.any()

    def readinto(self, buf, n):
        self._asked.now_ms = self._world.us // 1000
        return self._asked.readinto(buf, n)

    def write(self, buf, _n):
        self._asked = self.meters[1 if buf[0] == 2 else 0]
        self._asked.now_ms = self._world.us // 1000
        return self._asked.write(buf)

    def txdone(self):
        return True


class Module:
    pass


# The rack: pins by role, and what hangs on them. pins: DEFAULT of the board's pins_BOARD.py by
# names that its Pin takes; buses: BUS_NUMBERS.
class Bench:
    def __init__(self, board, pins, buses, cause=1):
        self.board = board
        self.pins = pins
        self.world = World(board, cause)
        world = self.world
        self.host = FakeHost(world, 16 if board == "stm32" else 512)
        self.meters = Meters(world)
        self.sht = FakeSht(0x44, 4)
        self.sht.raw_t = 27_400  # 28 degC
        self.probe = FakeDs18b20(ROM, 36_000)
        self.probe.seal()
        self.onewire = FakeOneWire(self.probe)
        self.clamps = (Clamp(), Clamp())
        self.rope = FakeRope(10_000, 10_000)
        self.load_counts = [40] * 4  # amplitude that a load adds to each clamp
        self.rpm = 6000  # of the fans at full duty
        world.uarts[buses["link_uart"]] = self.host
        world.uarts[buses["uart"]] = self.meters
        self.bus = world.buses[buses["i2c"]] = Bus(self.sht)
        self.shunts = [FakeIna2xx(INA228) for _ in range(4)]
        for g in range(4):
            self.shunts[g].bus_uv = 48_000_000
            self.bus.attach(64 + g, self.shunts[g])
        world.adcs[pins["ct a"]] = self.clamps[0]
        world.adcs[pins["ct b"]] = self.clamps[1]
        world.adcs[pins["leak"]] = self.rope
        if "ref" in pins:
            world.adcs[pins["ref"]] = FakeRope(10_000, 10_000)
        for meter in (0, 1):
            self.meters.volts(meter, True)
        self._relays = [world.line(pins[f"relay {g}"]) for g in range(4)]
        self._contacts = [world.line(pins[f"contact {g}"]) for g in range(4)]
        self._fans = [world.line(pins[f"fan_pwm {i}"]) for i in range(2)]
        self._tachs = [world.line(pins[f"tach {i}"]) for i in range(2)]
        self._turned = [0, 0]
        self.welded = 0
        self.meters.de = world.line(pins["uart.de"])
        world.every_ms = self._plant

    # Modules that the firmware finds; what was there before.
    def inject(self):
        machine = self.world.module()
        onewire = Module()
        bus = self.onewire
        onewire.OneWire = lambda _pin: bus
        bus.scan = lambda: [ROM]
        found = {"machine": machine, "onewire": onewire}
        for name, made in found.items():
            sys.modules[name] = made
        return machine

    # The board's own module, on this world's clock.
    def port(self):
        name = "firmware_py.board." + self.board
        if name in sys.modules:
            del sys.modules[name]
        __import__(name)
        port = sys.modules[name]
        port.ticks_ms = self.world.ticks_ms
        port.ticks_us = self.world.ticks_us
        port.sleep_ms = self.world.advance
        return port

    # Coils are driven while their group is off: normally-closed contacts, `inverted`.
    def on(self, g):
        return self._relays[g].level == 0 or bool(self.welded >> g & 1)

    def relays(self):
        mask = 0
        for g in range(4):
            mask |= self.on(g) << g
        return mask

    # Duty that a fan sees behind its transistor, permille; full speed while the pin floats.
    def fan_permille(self, i):
        line = self._fans[i]
        return 1000 - line.duty * 1000 // 65_535 if line.mode == "pwm" else 1000

    # Each millisecond: loads, contacts, fans, meters.
    def _plant(self):
        now_ms = self.world.us // 1000
        counts = 0
        for g in range(4):
            on = self.on(g)
            if on:
                counts += self.load_counts[g]
            # 0.5 A of 48 V per count of the clamps, in 1 mOhm
            self.shunts[g].shunt_nv = 500_000 * self.load_counts[g] if on else 0
            self._contacts[g].seen = 0 if on else 1
        for clamp in self.clamps:
            clamp.wave.amplitude = counts
        for i in range(2):
            self._turned[i] += self.rpm * self.fan_permille(i) // 1000
            if self._turned[i] >= 30_000:  # two pulses per revolution
                self._turned[i] -= 30_000
                self._tachs[i].fall()
        self.sht.now_ms = now_ms
        self.onewire.now_ms = now_ms
        self.meters.watch()
