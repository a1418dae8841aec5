# SPDX-License-Identifier: Apache-2.0
"""Remembers caps and touches nothing: to see what the daemon would do."""

from edge.actuate.base import Applied, Reading
from edge.errors import ActuatorError
from edge.rack_limit import BbuState


class DryrunActuator:
    """Follows every cap at once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._cap_w: float | None = None

    def apply(self, watts: float) -> Applied:
        """See Actuator."""
        self._cap_w = watts
        return Applied(watts, watts)

    def read(self) -> Reading:
        """See Actuator."""
        return Reading(None, self._cap_w, self._cap_w)

    def verify(self, watts: float) -> Applied:
        """See Actuator."""
        if self._cap_w is None or abs(self._cap_w - watts) > 1:
            raise ActuatorError(f"{self._name}: cap is {self._cap_w}, not {watts:.0f} W; apply it")
        return Applied(watts, self._cap_w)

    def close(self) -> None:
        """See Actuator."""


class DryrunBattery:
    """Always full, and never needed."""

    def __init__(self, energy_wh: float) -> None:
        self._state = BbuState(int(energy_wh * 1000), discharging=False)

    def read(self) -> BbuState:
        """See BatterySource."""
        return self._state

    def close(self) -> None:
        """See BatterySource."""
