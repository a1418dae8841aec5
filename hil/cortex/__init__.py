# SPDX-License-Identifier: Apache-2.0
"""The firmware on an emulated microcontroller: QEMU's Cortex-M3, MicroPython on the bare metal."""
