# SPDX-License-Identifier: Apache-2.0
"""One small file per kind of device whose power can be capped.

A driver's library is imported only if a load needs it.
"""

from edge.actuate.base import Actuator
from edge.actuate.dryrun import DryrunActuator
from edge.config import Config, LoadConfig, RedfishActuator


def make_actuators(config: Config, *, dry_run: bool = False) -> list[Actuator]:
    """One per load, in order; with `dry_run` none of them touches a device."""
    return [DryrunActuator(load.name) if dry_run else make_actuator(load) for load in config.loads]


def make_actuator(load: LoadConfig) -> Actuator:
    """The actuator a load asks for. Raises ConfigError if its credentials are not there."""
    if isinstance(load.actuator, RedfishActuator):
        from edge.actuate import redfish  # noqa: PLC0415 - httpx takes 0.1 s

        return redfish.RedfishActuator(load.name, load.actuator)
    return DryrunActuator(load.name)
