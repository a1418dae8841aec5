# SPDX-License-Identifier: Apache-2.0
"""All front-ends of a rack by their names, as `--serve` takes them."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from edge.errors import ConfigError
from hil.frontends.base import Frontend
from hil.frontends.ipmi import IpmiBmcs
from hil.frontends.nvml import NvmlGpus
from hil.frontends.rapl import RaplTree
from hil.frontends.redfish_battery import BatteryShelf
from hil.frontends.redfish_bmcs import RedfishBmcs
from hil.plant.spec import RackSpec

Make = Callable[[RackSpec, Path, BatteryShelf | None], Frontend]

KINDS: dict[str, Make] = {
    "redfish": lambda spec, _, shelf: RedfishBmcs(spec.loads, shelf=shelf),
    "ipmi": lambda spec, *_: IpmiBmcs(spec.loads),
    "nvml": lambda spec, directory, _: NvmlGpus(spec.loads, directory / "nvml"),
    "rapl": lambda spec, directory, _: RaplTree(spec.loads, directory / "sys"),
}
"""In the order in which they are started and described."""


def start_frontends(
    spec: RackSpec, directory: Path, which: Iterable[str], shelf: BatteryShelf | None = None
) -> list[Frontend]:
    """Start those of `which`, with their files in `directory`; all are stopped if one fails.

    Who takes their caps together uses hil.frontends.base.LowestCap. Raises ConfigError for an
    unknown name, PortError, RuntimeMissing.
    """
    wanted = set(which)
    unknown = sorted(wanted - KINDS.keys())
    if unknown:
        raise ConfigError(f"no front-end {', '.join(unknown)}: there are {', '.join(KINDS)}")
    with ExitStack() as stack:
        started = []
        for name, make in KINDS.items():
            if name in wanted:
                frontend = make(spec, directory, shelf)
                stack.callback(frontend.close)
                frontend.start()
                started.append(frontend)
        stack.pop_all()
    return started
