# SPDX-License-Identifier: Apache-2.0
"""The Modbus slave by the book, by an independent client, and with a line that misbehaves."""

import struct
from pathlib import Path

import minimalmodbus
import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link import half_duplex as hd
from firmware_py.link import make_modbus
from firmware_py.link import messages as m
from firmware_py.link.codec import Frame
from firmware_py.link.half_duplex import HalfDuplex
from firmware_py.link.modbus_registers import MODBUS_OWNER, Registers
from firmware_py.link.modbus_slave import ModbusSlave, silence_us
from tests.firmware.keyed import Board
from tests.firmware.vm import run_script

FOLDER = Path(make_modbus.__file__).parents[1]
ADDRESS = 12
LOADS = (1_500_000, 0, m.INVALID, -5)
MAIN = {
    "t_ms": 0xFEDCBA98,
    "state": m.STATE_HOSTED,
    "flags": 5,
    "shed": 0b1010,
    "feed_a_mw": 12_345_678,
    "feed_b_mw": m.INVALID,
    "inlet_mc": -1500,
    "fan_rpm": 4321,
    "heap_free": 100_000,
}


def filled(number, values):
    row = next(row for row in m.MESSAGES if row[0] == number)
    frame = Frame(number, struct.calcsize(row[3]))
    ordered = [values.get(name, 0) for name, *_ in row[4]]
    struct.pack_into(row[3], frame.body, m.HEADER_BYTES, *ordered)
    return frame.body


def loads(values):
    frame = Frame(m.LOADS, 4 * len(values))
    struct.pack_into(f"<{len(values)}i", frame.body, m.HEADER_BYTES, *values)
    return frame.body


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def framed(data):
    return bytes(data) + crc(data)


class Slave:
    """A slave on a silent line; ask() is one whole exchange."""

    def __init__(self, writes=False, cooling=None, baud=19_200):
        self.board = Board(key=None)
        self.board.state.config_crc = 0xCAFE1234
        self.board.state.loads = len(LOADS)
        body = None if cooling is None else filled(m.COOLING, cooling)
        main = filled(m.TELEMETRY, MAIN)
        self.registers = Registers(self.board.state, main, loads(LOADS), body)
        self.slave = ModbusSlave(self.registers, ADDRESS, silence_us(baud), writes)
        self.now_us = (1 << 30) - 5000
        self.now_ms = 1000

    def pause(self, us):
        self.now_us = (self.now_us + us) & ((1 << 30) - 1)

    def hear(self, data):
        self.slave.receive(data, len(data), self.now_us)
        self.slave.step(self.now_us, self.now_ms)

    def say(self):
        """After t3.5 of silence."""
        self.pause(2010)
        self.slave.step(self.now_us, self.now_ms)
        answer = bytes(self.slave.buf[: self.slave.turn])
        self.slave.sent(len(answer))
        return answer

    def ask(self, data):
        self.hear(framed(data))
        return self.say()

    def read(self, first, count, function=4, address=ADDRESS):
        answer = self.ask(struct.pack(">BBHH", address, function, first, count))
        assert framed(answer[:-2]) == answer
        assert answer[:3] == bytes((ADDRESS, function, 2 * count))
        return list(struct.unpack(f">{count}H", answer[3:-2]))


class Port(serial.Serial):
    """A serial port for minimalmodbus with the slave at its other end."""

    def __init__(self, slave):
        super().__init__(None, baudrate=19_200, timeout=0)
        self.is_open = True
        self.slave = slave
        self.waiting = b""

    def write(self, data):
        self.slave.hear(bytes(data))
        self.waiting += self.slave.say()

    def read(self, size=1):
        data, self.waiting = self.waiting[:size], self.waiting[size:]
        return data

    def reset_input_buffer(self):
        self.waiting = b""

    def reset_output_buffer(self):
        pass

    def __del__(self):
        self.is_open = False


@pytest.fixture
def client():
    def make(**how):
        slave = Slave(**how)
        return minimalmodbus.Instrument(Port(slave), ADDRESS), slave

    return make


