# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_journal.py starts it): what the tick calls of the store, with
# the heap locked. Prints one JSON object. No files: Folder of nothing, so a write would raise.

import gc
import json

import micropython

from firmware_py.store.folder import Folder
from firmware_py.store.intent import Intent
from firmware_py.store.journal import Journal

_KINDS = 41  # more than the ring has room for


def _tick(journal, intent, i):
    journal.t_low = i & 0xFFFF
    journal.put(i % _KINDS + 1, i % 7, 1, i)
    intent.note(0, 0b1010, 0)


def _idle(idle, intent, i):
    if idle.flush(i) or intent.flush(i, 1, 2):
        raise AssertionError("not idle")


def _measure():
    nowhere = Folder("/nowhere")
    journal = Journal(nowhere, 1)
    idle = Journal(nowhere, 1)
    intent = Intent(nowhere)
    still = Intent(nowhere)
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    for i in range(5000):
        _tick(journal, intent, i)
        _idle(idle, still, i)
    micropython.heap_unlock()
    allocated = gc.mem_alloc() - before
    return {"allocated": allocated, "waiting": journal.waiting}


print(json.dumps(_measure()))
