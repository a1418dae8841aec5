# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM: bytes that the firmware keeps on the heap once it runs.
#     vm_heap.py CONFIG.bin      prints one JSON number; MICROPYPATH says which firmware

import gc

gc.collect()
before = gc.mem_alloc()

import sys  # noqa: E402

from firmware_py.main import board as make  # noqa: E402

board = make(sys.argv[1:])
board.app.start(0)
gc.collect()
print(gc.mem_alloc() - before)
