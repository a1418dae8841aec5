# SPDX-License-Identifier: Apache-2.0
# Runs inside a MicroPython VM: microseconds that one sample of a current clamp takes in the ISR,
# the over-current path behind it included, the ADC's own time not. Prints one JSON object.

import json
from time import ticks_us

from firmware_py.decide.fast import FastTrip
from firmware_py.sense.ct import CtClamp

_CALLS = 2000

clamp = CtClamp(73_260)
fast = FastTrip(1, lambda _mask: None)
fast.arm(12, clamp.counts(50_000), 0)


def _us(call):
    start_us = ticks_us()
    for i in range(_CALLS):
        call(2000 + (i & 63))
    return (ticks_us() - start_us) / _CALLS


def _nothing(_raw):
    pass


def _sample(raw):
    clamp.sample(raw)
    fast.sample(0, abs(raw - clamp.mid))


print(json.dumps({"sample_us": _us(_sample) - _us(_nothing)}))
