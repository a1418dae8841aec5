# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_vm.py and the `vm` bench start it):
#     vm_tick.py CONFIG.bin TICKS      prints one JSON object
#
# The heap is locked during every exchange, so one allocated byte raises MemoryError.

import gc
import json
import sys
import time

import micropython

from firmware_py import channels as ch
from firmware_py import main
from firmware_py.link.codec import Frame, encode
from firmware_py.link.wire import HELLO

_READINGS = (16_000_000, 16_000_000, 23_000, 23_000, 230_000, 230_000, 24_000, 36_000, 3000, 0)


def _say_hello(records):
    hello = Frame(HELLO, 10)
    hello.body[14] = 240
    hello.seal(0, 1, 0)
    records.inbound[1] = encode(hello.body, records.rx, 0)
    records.exchange()
    records.inbound[1] = 0


# One tick: readings that move, the exchange, and the write of the record. Allocates nothing.
def _tick(records, now_ms, sink):
    words = records.inbound
    words[0] = now_ms
    swing = now_ms // 100 % 40
    words[2 + ch.IN_OUTLET_MC] = 36_000 + 50 * swing
    words[2 + ch.IN_FEED_A_MA] = 23_000 + 700 * swing  # over the rating: sheds and restores
    for i in range(8):
        words[2 + ch.IN_LOAD0_MW + i] = 4_000_000 - 1000 * swing
    records.exchange()
    sink(records.outbound)


def _measure(config, ticks):
    records = main.board([config])
    for i in range(len(_READINGS)):
        records.inbound[2 + i] = _READINGS[i]
    records.app.start(0)
    _say_hello(records)
    sink = open("/dev/null", "wb").write  # noqa: PTH123, SIM115
    for i in range(1, 50):
        _tick(records, 100 * i, sink)
    gc.collect()
    before = gc.mem_alloc()
    start_us = time.ticks_us()
    micropython.heap_lock()
    for i in range(50, 50 + ticks):
        _tick(records, 100 * i, sink)
    micropython.heap_unlock()
    taken_us = time.ticks_us() - start_us
    allocated = gc.mem_alloc() - before
    start_us = time.ticks_us()
    for _ in range(20):
        records.app._untidy = True
        records.app.slack()
    slack_us = (time.ticks_us() - start_us) / 20
    return {
        "bytes_per_tick": allocated / ticks,
        "tick_us": taken_us / ticks,
        "slack_us": slack_us,
        "events": records.app.events._count,
        "tx_bytes": records.outbound[1],
    }


print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
