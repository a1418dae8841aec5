# SPDX-License-Identifier: Apache-2.0
# Indices of the board's input and output arrays: array('i'), int32, one value per channel.
# A reading that is missing or invalid is messages.INVALID.

MAX_LOADS = 32
MAX_GROUPS = 16

IN_FEED_A_MW = 0  # real power of feed A, mW
IN_FEED_B_MW = 1
IN_FEED_A_MA = 2  # current of the most loaded phase of feed A's breaker, mA
IN_FEED_B_MA = 3
IN_FEED_A_MV = 4  # line to neutral, mV; below half of nominal the feed counts as lost
IN_FEED_B_MV = 5
IN_INLET_MC = 6  # air, m degC
IN_OUTLET_MC = 7
IN_FAN_RPM = 8  # slowest fan of the wall
IN_LEAK = 9  # 0 dry, 1 wet
IN_LOAD0_MW = 10  # one per load, MAX_LOADS of them
N_IN = IN_LOAD0_MW + MAX_LOADS

OUT_FAN_PERMILLE = 0
OUT_RELAYS = 1  # bit g set: group g is switched on
OUT_STATE = 2  # messages.STATE_*, for the status LED
N_OUT = 3
