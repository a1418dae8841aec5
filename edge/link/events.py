# SPDX-License-Identifier: Apache-2.0
"""What a session tells its owner. `received_ms` is the host clock passed to `receive`."""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Any

from edge.errors import LinkError, LinkTimeout
from edge.link import fields


@dataclass(frozen=True, slots=True)
class Connected:
    """The board answered and its dictionary is known: commands are taken from now on."""

    board: fields.HelloR


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What the board measured in one tick."""

    received_ms: int
    device_ms: int
    """Board time of the tick, ms since boot, extended over the u32 wrap."""
    values: fields.Telemetry


@dataclass(frozen=True, slots=True)
class Loads:
    """Power of every load in one tick."""

    received_ms: int
    power_mw: tuple[int, ...]
    """mW, one per load; fields.INVALID if unknown."""


@dataclass(frozen=True, slots=True)
class Cooling:
    """Coolant and fans, from boards with more than one fan or with liquid cooling."""

    received_ms: int
    values: fields.Cooling


@dataclass(frozen=True, slots=True)
class BoardEvent:
    """The board decided something: codes EV_* of firmware_py.link.messages."""

    received_ms: int
    device_ms: int
    values: fields.BoardEvent


@dataclass(frozen=True, slots=True)
class Log:
    """One line of text from the board."""

    received_ms: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A message that only the board's dictionary knows: its firmware is newer than this host."""

    received_ms: int
    name: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """The board executed the command with this token, exactly once."""

    token: int
    name: str
    """Name of the command."""
    values: Any
    """Record of the answer: fields.Ack, fields.TimeR, ..."""


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """The command was refused, or nobody answered (then it may have been executed, once)."""

    token: int
    name: str
    error: LinkError
    code: int = 0
    """ERR_* of firmware_py.link.messages; 0 if the board did not answer."""
    detail: int = 0


@dataclass(frozen=True, slots=True)
class LeaseHeld:
    """The board follows this host. Sent once, not at each renewal."""


@dataclass(frozen=True, slots=True)
class LeaseBusy:
    """Another owner holds the lease; the session asks again by itself."""

    remaining_ms: int


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The lease ran out, was released or the board forgot it: the board is on its own."""


@dataclass(frozen=True, slots=True)
class KeyAccepted:
    """The board has proved that it holds this host's key: requests carry a MAC from now on."""


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """No authenticated session; the rest works on without. Privileged commands will fail."""

    error: LinkError


@dataclass(frozen=True, slots=True)
class Rebooted:
    """The board has started anew. Normal, not an error; the session has already gone on."""

    old_boot_id: int
    board: fields.HelloR


@dataclass(frozen=True, slots=True)
class Lost:
    """No valid frame for `silent_ms`; the session says HELLO until the board answers."""

    silent_ms: int


@unique
class Trouble(Enum):
    """Why no board can be reached, as far as the bytes tell."""

    SILENT = "silent"
    FOREIGN = "foreign"
    REPL = "repl"
    ECHO = "echo"
    VERSION = "version"
    REFUSED = "refused"
    DICTIONARY = "dictionary"


@dataclass(frozen=True, slots=True)
class Problem:
    """No session yet, and why. Sent once per cause and start; the session keeps trying."""

    trouble: Trouble
    message: str
    """What happened and what to do next."""

    def error(self) -> LinkError:
        """The same as an exception, for programs that give up at the first problem."""
        return (LinkTimeout if self.trouble is Trouble.SILENT else LinkError)(self.message)


Event = (
    Connected
    | Telemetry
    | Loads
    | Cooling
    | BoardEvent
    | Log
    | Unlisted
    | Reply
    | CommandFailed
    | LeaseHeld
    | LeaseBusy
    | LeaseLost
    | KeyAccepted
    | KeyRefused
    | Rebooted
    | Lost
    | Problem
)
