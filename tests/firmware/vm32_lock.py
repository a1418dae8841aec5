# SPDX-License-Identifier: Apache-2.0
# Runs inside the 32-bit VM: what a number beyond 30 bits does while the heap is locked.

import json

import micropython

least = 1 << 28
found = []
micropython.heap_lock()
try:
    least + least + least  # still small
    least + least + least + least  # 2**30 is not
except MemoryError:
    micropython.heap_unlock()
    found.append("MemoryError")
else:
    micropython.heap_unlock()

print(json.dumps(found))
