# SPDX-License-Identifier: Apache-2.0
"""Advisory locks of devices and benches: the kernel gives them back whatever happens to a holder.

They only keep out those who ask, and only of the same user; the port itself is opened exclusively
by edge/link/serial.py.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from edge.errors import PortError

COMMAND_CHARS = 200
"""Of the holder's command line that are kept."""


class Lock:
    """Held from its making to `release`. Raises PortError that names who has it.

    Not inherited by child processes: a board that outlives its bench does not keep the lock.
    """

    def __init__(self, what: str, name: str) -> None:
        """`what`: `device` or `bench`; `name`: hil.bench.address.exact, or the bench's name."""
        path = _folder() / _file_name(what, name)
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _holder(self._fd)
            os.close(self._fd)
            raise PortError(
                f"{what} {name} is in use by {holder}: wait for it, or stop it"
            ) from None
        words = {
            "pid": os.getpid(),
            "since": time.time(),
            "command": " ".join(sys.argv)[:COMMAND_CHARS],
        }
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps(words).encode(), 0)

    def release(self) -> None:
        """Give it back; twice is once. The file stays: removing it would be a race."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def _folder() -> Path:
    """A folder of this user alone: XDG_RUNTIME_DIR (XDG Base Directory Specification), or /tmp."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    name = "rackedge" if runtime else f"rackedge-{os.getuid()}"
    folder = Path(runtime or tempfile.gettempdir()) / name
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.lstat().st_uid
    except OSError as error:
        raise PortError(
            f"{folder} cannot be made ({error.strerror}): locks are kept there; set "
            "XDG_RUNTIME_DIR to a folder of yours"
        ) from error
    if owner != os.getuid():
        raise PortError(f"{folder} is not yours: remove it, or set XDG_RUNTIME_DIR")
    return folder


def _file_name(what: str, name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[-60:]
    return f"{what}-{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.lock"


def _holder(fd: int) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        words = json.loads(os.pread(fd, 4096, 0))
        since = datetime.fromtimestamp(float(words["since"])).astimezone()
        return f"`{words['command']}` (pid {words['pid']}, since {since:%Y-%m-%d %H:%M:%S})"
    return "another process"  # between its lock and its words
