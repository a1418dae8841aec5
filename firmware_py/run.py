# SPDX-License-Identifier: Apache-2.0
# What loader.py starts. The watchdog comes before anything else is imported: an import that hangs
# is a reset, not a dead board. Without a configuration it does not start, and the error goes to the
# REPL, where a technician provisions the board.

import os
import sys

CFG = "/cfg"  # the folder of configuration, key, intent and journal


# The interpreter's port, as a module of board/.
def port():
    known = {"rp2": "rp2", "esp32": "esp32", "pyboard": "stm32"}
    if sys.platform not in known:
        raise RuntimeError("no board for " + sys.platform)
    name = __name__.rsplit(".", 1)[0] + ".board." + known[sys.platform]
    __import__(name)
    return sys.modules[name]


def configured(folder):
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return "config.0" in names or "config.1" in names


# Run until the reset. slot: 0 or 1, which the loader has chosen.
def main(slot, folder=CFG):
    if not configured(folder):
        raise RuntimeError("no configuration in " + folder + ": copy cfg of a new make_image")
    found = port()
    watchdog = found.watchdog()
    from .board.start import start  # noqa: PLC0415

    live = start(found, watchdog, folder, slot)
    del start
    if sys.implementation.name == "micropython":  # no heap to spare for what ran once
        for name in list(sys.modules):
            if name.startswith("firmware_py"):  # what still runs holds its own module
                del sys.modules[name]
    live.run()
