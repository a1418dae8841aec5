# SPDX-License-Identifier: Apache-2.0
"""What faults may do to the host's side of a virtual run. `hil.ports.HostPort`."""

from collections.abc import Callable

from hil.engine.hosts import Host
from hil.engine.virtual import VirtualBench
from hil.frontends.base import Answer
from hil.frontends.redfish import RedfishService
from hil.ports import Unsupported


class HostControl:
    """Kills, pauses and rivals of the bench's host; how its BMCs answer."""

    def __init__(
        self,
        bench: VirtualBench,
        make_rival: Callable[[], Host],
        service: RedfishService | None,
    ) -> None:
        self._bench = bench
        self._make_rival = make_rival
        self._service = service

    def kill(self) -> None:
        """See HostPort."""
        self._bench.host.kill()

    def start(self) -> None:
        """See HostPort."""
        if not self._bench.host.alive:
            self._bench.host.start()

    def pause(self, paused: bool) -> None:
        """See HostPort."""
        self._bench.host.paused = paused

    def step_wall(self, ms: int) -> None:
        """See HostPort."""
        self._bench.host.step_wall(ms)

    def second_master(self, present: bool) -> None:
        """See HostPort."""
        rival = self._bench.rival
        if present and rival is None:
            self._bench.rival = self._make_rival()
        elif not present and rival is not None:
            rival.kill()
            self._bench.rival = None

    def refuse_caps(self, load: int, how: Answer | None) -> None:
        """See HostPort."""
        if self._service is None:
            raise Unsupported("no BMCs here: a host of kind `daemon` has them")
        self._service.answers[load] = how
