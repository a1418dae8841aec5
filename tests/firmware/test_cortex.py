# SPDX-License-Identifier: Apache-2.0
"""The firmware in place on MicroPython on the bare metal of a Cortex-M3, as QEMU has it."""

import json
import os

import pytest

from hil.drivers.boardfile import write_binary
from tests.firmware import vm_parity
from tests.firmware.cortex import cortex_present, live_heap_on_cortex, run_on_cortex
from tests.firmware.features import BASE, FULL, KEY

KIB = 1024
STEPS = 4000 if os.environ.get("CI") else 1500
STORE = ("--store", "/flash")

pytestmark = pytest.mark.usefixtures("cortex")


@pytest.fixture(scope="module")
def cortex():
    cortex_present()


def _binary(folder, config):
    path = folder / "board.json"
    path.write_text(json.dumps(config))
    return write_binary(path)


def test_live_heap_with_every_feature_stays_within_60_kib(tmp_path):
    live = live_heap_on_cortex(_binary(tmp_path, FULL), *KEY, *STORE)
    print(f"live heap, every feature, in place: {live / KIB:.1f} KiB")
    assert live <= 60 * KIB


def test_a_tick_with_every_feature_allocates_nothing(tmp_path):
    config = _binary(tmp_path, FULL)
    found = run_on_cortex("tests/firmware/vm_tick.py", config, 400, *KEY, *STORE)
    assert found["bytes_per_tick"] == 0
    assert found["moves"] > 0


@pytest.mark.parametrize(("config", "keyed"), [(BASE, False), (FULL, True)], ids=["base", "full"])
def test_it_decides_as_cpython_does(tmp_path, config, keyed):
    argv = [str(_binary(tmp_path, config)), *(KEY if keyed else ())]
    theirs = run_on_cortex("tests/firmware/vm_parity.py", STEPS, *argv)
    assert theirs == vm_parity.walk(STEPS, argv)
    assert theirs["locked"] > STEPS // 2  # in them one allocated byte raises MemoryError
    assert theirs["wraps"] == 1
