# SPDX-License-Identifier: Apache-2.0
# Decisions to outputs, int32[N_OUT]. The board writes them to pins; a blank chip leaves the fan
# line high impedance, which means full speed.

from array import array

from ..channels import MAX_FANS, N_OUT, OUT_FAN0_PERMILLE, OUT_FAN_PERMILLE, OUT_RELAYS, OUT_STATE


class Act:
    def __init__(self, groups):
        self.outputs = array("i", [0] * N_OUT)
        self._all = (1 << groups) - 1
        self.write(1000, 0, 0)

    # fan_permille; off_mask: bit g set, group g is off; state: for the status LED.
    def write(self, fan_permille, off_mask, state):
        out = self.outputs
        out[OUT_FAN_PERMILLE] = fan_permille
        for i in range(OUT_FAN0_PERMILLE, OUT_FAN0_PERMILLE + MAX_FANS):
            out[i] = fan_permille
        out[OUT_RELAYS] = self._all & ~off_mask
        out[OUT_STATE] = state
