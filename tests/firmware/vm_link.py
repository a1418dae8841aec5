# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_link_vm.py starts it): what waits for a port that takes
# some bytes, none, or notifications, with the heap locked, so one allocated byte raises
# MemoryError. Prints one JSON object.

import gc
import json

import micropython

from firmware_py.link import wire as m
from firmware_py.link.ble import Ble
from firmware_py.link.codec import Frame
from firmware_py.link.half_duplex import HalfDuplex
from firmware_py.link.outbox import Outbox


class Port:
    taken = 0

    def write(self, _buf, n):
        self.taken += min(n, 7)
        return min(n, 7)

    def idle(self):
        return True

    def drive(self, on):
        pass


class Radio:
    notified = 0

    def active(self, on):
        pass

    def config(self, **settings):
        pass

    def irq(self, handler):
        self.handler = handler

    def gatts_register_services(self, _services):
        return ((10, 11),)

    def gatts_set_buffer(self, *_how):
        pass

    def gatts_read(self, _handle):
        return WRITTEN

    def gatts_notify(self, _peer, _handle, data):
        self.notified += len(data)

    def gap_advertise(self, *_how, **_more):
        pass


class Bluetooth:
    radio = Radio()

    def BLE(self):  # noqa: N802
        return self.radio

    def UUID(self, _text):  # noqa: N802
        return bytes(16)


WRITTEN = bytes(range(1, 101))
WRITE = (1, 11)
telemetry = Frame(m.TELEMETRY, 56)
answer = Frame(m.ACK, 5)
stalled = Outbox(bytearray(512))
slow = Outbox(bytearray(512))
radio_box = Outbox(bytearray(512))
port = Port()
driver = HalfDuplex(slow, port, 115200)
bluetooth = Bluetooth()
ble = Ble(bluetooth, "vm")
bluetooth.radio.handler(1, (1, 0, b"123456"))
bluetooth.radio.handler(21, (1, 100))
ble.step(radio_box)
rx = bytearray(64)


def run(rounds):
    now_us = 0
    for i in range(rounds):
        telemetry.seal(m.EVENT, i, 1)
        stalled.put(telemetry.body)
        slow.put(telemetry.body)
        radio_box.put(telemetry.body)
        if i % 10 == 0:
            answer.seal(m.RESP, i, 1)
            stalled.put(answer.body)
            slow.put(answer.body)
            slow.turn = slow.n
        for _ in range(20):
            now_us = (now_us + 300) & 0x3FFFFFFF
            driver.step(now_us)
        bluetooth.radio.handler(3, WRITE)
        while ble.read(rx):
            pass
        ble.step(radio_box)


def measure():
    run(30)
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    run(300)
    micropython.heap_unlock()
    allocated = gc.mem_alloc() - before
    return {
        "bytes": allocated,
        "dropped": stalled.dropped,
        "taken": port.taken,
        "notified": bluetooth.radio.notified,
        "overruns": ble.overruns,
    }


print(json.dumps(measure()))