@pytest.mark.parametrize("function", [3, 4])
def test_independent_client_reads_every_table(client, function):
    master, _ = client(cooling={"supply_mc": 18_500, "pump_rpm": 3000, "fan7_rpm": 77})
    assert master.read_register(0, functioncode=function) == 0x524B
    assert master.read_long(4, functioncode=function) == 0xCAFE1234
    assert master.read_long(100, functioncode=function) == MAIN["t_ms"]
    assert master.read_register(104, functioncode=function) == 0b1010
    signed = {"functioncode": function, "signed": True}
    assert master.read_long(105, **signed) == 12_345_678
    assert master.read_long(107, **signed) == m.INVALID
    assert master.read_long(117, **signed) == -1500
    assert [master.read_long(300 + 2 * i, **signed) for i in range(4)] == list(LOADS)
    assert master.read_long(202, **signed) == 18_500
    assert master.read_register(232, functioncode=function) == 77


def test_whole_tables_can_be_read_at_once(client):
    master, _ = client(cooling={})
    for _, number, base in make_modbus.BLOCKS:
        count = len(make_modbus.table(number))
        assert len(master.read_registers(base, count, 4)) == count
        with pytest.raises(minimalmodbus.IllegalRequestError):
            master.read_registers(base, count + 1, 4)


def test_every_field_is_where_the_document_says():
    text = (FOLDER / "MODBUS.md").read_text()
    slave = Slave(cooling={})
    for name, number, _ in make_modbus.BLOCKS:
        row = next(row for row in m.MESSAGES if row[0] == number)
        values = {field: 3 + 7 * i for i, (field, *_) in enumerate(row[4])}
        body = slave.registers._main if name == "TELEMETRY" else slave.registers._cooling
        body[:] = filled(number, values)
        section = text.split(f"### {name}\n")[1].split("\n###")[0]
        for field, value in values.items():
            (line,) = [x for x in section.splitlines() if f"| {field} |" in x]
            at, count = (int(cell) for cell in line.split("|")[1:3])
            words = slave.read(at, count)
            assert words == [0] * (count - 1) + [value], field


def test_documents_and_map_are_those_of_messages():
    assert (FOLDER / "MODBUS.md").read_text().endswith(make_modbus.tables_text())
    assert (FOLDER / "link" / "modbus_map.py").read_text() == make_modbus.map_text()


def exception(answer):
    assert framed(answer[:-2]) == answer
    assert answer[1] & 0x80
    return answer[2]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (struct.pack(">BBHH", ADDRESS, 3, 0, 0), 3),
        (struct.pack(">BBHH", ADDRESS, 3, 0, 126), 3),
        (struct.pack(">BBHH", ADDRESS, 3, 0, 65_535), 3),
        (struct.pack(">BBHH", ADDRESS, 4, 9, 1), 2),  # behind the identity
        (struct.pack(">BBHH", ADDRESS, 4, 99, 2), 2),  # a gap
        (struct.pack(">BBHH", ADDRESS, 4, 200, 1), 2),  # no cooling here
        (struct.pack(">BBHH", ADDRESS, 4, 300 + 2 * len(LOADS), 1), 2),
        (struct.pack(">BBHH", ADDRESS, 4, 403, 1), 2),
        (struct.pack(">BBHH", ADDRESS, 4, 65_535, 2), 2),
        (struct.pack(">BBHH", ADDRESS, 6, 400, 0), 1),  # read-only by default
        (struct.pack(">BBHHBH", ADDRESS, 16, 400, 1, 2, 0), 1),
        (struct.pack(">BBHH", ADDRESS, 1, 0, 1), 1),
        (struct.pack(">BBHH", ADDRESS, 5, 0, 0xFF00), 1),
        (struct.pack(">BBBBB", ADDRESS, 43, 14, 1, 0), 1),
    ],
)
def test_exceptions(request_, code):
    assert exception(Slave().ask(request_)) == code


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (struct.pack(">BBHH", ADDRESS, 6, 399, 0), 2),
        (struct.pack(">BBHH", ADDRESS, 6, 403, 0), 2),
        (struct.pack(">BBHH", ADDRESS, 6, 400, 0b10000), 3),  # there is no group 4
        (struct.pack(">BBHH", ADDRESS, 6, 401, 1001), 3),
        (struct.pack(">BBHH", ADDRESS, 6, 402, 499), 3),
        (struct.pack(">BBHH", ADDRESS, 6, 402, 30_001), 3),
        (struct.pack(">BBHHB", ADDRESS, 16, 400, 0, 0), 3),
        (struct.pack(">BBHHBHH", ADDRESS, 16, 400, 2, 2, 0, 0), 3),
        (struct.pack(">BBHHBH", ADDRESS, 16, 400, 1, 2, 0) + b"\0", 3),
        (struct.pack(">BBHHBHH", ADDRESS, 16, 402, 2, 4, 1000, 0), 2),
        (struct.pack(">BBHHBHHH", ADDRESS, 16, 400, 3, 6, 2, 1001, 1000), 3),
    ],
)
def test_writes_that_are_refused_change_nothing(request_, code):
    slave = Slave(writes=True)
    assert exception(slave.ask(request_)) == code
    assert not slave.board.lease.held
    assert list(slave.registers.values) == [0, 0, 5000]


