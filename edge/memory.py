# SPDX-License-Identifier: Apache-2.0
"""What a daemon must not forget when it is restarted: how warm each feed's breaker is.

One small JSON file, replaced whole (write beside, fsync, rename, fsync the directory), so that a
power cut leaves the old one or the new one. A file that cannot be believed is as good as none:
the breakers then count as having carried all that they may.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from edge.errors import ConfigError

VERSION = 1
HEAT_MAX_PPM = 2_000_000
"""Twice the heat that trips; what says more is not one of our files."""


class FeedMemory(NamedTuple):
    """One feed's thermal images, in ppm of the heat that trips (or breaks the hours rule)."""

    name: str
    fast_ppm: int
    slow_ppm: int
    continuous_ppm: int
    limit_mw: int
    """What the feed's caps allowed when this was written: the most it may carry since."""


class RackMemory(NamedTuple):
    """All feeds, and when."""

    wall_ms: int
    """Unix time, ms."""
    feeds: tuple[FeedMemory, ...]


def check_writable(path: Path) -> None:
    """Raise ConfigError now if `save` could not replace the file later."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"rack.state_file: {folder} is not a directory; create it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"rack.state_file: no permission to write in {folder}; change its owner")


def save(path: Path, memory: RackMemory) -> None:
    """Replace the file. Raises OSError."""
    body = json.dumps({"wall_ms": memory.wall_ms, "feeds": [list(f) for f in memory.feeds]})
    document = {"version": VERSION, "crc32": crc32(body.encode()), "body": body}
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path, names: Sequence[str]) -> RackMemory | None:
    """What was saved for the feeds `names`; None if there is no file for them to believe."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        body = document["body"]
        if document["version"] != VERSION or document["crc32"] != crc32(body.encode()):
            return None
        content = json.loads(body)
        memory = RackMemory(
            content["wall_ms"], tuple(FeedMemory(*feed) for feed in content["feeds"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return memory if _believable(memory, names) else None


def _believable(memory: RackMemory, names: Sequence[str]) -> bool:
    numbers = [memory.wall_ms, *(n for feed in memory.feeds for n in feed[1:])]
    whole = all(isinstance(n, int) and n >= 0 for n in numbers)
    same = [feed.name for feed in memory.feeds] == list(names)
    return whole and same and all(max(feed[1:4]) <= HEAT_MAX_PPM for feed in memory.feeds)
