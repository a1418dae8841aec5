# SPDX-License-Identifier: Apache-2.0
# Indices of the board's input and output arrays: array('i'), int32, one value per channel.
# A reading that is missing, invalid or not fitted is messages.INVALID.

MAX_LOADS = 32
MAX_GROUPS = 16
MAX_ZONES = 4
MAX_FANS = 8

IN_FEED_A_MW = 0  # real power of feed A, mW
IN_FEED_B_MW = 1
IN_FEED_A_MA = 2  # current of the most loaded phase of feed A's breaker, mA
IN_FEED_B_MA = 3
IN_FEED_A_MV = 4  # line to neutral, mV; below half of nominal the feed counts as lost
IN_FEED_B_MV = 5
IN_INLET_MC = 6  # air, m degC
IN_OUTLET_MC = 7  # of zone 0
IN_PUMP_RPM = 8
IN_LEAK = 9  # 0 dry, 1 wet
IN_ZONE1_MC = 10  # outlets of zones 1 to 3
IN_ZONE2_MC = 11
IN_ZONE3_MC = 12
IN_SUPPLY_MC = 13  # coolant to the cold plates
IN_RETURN_MC = 14
IN_FLOW_MLM = 15  # coolant, ml/min
IN_DP_PA = 16  # across the loop
IN_RH_PERMILLE = 17  # relative humidity
IN_DEW_AIR_MC = 18  # of the air beside the humidity sensor
IN_RESERVOIR_PERMILLE = 19
IN_FREQ_MHZ = 20  # mains, mHz
IN_BBU_PERMILLE = 21  # battery shelf, state of charge
IN_RELAYS = 22  # bit g set: the auxiliary contact of group g is seen closed
IN_FAN0_RPM = 23  # one per fan, MAX_FANS of them
IN_LOAD0_MW = 31  # one per load, MAX_LOADS of them
N_IN = IN_LOAD0_MW + MAX_LOADS

OUT_FAN_PERMILLE = 0  # the highest fan
OUT_RELAYS = 1  # bit g set: group g is switched on
OUT_STATE = 2  # messages.STATE_*, for the status LED
OUT_PUMP_PERMILLE = 3
OUT_VALVE_PERMILLE = 4
OUT_FAN0_PERMILLE = 5  # one per fan, MAX_FANS of them
N_OUT = OUT_FAN0_PERMILLE + MAX_FANS
