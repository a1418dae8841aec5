# SPDX-License-Identifier: Apache-2.0
"""A battery shelf as Redfish has it: a chassis of its own with Battery and BatteryMetrics.

Its recharge power is the chassis' power limit, in all three shapes: 0 is no recharging, and no
limit is as much as the shelf takes. DMTF DSP2046 (Battery, BatteryMetrics), 2021.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from hil.frontends.redfish_limit import Chassis, Document

BATTERY = "PowerSubsystem/Batteries/1"
IDLE_W = 1.0
"""Power at the cells that counts as none."""


class ShelfReading(NamedTuple):
    """What the shelf shows now."""

    stored_wh: float
    cells_w: float
    """Into the cells; negative while they carry the rack."""
    feeds_w: float = 0.0
    """What recharging draws from the feeds."""
    healthy: bool = True


@dataclass(frozen=True, slots=True)
class BatteryShelf:
    """A shelf behind callbacks, which are called from the server's thread."""

    energy_wh: float
    """Usable when full."""
    recharge_w: float
    """Highest recharge power at the feeds."""
    read: Callable[[], ShelfReading]
    on_recharge: Callable[[float | None], None]
    """A new set-point, W at the feeds; None for none."""
    name: str = "bbu"

    @property
    def chassis(self) -> Chassis:
        """As a chassis whose power limit is the recharge power."""
        return Chassis(self.name, 0.0, self.recharge_w)


def battery_view(view: str, shelf: BatteryShelf) -> Document:
    """One resource below the shelf's PowerSubsystem."""
    base = f"/redfish/v1/Chassis/{quote(shelf.name, safe='')}"
    return VIEWS[view](base, shelf)


def _subsystem(base: str, _shelf: BatteryShelf) -> Document:
    return {
        "@odata.id": f"{base}/PowerSubsystem",
        "@odata.type": "#PowerSubsystem.v1_1_3.PowerSubsystem",
        "Id": "PowerSubsystem",
        "Name": "Power subsystem",
        "Batteries": {"@odata.id": f"{base}/PowerSubsystem/Batteries"},
    }


def _batteries(base: str, _shelf: BatteryShelf) -> Document:
    return {
        "@odata.id": f"{base}/PowerSubsystem/Batteries",
        "@odata.type": "#BatteryCollection.BatteryCollection",
        "Name": "Batteries",
        "Members": [{"@odata.id": f"{base}/{BATTERY}"}],
        "Members@odata.count": 1,
    }


def _battery(base: str, shelf: BatteryShelf) -> Document:
    reading = shelf.read()
    return {
        "@odata.id": f"{base}/{BATTERY}",
        "@odata.type": "#Battery.v1_4_0.Battery",
        "Id": "1",
        "Name": "Battery shelf",
        "CapacityRatedWattHours": shelf.energy_wh,
        "CapacityActualWattHours": shelf.energy_wh,
        "ChargeState": _charge_state(reading),
        "Status": {
            "State": "Enabled" if reading.healthy else "UnavailableOffline",
            "Health": "OK" if reading.healthy else "Critical",
        },
        "Metrics": {"@odata.id": f"{base}/{BATTERY}/Metrics"},
    }


def _metrics(base: str, shelf: BatteryShelf) -> Document:
    reading = shelf.read()
    return {
        "@odata.id": f"{base}/{BATTERY}/Metrics",
        "@odata.type": "#BatteryMetrics.v1_1_0.BatteryMetrics",
        "Id": "Metrics",
        "Name": "Battery metrics",
        "StoredEnergyWattHours": {"Reading": round(reading.stored_wh, 3)},
        "ChargePercent": {"Reading": round(100 * reading.stored_wh / shelf.energy_wh, 2)},
        "InputPowerWatts": {"Reading": round(reading.feeds_w, 1)},
        "OutputPowerWatts": {"Reading": round(max(0.0, -reading.cells_w), 1)},
    }


def _charge_state(reading: ShelfReading) -> str:
    if reading.cells_w > IDLE_W:
        return "Charging"
    return "Discharging" if reading.cells_w < -IDLE_W else "Idle"


VIEWS: dict[str, Callable[[str, BatteryShelf], Document]] = {
    "PowerSubsystem": _subsystem,
    "PowerSubsystem/Batteries": _batteries,
    BATTERY: _battery,
    f"{BATTERY}/Metrics": _metrics,
}


def bbu_toml(shelf: BatteryShelf, url: str, power_w: float) -> str:
    """The [bbu] section of a rack.toml that fits; `power_w` is the highest discharge power."""
    place = f'kind = "redfish", url = "{url}", chassis = "{shelf.name}"'
    return (
        f"[bbu]\nenergy_wh = {shelf.energy_wh}\npower_w = {power_w}\n"
        f"recharge_w = {shelf.recharge_w}\nsource = {{ {place} }}\nactuator = {{ {place} }}\n"
    )
