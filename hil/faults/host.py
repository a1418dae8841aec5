# SPDX-License-Identifier: Apache-2.0
"""Faults of the host: its process, its clock, a rival, and the BMCs that it talks to."""

import random
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from hil.faults.base import Params, Toggled, fault
from hil.faults.frames import Cutter, MessageNames, Selector
from hil.faults.link_base import Filter, Out
from hil.faults.shared import Shared, Ticking
from hil.frontends.base import Answer
from hil.options import Options
from hil.ports import HOST, HOSTS, LINE, Line, Ports


class Kill(Params):
    """A daemon that dies."""

    restart: bool = True
    """A new one starts at the end of the fault."""


@fault("host.kill", "the daemon dies without a word, and may be started again", Kill, HOST)
def _kill(params: Kill, _: random.Random) -> Toggled:
    def start(ports: Ports, _now_ms: int) -> None:
        if params.restart:
            ports.host.start()

    return Toggled(lambda ports, _now: ports.host.kill(), start)


@fault("host.pause", "the daemon stands still (SIGSTOP) and goes on", Options, HOST)
def _pause(_params: Options, _: random.Random) -> Shared:
    return Shared("pause", True, lambda ports, holders: ports.host.pause(bool(holders)))


class ClockStep(Params):
    """NTP after a long time without."""

    ms: Annotated[int, Field(ge=-86_400_000, le=86_400_000)] = 3_600_000
    """The wall clock jumps by this; back if negative."""


@fault("host.clock_step", "the host's wall clock jumps", ClockStep, HOST, HOSTS)
def _clock_step(params: ClockStep, _: random.Random) -> Toggled:
    return Toggled(lambda ports, _now: ports.host.step_wall(params.ms))


@fault("host.second_master", "another host wants the lease", Options, HOST, HOSTS)
def _second_master(_params: Options, _: random.Random) -> Shared:
    return Shared("master", True, lambda ports, holders: ports.host.second_master(bool(holders)))


class Bmc(Params):
    """Whose BMC."""

    load: Annotated[int, Field(ge=0, le=31)] = 0
    """Number of the load."""


def _bmc(params: Bmc, how: Answer) -> Shared:
    def apply(ports: Ports, hows: Sequence[Answer]) -> None:
        ports.host.refuse_caps(params.load, hows[-1] if hows else None)

    return Shared(f"bmc {params.load}", how, apply)


@fault("host.bmc_error", "a BMC answers each cap with an error", Bmc, HOST)
def _bmc_error(params: Bmc, _: random.Random) -> Shared:
    return _bmc(params, "error")


@fault("host.bmc_slow", "a BMC takes seconds to answer", Bmc, HOST)
def _bmc_slow(params: Bmc, _: random.Random) -> Shared:
    return _bmc(params, "slow")


@fault("host.bmc_ignore", "a BMC says yes to each cap and keeps the old one", Bmc, HOST)
def _bmc_ignore(params: Bmc, _: random.Random) -> Shared:
    return _bmc(params, "ignore")


class MidCommand(Params):
    """A crash at the worst moment."""

    only: MessageNames | None = None
    """Requests that count; null: any."""


class Requests(Filter):
    """Sees requests pass on their way to the board."""

    def __init__(self, line: Line, only: list[str] | None) -> None:
        super().__init__(line)
        self._cutter = Cutter()
        self._selector = Selector(only)

    def disturb(self, data: bytes, _now_ms: int) -> Out:
        """Count the chosen ones."""
        self.count += sum(map(self._selector.takes, self._cutter.cut(data)))
        return [(0, data)]


class Answers(Filter):
    """Nobody reads what comes once a request has gone."""

    def __init__(self, line: Line, requests: Requests) -> None:
        super().__init__(line)
        self._requests = requests

    def disturb(self, data: bytes, _now_ms: int) -> Out:
        """Lost, from the request on."""
        return () if self._requests.count else [(0, data)]


@fault(
    "host.restart_mid_command", "dies between a request and its answer, starts anew", MidCommand,
    HOST, LINE,
)  # fmt: skip
class RestartMidCommand(Ticking):
    """Waits for a request; its answer is read by nobody; then a new daemon."""

    def __init__(self, params: MidCommand, _: random.Random) -> None:
        self._only = list(params.only) if params.only else None
        self._requests: Requests | None = None
        self._answers: Answers | None = None

    def start(self, ports: Ports, _now_ms: int) -> None:
        """Watch for a request."""
        self._requests = Requests(ports.down, self._only)
        self._answers = Answers(ports.up, self._requests)
        self._requests.open()
        self._answers.open()

    def tick(self, ports: Ports, now_ms: int) -> None:
        """Die in the tick after the request, and start again."""
        if self._requests is not None and self._requests.count:
            ports.host.kill()
            ports.host.start()
            self.stop(ports, now_ms)

    def stop(self, _ports: Ports, _now_ms: int) -> None:
        """Watch no more."""
        for each in (self._requests, self._answers):
            if each is not None:
                each.close()
        self._requests = self._answers = None
