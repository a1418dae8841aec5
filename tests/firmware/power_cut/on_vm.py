# SPDX-License-Identifier: Apache-2.0
"""The surveys of cuts.py inside the MicroPython VM, on its own file systems."""

import json
import os
import subprocess

from tests.firmware.vm import ROOT, vm_path


def rows(kind, *ages):
    """Rows of cuts.REPORT for all scenarios and all of cuts.HOW; kind: lfs2, fat or card."""
    script = str(ROOT / "tests" / "firmware" / "vm_power_cut.py")
    done = subprocess.run(
        [str(vm_path()), "-X", "heapsize=4m", script, kind, *map(str, ages)],
        env=os.environ | {"MICROPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])
