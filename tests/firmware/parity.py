# SPDX-License-Identifier: Apache-2.0
"""The whole board on CPython and as bytecode in the MicroPython VM: the same bits, step by step.

    python -m tests.firmware.parity [--steps 100000] [--seed 1]

Outputs and frames are compared by their CRC at every 1,000 steps, on a plain configuration and on
one that has everything.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.firmware import worlds
from tests.firmware.rig import RACK
from tests.firmware.vm import ROOT, compile_firmware, run_script

SCRIPT = "tests/firmware/vm_walk.py"
RACKS = {"plain": (RACK, ()), "everything": (worlds.EVERYTHING, ("key",))}


def on_cpython(*args):
    """The walk's result on CPython, from the sources."""
    command = [sys.executable, str(ROOT / SCRIPT), *map(str, args)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def run(folder: Path, rack, steps, seed=1, every=1000, timeout=60):
    """(on CPython, on the VM) of one walk; `folder` holds the bytecode."""
    shape, more = RACKS[rack]
    config = worlds.write(folder, rack, worlds.quick(shape))
    args = (config, worlds.write_names(folder), steps, seed, every, *more)
    return on_cpython(*args), run_script(SCRIPT, *args, firmware=folder, timeout=timeout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        compile_firmware(folder)
        for rack in RACKS:
            mine, theirs = run(Path(folder), rack, given.steps, given.seed, timeout=3600)
            pairs = zip(mine["crcs"], theirs["crcs"], strict=True)
            differs = [i for i, (a, b) in enumerate(pairs) if a != b]
            verdict = f"differs within step {1000 * differs[0] + 1000}" if differs else "equal"
            sys.stdout.write(f"{rack}: {given.steps} steps, {verdict}\n")
            seen = {key: value for key, value in mine.items() if key != "crcs"}
            sys.stdout.write(f"    {seen}\n")
            wrong += mine != theirs
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
