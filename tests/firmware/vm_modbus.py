# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_modbus_slave.py starts it): reads, writes and refusals with
# the heap locked, so one allocated byte raises MemoryError. Prints one JSON object.

import gc
import json

import micropython

from firmware_py.decide.lease import Lease
from firmware_py.link import wire as m
from firmware_py.link.codec import Frame
from firmware_py.link.commands import BoardInfo, BoardState
from firmware_py.link.events import Events
from firmware_py.link.half_duplex import HalfDuplex
from firmware_py.link.modbus_crc import crc16
from firmware_py.link.modbus_registers import Registers
from firmware_py.link.modbus_slave import ModbusSlave


class Port:
    def write(self, _buf, n):
        return n

    def idle(self):
        return True

    def drive(self, on):
        pass


def request(*data):
    frame = bytearray(data)
    crc = crc16(frame, 0, len(frame))
    return frame + bytes((crc & 0xFF, crc >> 8))


ASKED = (
    request(12, 4, 0, 100, 0, 29),
    request(12, 3, 1, 0x2C, 0, 64),
    request(12, 6, 1, 0x91, 1, 0xF4),
    request(12, 4, 0, 99, 0, 29),
)
state = BoardState(BoardInfo("vm", 1), Lease(), Events(), groups=4)
main, loads = Frame(m.TELEMETRY, 56).body, Frame(m.LOADS, 128).body
slave = ModbusSlave(Registers(state, main, loads), 12, 1750, True)
driver = HalfDuplex(slave, Port(), 19200)
state.lease.grant(0, 0x4D42, 30000)


def run(rounds):
    now_us = 0
    for i in range(rounds):
        data = ASKED[i & 3]
        driver.heard(len(data))
        slave.receive(data, len(data), now_us)
        for _ in range(8):
            now_us = (now_us + 1000) & 0x3FFFFFFF
            slave.step(now_us, 100)
            driver.step(now_us)


def measure():
    run(4)
    answered = slave.answered
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    run(200)
    micropython.heap_unlock()
    allocated = gc.mem_alloc() - before
    return {"bytes": allocated, "answers": slave.answered - answered}


print(json.dumps(measure()))
