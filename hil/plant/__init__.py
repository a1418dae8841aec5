# SPDX-License-Identifier: Apache-2.0
"""The emulated rack: feeds, breakers, PSUs, battery, relays, capped servers, air and coolant.

Floats, SI units with the unit in the name. No clock of its own: `Rack.step(dt_ms)` moves time.
"""

from hil.plant.demand import SettableDemand
from hil.plant.rack import SETTABLE, Rack
from hil.plant.spec import FeedSpec, RackSpec, static_caps

__all__ = ["SETTABLE", "FeedSpec", "Rack", "RackSpec", "SettableDemand", "static_caps"]
