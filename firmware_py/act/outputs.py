# SPDX-License-Identifier: Apache-2.0
# Decisions to outputs, int32[N_OUT]. The board writes them to pins; a blank chip leaves the fan
# lines high impedance, which means full speed.

from array import array

from ..channels import (
    MAX_FANS,
    N_OUT,
    OUT_FAN0_PERMILLE,
    OUT_FAN_PERMILLE,
    OUT_PUMP_PERMILLE,
    OUT_RELAYS,
    OUT_STATE,
    OUT_VALVE_PERMILLE,
)

_FULL = 1000


class Act:
    def __init__(self, groups):
        self.outputs = array("i", [0] * N_OUT)
        self._all = (1 << groups) - 1
        self.outputs[OUT_RELAYS] = self._all
        self.fail_safe()

    # Everything that cools at full; relays as they are. Also what a port falls back to when a tick
    # does not come to its end.
    def fail_safe(self):
        out = self.outputs
        out[OUT_FAN_PERMILLE] = out[OUT_PUMP_PERMILLE] = out[OUT_VALVE_PERMILLE] = _FULL
        for i in range(OUT_FAN0_PERMILLE, OUT_FAN0_PERMILLE + MAX_FANS):
            out[i] = _FULL

    # off_mask: bit g set, group g is off; state: for the status LED. Allocates nothing.
    def write(self, cooler, liquid, off_mask, state):
        out = self.outputs
        out[OUT_FAN_PERMILLE] = cooler.out_permille
        for fan in range(MAX_FANS):
            out[OUT_FAN0_PERMILLE + fan] = cooler.fan_permille[fan]
        if liquid is not None:
            out[OUT_PUMP_PERMILLE] = liquid.pump_permille
            out[OUT_VALVE_PERMILLE] = liquid.valve_permille
        out[OUT_RELAYS] = self._all & ~off_mask
        out[OUT_STATE] = state
