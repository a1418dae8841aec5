# SPDX-License-Identifier: Apache-2.0
"""The fault catalogue: every kind of fault that a scenario can name, by `layer.kind`."""

from hil.faults import (
    actuator,
    data,
    host,
    link_forge,
    link_frames,
    link_line,
    mcu,
    power,
    sensor,
    sensor_time,
    thermal,
)
from hil.faults.base import CATALOGUE, FaultType, Prepared

__all__ = ["CATALOGUE", "FaultType", "Prepared"]

LAYERS = ("sensor", "actuator", "link", "power", "thermal", "mcu", "host", "data")

# Imported for what they enter.
_ = (
    actuator,
    data,
    host,
    link_forge,
    link_frames,
    link_line,
    mcu,
    power,
    sensor,
    sensor_time,
    thermal,
)
