# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM: bytes that the named modules of firmware_py.link keep on the heap
# beside the base firmware.      vm_link_heap.py MODULE...      prints one JSON object

import gc
import json
import sys

from firmware_py import app  # noqa: F401

names = ["firmware_py.link." + name for name in sys.argv[1:]]
before = [name for name in names if name in sys.modules]
gc.collect()
held = gc.mem_alloc()
for name in names:
    __import__(name)
gc.collect()
print(json.dumps({"bytes": gc.mem_alloc() - held, "before": before}))
