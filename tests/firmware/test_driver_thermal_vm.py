# SPDX-License-Identifier: Apache-2.0
"""All thermal and fluid drivers on the real MicroPython VM, and on bare metal (Cortex-M3)."""

import pytest

from firmware_py.link.messages import INVALID
from tests.firmware import vm_drivers_thermal
from tests.firmware.cortex import cortex_present, run_on_cortex
from tests.firmware.vm import run_script

TICKS = 300


@pytest.fixture(scope="module", params=["vm", "cortex-m3"])
def measured(request):
    script = "tests/firmware/vm_drivers_thermal.py"
    if request.param == "vm":
        return run_script(script, TICKS)
    cortex_present()
    return run_on_cortex(script, TICKS, fakes=True)


def test_polling_allocates_nothing(measured):
    assert measured["bytes"] == 0


def test_the_vm_and_cpython_read_alike(measured):
    walk = vm_drivers_thermal.walk(TICKS)
    assert measured["walk"] == walk
    assert all(INVALID not in readings for readings in walk[3:])
    assert walk[-1][-2:] == [0, 0]  # no errors
    assert len({tuple(readings) for readings in walk}) == len(walk)  # they moved
