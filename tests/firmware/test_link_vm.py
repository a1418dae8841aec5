# SPDX-License-Identifier: Apache-2.0
"""The link's ports on the MicroPython VM with the heap locked; features that are not imported."""

from tests.firmware.vm import run_script

FEATURES = (
    "wire_privileged",
    "auth",
    "privileged",
    "stored",
    "half_duplex",
    "ble",
    "modbus_crc",
    "modbus_map",
    "modbus_registers",
    "modbus_slave",
    "cooling",
)


def test_no_port_makes_a_frame_allocate():
    measured = run_script("tests/firmware/vm_link.py")
    assert measured["bytes"] == 0
    assert measured["dropped"] > 200
    assert measured["taken"] > 1000
    assert measured["notified"] > 10_000
    assert measured["overruns"] == 0


def test_a_plain_board_imports_no_feature_that_it_does_not_use():
    measured = run_script("tests/firmware/vm_link_heap.py", *FEATURES)
    assert measured["before"] == []
    assert measured["bytes"] > 0
