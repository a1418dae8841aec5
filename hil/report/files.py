# SPDX-License-Identifier: Apache-2.0
"""Files of a report: each is whole or absent, and a directory that cannot hold it is told early."""

import os
from collections.abc import Iterable
from pathlib import Path

from edge.errors import EdgeError


def check_directory(directory: Path) -> None:
    """Make sure, before a long run, that a report will fit in there; creates nothing.

    Raises EdgeError.
    """
    nearest = next(p for p in (directory, *directory.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise unwritable(directory, f"{nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise unwritable(directory, f"no permission in {nearest}")


def unwritable(directory: Path, why: str) -> EdgeError:
    """The error for a directory that cannot hold a report."""
    return EdgeError(f"{directory}: cannot hold the report ({why}): give another --report")


def write_whole(path: Path, text: str) -> None:
    """Write beside the target, then rename: a reader sees the old file or the new one."""
    write_pieces(path, (text,))


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """As write_whole, for what is longer than memory should hold."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # left only if it could not be finished
