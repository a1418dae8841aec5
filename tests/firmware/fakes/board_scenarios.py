# SPDX-License-Identifier: Apache-2.0
# What a board does, as figures: each scenario boots its own board and returns a dictionary of ints
# and lists. test_boards.py runs them on CPython, vm_boards.py inside the VM, and they must agree.

import struct
import sys

from firmware_py import channels as ch
from firmware_py.compat import ticks_diff
from firmware_py.link import wire as m
from firmware_py.link.codec import Decoder, Frame, encode
from tests.firmware.fakes.board_bench import Bench
from tests.firmware.fakes.fake_machine import Bite, Reset, Stop  # noqa: F401 - for vm_boards.py

OWNER = 7
_SAFE_FIRST = ("level", "in")


class Board:
    # folder: the board's flash, with a configuration.
    def __init__(self, board, pins, buses, folder, cause=1):
        self.bench = Bench(board, pins, buses, cause)
        self.world = self.bench.world
        self.bench.inject()
        port = self.bench.port()
        from firmware_py.board.start import start

        self.live = start(port, port.watchdog(), folder, -1)
        self.app = self.live.app
        self.decoder = Decoder()
        self.bodies = []
        self._heard = 0

    def begin(self):
        self.app.start(self.world.ticks_ms())
        return self

    # The loop as Live.run() has it, for so long.
    def run(self, ms):
        end_us = self.world.us + 1000 * ms
        while self.world.us < end_us:
            if self.live.turn():
                self.world.us += 50  # at once again: the pass itself takes time
            else:
                self.world.advance(1)

    def say(self, kind, payload=b"", seq=1, session=None):
        frame = Frame(kind, len(payload))
        for i in range(len(payload)):
            frame.body[m.HEADER_BYTES + i] = payload[i]
        frame.seal(0, seq, self.app.endpoint.session if session is None else session)
        out = bytearray(len(frame.body) + 3)
        encode(frame.body, out, 0)
        self.bench.host.say(out)

    def hello(self):
        self.say(m.HELLO, struct.pack("<IIH", OWNER, 5, 240), session=0)

    # Kinds of the frames that the host has got, oldest first.
    def kinds(self):
        found = []
        host = self.bench.host
        self.decoder.feed(host.out, host.n, lambda body, _n: found.append(body[1]))
        host.n = 0
        return found


# Order of events at power-up: nothing is driven before its level is set, fans float first.
def power_up(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder)
    first = {}
    for name, what, value in rig.world.log:
        if name not in first:
            first[name] = (what, value)
    rig.begin().run(300)
    levels = []
    for name, what, value in rig.world.log:
        for g in range(4):
            if name == pins[f"relay {g}"] and what == "level":
                levels.append(value)
    return {
        "relays": [list(first[pins[f"relay {g}"]]) for g in range(4)],
        "fans": [list(first[pins[f"fan_pwm {i}"]]) for i in range(2)],
        "relay_levels": sorted(set(levels)),
        "de": list(first[pins["uart.de"]]),
    }


