# SPDX-License-Identifier: Apache-2.0
"""The electrical drivers on the real MicroPython VM, and on the bare metal of a Cortex-M3."""

import pytest

from firmware_py.link.wire import INVALID
from tests.firmware import vm_drivers_electric
from tests.firmware.cortex import cortex_present, run_on_cortex
from tests.firmware.vm import run_script


@pytest.fixture(scope="module", params=["vm", "cortex-m3"])
def vm(request):
    script = "tests/firmware/vm_drivers_electric.py"
    if request.param == "vm":
        return run_script(script)
    cortex_present()
    return run_on_cortex(script, fakes=True)


@pytest.mark.parametrize("name", vm_drivers_electric.CASES)
def test_a_poll_and_its_isr_allocate_nothing(vm, name):
    assert vm["bytes"][name] == 0


def test_vm_and_cpython_read_bit_for_bit_alike(vm):
    here = vm_drivers_electric.main()["seen"]
    assert here == vm["seen"]


def test_the_runs_were_worth_comparing(vm):
    assert all(vm["us"].values())  # no clock, no heap: then it has measured nothing
    seen = vm["seen"]
    assert INVALID not in seen["sdm630"][:3] + seen["iem3000"][:2] + seen["ina228"][:3]
    assert seen["isr"][2] >= 9  # trips
    assert seen["expander"][3] & 2  # welded
    assert seen["expander"][2] >= 9  # resets of the expander that were healed
