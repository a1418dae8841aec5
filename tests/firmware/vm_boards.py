# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_boards.py starts it):
#     vm_boards.py BOARD PINS.json FOLDER SCENARIO...      one JSON object: scenario -> its figures
# FOLDER/SCENARIO is the flash of each; PINS.json has the roles and the numbers of the buses.

import gc
import json
import sys

import micropython

from tests.firmware.fakes import board_scenarios


# Bytes of the heap that a tick costs through the board's own code, locked, with a host that listens
# and moving readings; and the live heap of the board once it runs.
def allocation(board, pins, buses, folder):
    gc.collect()
    rig = board_scenarios.Board(board, pins, buses, folder).begin()
    bench = rig.bench
    rig.hello()
    rig.run(6_000)
    rig.world.logs = False
    bench.host.n = 0
    live = rig.live
    app = rig.app
    app.slack = nothing  # a collection is not the tick's
    ticks = 0
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    while ticks < 60:
        due_ms = app.deadline_ms
        bench.probe.mc = 36_000 + 10 * ticks
        bench.load_counts[1] = 40 + ticks % 20
        if not live.turn():
            rig.world.advance(1)
        if app.deadline_ms != due_ms:
            ticks += 1
            bench.host.n = 0
    micropython.heap_unlock()
    allocated = gc.mem_alloc() - before
    return {
        "bytes": allocated,
        "errors": live.wired.errors,
        "ticks": ticks,
        "relays": bench.relays(),
    }


# run.main() itself: what ran once is dropped, and what is imported later still finds its package.
def whole(board, pins, buses, folder):
    from firmware_py import run

    bench = board_scenarios.Bench(board, pins, buses)
    world = bench.world
    bench.inject()
    port = bench.port()
    run.port = lambda: port
    plant = world.every_ms
    start_us = world.us

    def overload():
        plant()
        if world.us - start_us > 6_000_000:
            bench.load_counts = [180] * 4

    world.every_ms = overload
    world.stop_us = start_us + 9_000_000
    ended = ""
    try:
        run.main(0, folder)
    except board_scenarios.Stop:
        ended = "stop"
    left = [name for name in sys.modules if name.startswith("firmware_py.board.wiring")]
    again = board_scenarios.Board(board, pins, buses, folder, 3)
    return {
        "ended": ended,
        "fed": world.fed,
        "relays": bench.relays(),
        "left": len(left),
        "remembered": again.app.shedder.groups.off_mask,
        "off_before": again.app.keeper.off_mask(),
    }


def nothing():
    pass


def main(board, path, folder, names):
    with open(path) as file:  # noqa: PTH123
        pins, buses = json.load(file)
    found = {}
    for name in names:
        gc.collect()
        flash = folder + "/" + name
        if name == "allocation":
            found[name] = allocation(board, pins, buses, flash)
        elif name == "whole":
            found[name] = whole(board, pins, buses, flash)
        else:
            found[name] = board_scenarios.run(name, board, pins, buses, flash)
        for module in list(sys.modules):
            if module.startswith("firmware_py.board"):
                del sys.modules[module]
    print(json.dumps(found))


main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
