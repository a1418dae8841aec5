# SPDX-License-Identifier: Apache-2.0
"""One small file per kind of device whose power can be capped, or that holds energy.

A driver's library is imported only if something needs it.
"""

from edge.actuate.base import Actuator, BatterySource
from edge.actuate.dryrun import DryrunActuator, DryrunBattery
from edge.config import BbuConfig, Config, LoadConfig, RedfishActuator, RedfishBattery
from edge.config import DryrunActuator as DryrunConfig


def make_actuators(config: Config, *, dry_run: bool = False) -> list[Actuator]:
    """One per load, in order; with `dry_run` none of them touches a device."""
    return [DryrunActuator(load.name) if dry_run else make_actuator(load) for load in config.loads]


def make_actuator(load: LoadConfig) -> Actuator:
    """The actuator a load asks for. Raises ConfigError if its credentials are not there."""
    return _actuator(load.name, load.actuator, f"loads ({load.name}).actuator")


def make_battery(bbu: BbuConfig, *, dry_run: bool = False) -> BatterySource:
    """Where the shelf is read. Raises ConfigError if its credentials are not there."""
    if isinstance(bbu.source, RedfishBattery) and not dry_run:
        from edge.actuate import redfish_battery  # noqa: PLC0415 - httpx takes 0.1 s

        return redfish_battery.RedfishBattery(bbu.source, bbu.energy_wh, "bbu.source")
    return DryrunBattery(bbu.energy_wh)


def make_recharge(bbu: BbuConfig, *, dry_run: bool = False) -> Actuator | None:
    """What sets the recharge power; None if nothing does. Raises ConfigError as above."""
    if bbu.actuator is None:
        return None
    if dry_run:
        return DryrunActuator("bbu")
    return _actuator("bbu", bbu.actuator, "bbu.actuator")


def _actuator(name: str, config: DryrunConfig | RedfishActuator, where: str) -> Actuator:
    if isinstance(config, RedfishActuator):
        from edge.actuate import redfish  # noqa: PLC0415 - httpx takes 0.1 s

        return redfish.RedfishActuator(name, config, where)
    return DryrunActuator(name)
