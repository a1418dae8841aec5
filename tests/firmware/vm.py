# SPDX-License-Identifier: Apache-2.0
"""The MicroPython VM as a test tool. In CI a missing VM is a failure, elsewhere a skip."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from edge.errors import RuntimeMissing
from hil.drivers.vm import HEAP, find_vm

ROOT = Path(__file__).resolve().parents[2]


def vm_path():
    try:
        return find_vm()
    except RuntimeMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def run_script(script, *args):
    """Run a script of tests/firmware on the VM; its last line as JSON."""
    command = [str(vm_path()), "-X", f"heapsize={HEAP}", str(ROOT / script), *map(str, args)]
    done = subprocess.run(
        command,
        env=os.environ | {"MICROPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
