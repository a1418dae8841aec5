# SPDX-License-Identifier: Apache-2.0
"""The states of a session: one table and one look-up.

Everything that decides in which state a session is lies here; what is done there lies in
`session.py`. `diagram()` draws the table for the documentation.
"""

from enum import Enum, unique


@unique
class State(Enum):
    """Where a session is."""

    DOWN = "down"
    """Not started, or stopped."""
    HELLO = "hello"
    """Asking who is there."""
    DICT = "dict"
    """Reading the dictionary of a board whose CRC is not known yet."""
    READY = "ready"
    """Telemetry flows and commands are taken."""


@unique
class Cause(Enum):
    """Why a session changes its state."""

    START = "start"
    """The transport has been (re)opened."""
    STOP = "stop"
    """The transport has been closed on purpose."""
    GREETED = "greeted"
    """HELLO_R came; the dictionary is not known."""
    UNDERSTOOD = "understood"
    """The dictionary of the board is known."""
    SILENT = "silent"
    """No valid frame for too long."""
    FORGOTTEN = "forgotten"
    """The board does not know our session: it has rebooted."""
    MISREAD = "misread"
    """The dictionary could not be read or contradicts ours."""


TRANSITIONS: dict[State, dict[Cause, State]] = {
    State.DOWN: {Cause.START: State.HELLO, Cause.STOP: State.DOWN},
    State.HELLO: {
        Cause.START: State.HELLO,
        Cause.STOP: State.DOWN,
        Cause.GREETED: State.DICT,
        Cause.UNDERSTOOD: State.READY,
    },
    State.DICT: {
        Cause.START: State.HELLO,
        Cause.STOP: State.DOWN,
        Cause.UNDERSTOOD: State.READY,
        Cause.SILENT: State.HELLO,
        Cause.FORGOTTEN: State.HELLO,
        Cause.MISREAD: State.HELLO,
    },
    State.READY: {
        Cause.START: State.HELLO,
        Cause.STOP: State.DOWN,
        Cause.SILENT: State.HELLO,
        Cause.FORGOTTEN: State.HELLO,
    },
}
"""State → cause → state. A pair that is not here cannot happen."""


def diagram() -> str:
    """The table as lines `state --cause--> state`, for the documentation."""
    return "\n".join(
        f"{state.value:>5} --{cause.value}--> {after.value}"
        for state, row in TRANSITIONS.items()
        for cause, after in row.items()
    )
