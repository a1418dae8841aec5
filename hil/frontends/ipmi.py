# SPDX-License-Identifier: Apache-2.0
"""One emulated BMC per load, on UDP ports of the loopback: IPMI 2.0 (RMCP+) with DCMI power limits.

`answers`: error is completion code C0h (node busy), slow answers after `slow_s` of real time,
ignore acknowledges a limit and leaves the draw as it is.
"""

import importlib.util
import uuid
from collections.abc import Callable, Sequence
from typing import ClassVar

from edge.errors import ConfigError, RuntimeMissing
from hil.frontends.base import INLET_C, Frontend
from hil.frontends.dcmi import POWER_OFF, Dcmi, LimitWatch, PowerStats
from hil.frontends.udp_server import HOST, Service, UdpServer
from hil.plant.server import LoadSpec

USER, PASSWORD = "admin", "rackedge"
"""Of every BMC; no secret, it listens on the loopback alone."""


class _Meter:
    """Statistics of one load's draw over the run, each step weighted by its length."""

    def __init__(self) -> None:
        self._low_w, self._high_w = float("inf"), 0.0
        self._energy_wms, self._time_ms = 0.0, 0

    def count(self, watts: float, dt_ms: int, now_ms: int) -> PowerStats:
        """Take a reading that held for `dt_ms` until `now_ms`."""
        self._low_w, self._high_w = min(self._low_w, watts), max(self._high_w, watts)
        self._energy_wms += watts * dt_ms
        self._time_ms += dt_ms
        mean_w = self._energy_wms / self._time_ms if self._time_ms else watts
        return PowerStats(watts, self._low_w, self._high_w, mean_w, now_ms)


class IpmiBmcs(Frontend):
    """BMC N belongs to load N and has a port of its own."""

    name: ClassVar[str] = "ipmi"

    def __init__(
        self,
        loads: Sequence[LoadSpec],
        *,
        first_port: int = 0,
        slow_s: float = 5.0,
        password: str = PASSWORD,
    ) -> None:
        """`first_port`: load N gets first_port + N; 0 lets the system choose. Raises ConfigError.

        `password` is at most 20 bytes, as IPMI 2.0 has it.
        """
        super().__init__(loads)
        if len(password.encode()) > 20:
            raise ConfigError("the password of a BMC has at most 20 bytes: choose a shorter one")
        self.slow_s = slow_s
        self.password = password
        self.exceeded = [0] * len(self.loads)
        """How often a load stayed above its limit for longer than its correction time."""
        self.ports: list[int] = []
        self._first_port = first_port
        self._dcmi = [Dcmi(load, self._asker(i)) for i, load in enumerate(self.loads)]
        self._watches = [LimitWatch() for _ in self.loads]
        self._meters = [_Meter() for _ in self.loads]
        self._power_offs: list[int] = []
        self._server: UdpServer | None = None

    def start(self) -> None:
        """See Frontend. Raises PortError; RuntimeMissing without the cryptography package."""
        if importlib.util.find_spec("cryptography") is None:
            raise RuntimeMissing(
                "an emulated BMC needs the Python package cryptography: pip install "
                "'rackedge[sim]', or serve without ipmi"
            )
        first = self._first_port
        ports = [first + i if first else 0 for i in range(len(self.loads))]
        services = [self._service(i) for i in range(len(self.loads))]
        self._server = UdpServer(services, ports, self._delay_s)
        self.ports = self._server.ports

    def refresh(self, now_ms: int, loads_w: Sequence[float], inlet_c: float = INLET_C) -> None:
        """See Frontend."""
        dt_ms = 0 if self.now_ms is None else now_ms - self.now_ms
        for i, watts in enumerate(loads_w):
            dcmi = self._dcmi[i]
            dcmi.stats = self._meters[i].count(watts, dt_ms, now_ms)
            if self._watches[i].exceeds(dcmi.limit, watts, now_ms):
                self.exceeded[i] += 1
                if dcmi.limit.action == POWER_OFF:
                    self._power_offs.append(i)
        super().refresh(now_ms, loads_w, inlet_c)

    def take_power_offs(self) -> list[int]:
        """Loads that exceeded a limit whose exception action is to power off, since last asked."""
        loads, self._power_offs = self._power_offs, []
        return loads

    def describe(self) -> list[str]:
        """See Frontend."""
        ports = ", ".join(
            f"{load.name} {port}" for load, port in zip(self.loads, self.ports, strict=True)
        )
        use = f"ipmitool -I lanplus -H {HOST} -p {self.ports[0]} -U {USER} -P {self.password} dcmi"
        limit_w = int(self.loads[0].max_w + self.loads[0].cap_floor_w) // 2
        return [
            f"IPMI: one BMC per load, UDP ports: {ports}",
            f"{use} power reading",
            f"{use} power set_limit limit {limit_w}",
            f"{use} power activate",
        ]

    def close(self) -> None:
        """See Frontend."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _asker(self, load: int) -> Callable[[float | None], None]:
        return lambda watts: self.ask(load, watts)

    def _delay_s(self, load: int) -> float:
        return self.slow_s if self.answers[load] == "slow" else 0.0

    def _service(self, load: int) -> Service:
        from hil.frontends.ipmi_bmc import Bmc  # noqa: PLC0415 - needs an optional package
        from hil.frontends.ipmi_session import Account  # noqa: PLC0415

        guid = uuid.uuid5(uuid.NAMESPACE_URL, f"rackedge/{self.loads[load].name}").bytes[::-1]
        bmc = Bmc(self._dcmi[load], Account(USER.encode(), self.password.encode()), guid)

        def answer(packet: bytes, now_s: float) -> bytes | None:
            bmc.busy = self.answers[load] == "error"
            return bmc.answer(packet, now_s)

        return answer
