# SPDX-License-Identifier: Apache-2.0
"""A pty board as a process, and ptys with something else behind them."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from hil.drivers.pty import HostEnd, write_some
from tests.firmware.vm import vm_path

START_S = 60
"""The first board compiles its firmware."""
DEFAULTS = {"uid": "pty-1"}


def wait_for(condition, seconds=10.0):
    end_s = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.01)
    return found


def command(folder: Path, **options):
    """The command line of a pty board on folder/link and folder/bus."""
    line = [sys.executable, "-m", "hil.drivers.pty_board"]
    given = {"link": folder / "link", "bus": folder / "bus"} | DEFAULTS | options
    return line + [
        part
        for name, value in given.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


class PtyBoard:
    def __init__(self, folder: Path, **options):
        vm_path()
        self.link, self.bus = folder / "link", folder / "bus"
        self.process = subprocess.Popen(
            command(folder, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = self.process.stdout.readline()
        assert "link" in self.said, self.process.stderr.read()

    @property
    def vm(self):
        """Process id of the VM."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return wait_for(lambda: [int(pid) for pid in task.read_text().split()])[0]

    def close(self):
        self.process.terminate()
        _, self.errors = self.process.communicate(timeout=10)
        return self.process.returncode


class Stranger:
    """A pty that answers as `reply` says: bytes heard -> bytes to send, or None for nothing."""

    def __init__(self, path: Path, reply, first=b""):
        self.path = path
        self.heard = b""
        self._end = HostEnd(path)
        self._end.plug()
        self._reply = reply
        self._first = first
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop:
            time.sleep(0.005)
            with suppress(BlockingIOError):
                data = os.read(self._end.fd, 4096)
                self.heard += data
                write_some(self._end.fd, self._reply(data) or b"")
            write_some(self._end.fd, self._first)

    def close(self):
        self._stop = True
        self._thread.join(5)
        self._end.unplug()
