# SPDX-License-Identifier: Apache-2.0
"""What a tick of the bench costs: plant, meters, record, firmware; and the whole engine.

There is no peer: nothing else emulates a rack on the board's own channels. The engine's tick is
everything `rackedge hil run` does in 100 ms of virtual time, in wall time of whatever else the
machine does.
"""

import tempfile
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from firmware_py.channels import N_IN
from hil.devices import source_of
from hil.drivers.inprocess import CpythonBoard
from hil.plant import Rack, io, signals
from hil.plant.demand import SettableDemand
from hil.plant.options import RackOptions, build
from hil.rackfile import board_json
from hil.scenario.model import Stimulus, Where
from hil.scenario.options import HostOptions
from hil.serve import default_case
from tests.bench._table import Report, Row, Target, interleave

TICK_MS = 100
DAY_TICKS = 864_000
RACKS = {
    "8 loads, air": {},
    "32 loads, air": {"loads": 32},
    "8 loads, all parts": {
        "bbu": {},
        "liquid": {},
        "zones": 4,
        "fans": {"count": 8},
        "phase": [1, 2, 3],
        "meters": {"class_percent": 1.0},
    },
}
AT_REST = Stimulus("demand_ratio", "hold", {"to": 0.4}, Where("bench", 0))
STEP, FILL, RECORD, BOARD = "plant step", "readings", "record row", "firmware, CPython"
Case = Callable[[int], object]


def looped(call: Callable[[], object]) -> Case:
    def case(loops: int) -> None:
        for _ in repeat(None, loops):
            call()

    return case


def cases(name: str, config: Path) -> dict[str, Case]:
    spec = build(RackOptions(**RACKS[name]), 1)
    rack = Rack(spec, SettableDemand(spec.loads))
    rack.set("demand_ratio", 0.4)
    config.write_text(board_json(spec), encoding="utf-8")
    board = CpythonBoard(config)
    inputs = array("i", bytes(4 * N_IN))
    row = array("d", bytes(8 * len(signals.names(rack))))
    io.fill_inputs(rack, inputs)
    now_ms = 0

    def exchange() -> None:
        nonlocal now_ms
        now_ms += TICK_MS
        board.exchange(now_ms, inputs, b"")
        io.apply_outputs(rack, board.outputs)

    return {
        f"{name}: {STEP}": looped(lambda: rack.step(TICK_MS)),
        f"{name}: {FILL}": looped(lambda: io.fill_inputs(rack, inputs)),
        f"{name}: {RECORD}": looped(lambda: signals.values(rack, row)),
        f"{name}: {BOARD}": looped(exchange),
    }


def engines(stack: ExitStack, directory: Path) -> dict[str, Case]:
    """The whole tick, per device and host."""
    found: dict[str, Case] = {}
    for device in ("cpython", "micropython"):
        for host in ("none", "daemon"):
            folder = directory / f"{device}-{host}"
            folder.mkdir()
            endless = replace(default_case(), host=HostOptions(kind=host), stimulus=(AT_REST,))
            run = source_of(device).make_run(endless, folder)
            stack.callback(run.close)
            found[engine_case(device, host)] = looped(run.tick)
    return found


def engine_case(device: str, host: str) -> str:
    return f"engine, {device}, host {host}"


def run(quick: bool = False) -> Report:
    loops, rounds = (200, 3) if quick else (2_000, 15)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        timed: dict[str, Case] = {}
        for name in RACKS:
            timed |= cases(name, directory / "board.json")
        taken_us = interleave(timed, loops, rounds)
        taken_us |= interleave(engines(stack, directory), loops // 4, rounds)
    first = next(iter(RACKS))
    day_s = taken_us[engine_case("cpython", "none")] * DAY_TICKS / 1e6
    vm_us = taken_us[engine_case("micropython", "none")]
    return Report(
        "plant",
        [Row(case, "us", us) for case, us in taken_us.items()],
        [
            Target(f"{first}: {STEP}, us", taken_us[f"{first}: {STEP}"], 12.0),
            Target(f"a day of {DAY_TICKS:,} ticks, CPython firmware, s", day_s, 300.0),
            Target("VM in the loop, x real time", 1e5 / vm_us, 50.0, at_least=True),
        ],
        ["No peer: nothing else emulates a rack on the board's own channels."],
    )
