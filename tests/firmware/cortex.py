# SPDX-License-Identifier: Apache-2.0
"""The emulated Cortex-M3 as a test tool. In CI a missing one is a failure, elsewhere a skip."""

import json
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from edge.errors import RuntimeMissing
from firmware_py import make_image
from hil.cortex.machine import Machine, find_machine
from hil.drivers import image
from tests.firmware.vm import FIRMWARE, HEAP_SCRIPT, ROOT

FAKES = "tests/firmware/fakes"
NS_PER_INSTRUCTION = 1
"""Of the machine's own time, where instructions are counted."""


def cortex_present():
    """Skips the test, or fails it in CI."""
    try:
        find_machine()
    except RuntimeMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@cache
def rom():
    """The firmware as a board with a ROMFS partition carries it."""
    return image.romfs(image.OURS).read_bytes()


@cache
def rom_with_fakes():
    """All names of its modules as in their sources, and tests/firmware/fakes for its drivers."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "rom")
        for source in (
            *FIRMWARE,
            *(path.relative_to(ROOT) for path in (ROOT / FAKES).glob("*.py")),
        ):
            (folder / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, folder / source)
        make_image.pack(folder, Path(scratch, "image"))  # mpremote compiles them
        return Path(scratch, "image").read_bytes()


def run_on_cortex(script, *args, counted=False, fakes=False):
    """Run a script of ours on it, the firmware in place; its last line as JSON.

    An argument that is a file is given to it. `--store` has its flash. counted: see Machine.
    """
    files, argv = {}, [script, *map(str, args)]
    for i, arg in enumerate(argv[1:], start=1):
        if Path(arg).is_file():
            files[f"arg{i}"] = Path(arg).read_bytes()
            argv[i] = f"/given/arg{i}"
    machine = Machine(rom_with_fakes() if fakes else rom(), files, counted=counted)
    try:
        machine.execute(f"sys.argv[:] = {argv!r}\nvfs.mount(Given(), '/dev')\nmount_flash()\n")
        said = "".join(map(machine.execute, (ROOT / script).read_text().split("# ----\n")))
    finally:
        machine.close()
    return json.loads(said.splitlines()[-1])


def live_heap_on_cortex(*args):
    """Bytes that the firmware keeps on the heap of a Cortex-M3, in place; see vm_heap.py."""
    return min(run_on_cortex(HEAP_SCRIPT, *args, f"pad={pad}") for pad in (0, 64))
