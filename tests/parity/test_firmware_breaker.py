# SPDX-License-Identifier: Apache-2.0
"""The firmware's breaker on the MicroPython VM: same integers as on CPython, for every family."""

import json
from pathlib import Path

import pytest

from tests.firmware.vm import run_script
from tests.parity.vm_breaker import answer

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "breaker.json").read_text())


@pytest.mark.parametrize("curve", GOLDEN["families"])
def test_vm_walks_the_golden_steps_as_cpython_and_never_late(curve, tmp_path):
    cases = [case for case in GOLDEN["cases"] if case["curve"] == curve]
    asked = {"family": GOLDEN["families"][curve], "cases": cases}
    file = tmp_path / "asked.json"
    file.write_text(json.dumps(asked))
    told = run_script("tests/parity/vm_breaker.py", file)
    assert told == answer(asked)
    for case, walked in zip(cases, told["walked"], strict=True):
        for step, (theta_ppm, ttt_ms) in zip(case["steps"], walked, strict=True):
            assert theta_ppm >= step["theta_fast_ppm"] - 1e-3
            assert ttt_ms <= step["ttt_fast_ms"]
