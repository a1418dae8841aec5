# SPDX-License-Identifier: Apache-2.0
# Host only: what a configuration may say about coolant. Rows as in schema.py:
# (key, default, least, most).
#
# "full scale" is what the pump gives at full speed into the open loop. OCP RPU: 150 LPM and
# 40 psi for 100 kW.

LIQUID = (
    # pump
    ("pump_on", 0, 0, 1),  # 0: holds flow, 1: holds differential pressure
    ("flow_full_mlm", 150_000, 1_000, 1_000_000),  # full scale of flow
    ("flow_min_mlm", 15_000, 0, 1_000_000),  # demand of an idle rack
    ("flow_mlm_kw", 1_200, 0, 5_000),  # demand per kW of load; CDU practice: 1.0-1.5 LPM/kW
    ("dp_full_pa", 275_000, 1_000, 1_000_000),  # full scale of pressure: 40 psi
    ("dp_setpoint_pa", 100_000, 1_000, 1_000_000),  # must do for the full load
    ("pump_min_permille", 150, 50, 1_000),  # Vertiv CoolChip: 15 %
    ("pump_max_permille", 1_000, 50, 1_000),
    ("pump_fail_permille", 800, 50, 1_000),  # with neither flow nor pressure
    ("pump_kp_permille", 300, 0, 5_000),  # permille of speed per full scale of error
    ("pump_ki_ppm", 15_000, 0, 20_000),  # 1e-6 of full speed per full scale and tick; ti 2 s
    ("pump_deadband_permille", 10, 0, 200),  # of full scale
    ("pump_slew_up_permille", 20, 1, 1_000),  # per tick: full speed in 5 s
    ("pump_slew_down_permille", 5, 1, 1_000),
    ("pump_rpm_full", 0, 0, 60_000),  # tach at full speed; 0: no tach
    # start
    ("start_reservoir_permille", 100, 0, 1_000),  # below it the pump does not start
    ("prime_permille", 400, 50, 1_000),  # speed that must show flow or pressure
    ("prime_ramp_permille", 5, 1, 1_000),  # per tick, from the minimum
    ("prime_ms", 20_000, 3_000, 600_000),  # one attempt
    ("prime_pause_ms", 30_000, 1_000, 3_600_000),  # between two; air rises meanwhile
    ("prime_tries", 3, 1, 20),  # then the pump interlock latches
    ("prime_grace_ms", 8_000, 0, 60_000),  # a first start sheds nothing for so long
    # facility water valve; opening: 1000 cools most
    ("setpoint_mc", 30_000, 10_000, 60_000),  # supply to the rack
    ("dew_margin_mc", 2_500, 500, 15_000),  # CDU practice: dew point + 2..3 K
    ("dew_worst_mc", 24_000, -20_000, 40_000),  # without a sensor; ASHRAE TC 9.9 class A4
    ("valve_kp_permille_k", 25, 0, 1_000),  # permille per K
    ("valve_ki_ppm_k", 80, 0, 5_000),  # 1e-6 of full travel per K and tick; ti 30 s
    ("valve_ff_permille", 250, 0, 1_000),  # per e-fold of load; 1000/ln R if equal-percentage
    ("valve_deadband_mc", 200, 0, 5_000),
    ("valve_open_permille", 5, 1, 1_000),  # per tick
    ("valve_close_permille", 20, 1, 1_000),  # cold water does harm sooner than warm
    ("valve_min_permille", 0, 0, 1_000),
    ("valve_max_permille", 1_000, 0, 1_000),
    ("valve_fail_permille", 600, 0, 1_000),  # at boot and without a supply temperature
    ("valve_reverse", 0, 0, 1),  # 1: normally open valve, or a bypass
    ("valve_rangeability", 0, 2, 200),  # undo an equal-percentage valve, usually 30..50; 0: no
    # interlocks
    ("leak_stop", 1, 0, 1),  # a leak stops the pump
    ("low_flow_permille", 900, 0, 1_000),  # of the demand; Vertiv CoolChip: 90 % for 100 s
    ("low_flow_ms", 100_000, 100, 3_600_000),
    ("critical_flow_permille", 300, 50, 900),  # of what the speed gives: at once
    ("low_flow_repeats", 3, 1, 20),  # critical so often within the window: latched
    ("low_flow_window_ms", 600_000, 1_000, 3_600_000),
    ("reservoir_low_permille", 250, 0, 1_000),  # warns; 0: off
    ("reservoir_empty_permille", 50, 0, 1_000),  # latched, stops the pump; 0: off
    ("supply_max_mc", 45_000, 20_000, 80_000),  # ASHRAE W45
    ("return_max_mc", 65_000, 20_000, 95_000),
)
