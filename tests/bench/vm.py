# SPDX-License-Identifier: Apache-2.0
"""The firmware on the MicroPython VM: tick time and live heap per feature, bytecode, allocation.

A tick is sense, decide, act, telemetry and the record's write to /dev/null inside the 64-bit VM,
with the heap locked. Live heap is that of bytecode, on the 64-bit VM, there also when it runs in
place from a ROMFS image, and, where they are, on the 32-bit VM, whose words are a board's (its
speed is nobody's: WebAssembly), and in place on the bare metal of an emulated Cortex-M3, where the
instructions of a tick and of a collection are counted too. `bus` is one exchange with the VM over
its two pipes, as the bench pays it per 100 ms of virtual time; the same code on CPython stands
beside it.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.errors import RuntimeMissing
from firmware_py import make_image, make_mpy
from firmware_py.channels import N_IN
from firmware_py.link.messages import HELLO
from hil.cortex.machine import find_machine
from hil.drivers.boardfile import write_binary
from hil.drivers.inprocess import CpythonBoard
from hil.drivers.vm import VmBoard
from tests.bench._table import Report, Row, Target, interleave
from tests.firmware.cortex import NS_PER_INSTRUCTION, live_heap_on_cortex, run_on_cortex
from tests.firmware.features import FEATURES
from tests.firmware.rig import Rig, frame
from tests.firmware.vm import compile_firmware, live_heap, live_heap_in_place, run_script
from tests.firmware.vm32 import find_vm32, live_heap32

TICK_MS = 100
ALL = "all of these"
MODULES = {
    "RS-485": "link.half_duplex",
    "BLE": "link.ble",
    "Modbus slave": "link.modbus_slave,link.modbus_registers",
    "Modbus meters": "sense.modbus_master,sense.meter,sense.meter_maps",
    "INA2xx": "sense.ina2xx",
    "CT clamps": "sense.ct",
    "fast over-current": "decide.fast",
    "DS18B20": "sense.ds18b20",
    "NTC": "sense.ntc,sense.ntc_tables",
    "SHT3x, SHT4x": "sense.sht",
    "flow, tach": "sense.flow,sense.tach",
    "leak rope": "sense.leak",
    "relays, expander": "act.relays,act.mcp23017",
    "fan PWM, 0-10 V, LED": "act.fan_pwm,act.analog_out,act.led",
}
"""What `sim` has not: modules beside the base, each with what it brings that is not there yet."""

_HEAPS = (
    ("kib", "live heap", "KiB"),
    ("kib_rom", "live heap, in place", "KiB"),
    ("kib32", "live heap, 32-bit", "KiB"),
    ("kib_cortex", "live heap, Cortex-M3 in place", "KiB"),
)


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


def _present(find: Callable[[], object]) -> bool:
    try:
        find()
    except RuntimeMissing:
        return False
    return True


def _options(options: tuple[str, ...], folder: str) -> tuple[str, ...]:
    return (*options, folder) if options[-1:] == ("--store",) else options


def _feature(
    name: str, folder: Path, rom: Path, ticks: int, vm32: bool, cortex: bool
) -> dict[str, Any]:
    """What vm_tick.py says of that configuration, and live heap: "kib" and one for each `_HEAPS`.

    On the Cortex-M3 also "kinstr" of a tick, "kinstr_gc" of a collection.
    """
    config, options = FEATURES[name]
    path = folder / "board.json"
    path.write_text(json.dumps(config))
    path = write_binary(path)
    stores = [tempfile.mkdtemp(dir=folder) for _ in range(3)]
    more = [_options(options, store) for store in stores]
    found = run_script("tests/firmware/vm_tick.py", path, ticks, *more[0], firmware=folder)
    found["kib"] = live_heap(path, *more[1], firmware=folder) / 1024
    found["kib_rom"] = live_heap_in_place(path, *more[2], rom=rom) / 1024
    if vm32:
        there = _options(options, "/store")
        found["kib32"] = live_heap32(path, *there, firmware=folder) / 1024
    if cortex:
        there = _options(options, "/flash")
        found["kib_cortex"] = live_heap_on_cortex(path, *there) / 1024
        counted = run_on_cortex("tests/firmware/vm_tick.py", path, 200, *there, counted=True)
        found["kinstr"] = counted["tick_us"] / NS_PER_INSTRUCTION
        found["kinstr_gc"] = counted["slack_us"] / NS_PER_INSTRUCTION
    return found


def _feature_rows(found: dict[str, dict[str, Any]]) -> list[Row]:
    """Ticks of the base with each feature; heap of the base, and what each feature adds to it."""
    base = found["base"]
    rows = []
    for key, what, unit in (
        ("tick_us", "tick", "us"),
        ("kinstr", "tick, Cortex-M3", "1000 instructions"),
        ("kinstr_gc", "gc.collect, Cortex-M3", "1000 instructions"),
        *_HEAPS,
    ):
        for name, values in found.items():
            if key in values:
                whole = name in ("base", ALL)
                less = base[key] if unit == "KiB" and not whole else 0
                case = f"{what}: {name}" if whole else f"{what}: + {name}"
                rows.append(Row(case, unit, round(values[key] - less, 2)))
    return rows


def _module_rows(folder: Path) -> list[Row]:
    sizes = run_script("tests/firmware/vm_module_heap.py", *MODULES.values(), firmware=folder)
    return [
        Row(f"modules on the heap: + {name}", "KiB", round(size / 1024, 2))
        for name, size in zip(MODULES, sizes, strict=True)
    ]


def _mpy_rows(folder: Path) -> list[Row]:
    sizes: dict[str, int] = {}
    for source in make_mpy.sources():
        package = source.parts[0] if len(source.parts) > 1 else "(top)"
        size = (folder / "firmware_py" / source).with_suffix(".mpy").stat().st_size
        sizes[package] = sizes.get(package, 0) + size
    rows = [Row(f".mpy: {package}", "B", size) for package, size in sorted(sizes.items())]
    count = len(make_mpy.sources())
    return [Row(f".mpy: all {count} modules", "B", sum(sizes.values())), *rows]


def _bus_row(folder: Path, ticks: int, rounds: int) -> Row:
    config = folder / "base.json"
    config.write_text(json.dumps(FEATURES["base"][0]))
    config = write_binary(config)
    boards = {"vm": VmBoard(config), "cpython": CpythonBoard(config)}
    taken_us = interleave({n: _ticker(b) for n, b in boards.items()}, ticks, rounds)
    for board in boards.values():
        board.close()
    peer = "CPython in process"
    return Row("tick, through the bus", "us", taken_us["vm"], peer, taken_us["cpython"])


def run(quick: bool) -> Report:
    ticks, rounds = (300, 3) if quick else (5000, 9)
    vm32, cortex = _present(find_vm32), _present(find_machine)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_firmware(folder)
        rom = folder / "firmware.romfs"
        make_image.romfs(rom)
        found = {name: _feature(name, folder, rom, ticks, vm32, cortex) for name in FEATURES}
        modules, mpy = _module_rows(folder), _mpy_rows(folder)
        bus = _bus_row(folder, ticks, rounds)
    drivers = run_script("tests/firmware/vm_drivers_electric.py")["bytes"]
    isr = []
    if cortex:
        counted = run_on_cortex("tests/firmware/vm_isr.py", counted=True)["sample_us"]
        kinstr = round(counted / NS_PER_INSTRUCTION, 2)
        isr.append(Row("ISR, a clamp's sample, Cortex-M3", "1000 instructions", kinstr))
    base, full = found["base"], found[ALL]
    heap = Target("live heap of the base, 64-bit, KiB", round(base["kib"], 1), 78)
    if vm32:
        heap = Target("live heap of the base, 32-bit, KiB", round(base["kib32"], 1), 60)
    targets = [heap]
    if cortex:
        kib = round(full["kib_cortex"], 1)
        targets.append(Target(f"live heap, Cortex-M3 in place, KiB: {ALL}", kib, 60))
    notes = [
        "32-bit VM: 1.27.0" if vm32 else "32-bit VM: none here, see tests/firmware/vm32.py",
        "Cortex-M3: in QEMU" if cortex else "Cortex-M3: none here, see hil/cortex/build",
    ]
    return Report(
        "vm",
        [
            Row("bytes allocated per tick: base", "B", base["bytes_per_tick"]),
            Row(f"bytes allocated per tick: {ALL}", "B", full["bytes_per_tick"]),
            Row("bytes allocated, ISRs and polls", "B", sum(drivers.values())),
            *_feature_rows(found),
            *isr,
            *modules,
            *mpy,
            bus,
            Row("gc.collect", "us", base["slack_us"]),
        ],
        [
            Target(f"bytes allocated per tick: {ALL}", full["bytes_per_tick"], 0),
            Target("bytes allocated, ISRs and polls", sum(drivers.values()), 0),
            *targets,
            Target("tick through the bus, us", round(bus.ours or 0), 500),
        ],
        notes,
    )
