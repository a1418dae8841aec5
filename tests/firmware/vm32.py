# SPDX-License-Identifier: Apache-2.0
"""A MicroPython with words of 32 bits, as on a board: small ints of 31 bits, pointers of 4 bytes.

It is the WebAssembly port of MicroPython (MIT), run by node. In CI a missing one is a failure,
elsewhere a skip. Its speed says nothing about a board.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import RuntimeMissing
from tests.firmware.vm import HEAP_SCRIPT, ROOT

PACKAGE = "@micropython/micropython-webassembly-pyscript"
VERSION = "1.27.0"
VARIABLE = "RACKEDGE_VM32"
"""Environment: the folder that `npm install --prefix FOLDER` has filled; else this Python's own."""


def find_vm32() -> list[str]:
    """The command before FOLDER, SCRIPT and arguments. Raises RuntimeMissing."""
    prefix = Path(os.environ.get(VARIABLE, sys.prefix))
    program = shutil.which("node")
    module = prefix / "node_modules" / PACKAGE / "micropython.mjs"
    if program is None or not module.exists():
        missing = "node (Debian: nodejs npm)" if program is None else f"{module} is not there"
        raise RuntimeMissing(
            f"no 32-bit MicroPython: {missing}; "
            f"run `npm install --prefix {prefix} {PACKAGE}@{VERSION}`"
        )
    found = json.loads(module.with_name("package.json").read_text())["version"]
    if found != VERSION:
        raise RuntimeMissing(f"{PACKAGE} is {found}, not {VERSION}: npm install that one")
    return [program, str(ROOT / "tests/firmware/vm32.mjs"), str(module)]


def vm32_command() -> list[str]:
    """As find_vm32; skips the test, or fails it in CI."""
    try:
        return find_vm32()
    except RuntimeMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


PADS = (0, 64, 4096)


def live_heap32(*args, firmware):
    """Bytes that the firmware keeps on a heap of 32-bit words; see vm_heap.py."""
    return min(run_script32(HEAP_SCRIPT, *args, f"pad={pad}", firmware=firmware) for pad in PADS)


def run_script32(script, *args, firmware=ROOT):
    """Run a script of ours on it; its last line as JSON. `firmware`: where its package is."""
    command = [*vm32_command(), str(firmware), str(ROOT / script), *map(str, args)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return json.loads(done.stdout.splitlines()[-1])
