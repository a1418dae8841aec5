# SPDX-License-Identifier: Apache-2.0
"""All front-ends of a rack by their names, as `--serve` takes them."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError
from hil.frontends.base import Frontend
from hil.frontends.ipmi import IpmiBmcs
from hil.frontends.nvml import NvmlGpus
from hil.frontends.rapl import RaplTree
from hil.frontends.redfish_battery import BatteryShelf
from hil.frontends.redfish_bmcs import RedfishBmcs
from hil.plant.spec import RackSpec


@dataclass(frozen=True, slots=True)
class Wanted:
    """What front-ends are made of."""

    spec: RackSpec
    directory: Path
    """For their files; each takes a directory of its own in it."""
    shelf: BatteryShelf | None = None
    first_port: int = 0
    """Redfish listens there (TCP), the BMC of load N at N more (UDP); 0 is any that are free."""


KINDS: dict[str, Callable[[Wanted], Frontend]] = {
    "redfish": lambda w: RedfishBmcs(w.spec.loads, port=w.first_port, shelf=w.shelf),
    "ipmi": lambda w: IpmiBmcs(w.spec.loads, first_port=w.first_port),
    "nvml": lambda w: NvmlGpus(w.spec.loads, w.directory / "nvml"),
    "rapl": lambda w: RaplTree(w.spec.loads, w.directory / "sys"),
}
"""In the order in which they are started and described."""


def start_frontends(
    spec: RackSpec,
    directory: Path,
    which: Iterable[str],
    shelf: BatteryShelf | None = None,
    first_port: int = 0,
) -> list[Frontend]:
    """Start those of `which`; all are stopped if one fails. See Wanted for the rest.

    Who takes their caps together uses hil.frontends.base.LowestCap. Raises ConfigError for an
    unknown name, PortError, RuntimeMissing.
    """
    wanted = set(which)
    unknown = sorted(wanted - KINDS.keys())
    if unknown:
        raise ConfigError(f"no front-end {', '.join(unknown)}: there are {', '.join(KINDS)}")
    made_of = Wanted(spec, directory, shelf, first_port)
    with ExitStack() as stack:
        started = []
        for name, make in KINDS.items():
            if name in wanted:
                frontend = make(made_of)
                stack.callback(frontend.close)
                frontend.start()
                started.append(frontend)
        stack.pop_all()
    return started
