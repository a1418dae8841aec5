# SPDX-License-Identifier: Apache-2.0
"""The firmware's authentication on the VM and on CPython gives what the golden file says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.firmware.vm import ROOT, run_script

GOLDEN = Path(__file__).parents[1] / "golden" / "auth.json"


def on_cpython():
    command = [sys.executable, "tests/parity/vm_auth.py", str(GOLDEN)]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": "."}, check=True, capture_output=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("runtime", ["vm", "cpython"])
def test_challenges_and_verdicts_are_the_golden_ones(runtime):
    golden = json.loads(GOLDEN.read_text())
    script = "tests/parity/vm_auth.py"
    answer = run_script(script, GOLDEN) if runtime == "vm" else on_cpython()
    assert answer["answers"] == [c["board_nonce"] + c["proof"] for c in golden["challenges"]]
    assert answer["verdicts"] == [case["verdict"] for case in golden["frames"]]
