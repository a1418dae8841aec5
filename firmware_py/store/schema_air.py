# SPDX-License-Identifier: Apache-2.0
# Host only: what a configuration may say about air. Rows as in schema.py.

AIR = (  # what all zones share
    ("inlet_ref_mc", 27_000, 0, 60_000),  # ASHRAE 2021: recommended up to 27 degC
    ("inlet_permille_k", 20, 0, 1_000),  # permille per K above the reference
)
ZONE = (
    ("setpoint_mc", 38_000, 10_000, 80_000),  # outlet air
    ("kp_permille_k", 40, 0, 1_000),  # permille per K
    ("ki_ppm_k", 67, 0, 5_000),  # 1e-6 of full speed per K and tick; ti 60 s
    ("ff_permille_kw", 0, 0, 1_000),  # permille per kW of load power
    ("deadband_mc", 300, 0, 5_000),
    ("slew_up_permille", 50, 1, 1_000),  # per tick
    ("slew_down_permille", 5, 1, 1_000),
    ("min_permille", 300, 0, 1_000),
)
FAN = (
    ("zones", 0, 1, 15),  # bit z: it cools zone z; in JSON a list, absent: all zones
    ("max_rpm", 6_000, 100, 60_000),  # at full duty; below a share of it a fan counts as stalled
)
