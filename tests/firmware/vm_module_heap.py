# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM: bytes that each group of modules keeps on the heap beside the base
# firmware and the groups before it.
#     vm_module_heap.py GROUP...      a group: a.b,c.d below firmware_py; prints a JSON list

import gc
import json
import sys

from firmware_py import app  # noqa: F401

sizes = [0] * len(sys.argv[1:])
for i in range(len(sizes)):
    gc.collect()
    held = gc.mem_alloc()
    for name in sys.argv[1 + i].split(","):
        __import__("firmware_py." + name)
    gc.collect()
    sizes[i] = gc.mem_alloc() - held
print(json.dumps(sizes))