def test_a_write_holds_the_lease_and_a_dead_master_falls_back(client):
    master, slave = client(writes=True)
    lease = slave.board.lease
    master.write_registers(400, [0b0011, 700, 2000])
    assert (lease.owner, lease.shed_off, lease.fan_floor_permille) == (MODBUS_OWNER, 0b0010, 700)
    assert master.read_registers(400, 3) == [0b0010, 700, 2000]  # group 0 is never shed
    slave.now_ms += 1500
    master.write_register(401, 300, functioncode=6)
    assert lease.left_ms(slave.now_ms) == 2000
    assert lease.shed_off == 0b0010
    slave.now_ms += 2000
    assert lease.expire(slave.now_ms)
    assert master.read_registers(400, 3) == [0, 0, 2000]
    codes = [code for code, *_ in slave.board.note()]
    assert codes == [m.EV_LEASE]


def test_zero_gives_the_lease_back(client):
    master, slave = client(writes=True)
    master.write_register(400, 2, functioncode=6)
    master.write_register(402, 0, functioncode=6)
    assert not slave.board.lease.held
    assert master.read_registers(400, 3) == [0, 0, 5000]


def test_another_owner_keeps_the_lease(client):
    master, slave = client(writes=True)
    slave.board.lease.grant(slave.now_ms, 7, 3000)
    with pytest.raises(minimalmodbus.SlaveDeviceBusyError):
        master.write_register(400, 2, functioncode=6)
    assert slave.board.lease.shed_off == 0


def test_reading_never_renews(client):
    master, slave = client(writes=True)
    master.write_register(400, 2, functioncode=6)
    slave.now_ms += 4000
    master.read_registers(400, 3)
    assert slave.board.lease.left_ms(slave.now_ms) == 1000


def test_broadcast_is_executed_and_never_answered():
    slave = Slave(writes=True)
    assert slave.ask(struct.pack(">BBHH", 0, 6, 401, 500)) == b""
    assert slave.board.lease.fan_floor_permille == 500
    assert slave.ask(struct.pack(">BBHH", 0, 4, 0, 1)) == b""
    assert slave.ask(struct.pack(">BBHH", 0, 99, 0, 1)) == b""
    assert Slave().ask(struct.pack(">BBHH", 0, 6, 401, 500)) == b""


READ = struct.pack(">BBHH", ADDRESS, 4, 0, 1)


