# SPDX-License-Identifier: Apache-2.0
"""The Redfish service as a front-end: every load a chassis of one service on the loopback.

`answers`: error is HTTP 500, slow answers after `slow_s` of real time, ignore acknowledges a limit
and leaves the draw as it is. The last one is the shelf's, if there is one.
"""

from collections.abc import Sequence
from typing import ClassVar

from hil.frontends.base import Frontend
from hil.frontends.redfish import RedfishServer, RedfishService, chassis_of_load
from hil.frontends.redfish_battery import BatteryShelf
from hil.plant.server import LoadSpec


class RedfishBmcs(Frontend):
    """One service for the rack; `port` 0 is any that is free."""

    name: ClassVar[str] = "redfish"

    def __init__(
        self,
        loads: Sequence[LoadSpec],
        *,
        port: int = 0,
        slow_s: float = 5.0,
        shelf: BatteryShelf | None = None,
    ) -> None:
        """`shelf` brings its own callbacks, which the server's thread calls."""
        super().__init__(loads)
        self.service = RedfishService(
            [chassis_of_load(load) for load in loads],
            read=lambda load: self.load_w[load],
            on_cap=self.ask,
            patch_reply=200,
            shelf=shelf,
            slow_s=slow_s,
        )
        self.answers = self.service.answers
        self.url = ""
        self._shelf = shelf
        self._port = port
        self._server: RedfishServer | None = None

    def start(self) -> None:
        """See Frontend. Raises PortError."""
        self._server = RedfishServer(self.service, port=self._port)
        self.url = self._server.url

    def describe(self) -> list[str]:
        """See Frontend."""
        base = f"{self.url}/redfish/v1/Chassis"
        load = self.loads[0]
        limit_w = int(load.max_w + load.cap_floor_w) // 2
        body = f'{{"SetPoint": {limit_w}}}'
        lines = [
            f"Redfish: every load a chassis below {base} (shapes environment, control, power)",
            f"curl {base}/{load.name}/EnvironmentMetrics",
            f"curl -X PATCH -d '{body}' {base}/{load.name}/Controls/PowerLimit",
        ]
        if self._shelf is not None:
            lines.append(f"curl {base}/{self._shelf.name}/PowerSubsystem/Batteries/1/Metrics")
        return lines

    def close(self) -> None:
        """See Frontend."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
