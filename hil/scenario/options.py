# SPDX-License-Identifier: Apache-2.0
"""What a scenario says of its board and host; each unknown key is an error."""

from typing import Annotated, Any, Literal

from pydantic import Field

from hil.options import Options


class BoardOptions(Options):
    """The rack controller."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Laid over the configuration that fits the rack, key by key (firmware_py/store/schema.py)."""
    key: bool = False
    """It has a key: privileged requests are possible."""
    store: bool = False
    """It has a flash: what must outlive a reset does."""
    relays: Literal["closed", "bistable"] = "closed"
    """What the relays do in a reset. `closed`: loads hang on the normally-closed contact and come
    on. `bistable`: they stay."""
    start_ms: Annotated[int, Field(ge=0, lt=1 << 30)] = 0
    """Board time at the start of the run."""


class HostOptions(Options):
    """Who is at the other end of the line."""

    kind: Literal["none", "watch", "script", "daemon"] = "daemon"
    """`none`: nobody. `watch`: says HELLO and listens. `script`: `commands` of the scenario.
    `daemon`: rackedge itself, with caps through the rack's Redfish front-end."""
    lease: bool = False
    """A script holds the lease, renewed as a daemon would."""
    control: dict[str, Any] = Field(default_factory=dict)
    """Keys of rack.toml's [control]."""
    limits: dict[str, Any] = Field(default_factory=dict)
    """Keys of rack.toml's [limits]."""
    priority: list[Annotated[int, Field(ge=0, le=127)]] = Field(default_factory=list)
    """Classes of the loads for the daemon, dealt out in turn; 0 is served first."""
