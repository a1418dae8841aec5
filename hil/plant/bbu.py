# SPDX-License-Identifier: Apache-2.0
"""The battery shelf: carries what has lost both feeds, takes a set-point of recharge.

Takes over within the PSUs' hold-up (ORv3: the shelf is up in 4 ms, PSUs hold 20 ms), so on a
100 ms grid without a gap. Above its power it gives up at once; empty it gives up. Either way it
stays down until a feed is back.
"""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class BbuSpec:
    """Shelves for 90 kW over the 240 s of Open Rack V3."""

    energy_wh: float = 6_000.0
    """Usable energy of the cells when full."""
    power_w: float = 90_000.0
    """Highest discharge power at the loads."""
    recharge_w: float = 4_000.0
    """Highest recharge power at the feeds."""
    efficiency: float = 0.95
    """Energy at the loads over energy from the cells."""
    charge_efficiency: float = 0.95
    """Energy into the cells over energy from the feeds."""
    start: float = 1.0
    """Charge at the start, 0..1."""


class BbuState(NamedTuple):
    """What a front-end shows."""

    charge: float
    """0..1."""
    energy_wh: float
    capacity_wh: float
    power_w: float
    """Discharge at the loads; negative: recharge at the feeds."""
    recharge_set_w: float
    failed: bool


class Bbu:
    """The shelf's state."""

    __slots__ = (
        "failed",
        "gave_up",
        "in_j",
        "out_j",
        "power_w",
        "recharge_set_w",
        "spec",
        "start_j",
        "stored_j",
    )

    def __init__(self, spec: BbuSpec) -> None:
        self.spec = spec
        self.stored_j = self.start_j = spec.energy_wh * 3600.0 * spec.start
        self.recharge_set_w = spec.recharge_w
        self.power_w = 0.0
        self.failed = False
        """Broken: neither carries nor charges. A fault sets it; call Rack.rewire() then."""
        self.gave_up = False
        self.in_j = 0.0
        """Taken from the feeds."""
        self.out_j = 0.0
        """Given to the loads."""

    @property
    def charge(self) -> float:
        """State of charge, 0..1."""
        return min(max(self.stored_j / (self.spec.energy_wh * 3600.0), 0.0), 1.0)

    @property
    def carries(self) -> bool:
        """It would take over a load that has no feed."""
        return self.stored_j > 0.0 and not (self.failed or self.gave_up)

    def state(self) -> BbuState:
        """What a front-end shows."""
        spec = self.spec
        return BbuState(
            self.charge,
            max(self.stored_j, 0.0) / 3600.0,
            spec.energy_wh,
            self.power_w,
            self.recharge_set_w,
            self.failed,
        )

    def set_charge(self, charge: float) -> None:
        """Put the cells at 0..1; energy appears or goes, as it was before the start."""
        stored_j = charge * self.spec.energy_wh * 3600.0
        self.start_j += stored_j - self.stored_j
        self.stored_j = stored_j

    def discharge(self, dt_s: float, watts: float) -> float:
        """Give `watts` to the loads for `dt_s`; returns the heat, W.

        The cells may end less than one step below empty: energy is conserved, not cut off.
        """
        cells_w = watts / self.spec.efficiency
        self.stored_j -= cells_w * dt_s
        self.out_j += watts * dt_s
        self.power_w = watts
        if self.stored_j <= 0.0 or watts > self.spec.power_w:
            self.gave_up = True
        return cells_w - watts

    def recharge_w(self, dt_s: float) -> float:
        """Power that it takes from the feeds for `dt_s`, W; moves the charge."""
        spec = self.spec
        room_j = spec.energy_wh * 3600.0 - self.stored_j
        if self.failed or room_j <= 0.0:
            self.power_w = 0.0
            return 0.0
        most_w = room_j / (spec.charge_efficiency * dt_s)
        watts = min(self.recharge_set_w, spec.recharge_w, most_w)
        self.stored_j += watts * spec.charge_efficiency * dt_s
        self.in_j += watts * dt_s
        self.power_w = -watts
        return watts
