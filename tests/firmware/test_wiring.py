# SPDX-License-Identifier: Apache-2.0
"""From rows to drivers, and drivers at work: sharing, order, budget, faults, streams, start."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware_py import channels as ch
from firmware_py import run
from firmware_py.board import example, fast_timer
from firmware_py.board.bus import BusLink, SlaveBus
from firmware_py.board.streams import Paced, Stream
from firmware_py.board.wired import Wired
from firmware_py.decide.fast import FastTrip
from firmware_py.link import messages as m
from firmware_py.link.outbox import Outbox
from firmware_py.sense.analog import Analog
from firmware_py.sense.ct import CtClamp
from firmware_py.store import fskind, reset, slots
from firmware_py.store.compile import compile_json
from firmware_py.store.copies import load, save
from firmware_py.store.folder import Folder
from tests.firmware.fake_bluetooth import Bluetooth
from tests.firmware.fakes import board_scenarios
from tests.firmware.fakes.fake_machine import FakeHost, Reset, Stop, World
from tests.firmware.test_boards import flash, modules, pins  # noqa: F401 - a fixture
from tests.firmware.vm import ROOT

INVALID = m.INVALID


class Driver:
    """Reads `value`, takes `us` of the clock, or raises."""

    def __init__(self, world, us=0, value=0):
        self.world = world
        self.us = us
        self.ma = self.mc = self.mw = value
        self.raises = None
        self.polls = 0

    def poll(self, _now_ms):
        self.polls += 1
        self.world.us += self.us
        if self.raises:
            raise self.raises


def wired(*drivers, essential=None):
    world = drivers[0].world
    made = Wired(world.ticks_us)
    made.drivers = list(drivers)
    made.essential = len(drivers) if essential is None else essential
    made.seal()
    return made


@pytest.fixture
def rig(modules, tmp_path):  # noqa: F811
    return board_scenarios.Board("rp2", *pins("rp2"), flash(tmp_path, "rp2"))


# ---- drivers at work ----


def test_a_driver_that_raises_loses_its_channel_only():
    world = World("rp2")
    bad, good = Driver(world, value=5), Driver(world, value=7)
    made = wired(bad, good)
    for value in (0, ch.IN_INLET_MC, 4, -1, 1, ch.IN_OUTLET_MC, 4, -1):
        made.taps.append(value)
    raw = [0] * ch.N_IN
    for error in (ValueError("no"), OSError(5), MemoryError(), IndexError()):
        bad.raises = error
        made.poll(0, raw)
        assert (raw[ch.IN_INLET_MC], raw[ch.IN_OUTLET_MC]) == (INVALID, 7)
    bad.raises = None
    made.poll(100, raw)
    assert (raw[ch.IN_INLET_MC], made.errors) == (5, 4)


def test_reversed_clamps_and_shunts_count_by_their_amount():
    world = World("rp2")
    made = wired(Driver(world, value=-4200))
    for value in (0, ch.IN_FEED_A_MA, 0, -1, 0, ch.IN_LOAD0_MW, 1, -1, 0, ch.IN_INLET_MC, 4, -1):
        made.taps.append(value)
    raw = [0] * ch.N_IN
    made.poll(0, raw)
    assert raw[ch.IN_FEED_A_MA] == raw[ch.IN_LOAD0_MW] == 4200
    assert raw[ch.IN_INLET_MC] == -4200
    made.drivers[0].ma = INVALID
    made.poll(100, raw)
    assert raw[ch.IN_FEED_A_MA] == INVALID


def test_slow_loads_take_turns_within_the_budget_and_none_is_forgotten():
    world = World("rp2")
    first = [Driver(world, us=2_000) for _ in range(5)]
    loads = [Driver(world, us=5_000) for _ in range(20)]
    made = wired(*first, *loads, essential=5)
    raw = [0] * ch.N_IN
    for tick in range(20):
        start_us = world.us
        made.poll(100 * tick, raw)
        assert world.us - start_us <= 50_000
    assert {driver.polls for driver in first} == {20}
    assert min(driver.polls for driver in loads) >= 6
    assert max(driver.polls for driver in loads) <= 8
    assert made.postponed == 20


def test_outputs_that_raise_do_not_keep_others_from_being_set():
    class Broken:
        def write(self, _value):
            raise OSError(5)

    class Fan:
        permille = -1

        def write(self, permille):
            self.permille = permille

    made = wired(Driver(World("rp2")))
    made.bank = Broken()
    made.fans[0] = Broken()
    made.fans[1] = fan = Fan()
    made.pump = Broken()
    made.valve = valve = Fan()
    outputs = [0] * ch.N_OUT
    outputs[ch.OUT_FAN0_PERMILLE + 1] = 400
    outputs[ch.OUT_VALVE_PERMILLE] = 300
    made.act(0, outputs, 0, 0)
    assert (fan.permille, valve.permille, made.errors) == (400, 300, 3)


@pytest.mark.parametrize(
    ("flags", "failed", "lit_in_turn"),
    [
        (0, 0, 0),
        (m.FLAG_LOCKOUT, 0b10, 1),
        (m.FLAG_OVERRUN, 0, 2),
        (m.FLAG_CONFIG_FALLBACK, 0, 3),
        (m.FLAG_OVERRUN | m.FLAG_CONFIG_FALLBACK, 0b10, 4),
    ],
)
def test_the_led_shows_state_and_alarm(flags, failed, lit_in_turn):
    from firmware_py.act.led import level

    made = wired(Driver(World("rp2")))
    seen = []
    made.led = seen.append
    made.led_flip = 1
    outputs = [0] * ch.N_OUT
    outputs[ch.OUT_STATE] = m.STATE_LOCAL
    for now_ms in range(0, 4096, 128):
        made.act(now_ms, outputs, flags, failed)
    wanted = [level(now_ms, m.STATE_LOCAL, lit_in_turn) ^ 1 for now_ms in range(0, 4096, 128)]
    assert seen == wanted


# ---- rows ----


def test_a_device_for_several_channels_is_one_driver_and_a_bus_is_made_once(rig):
    kinds = [type(driver).__name__ for driver in rig.live.wired.drivers]
    assert kinds.count("Meter") == 2  # each serves mV and mW
    assert kinds.count("Ina2xx") == 4
    assert sorted(set(kinds)) == [
        "CtClamp", "Ds18b20", "Ina2xx", "Leak", "Meter", "Sht", "Tach"
    ]  # fmt: skip
    assert len(rig.live.wired.masters) == 1


def test_loads_come_after_all_that_decisions_need(rig):
    made = rig.live.wired
    assert all(type(driver).__name__ == "Ina2xx" for driver in made.drivers[made.essential :])
    assert len(made.drivers) - made.essential == 4


def test_only_the_drivers_that_rows_name_are_imported():
    code = (
        "import sys; from firmware_py.board import wiring, wiring_in, wiring_out, wired; "
        "print([n for n in sys.modules if '.sense.' in n or '.act.' in n])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "['firmware_py.act.led']"


def build(modules_, folder, *rows, board="rp2", **sections):
    """A board with more rows than its example."""
    document = example.document(board) | sections
    document["wiring"] = document["wiring"] + list(rows)
    binary, _ = compile_json(json.dumps(document))
    save(Folder(str(folder)), "config", binary, 4096)
    return board_scenarios.Board(board, *pins(board), str(folder))


def test_pump_and_valve_are_driven(modules, tmp_path):  # noqa: F811
    from tests.firmware.fakes import board_bench

    dac_codes = []

    class Bus(board_bench.Bus):
        def writeto(self, address, buf):
            if address == 96:
                dac_codes.append(bytes(buf))
                return len(buf)
            return super().writeto(address, buf)

        def readfrom_into(self, address, buf):
            if address == 96:
                raise OSError(5)
            super().readfrom_into(address, buf)

    original = board_bench.Bus
    board_bench.Bus = Bus
    try:
        rig = build(
            modules,
            tmp_path,
            {"channel": "pump_permille", "driver": "pwm_out", "pin": 14, "duty_0": 6000},
            {"channel": "valve_permille", "driver": "mcp4725", "bus": 0, "address": 96},
        )
    finally:
        board_bench.Bus = original
    line = rig.world.line(14)
    assert (line.mode, line.hz, line.duty) == ("pwm", 1000, 65_535)  # its safe value at once
    rig.begin()
    rig.app.act.outputs[ch.OUT_PUMP_PERMILLE] = 0
    rig.live.wired.act(0, rig.app.act.outputs, 0, 0)
    assert line.duty == 6000
    assert b"\x0f\xff" in dac_codes


def test_relays_behind_a_bus_open_soon_after_the_interrupt(modules, tmp_path):  # noqa: F811
    from tests.firmware.fakes.fake_relay_bank import FakeMcp23017

    document = example.document("rp2")
    document["wiring"] = [
        row for row in document["wiring"] if row["driver"] not in ("relay", "contact")
    ] + [
        {"channel": "relays", "driver": "mcp_relays", "bus": 0, "address": 32, "inverted": 1},
        {"channel": "contacts", "driver": "mcp_contacts", "bus": 0, "address": 33},
    ]
    binary, _ = compile_json(json.dumps(document))
    save(Folder(str(tmp_path)), "config", binary, 4096)
    from tests.firmware.fakes import board_bench

    relays, contacts = FakeMcp23017(), FakeMcp23017()

    class Bus(board_bench.Bus):
        def __init__(self, sht):
            super().__init__(sht)
            self.attach(32, relays)
            self.attach(33, contacts)

    original, board_bench.Bus = board_bench.Bus, Bus
    try:
        rig = board_scenarios.Board("rp2", *pins("rp2"), str(tmp_path)).begin()
    finally:
        board_bench.Bus = original
    rig.run(500)
    assert relays.driven() & 0b1111 == 0  # coils are idle while groups are on
    rig.live.wired.bank.open_mask(0b0100)
    rig.live.wired.bank.flush()
    assert relays.driven() & 0b1111 == 0b0100


def test_two_thermometers_on_one_pin_go_to_their_channels(modules, tmp_path):  # noqa: F811
    rows = example.rows("rp2")
    at = next(i for i, row in enumerate(rows) if row["driver"] == "ds18b20")
    rows[at] |= {"rom_high": 0x665544, "rom_low": 0x332211}
    other = dict(rows[at]) | {"channel": "zone1_mc", "rom_low": 0x332212}
    document = example.document("rp2") | {"wiring": [*rows, other], "zones": [{}, {}]}
    binary, _ = compile_json(json.dumps(document))
    save(Folder(str(tmp_path)), "config", binary, 4096)
    rig = board_scenarios.Board("rp2", *pins("rp2"), str(tmp_path)).begin()
    from firmware_py.sense.ds18b20 import crc8

    driver = next(d for d in rig.live.wired.drivers if type(d).__name__ == "Ds18b20")
    assert [bytes(rom[:7]) for rom in driver._roms] == [
        b"\x28\x11\x22\x33\x44\x55\x66",
        b"\x28\x12\x22\x33\x44\x55\x66",
    ]
    assert all(crc8(rom) == 0 for rom in driver._roms)
    rig.bench.probe.rom = bytes(driver._roms[0])
    rig.run(6_000)
    assert rig.app.raw[ch.IN_OUTLET_MC] == 36_000
    assert rig.app.raw[ch.IN_ZONE1_MC] == INVALID


def test_a_configuration_for_another_board_ends_the_start(modules, tmp_path):  # noqa: F811
    flash(tmp_path, "esp32")
    with pytest.raises(ValueError, match="is for board esp32, this one is rp2"):
        board_scenarios.Board("rp2", *pins("rp2"), str(tmp_path))


# ---- streams ----


def outbox(frames):
    box = Outbox(bytearray(1024))
    for _ in range(frames):
        body = bytearray(60)
        body[0], body[1] = 0x14, m.TELEMETRY
        box.put(body)
    return box


@pytest.mark.parametrize("depth", [16, 64, 512])
def test_a_uart_gets_no_more_than_its_buffer_holds(depth):
    """A write beyond it would wait on ESP32 and STM32."""
    world = World("esp32")
    host = FakeHost(world, depth)
    stream = Stream(host, world.ticks_us, 10_000_000 // 115_200, depth)
    box = outbox(10)
    sent = box.n
    for _ in range(200):
        stream.write(box)
        world.advance(1)
    assert (host.waited, box.n, host.n) == (0, 0, sent)


def test_a_line_is_used_to_the_full():
    world = World("rp2")
    host = FakeHost(world, 512)
    paced = Paced(host, world.ticks_us, 86, 512)
    data = bytes(512)
    taken = 0
    for _ in range(1000):
        taken += paced.write(data, 512)
        world.advance(1)
    assert taken >= 1_000_000 // 87 * 0.98


def test_half_of_a_frame_that_left_is_followed_by_its_other_half():
    world = World("stm32")
    host = FakeHost(world, 16)
    stream = Stream(host, world.ticks_us, 86, 16)
    box = outbox(3)
    before = bytes(box.buf[: box.n])
    for _ in range(100):
        stream.write(box)
        world.advance(1)
    assert bytes(host.out[: host.n]) == before


class Line(FakeHost):
    """A pair with an echo of what the board says while it drives."""


def test_a_bus_board_speaks_only_when_asked_and_lets_go(modules, tmp_path):  # noqa: F811
    rows = example.rows("rp2")
    rows[0] |= {"de": 14}
    document = example.document("rp2") | {"wiring": rows, "link": {"mode": 1, "address": 9}}
    binary, _ = compile_json(json.dumps(document))
    save(Folder(str(tmp_path)), "config", binary, 4096)
    rig = board_scenarios.Board("rp2", *pins("rp2"), str(tmp_path)).begin()
    de = rig.world.line(14)
    assert (de.mode, de.level) == ("out", 0)
    assert isinstance(rig.live.link, BusLink)
    rig.say(m.HELLO, struct.pack("<IIH", 7, 5, 240), session=9)
    rig.run(300)
    kinds = rig.kinds()
    assert kinds[-1] == m.HELLO_R
    assert de.level == 0
    rig.run(1_000)
    assert rig.kinds() == []  # telemetry waits for the next turn
    rig.say(m.PING, b"", seq=2)
    rig.run(300)
    assert m.ACK in rig.kinds()
    assert (de.level, rig.live.link._duplex.stuck, rig.app.missed) == (0, 0, 0)


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return data + struct.pack("<H", crc)


def test_the_modbus_slave_answers_on_its_own_port(modules, tmp_path):  # noqa: F811
    port_row = {"driver": "modbus_uart", "bus": 5, "tx": 22, "rx": 28, "de": 15}
    document = example.document("stm32") | {"modbus": {"address": 3}}
    document["wiring"] = document["wiring"] + [port_row]
    binary, _ = compile_json(json.dumps(document))
    save(Folder(str(tmp_path)), "config", binary, 4096)
    from tests.firmware.fakes import board_bench

    class Bench(board_bench.Bench):
        def __init__(self, *args):
            super().__init__(*args)
            self.master = self.world.uarts[5] = FakeHost(self.world, 16)

    original, board_scenarios.Bench = board_scenarios.Bench, Bench
    try:
        rig = board_scenarios.Board("stm32", *pins("stm32"), str(tmp_path)).begin()
    finally:
        board_scenarios.Bench = original
    assert isinstance(rig.live.slave, SlaveBus)
    rig.run(1_000)
    master = rig.bench.master
    master.say(crc16(b"\x03\x04\x00\x00\x00\x01"))
    rig.run(100)
    answer = bytes(master.out[: master.n])
    assert answer == crc16(b"\x03\x04\x02\x52\x4b")  # the probe register, "RK"
    assert rig.world.line("A15").level == 0
    assert rig.app.missed == 0


def test_ble_is_a_second_stream_with_its_own_greeting(modules, tmp_path, monkeypatch):  # noqa: F811
    module = Bluetooth()
    monkeypatch.setitem(sys.modules, "bluetooth", module)
    binary, _ = compile_json(json.dumps(example.document("esp32") | {"link": {"ble": 1}}))
    save(Folder(str(tmp_path)), "config", binary, 4096)
    rig = board_scenarios.Board("esp32", *pins("esp32"), str(tmp_path)).begin()
    rig.hello()
    rig.run(500)
    assert m.TELEMETRY in rig.kinds()
    radio = module.radio
    assert radio.advertised
    radio.connect(1)
    radio.exchange_mtu(1, 247)
    rig.run(300)
    assert radio.notified == []  # silent until its own HELLO
    from firmware_py.link.codec import Frame, encode

    frame = Frame(m.HELLO, 10)
    frame.body[6:16] = struct.pack("<IIH", 8, 5, 240)
    frame.seal(0, 1, 0)
    wire = bytearray(len(frame.body) + 3)
    encode(frame.body, wire, 0)
    radio.write(1, rig.live.radio._ble._in, bytes(wire))
    rig.run(500)
    heard = []
    for _, _, data in radio.notified:
        rig.decoder.feed(data, len(data), lambda body, _n: heard.append(body[1]))
    assert heard[0] == m.HELLO_R
    assert heard.count(m.TELEMETRY) >= 4
    assert m.TELEMETRY in rig.kinds()  # and the cable goes on
    assert rig.app.missed == 0


class Port:
    """stdin and stdout of a USB port: `room` bytes may go, `held` have come."""

    def __init__(self):
        self.held = bytearray()
        self.room = 0
        self.out = bytearray()

    def readinto(self, buf):
        assert self.held, "a read that waits"
        buf[0] = self.held.pop(0)
        return 1

    def write(self, buf):
        assert self.room >= len(buf), "a write that waits"
        self.room -= len(buf)
        self.out += buf
        return len(buf)


class Poll:
    def __init__(self, port):
        self.port = port

    def register(self, _stream, events):
        self.events = events

    def ipoll(self, _timeout_ms):
        ready = self.port.held if self.events == 1 else self.port.room
        return [(self.port, self.events)] if ready else []


def test_a_usb_host_that_does_not_read_holds_nothing(monkeypatch):
    from firmware_py.board import stdio

    port = Port()
    fake = SimpleNamespace(poll=lambda: Poll(port), POLLIN=1, POLLOUT=4)
    monkeypatch.setattr(stdio, "select", fake)
    monkeypatch.setattr(
        stdio,
        "sys",
        SimpleNamespace(stdin=SimpleNamespace(buffer=port), stdout=SimpleNamespace(buffer=port)),
    )
    made = stdio.Stdio()
    box = outbox(2)
    whole = bytes(box.buf[: box.n])
    made.write(box)
    assert (bytes(port.out), box.n) == (b"", len(whole))
    port.room = 40  # half of a frame
    made.write(box)
    port.room = 1000
    made.write(box)
    assert (bytes(port.out), box.n) == (whole, 0)
    port.held += bytes(range(10))
    rx = bytearray(6)
    assert (made.read(rx), bytes(rx)) == (6, bytes(range(6)))
    assert made.read(rx) == 4
    assert made.read(rx) == 0


def test_stm32_gives_its_usb_to_the_link_and_keeps_the_repl_off_it(modules, tmp_path, monkeypatch):  # noqa: F811
    class Vcp:
        """any() is True at most, write() takes what there is room for or None."""

        made = None

        def __init__(self, number):
            assert number == 0
            Vcp.made = self
            self.interrupt = 3
            self.held = bytearray()
            self.out = bytearray()
            self.full = False

        def setinterrupt(self, char):
            self.interrupt = char

        def any(self):
            return bool(self.held)

        def readinto(self, buf, n):
            n = min(n, len(self.held))
            buf[:n] = self.held[:n]
            del self.held[:n]
            return n

        def write(self, buf, n):
            if self.full:
                return None
            self.out += buf[: min(n, 30)]
            return min(n, 30)

    dupterm = []
    monkeypatch.setitem(sys.modules, "pyb", SimpleNamespace(USB_VCP=Vcp))
    monkeypatch.setattr("os.dupterm", lambda *args: dupterm.append(args), raising=False)
    document = example.document("stm32")
    document["wiring"] = document["wiring"][1:]  # without link_uart
    save(Folder(str(tmp_path)), "config", compile_json(json.dumps(document))[0], 4096)
    rig = board_scenarios.Board("stm32", *pins("stm32"), str(tmp_path)).begin()
    assert (Vcp.made.interrupt, dupterm) == (-1, [(None, 1)])
    rig.run(300)
    rig.bench.host.say = Vcp.made.held.extend
    rig.hello()
    rig.run(500)
    heard = []
    rig.decoder.feed(Vcp.made.out, len(Vcp.made.out), lambda body, _n: heard.append(body[1]))
    assert heard[0] == m.HELLO_R
    assert heard.count(m.TELEMETRY) == 5
    Vcp.made.full = True
    rig.run(5_000)
    assert (rig.app.missed, rig.decoder.errors) == (0, 0)


# ---- the interrupt ----


def test_the_interrupt_samples_each_clamp_of_its_feed_and_trips_on_its_peak():
    opened = []
    clamps = [CtClamp(10_000), CtClamp(20_000)]
    fast = fast_timer.MilliampTrip(0b0001, opened.append, [10_000, 20_000])
    fast.arm(0b1110, 1000, 1000)
    adcs = [
        SimpleNamespace(read_u16=lambda: 2048 << 4),
        SimpleNamespace(read_u16=lambda: 4000 << 4),
    ]
    timer = fast_timer.FastTimer(adcs, clamps, bytes((0, 1)), fast, [])
    for _ in range(10):
        timer.callback(None)
    assert opened == [0b1110]
    assert (fast.fired, fast.peak(1)) == (0b10, (4000 - 2048) * 20)


def test_an_adc_that_raises_in_the_interrupt_costs_that_sample_only():
    class Bad:
        def read_u16(self):
            raise OSError(5)

    clamp = CtClamp(10_000)
    timer = fast_timer.FastTimer([Bad()], [clamp], bytes(1), None, [])
    for _ in range(5):
        timer.tick(None)
    assert timer.errors == 5


def test_a_full_queue_in_the_interrupt_is_made_up_by_the_next_poll():
    class Bank:
        late = 0

        def open_mask(self, _mask):
            self.late += 1

        def flush(self, _=0):
            pass

    def full(_call, _value):
        raise RuntimeError("schedule queue full")

    bank = Bank()
    trip = FastTrip(0, fast_timer.Scheduled(bank, full).open_mask)
    trip.arm(1, 10, 0)
    for _ in range(20):
        trip.sample(0, 100)
    assert bank.late == 1


# ---- a transducer ----


@pytest.mark.parametrize(
    ("u16", "value"),
    [
        (6_554, 0),
        (58_982, 400_000),
        (32_768, 200_000),
        (4_000, 0),  # a little below its live zero
        (61_000, 400_000),
        (2_000, INVALID),  # the wire is cut
        (65_535, INVALID),  # or shorted to the supply
        (INVALID, INVALID),
    ],
)
def test_a_live_zero_tells_a_cut_wire_from_no_pressure(u16, value):
    made = Analog(SimpleNamespace(sample=lambda: u16), 6_554, 58_982, 0, 400_000)
    made.poll(0)
    assert made.value == value or abs(made.value - value) <= 40


@pytest.mark.parametrize("high", [-1_000_000, -1, 0, 1, 1000, 999_999, 1_000_000])
def test_a_transducer_is_linear_and_small(high):
    for u16 in range(0, 65_536, 257):
        made = Analog(SimpleNamespace(sample=lambda u=u16: u), 0, 65_535, 0, high)
        made.poll(0)
        assert abs(made.value - high * u16 / 65_535) <= abs(high) / 16_000 + 1


# ---- start and end ----


def test_main_runs_the_board_of_this_interpreter(modules, tmp_path, monkeypatch):  # noqa: F811
    folder = flash(tmp_path, "stm32")
    bench = board_scenarios.Bench("stm32", *pins("stm32"))
    bench.inject()
    bench.port()
    monkeypatch.setattr(sys, "platform", "pyboard")
    bench.world.stop_us = bench.world.us + 3_000_000
    with pytest.raises(Stop):
        run.main(0, folder)
    assert bench.world.fed >= 30
    assert modules.interrupt == -1  # 3 is a byte like any other
    assert modules.buffer >= 100


def test_without_a_configuration_no_watchdog_starts(modules, tmp_path, monkeypatch):  # noqa: F811
    bench = board_scenarios.Bench("rp2", *pins("rp2"))
    bench.inject()
    bench.port()
    monkeypatch.setattr(sys, "platform", "rp2")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RuntimeError, match="no configuration in"):
            run.main(0, str(folder))
    assert not bench.world.watched


def test_an_interpreter_without_a_board_says_so(modules, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(sys, "platform", "esp8266")
    with pytest.raises(RuntimeError, match="no board for esp8266"):
        run.main(0, flash(tmp_path, "rp2"))


def test_what_was_shed_before_a_reset_is_never_on_in_between(modules, tmp_path):  # noqa: F811
    folder = flash(tmp_path, "rp2")
    rig = board_scenarios.Board("rp2", *pins("rp2"), folder).begin()
    rig.run(8_000)
    rig.bench.load_counts = [180] * 4
    rig.run(1_500)
    off = rig.app.shedder.groups.off_mask
    assert off
    again = board_scenarios.Board("rp2", *pins("rp2"), folder, 3)
    for g in range(4):
        if off >> g & 1:  # its coil is driven from the very first level
            first = next(e for e in again.world.log if e[0] == pins("rp2")[0][f"relay {g}"])
            assert first[1:] == ("level", 1)
    again.begin().run(1_000)
    assert again.bench.relays() & off == 0


def test_fat_is_not_written_and_that_is_said(modules, tmp_path, monkeypatch, capsys):  # noqa: F811
    folder = flash(tmp_path, "rp2")
    before = sorted(Path(folder).iterdir())
    monkeypatch.setattr(fskind, "kind", lambda _path: fskind.FAT)
    rig = board_scenarios.Board("rp2", *pins("rp2"), folder).begin()
    rig.run(8_000)
    rig.bench.load_counts = [180] * 4
    rig.run(3_000)
    assert rig.app.shedder.groups.off_mask
    assert sorted(Path(folder).iterdir()) == before
    assert "FAT: nothing is saved" in capsys.readouterr().err
    assert rig.live.slot == -1


def test_a_reset_that_the_host_asks_for_lets_the_answer_out_and_is_remembered(
    modules,  # noqa: F811
    tmp_path,
):
    folder = flash(tmp_path, "rp2")
    rig = board_scenarios.Board("rp2", *pins("rp2"), folder).begin()
    rig.run(2_000)
    rig.app.state.reset = 1
    start_us = rig.world.us
    with pytest.raises(Reset):
        rig.run(5_000)
    assert 400_000 <= rig.world.us - start_us <= 1_000_000
    again = board_scenarios.Board("rp2", *pins("rp2"), folder, 3)
    assert again.app.state.info.reset_cause == reset.BOOT_REQUESTED


def test_a_slot_on_trial_is_kept_after_a_minute(rig, tmp_path, monkeypatch):
    root = tmp_path / "root"
    root.mkdir()
    slots.start_trial(Folder(str(root)), 1)
    from firmware_py.store import folder as module

    real = module.Folder
    monkeypatch.setattr(module, "Folder", lambda path: real(str(root) + path))
    rig.live.slot = 1
    rig.begin()
    rig.live._young = 5  # of 600 ticks
    assert slots.read(real(str(root)))[2] == slots.TRIAL
    rig.run(1_000)
    assert slots.read(real(str(root))) == (1, 0, slots.GOOD)


def test_a_key_of_the_wrong_length_is_no_key(modules, tmp_path):  # noqa: F811
    from firmware_py.board import start

    folder = Folder(str(tmp_path))
    assert start._key(folder) == b""
    for n, good in ((31, False), (32, True), (33, False)):
        (tmp_path / "key").write_bytes(bytes(n))
        assert (start._key(folder) == bytes(32)) is good


def test_intent_and_journal_are_written_while_the_board_runs(rig, tmp_path):
    rig.begin().run(3_000)
    payload, _, _ = load(Folder(str(tmp_path)), "intent", 64)
    assert payload is not None
    assert any(tmp_path.glob("journal*"))
