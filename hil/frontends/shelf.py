# SPDX-License-Identifier: Apache-2.0
"""The plant's battery shelf as the Redfish front-end shows it."""

from hil.frontends.redfish_battery import BatteryShelf, ShelfReading
from hil.plant.rack import Rack
from hil.rackfile import SHELF


def shelf_of(rack: Rack) -> BatteryShelf | None:
    """The shelf of a rack behind callbacks; None if it has none.

    They are single reads and writes of numbers, so the server's thread needs no lock for them.
    """
    bbu = rack.bbu
    if bbu is None:
        return None
    spec = bbu.spec

    def read() -> ShelfReading:
        state = bbu.state()
        out = state.power_w / spec.efficiency if state.power_w > 0 else 0.0
        into = -state.power_w if state.power_w < 0 else 0.0
        cells_w = into * spec.charge_efficiency - out
        return ShelfReading(state.energy_wh, cells_w, into, not state.failed)

    def on_recharge(watts: float | None) -> None:
        rack.set_recharge(spec.recharge_w if watts is None else watts)

    return BatteryShelf(spec.energy_wh, spec.recharge_w, read, on_recharge, SHELF)
