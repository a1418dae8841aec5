# SPDX-License-Identifier: Apache-2.0
"""What can stand in for a rack controller: the MicroPython VM, CPython, a board on a port."""
