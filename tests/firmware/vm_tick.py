# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_vm.py and the `vm` bench start it):
#     vm_tick.py CONFIG.bin TICKS [OPTION VALUE]...      prints one JSON object
#
# The heap is locked during every exchange, so one allocated byte raises MemoryError. It names no
# constant and no private name of firmware_py, so it runs on bytecode too.

import gc
import json
import sys
import time

import micropython

from firmware_py import main
from firmware_py.link.codec import Frame, encode

_HELLO = 0  # messages.HELLO
_FEED_A_MA = 2  # channels.IN_*
_OUTLET_MC = 7
_LOAD0_MW = 31
_RELAYS = 1  # channels.OUT_RELAYS

# fmt: off
_READINGS = (
    5_500_000, 5_500_000, 8_000, 8_000, 230_000, 230_000, 24_000, 36_000, 3000, 0,
    36_000, 36_000, 36_000, 30_000, 38_000, 60_000, 44_000, 400, 24_000, 800, 50_000, 1000, 0xFFFF,
)
# fmt: on


def _say_hello(records):
    hello = Frame(_HELLO, 10)
    hello.body[14] = 240
    hello.seal(0, 1, 0)
    records.inbound[1] = encode(hello.body, records.rx, 0)
    records.exchange()
    records.inbound[1] = 0


# One tick: readings that move, the exchange, and the write of the record. Allocates nothing.
# Returns whether a relay moves.
def _tick(records, now_ms, sink):
    relays = records.app.act.outputs[_RELAYS]
    words = records.inbound
    words[0] = now_ms
    swing = now_ms // 100 % 40
    words[2 + _OUTLET_MC] = 36_000 + 50 * swing
    busy = now_ms // 100 % 400 < 100  # over the rating for 10 s of 40: sheds and restores
    words[2 + _FEED_A_MA] = 23_000 + 700 * swing if busy else 8_000
    state = records.app.state
    for i in range(state.loads):  # an open group draws nothing
        on = relays >> i * state.groups // state.loads & 1
        words[2 + _LOAD0_MW + i] = (4_000_000 - 1000 * swing) * on
    records.exchange()
    sink(records.outbound)
    return records.app.act.outputs[_RELAYS] != relays


def _measure(argv, ticks):
    records = main.board(argv)
    for i in range(len(_READINGS)):
        records.inbound[2 + i] = _READINGS[i]
    records.app.start(0)
    _say_hello(records)
    sink = open("/dev/null", "wb").write  # noqa: PTH123, SIM115
    for i in range(1, 50):
        _tick(records, 100 * i, sink)
    gc.collect()
    start_us = time.ticks_us()
    before = gc.mem_alloc()
    micropython.heap_lock()
    moves = 0
    for i in range(50, 50 + ticks):
        moves += _tick(records, 100 * i, sink)
    micropython.heap_unlock()
    allocated = gc.mem_alloc() - before
    taken_us = time.ticks_us() - start_us
    start_us = time.ticks_us()
    for _ in range(20):
        gc.collect()
    slack_us = (time.ticks_us() - start_us) / 20
    return {
        "bytes_per_tick": allocated / ticks,
        "tick_us": taken_us / ticks,
        "slack_us": slack_us,
        "moves": moves,
        "tx_bytes": records.outbound[1],
    }


print(json.dumps(_measure(sys.argv[1:2] + sys.argv[3:], int(sys.argv[2]))))
