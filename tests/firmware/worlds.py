# SPDX-License-Identifier: Apache-2.0
"""Configurations and names for the scripts that use vm_world.py, as files."""

import json
from pathlib import Path

from firmware_py import make_mpy
from firmware_py.store.compile import compile_json
from tests.firmware.rig import RACK

SHARED = [{"group": i // 2, "share_a_permille": (500, 500, 400, 600)[i % 4]} for i in range(8)]
EVERYTHING = RACK | {
    "loads": SHARED,
    "shed": {
        "feedback": 1,
        "underfrequency_mhz": 49_000,
        "bbu_shed_permille": 200,
        "lockout_count": 20,
    },
    "zones": [{}, {}, {}, {}],
    "fans": [{"max_rpm": 6000, "zones": [i % 4, (i + 1) % 4]} for i in range(8)],
    "liquid": {"pump_rpm_full": 4000},
}
"""All that a board can have: two feeds, shares, contacts, four zones, eight fans, coolant."""


def quick(rack):
    """The same, with short times: a walk of minutes then sees what takes a rack hours."""
    shed = {"min_off_ms": 1000, "stagger_ms": 500, "boot_ms": 3000, "lockout_count": 3}
    more = {"shed": rack.get("shed", {}) | shed}
    if "liquid" in rack:
        hasty = {"prime_ms": 5000, "prime_pause_ms": 1000, "low_flow_ms": 5000}
        more["liquid"] = rack["liquid"] | hasty
    return rack | more


def write(folder: Path, name, rack) -> Path:
    """The compiled configuration of a rack."""
    path = folder / f"{name}.bin"
    path.write_bytes(compile_json(json.dumps(rack))[0])
    return path


def write_names(folder: Path) -> Path:
    """Channels and messages by name: bytecode has only their numbers."""
    path = folder / "names.json"
    found = {}
    for values in make_mpy.constants().values():
        found |= values
    path.write_text(json.dumps(found))
    return path
