# SPDX-License-Identifier: Apache-2.0
"""The MicroPython VM as a test tool. In CI a missing VM is a failure, elsewhere a skip."""

import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from edge.errors import RuntimeMissing
from firmware_py import make_mpy
from hil.drivers.vm import HEAP, find_vm

ROOT = Path(__file__).resolve().parents[2]


HEAP_SCRIPT = "tests/firmware/vm_heap.py"
HEAP_WITH_ROM = "512k"
"""Of a VM that has to hold the image too, which on a board lies in flash."""


def vm_path():
    try:
        return find_vm()
    except RuntimeMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def run_script(script, *args, firmware=ROOT, timeout=60, heap=HEAP):
    """Run a script of ours on the VM; its last line as JSON. `firmware`: where its package is."""
    command = [str(vm_path()), "-X", f"heapsize={heap}", str(ROOT / script), *map(str, args)]
    done = subprocess.run(
        command,
        env=os.environ | {"MICROPYPATH": str(firmware)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def live_heap(*args, firmware):
    """Bytes that the firmware keeps on a heap of 64-bit words; see vm_heap.py."""
    return run_script(HEAP_SCRIPT, *args, firmware=firmware)


def live_heap_in_place(*args, rom):
    """The same when it runs from a ROMFS image."""
    return run_script(HEAP_SCRIPT, *args, f"rom={rom}", heap=HEAP_WITH_ROM)


FIRMWARE = [Path("firmware_py") / source for source in make_mpy.sources()]
"""What a board carries: sources, relative to ROOT."""


@functools.cache
def bytecode():
    """A folder with the firmware as bytecode, compiled once per test process."""
    vm_path()
    folder = Path(tempfile.mkdtemp(prefix="rackedge-bytecode-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    compile_firmware(folder)
    return folder


def compile_firmware(folder):
    """The firmware as bytecode in `folder`, as a board carries it."""
    make_mpy.build(folder)
