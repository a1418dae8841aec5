# SPDX-License-Identifier: Apache-2.0
"""The emulated rack: two feeds, branch breakers, PSUs, capped servers, fans and air.

Floats, SI units with the unit in the name. No clock of its own: `Rack.step(dt_ms)` moves time.
"""

from hil.plant.rack import Rack
from hil.plant.spec import FeedSpec, RackSpec, static_caps

__all__ = ["FeedSpec", "Rack", "RackSpec", "static_caps"]
