# SPDX-License-Identifier: Apache-2.0
"""Child processes that do not outlive their bench, not even one that is killed with SIGKILL."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Linux prctl(2): the kernel sends a signal once the thread that made this process has ended."""


def hold(parent: int, number: int = signal.SIGTERM) -> None:
    """Called by the child: signal `number` comes when `parent` (pid) ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:  # it was quicker
        raise SystemExit(128 + number)


def leashed(code: str, *arguments: str, number: int = signal.SIGTERM) -> list[str]:
    """The command line of a Python child of this process that runs `code`."""
    first = f"from hil.leash import hold; hold({os.getpid()}, {int(number)})"
    return [sys.executable, "-c", f"{first}; {code}", *arguments]
