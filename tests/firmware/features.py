# SPDX-License-Identifier: Apache-2.0
"""Configurations from the base to everything a board may have, for heap, tick time and parity."""

from tests.firmware.rig import RACK

BASE = RACK | {"shed": {"min_off_ms": 1000, "stagger_ms": 500}}
KEY = ("--key", bytes(range(32)).hex(), "--nonce", bytes(range(200, 216)).hex())
AIR = {
    "zones": [{}, {}, {}, {}],
    "fans": [{"zones": [f // 2], "max_rpm": 6000} for f in range(8)],
}
LIQUID = {"liquid": {}}
CONTACTS = {"shed": BASE["shed"] | {"feedback": 1}}
LOADS = {
    "loads": [{"group": i // 4, "share_a_permille": 500 if i % 3 else -1} for i in range(32)],
    "groups": [{"never": True}, *[{} for _ in range(7)]],
}
FULL = BASE | AIR | LIQUID | CONTACTS | LOADS

FEATURES = {
    "base": (BASE, ()),
    "4 zones, 8 fans": (BASE | AIR, ()),
    "liquid": (BASE | LIQUID, ()),
    "relay contacts": (BASE | CONTACTS, ()),
    "32 loads, 8 groups": (BASE | LOADS, ()),
    "key": (BASE, KEY),
    "store, journal": (BASE, ("--store",)),
    "all of these": (FULL, (*KEY, "--store")),
}
"""Name -> (configuration, options of firmware_py.main). A folder is to follow `--store`."""
