# SPDX-License-Identifier: Apache-2.0
"""What every actuator does. Requested and enforced are two facts: devices clamp and drift."""

from typing import NamedTuple, Protocol

from edge.rack_limit import BbuState


class Reading(NamedTuple):
    """What a device says now, W; None where it does not say."""

    power_w: float | None
    requested_w: float | None
    """Limit that stands in the device; None if there is none."""
    enforced_w: float | None
    """Limit it holds, as far as it reports that apart from the request."""


class Applied(NamedTuple):
    """Answer to a cap, W."""

    requested_w: float
    enforced_w: float | None
    """Limit in force as the device reports it; None if it only acknowledged."""


class Actuator(Protocol):
    """One capped device. Calls block up to their timeout and raise ActuatorError."""

    def apply(self, watts: float) -> Applied:
        """Set the cap."""

    def read(self) -> Reading:
        """Power and limit now."""

    def verify(self, watts: float) -> Applied:
        """Read the limit back; ActuatorError if it is not `watts` to within 1 W."""

    def close(self) -> None:
        """Give connections back; the cap stays in force."""


class BatterySource(Protocol):
    """Where a battery shelf tells what it holds. Calls block up to their timeout."""

    def read(self) -> BbuState:
        """What it holds now. Raises ActuatorError if it does not say, or it cannot be true."""

    def close(self) -> None:
        """Give connections back."""
