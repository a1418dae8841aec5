# SPDX-License-Identifier: Apache-2.0
"""Reads a battery shelf through Redfish: Battery and BatteryMetrics (DMTF DSP2046, 2021.2).

The stored energy is StoredEnergyWattHours, or else ChargePercent of what the shelf holds when
full: the configured energy, or CapacityActualWattHours where ageing has made that less. Values
that cannot be true are no reading: better no battery than one that is not there.
"""

import math

from edge.actuate.redfish_http import connect
from edge.actuate.redfish_shape import Json
from edge.config_device import RedfishBattery as RedfishConfig
from edge.errors import ActuatorError
from edge.rack_limit import BbuState

ABSURD_RATIO = 1.1
"""More than this times the capacity is not stored: new cells hold a few percent more than rated,
and a slip of unit is off by 1000."""
GONE = ("Absent", "Disabled", "StandbyOffline", "UnavailableOffline")
"""Status.State of a battery that would not carry the rack."""


class RedfishBattery:
    """One Battery resource. For one thread."""

    def __init__(self, config: RedfishConfig, energy_wh: float, where: str) -> None:
        """`energy_wh`: usable when full; `where` the section stands in rack.toml.

        Raises ConfigError if the password's environment variable is not set.
        """
        base = f"/redfish/v1/Chassis/{config.chassis}/PowerSubsystem/Batteries/"
        self._path = base + config.battery
        self._url = config.url.rstrip("/") + self._path
        self._energy_wh = energy_wh
        self._http = connect(config, where)

    def read(self) -> BbuState:
        """See BatterySource. Two requests; the second is not sent if the first fails.

        A ChargeState that is not told counts as idle: the energy is then planned for the whole
        ride-through, which is never too much.
        """
        battery = self._get(self._path)
        status = battery.get("Status")
        if isinstance(status, dict):
            self._require_working(status)
        stored_wh = self._stored_wh(battery, self._get(f"{self._path}/Metrics"))
        discharging = battery.get("ChargeState") == "Discharging"
        return BbuState(int(stored_wh * 1000), discharging)

    def close(self) -> None:
        """See BatterySource."""
        self._http.close()

    def _require_working(self, status: Json) -> None:
        if status.get("State") in GONE:
            raise self._error(f"is {status['State']}", "insert or enable it")
        if status.get("Health") == "Critical":
            raise self._error("has Health Critical", "replace it")

    def _stored_wh(self, battery: Json, metrics: Json) -> float:
        rated_wh = _number(battery.get("CapacityRatedWattHours"))
        actual_wh = _number(battery.get("CapacityActualWattHours"))
        known_wh = [wh for wh in (rated_wh, actual_wh) if wh is not None and 0 < wh < math.inf]
        top_wh = max(self._energy_wh, *known_wh) if known_wh else self._energy_wh
        energy_wh = _number(metrics.get("StoredEnergyWattHours"))
        if energy_wh is not None:
            return self._believed("StoredEnergyWattHours", energy_wh, top_wh * ABSURD_RATIO)
        percent = _number(metrics.get("ChargePercent"))
        if percent is None:
            raise self._error(
                "tells neither StoredEnergyWattHours nor ChargePercent",
                "update the shelf's firmware, or read it elsewhere",
            )
        full_wh = self._energy_wh
        if actual_wh is not None and 0 < actual_wh < full_wh:
            full_wh = actual_wh
        return self._believed("ChargePercent", percent, 100.0) / 100 * full_wh

    def _believed(self, key: str, value: float, top: float) -> float:
        if 0 <= value <= top:  # false for NaN
            return value
        raise self._error(
            f"says {key} {value:g}, not within 0 to {top:g}", "check bbu.energy_wh and the shelf"
        )

    def _get(self, path: str) -> Json:
        answer = self._http.get(path)
        if answer.status == 404:
            raise self._error("is not there (HTTP 404)", "check chassis and battery")
        if answer.status >= 300:
            raise self._http.refuse("GET", path, answer)
        return answer.document

    def _error(self, what: str, remedy: str) -> ActuatorError:
        return ActuatorError(f"{self._url} {what}; {remedy}")


def _number(value: object) -> float | None:
    """A JSON number, or the Reading of a sensor excerpt; None if there is none."""
    if isinstance(value, dict):
        value = value.get("Reading")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf
