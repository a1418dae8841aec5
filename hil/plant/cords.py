# SPDX-License-Identifier: Apache-2.0
"""Which side of each load is live: feeds, cords, PSUs and the battery behind them."""

from hil.plant.feeds import Feeds
from hil.plant.server import LoadSpec, Servers

SIDES = "AB"
"""PSU sides by their feed."""


class Cords:
    """The way of power into each load; `wire` after anything has changed."""

    __slots__ = ("_drooping", "_loads", "_working", "dark", "on_battery")

    def __init__(self, loads: tuple[LoadSpec, ...]) -> None:
        self._loads = loads
        self._working = [[side in load.cords for load in loads] for side in SIDES]
        self._drooping = [i for i, load in enumerate(loads) if load.droop_w]
        self.dark = [False] * len(loads)
        """The load has lost its power; it stays down until it is started."""
        self.on_battery: list[int] = []
        """Loads that the battery shelf carries."""

    def set_psu(self, load: int, side: str, works: bool) -> None:
        """Break or mend the PSUs of one side, `A` or `B`. Raises ValueError."""
        if side not in SIDES or side not in self._loads[load].cords:
            raise ValueError(
                f"load {self._loads[load].name} has no PSU on side {side!r}: "
                f"it has {' and '.join(self._loads[load].cords)}"
            )
        self._working[SIDES.index(side)][load] = works

    def wire(self, feeds: Feeds, servers: Servers, battery: bool, start: bool) -> None:
        """Work out part_a, sides, dark and on_battery. start: loads with power again start."""
        self.on_battery = []
        for i, load in enumerate(self._loads):
            a = self._working[0][i] and feeds.serves(0, i)
            b = self._working[1][i] and feeds.serves(1, i)
            plugged = self._working[0][i] or self._working[1][i]
            if a and b:
                servers.part_a[i] = load.share_a
            else:
                servers.part_a[i] = 1.0 if a else 0.0
            servers.sides[i] = 2 if a and b else 1
            if not (a or b):
                if battery and plugged and not self.dark[i]:
                    self.on_battery.append(i)
                else:
                    self.dark[i] = True
            elif start:
                self.dark[i] = False

    def droop(self, servers: Servers) -> None:
        """Let the sharing error show at the draw of the last step."""
        for i in self._drooping:
            draw_w = servers.load_w[i]
            if servers.sides[i] == 2 and draw_w > 0.0:
                load = self._loads[i]
                servers.part_a[i] = min(max(load.share_a + load.droop_w / draw_w, 0.0), 1.0)

    @property
    def drooping(self) -> bool:
        """A load has a sharing error."""
        return bool(self._drooping)
