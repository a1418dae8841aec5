# SPDX-License-Identifier: Apache-2.0
"""The firmware, as bytecode, on a MicroPython with 32-bit words, which is what boards have."""

import json
import os

import pytest

from firmware_py.link import messages as m
from hil.drivers.boardfile import write_binary
from tests.firmware import vm_parity
from tests.firmware.features import BASE, FULL, KEY
from tests.firmware.vm import compile_firmware
from tests.firmware.vm32 import live_heap32, run_script32, vm32_command

KIB = 1024
STEPS = 5000 if os.environ.get("CI") else 1500
"""1500 take 5 s of CPU, which is enough to pass the wrap."""


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory):
    vm32_command()
    folder = tmp_path_factory.mktemp("bytecode")
    compile_firmware(folder)
    return folder


def _binary(folder, config):
    path = folder / "board.json"
    path.write_text(json.dumps(config))
    return write_binary(path)


def test_live_heap_of_the_base_configuration_stays_within_60_kib(tmp_path, bytecode):
    config = _binary(tmp_path, BASE)
    assert live_heap32(config, firmware=bytecode) <= 60 * KIB


def test_live_heap_with_every_feature_leaves_100_kib_of_192(tmp_path, bytecode):
    """Without drivers, buses and radio, which `sim` has not; see the bench `vm` for theirs."""
    config = _binary(tmp_path, FULL)
    options = (*KEY, "--store", "/store")
    live = live_heap32(config, *options, firmware=bytecode)
    print(f"live heap, every feature: {live / KIB:.1f} KiB")
    assert live <= 92 * KIB


@pytest.mark.parametrize(("config", "keyed"), [(BASE, False), (FULL, True)], ids=["base", "full"])
def test_32_bits_and_cpython_decide_alike_in_small_ints(tmp_path, bytecode, config, keyed):
    config = _binary(tmp_path, config)
    argv = [str(config), *(KEY if keyed else ())]
    mine = vm_parity.walk(STEPS, argv)
    theirs = run_script32("tests/firmware/vm_parity.py", STEPS, *argv, firmware=bytecode)
    assert theirs == mine
    assert theirs["locked"] > STEPS // 2  # in them one allocated byte raises MemoryError
    assert theirs["wraps"] == 1
    for state in (m.STATE_LOCAL, m.STATE_HOSTED, m.STATE_DEGRADED):
        assert theirs["states"] >> state & 1
    assert theirs["offs"] & (theirs["offs"] - 1)  # groups went and came back


def test_a_number_beyond_30_bits_is_seen_while_the_heap_is_locked():
    assert run_script32("tests/firmware/vm32_lock.py") == ["MemoryError"]
