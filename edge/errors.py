# SPDX-License-Identifier: Apache-2.0
"""Every error rackedge raises on purpose.

    EdgeError                       exit code 1
    ├── ConfigError   (ValueError)    2  a file a person wrote is wrong
    ├── PortError     (OSError)       3  the port is absent, taken or not permitted
    ├── LinkError     (IOError)       4  the bytes or the device at the other end are wrong
    │   ├── LinkTimeout (TimeoutError)   no answer after all tries
    │   └── LinkAuthError (PermissionError)   the board does not take this host's key
    ├── ActuatorError (IOError)       5  a BMC or driver refused or did not answer
    ├── TraceError    (ValueError)    6  a recorded trace cannot be used
    └── RuntimeMissing (RuntimeError) 7  an optional program or library is not installed

A message says what happened, where, and what to do next. The command line prints it as one
line and exits with the code of the leaf; 130 is Ctrl-C.
"""

from typing import ClassVar


class EdgeError(Exception):
    """Root of all errors that are the user's to act on."""

    exit_code: ClassVar[int] = 1


class ConfigError(EdgeError, ValueError):
    """A configuration file is malformed; lists every problem found, one per line."""

    exit_code = 2


class PortError(EdgeError, OSError):
    """A serial port cannot be opened or has gone away."""

    exit_code = 3


class LinkError(EdgeError, OSError):
    """The other end speaks, but not our protocol, or refuses a request."""

    exit_code = 4


class LinkTimeout(LinkError, TimeoutError):
    """The board did not answer within all tries."""


class LinkAuthError(LinkError, PermissionError):
    """The board refused, or could not prove, what only holders of its key can do."""


class ActuatorError(EdgeError, OSError):
    """A cap could not be read or applied."""

    exit_code = 5


class TraceError(EdgeError, ValueError):
    """A trace file cannot be replayed; names file, line and column."""

    exit_code = 6


class RuntimeMissing(EdgeError, RuntimeError):
    """The MicroPython VM or an optional library is not installed."""

    exit_code = 7