@pytest.mark.parametrize(
    "data",
    [
        READ + b"\0\0",  # wrong CRC
        framed(READ)[:-1],  # cut short
        framed(READ) + b"\0",  # one byte too many
        framed(struct.pack(">BBHH", ADDRESS + 1, 4, 0, 1)),  # somebody else
        framed(struct.pack(">BBH", ADDRESS, 4, 0)),
        framed(bytes((ADDRESS, 4, 2, 0x52, 0x4B))),  # its own answer
        b"\x0c",
        bytes(300),
    ],
)
def test_silence_where_no_answer_is_due(data):
    slave = Slave()
    slave.hear(data)
    assert slave.say() == b""
    assert slave.read(0, 1) == [0x524B]


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_gap_within_a_frame_ends_it(cut):
    slave = Slave()
    slave.hear(framed(READ)[:cut])
    slave.pause(2010)
    slave.hear(framed(READ)[cut:])
    assert slave.say() == b""


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_frame_may_come_in_pieces(cut):
    slave = Slave()
    slave.hear(framed(READ)[:cut])
    slave.pause(1500)
    slave.hear(framed(READ)[cut:])
    assert slave.say()[:3] == bytes((ADDRESS, 4, 2))


def test_answer_waits_for_the_silence():
    slave = Slave()
    slave.hear(framed(READ))
    assert slave.slave.turn == 0
    slave.pause(1990)
    slave.slave.step(slave.now_us, 0)
    assert slave.slave.turn == 0
    assert slave.say()


def test_a_read_behind_another_slaves_answer_is_found_but_no_write_is():
    foreign = framed(bytes((ADDRESS + 1, 4, 4, 1, 2, 3, 4)))
    slave = Slave(writes=True)
    slave.hear(foreign + framed(READ))
    assert slave.say()[:3] == bytes((ADDRESS, 4, 2))
    slave.hear(foreign + framed(struct.pack(">BBHH", ADDRESS, 6, 401, 500)))
    assert slave.say() == b""
    assert not slave.board.lease.held


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=300), max_size=6), st.booleans())
def test_any_bytes_lead_to_silence_or_a_sound_answer(chunks, sound):
    slave = Slave(writes=True, cooling={})
    for chunk in chunks:
        slave.hear(framed(bytes((ADDRESS,)) + chunk) if sound else chunk)
        answer = slave.say()
        assert answer == b"" or framed(answer[:-2]) == answer
        assert len(answer) <= 256
    assert slave.read(0, 1) == [0x524B]


class Uart:
    """Echoes what it sends, as a transceiver does whose receiver stays on."""

    def __init__(self):
        self.sent = b""
        self.rx = b""
        self.driving = False

    def write(self, buf, n):
        taken = min(n, 16)
        self.sent += bytes(buf[:taken])
        self.rx += bytes(buf[:taken])
        return taken

    def idle(self):
        return True

    def drive(self, on):
        self.driving = on
        if not on:
            self.rx = b""


def test_on_a_pair_it_answers_once_and_does_not_take_its_echo_for_a_request():
    slave, uart = Slave(writes=True), Uart()
    driver = HalfDuplex(slave.slave, uart, 19_200)
    uart.rx = request = framed(struct.pack(">BBHH", ADDRESS, 6, 401, 500))
    for _ in range(300):
        data, uart.rx = uart.rx, b""
        if driver.state < hd.SEND:
            driver.heard(len(data))
            slave.slave.receive(data, len(data), slave.now_us)
        slave.slave.step(slave.now_us, slave.now_ms)
        driver.step(slave.now_us)
        slave.pause(300)
    assert uart.sent == request  # the answer to function 6, once
    assert not uart.driving
    assert slave.slave.answered == 1


@pytest.mark.parametrize(("baud", "us"), [(9600, 4010), (19_200, 2005), (38_400, 1750)])
def test_silence_is_that_of_the_standard(baud, us):
    assert silence_us(baud) == us


def test_reading_allocates_nothing_on_the_vm():
    measured = run_script("tests/firmware/vm_modbus.py")
    assert measured["bytes"] == 0
    assert measured["answers"] == 200
