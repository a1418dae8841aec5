# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM: bytes that a board of the example configuration keeps on the heap
# once it runs, its fakes not counted.
#     vm_board_heap.py BOARD PINS.json FOLDER      prints one JSON object; MICROPYPATH says which
#                                                  firmware

import gc
import json
import sys

from tests.firmware.fakes.board_bench import Bench

with open(sys.argv[2]) as file:  # noqa: PTH123 - MicroPython
    pins, buses = json.load(file)
bench = Bench(sys.argv[1], pins, buses)
bench.inject()
bench.world.logs = False
gc.collect()
before = gc.mem_alloc()

port = bench.port()
watchdog = port.watchdog()
from firmware_py.board.start import start  # noqa: E402

live = start(port, watchdog, sys.argv[3], -1)
del start
gc.collect()
booted = gc.mem_alloc() - before
for name in list(sys.modules):
    if name.startswith("firmware_py"):
        del sys.modules[name]
live.app.start(bench.world.ticks_ms())
end_us = bench.world.us + 3_000_000
while bench.world.us < end_us:
    if not live.turn():
        bench.world.advance(1)
gc.collect()
print(json.dumps({"booted": booted, "runs": gc.mem_alloc() - before}))
