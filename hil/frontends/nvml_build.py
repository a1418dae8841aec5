# SPDX-License-Identifier: Apache-2.0
"""Compiles the emulated libnvidia-ml.so.1 with the system's C compiler, on demand, in a second."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edge.errors import RuntimeMissing

LIBRARY = "libnvidia-ml.so.1"
"""What programs load, and its soname."""

FLAGS = ("-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-pthread")
COMPILERS = ("cc", "gcc", "clang")
BUILD_S = 120.0

HERE = Path(__file__).resolve()
SOURCES = (HERE.parent / "nvml_src", HERE.parents[2] / "native" / "nvml")
"""Where the C sources are: in an installed package, in a checkout."""


def build_library(directory: Path, flags: Sequence[str] = ()) -> Path:
    """Compile it to `directory`, which is to stand in LD_LIBRARY_PATH; returns the library's path.

    Raises RuntimeMissing if there is no compiler, or it fails.
    """
    directory.mkdir(parents=True, exist_ok=True)
    library = directory / LIBRARY
    sources = [str(path) for path in sorted(source_directory().glob("*.c"))]
    fresh = directory / f"{LIBRARY}.new"
    command = [*compiler(), *FLAGS, *flags, f"-Wl,-soname,{LIBRARY}", "-o", str(fresh), *sources]
    try:
        done = subprocess.run(  # noqa: S603 - our own sources, the user's compiler
            command, capture_output=True, text=True, timeout=BUILD_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeMissing(f"{command[0]}: {error}: check CC") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or "no message").splitlines()
        first = next((line for line in said if "error" in line), said[0])
        raise RuntimeMissing(
            f"{LIBRARY} did not compile ({first}): install gcc and libc6-dev, or set CC"
        )
    fresh.replace(library)  # a process may have the old one mapped
    return library


def compiler() -> list[str]:
    """The command in CC, or the first compiler there is. Raises RuntimeMissing."""
    chosen = shlex.split(os.environ.get("CC", ""))
    for words in [chosen] if chosen else [[name] for name in COMPILERS]:
        found = shutil.which(words[0])
        if found is not None:
            return [found, *words[1:]]
    what = f"CC is {chosen[0]!r}, which is not there" if chosen else "no C compiler"
    raise RuntimeMissing(
        f"{what}: {LIBRARY} is compiled when it is served; install one (Debian: apt install gcc "
        "libc6-dev), or serve without nvml"
    )


def source_directory() -> Path:
    """Where the C sources are. Raises RuntimeMissing if this installation has none."""
    for path in SOURCES:
        if (path / "rackedge_nvml.h").is_file():
            return path
    raise RuntimeMissing(f"the sources of {LIBRARY} are not in {SOURCES[0]}: install rackedge anew")
