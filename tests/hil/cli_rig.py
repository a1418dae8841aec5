# SPDX-License-Identifier: Apache-2.0
"""`rackedge hil` as a process of its own, and whether it leaves anything running."""

import os
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

from tests.hil.pty_rig import wait_for

ROOT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, "-c", "from edge.cli import main; main()"]
TAG = "RACKEDGE_TEST_TAG"

QUICK = """\
schema: 1
name: {name}
title: A rack idles
duration: {duration}
host: {{kind: {host}}}
{more}checks:
  - {{name: nothing trips, always: "{check}"}}
"""


def scenario(folder, name="quick", duration="2s", host="none", check="trips == 0", more=""):
    """A scenario file that takes no time to speak of."""
    path = folder / f"{name}.yaml"
    text = QUICK.format(name=name, duration=duration, host=host, check=check, more=more)
    path.write_text(text, encoding="utf-8")
    return path


class Place:
    """A working directory, with locks of its own; knows its processes by their environment."""

    def __init__(self, folder):
        self.folder = folder
        self.tag = uuid.uuid4().hex
        runtime = folder / "runtime"
        runtime.mkdir()
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "XDG_RUNTIME_DIR": str(runtime),
            "TMPDIR": str(self.scratch),
            TAG: self.tag,
        }

    def run(self, *arguments, main=MAIN, timeout=60, **environment):
        """To its end."""
        return subprocess.run(
            [*main, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def hil(self, *arguments, **more):
        return self.run("hil", *arguments, **more)

    def start(self, *arguments, main=MAIN):
        """Going on; what it says is in `out` and `err`."""
        return Going(self, [*main, *map(str, arguments)])

    def runs(self, settled_s=1.0):
        """A case with a host has been going on for a while."""
        files = list(self.scratch.glob("rackedge-hil-*/rack.toml"))
        now_s = time.time()
        return any(now_s - file.stat().st_mtime > settled_s for file in files if file.exists())

    def living(self):
        """(pid, command line) of every process that came of this place."""
        mark = f"{TAG}={self.tag}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found += [(int(entry.name), words)] if words else []
        return found

    def is_empty(self, within_s=8.0):
        """Nothing is left running."""
        end_s = time.monotonic() + within_s
        while self.living() and time.monotonic() < end_s:
            time.sleep(0.05)
        return not self.living()

    def close(self):
        for pid, _ in self.living():
            with suppress(ProcessLookupError):
                os.kill(pid, 9)


class Going:
    """A command that runs."""

    def __init__(self, place, command):
        self._paths = [place.folder / f"{uuid.uuid4().hex}.{way}" for way in ("out", "err")]
        out, err = (path.open("wb") for path in self._paths)
        self.process = subprocess.Popen(
            command,
            cwd=place.folder,
            env=place.environment,
            stdout=out,
            stderr=err,
        )
        out.close()
        err.close()

    @property
    def out(self):
        return self._paths[0].read_text(encoding="utf-8")

    @property
    def err(self):
        return self._paths[1].read_text(encoding="utf-8")

    def until(self, condition, seconds=30.0):
        """Wait for something while it goes on."""

        def met():
            assert self.process.poll() is None, (self.process.returncode, self.out, self.err)
            return condition()

        return wait_for(met, seconds)

    def end(self, number, seconds=30.0):
        """Send a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)
