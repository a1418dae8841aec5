# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM, of 64 or 32 bits: bytes that the firmware keeps on the heap once
# it runs. The 32-bit one collects only between the parts.
#     vm_heap.py CONFIG.bin [OPTION VALUE]... [pad=BYTES | rom=IMAGE]
# as for firmware_py.main; prints one JSON number. The collector takes any word that looks like an
# address for one, also among readings and constants: garbage may stay by chance. `pad` moves all
# that follows, so that whoever asks with several gets the true figure as the least. `rom` is a
# ROMFS image to run the firmware from; it is not counted, as on a board it lies in flash.

import gc
import os
import sys

pad = bytearray(int(sys.argv.pop()[4:])) if sys.argv[-1].startswith("pad=") else None
if sys.argv[-1].startswith("rom="):
    import vfs

    with open(sys.argv.pop()[4:], "rb") as file:  # noqa: PTH123
        vfs.mount(vfs.VfsRom(file.read()), "/rom")
    sys.path[:] = ["/rom"]
if "--store" in sys.argv:
    folder = sys.argv[sys.argv.index("--store") + 1]
    if folder.rsplit("/", 1)[-1] not in os.listdir(folder.rsplit("/", 1)[0] or "/"):  # noqa: PTH208
        os.mkdir(folder)  # noqa: PTH102
gc.collect()
# ----
before = gc.mem_alloc()
from firmware_py.main import board as make  # noqa: E402

board = make(sys.argv[1:])
board.app.start(0)
gc.collect()
# ----
gc.collect()
# ----
print(gc.mem_alloc() - before)
