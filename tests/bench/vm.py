# SPDX-License-Identifier: Apache-2.0
"""One firmware tick on the MicroPython VM: bytes allocated, live heap, time.

`compute` is a tick inside the VM (sense, decide, act, telemetry, the record's write to
/dev/null) with the heap locked; `bus` is one exchange with the VM over its two pipes, as the
bench pays it per 100 ms of virtual time. The same code on CPython stands beside them.
"""

import json
import tempfile
from pathlib import Path

from firmware_py.channels import N_IN
from firmware_py.link.messages import HELLO
from hil.drivers.boardfile import write_binary
from hil.drivers.inprocess import CpythonBoard
from hil.drivers.vm import VmBoard
from tests.bench._table import Report, Row, Target, interleave
from tests.firmware.rig import Rig, frame
from tests.firmware.vm import compile_firmware, run_script

CONFIG = {
    "version": 2,
    "loads": [0, 0, 1, 1, 2, 2, 3, 3],
    "groups": [{"never": True}, {}, {}, {}],
    "feeds": [{"rating_ma": 32_000}, {"rating_ma": 32_000}],
    "shed": {"min_off_ms": 1000, "stagger_ms": 500},
}
TICK_MS = 100


def _ticker(board: VmBoard | CpythonBoard):
    """Function that runs `loops` ticks of a board that has been greeted."""
    rig = Rig()
    rig.fill()
    readings = rig.app.raw[:N_IN]
    now_ms = 0
    board.exchange(now_ms, readings, frame(HELLO, 1, bytes(8) + b"\xf0\0", session=0))

    def run(loops: int) -> None:
        nonlocal now_ms
        for _ in range(loops):
            now_ms += TICK_MS
            board.exchange(now_ms, readings, b"")

    return run


def run(quick: bool) -> Report:
    ticks, rounds = (500, 3) if quick else (5000, 9)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "board.json"
        config.write_text(json.dumps(CONFIG))
        config = write_binary(config)
        inside = run_script("tests/firmware/vm_tick.py", config, ticks)
        from_source = run_script("tests/firmware/vm_heap.py", config) / 1024
        compile_firmware(Path(folder))
        live = run_script("tests/firmware/vm_heap.py", config, firmware=folder) / 1024
        boards = {"vm": VmBoard(config), "cpython": CpythonBoard(config)}
        taken_us = interleave({n: _ticker(b) for n, b in boards.items()}, ticks, rounds)
        for board in boards.values():
            board.close()
    return Report(
        "vm",
        [
            Row("bytes allocated per tick", "B", inside["bytes_per_tick"]),
            Row("live heap, bytecode (.mpy)", "KiB", round(live, 1)),
            Row("live heap, from source", "KiB", round(from_source, 1)),
            Row("tick, compute only", "us", inside["tick_us"]),
            Row(
                "tick, through the bus",
                "us",
                taken_us["vm"],
                "CPython in process",
                taken_us["cpython"],
            ),
            Row("gc.collect in the slack", "us", inside["slack_us"]),
        ],
        [
            Target("bytes allocated per tick", inside["bytes_per_tick"], 0),
            Target("live heap as a board carries it (.mpy), KiB", round(live, 1), 60),
            Target("tick through the bus, us", round(taken_us["vm"]), 500),
        ],
        ["heap on the 64-bit VM; where pointers have 32 bits it is about a quarter less"],
    )
