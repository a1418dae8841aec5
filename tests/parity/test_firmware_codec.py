# SPDX-License-Identifier: Apache-2.0
"""The firmware's codec on the MicroPython VM gives what it gives on CPython."""

import json
from pathlib import Path

from tests.firmware.vm import run_script

GOLDEN = Path(__file__).parents[1] / "golden"


def test_vm_encodes_and_decodes_every_golden_frame():
    cases = json.loads((GOLDEN / "codec.json").read_text())
    answer = run_script("tests/parity/vm_codec.py", GOLDEN / "codec.json")
    assert answer["encoded"] == [case["frame"] for case in cases["good"]]
    assert answer["decoded"] == [case["payload"] for case in cases["good"]]
    assert answer["streams"] == [
        [[f["payload"] for f in case["frames"]], _refused(case["counts"])]
        for case in cases["stream"]
    ]


def _refused(counts):
    return sum(counts.values()) - counts["frames"] - counts["version_errors"]
