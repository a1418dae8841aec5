# SPDX-License-Identifier: Apache-2.0
# Host only: what a configuration may say about air. Rows as in schema.py.

AIR = (  # what all zones share
    # Heat at which the fans are designed to run full, W; 0: three phases of the first feed at its
    # rating. An error is learned, so this is a start, not a calibration.
    ("design_w", 0, 100, 1_000_000),
    ("design_rise_mc", 14_000, 2_000, 60_000),  # outlet over inlet then; servers: 10 to 20 K
    ("inlet_ref_mc", 27_000, 0, 60_000),  # stands in for a lost inlet; ASHRAE 2021: up to 27 degC
    ("slew_up_permille", 50, 1, 1_000),  # per tick; never applied to a floor
    ("slew_down_permille", 5, 1, 1_000),
    ("step_permille", 5, 1, 100),  # smaller changes are not written: wear, noise
    ("kick_ms", 2_000, 0, 10_000),  # full speed out of a standstill, until the tach shows life
    ("retry_ms", 15_000, 1_000, 600_000),  # until a stalled fan is kicked again; doubles 4 times
    ("stall_permille", 400, 50, 900),  # of the speed that its duty should give: stalled below
    ("slow_permille", 750, 50, 1_000),  # worn below
    ("fast_permille", 1_400, 1_050, 10_000),  # above: its PWM lead is cut
    ("stall_ms", 2_000, 200, 20_000),  # until a stall or a lost tach is believed
)
ZONE = (
    ("setpoint_mc", 38_000, 10_000, 80_000),  # outlet air
    ("kp_permille_k", 40, 0, 1_000),  # permille per K
    ("ki_ppm_k", 67, 0, 5_000),  # 1e-6 of full speed per K and tick; ti 60 s
    ("deadband_mc", 420, 0, 5_000),  # above the setpoint, fans full; narrower as they are slower
    ("spike_mc", 8_000, 500, 100_000),  # a step above it is believed after half a second
    ("floor_outlet_permille", 1_000, 300, 1_000),  # while its outlet sensor is lost
    ("floor_inlet_permille", 700, 0, 1_000),  # while the inlet sensor is lost; both lost: full
)
FAN = (
    ("zones", 0, 1, 15),  # bit z: it cools zone z; in JSON a list, absent: all zones
    ("max_rpm", 0, 100, 60_000),  # at full duty; 0: no tach, never judged
    ("min_permille", 200, 0, 1_000),  # below 20 to 30 % a 4-wire fan may stop
)