# Ten seconds of nothing special.
def calm(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    bench = rig.bench
    rig.run(5_000)
    fed = rig.world.fed
    rig.run(5_000)
    raw = rig.app.raw
    return {
        "fed": rig.world.fed - fed,
        "state": rig.app.state.state,
        "missed": rig.app.missed,
        "errors": rig.live.wired.errors,
        "relays": bench.relays(),
        "contacts": raw[ch.IN_RELAYS],
        "feed_a_mv": raw[ch.IN_FEED_A_MV],
        "feed_a_ma": raw[ch.IN_FEED_A_MA],
        "feed_b_ma": raw[ch.IN_FEED_B_MA],
        "inlet_mc": raw[ch.IN_INLET_MC],
        "outlet_mc": raw[ch.IN_OUTLET_MC],
        "leak": raw[ch.IN_LEAK],
        "fan_rpm": raw[ch.IN_FAN0_RPM],
        "fan_permille": bench.fan_permille(0),
        "wanted_permille": rig.app.act.outputs[ch.OUT_FAN0_PERMILLE],
        "driven_ms": bench.meters.driven_us // 1000,
        "fan_hz": rig.world.line(pins["fan_pwm 0"]).hz,
    }


# HELLO through the UART, then telemetry every tick.
def link(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    rig.run(1_000)
    before = rig.kinds()
    rig.hello()
    rig.run(2_000)
    kinds = rig.kinds()
    return {
        "before": before,
        "first": kinds[0],
        "telemetry": kinds.count(m.TELEMETRY),
        "loads": kinds.count(m.LOADS),
        "errors": rig.decoder.errors,
        "waited": rig.bench.host.waited,
        "missed": rig.app.missed,
    }


# A host that has greeted and then takes nothing: the tick goes on, old frames give way.
def stalled(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    rig.hello()
    rig.run(1_000)
    rig.bench.host.stalls = True
    fed = rig.world.fed
    rig.run(10_000)
    lost = rig.app.outbox.dropped
    fed = rig.world.fed - fed
    rig.bench.host.stalls = False
    rig.kinds()
    rig.run(1_000)
    return {
        "fed": fed,
        "lost": lost > 100,
        "missed": rig.app.missed,
        "telemetry": rig.kinds().count(m.TELEMETRY) >= 9,
        "errors": rig.decoder.errors,
    }


# 2.8 times the rating: groups go, lowest first, and come back when the load has gone.
def overload(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    bench = rig.bench
    rig.run(8_000)
    bench.load_counts = [180] * 4
    start_ms = rig.world.ticks_ms()
    seen = []
    for _ in range(40):
        rig.run(100)
        if not seen or seen[-1][1] != bench.relays():
            seen.append([ticks_diff(rig.world.ticks_ms(), start_ms), bench.relays()])
    bench.load_counts = [20] * 4
    rig.run(18_000)
    return {
        "seen": [mask for _, mask in seen],
        "within_ms": seen[-1][0],
        "back": bench.relays(),
        "never": bench.relays() & 1,
        "state": rig.app.state.state,
        "welded": rig.app.contacts.welded,
    }


# Fans follow the heat.
def heat(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    bench = rig.bench
    rig.run(12_000)
    cool = bench.fan_permille(0)
    bench.probe.mc = 44_000
    rig.run(12_000)
    hot = bench.fan_permille(0)
    bench.probe.gone = True
    rig.run(8_000)
    return {"cool": cool, "hot": hot, "lost": bench.fan_permille(0), "rises": hot > cool}


# The tick hangs for 150 ms while the current jumps beyond the magnetic gate.
def fast(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    world = rig.world
    bench = rig.bench
    rig.run(8_000)
    opened = []

    def hang(*_args):
        bench.load_counts = [400] * 4
        for at_ms in range(1, 151):
            world.advance(1)
            if not opened and bench.relays() == 1:
                opened.append(at_ms)

    step = rig.app.sense.step
    rig.app.sense.step = lambda off_mask: (step(off_mask), hang())[0]
    rig.run(200)
    rig.app.sense.step = step
    bench.load_counts = [20] * 4
    rig.run(500)
    return {
        "opened_ms": opened,
        "off": rig.app.shedder.groups.off_mask,
        "relays": bench.relays(),
        "overrun": rig.app.missed > 0,
    }


# A stage raises: outputs safe, no more feeding, a reset that is remembered as a crash.
def crash(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder)
    world = rig.world
    bench = rig.bench
    rig.begin().run(10_000)
    before = bench.fan_permille(0)
    fed = []

    def broken(*_args):
        fed.append(world.fed)
        raise KeyError("no")

    rig.app.cooler.step = broken
    ended = ""
    try:
        rig.live.run()
    except Reset:
        ended = "reset"
    after = Board(board, pins, buses, folder, 3)
    return {
        "ended": ended,
        "fans": [before < 1000, bench.fan_permille(0), bench.fan_permille(1)],
        "fed_since": world.fed - fed[0],
        "calls": len(fed),
        "kind": after.app.state.info.reset_cause,
    }


# The tick never ends: the watchdog bites within two seconds.
def hang(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    world = rig.world
    rig.run(3_000)
    start_us = world.us
    rig.app.cooler.step = lambda *_args: world.advance(60_000)
    ended = ""
    try:
        rig.run(10_000)
    except Bite:
        ended = "bite"
    return {"ended": ended, "after_ms": (world.us - start_us) // 1000 <= 2_200}


# One driver raises, and then all I2C is dead: only its channels are lost.
def broken_driver(board, pins, buses, folder):
    rig = Board(board, pins, buses, folder).begin()
    rig.run(5_000)
    wired = rig.live.wired
    sht = next(driver for driver in wired.drivers if type(driver).__name__ == "Sht")
    good = rig.app.raw[ch.IN_INLET_MC]

    def broken(_now_ms):
        raise ValueError("no")

    poll = sht.poll
    sht.poll = broken
    rig.run(1_000)
    bad = rig.app.raw[ch.IN_INLET_MC]
    sht.poll = poll
    rig.run(5_000)
    return {
        "good": good,
        "lost": bad == m.INVALID,
        "back": rig.app.raw[ch.IN_INLET_MC],
        "errors": wired.errors > 5,
        "others": rig.app.raw[ch.IN_OUTLET_MC],
        "missed": rig.app.missed,
    }


SCENARIOS = (power_up, calm, link, stalled, overload, heat, fast, crash, hang, broken_driver)


def run(name, board, pins, buses, folder):
    for scenario in SCENARIOS:
        if scenario.__name__ == name:
            return scenario(board, pins, buses, folder)
    sys.exit("no such scenario: " + name)
