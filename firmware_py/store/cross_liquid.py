# SPDX-License-Identifier: Apache-2.0
# Host only: what the numbers of a coolant section should be to each other. The board is safe with
# any of them (the minimum wins), so these are notes, not mistakes.

_RISING = (  # the second is at least the first
    ("pump_min_permille", "pump_max_permille"),
    ("pump_min_permille", "pump_fail_permille"),
    ("pump_min_permille", "prime_permille"),
    ("valve_min_permille", "valve_max_permille"),
    ("flow_min_mlm", "flow_full_mlm"),
    ("dp_setpoint_pa", "dp_full_pa"),
    ("reservoir_empty_permille", "start_reservoir_permille"),
    ("start_reservoir_permille", "reservoir_low_permille"),
    ("setpoint_mc", "supply_max_mc"),
)


def notes(liquid):
    found = []
    for low, high in _RISING:
        if None not in (liquid[low], liquid[high]) and liquid[low] > liquid[high]:
            found.append(f"liquid.{high}: {liquid[high]} is below {low}, {liquid[low]}")
    keys = ("dew_worst_mc", "dew_margin_mc", "supply_max_mc")
    if all(liquid[key] is not None for key in keys):
        worst_mc = liquid["dew_worst_mc"] + liquid["dew_margin_mc"]
        if worst_mc >= liquid["supply_max_mc"]:
            found.append(
                f"liquid.dew_worst_mc: without a humidity sensor the supply is held at {worst_mc},"
                f" which supply_max_mc, {liquid['supply_max_mc']}, sheds"
            )
    return found
