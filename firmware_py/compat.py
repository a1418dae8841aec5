# SPDX-License-Identifier: Apache-2.0
# What CPython lacks of MicroPython, and wrap-safe time for both.
#
# Board time is a 30-bit millisecond counter: the period of time.ticks_ms() on 32-bit ports. The
# 64-bit unix port counts further, so the arithmetic is done here and is the same everywhere.

import gc

try:
    from time import ticks_ms as _ticks_ms

    from micropython import const

    mem_free = gc.mem_free
except ImportError:
    import time

    def const(value):  # type: ignore[misc]
        return value

    def _ticks_ms():
        return time.monotonic_ns() // 1_000_000  # type: ignore[attr-defined]

    def mem_free():
        return 0


_MASK = const((1 << 30) - 1)
_HALF = const(1 << 29)


# Milliseconds since some start, modulo 2**30 (12.4 days).
def ticks_ms():
    return _ticks_ms() & _MASK  # type: ignore[operator]


# a + delta_ms on that circle, for |delta_ms| < 2**29. The sum is taken around 0, where it is a
# small int also when it passes the wrap.
def ticks_add(a, delta_ms):
    return (((a ^ _HALF) - _HALF) + delta_ms) & _MASK


# a - b, ms, in -2**29 .. 2**29 - 1: negative if a lies before b.
def ticks_diff(a, b):
    return (((a - b) & _MASK) ^ _HALF) - _HALF
